/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text files that are part of the program: lint/profiles/NAME.yaml and docs/rules/ID.md. The list is made by the build.
 */
#ifndef IOSCC_LINT_EMBEDDED_H
#define IOSCC_LINT_EMBEDDED_H

struct embedded {
    const char *kind, *name, *text; /* kind: "profile", "rule", "asset" */
};
extern const struct embedded embedded_files[]; /* ends with kind NULL */

/* NULL if there is none. */
const char *embedded_find(const char *kind, const char *name);

#endif
