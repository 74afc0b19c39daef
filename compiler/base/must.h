/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A result that somebody has to look at. What cannot matter is thrown away by `(void)!`, with the reason beside it. */
#ifndef IOSCC_BASE_MUST_H
#define IOSCC_BASE_MUST_H

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
