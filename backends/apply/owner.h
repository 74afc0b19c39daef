/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whose is what stands in this network namespace? One state directory's at a time. The nftables table says which
 * (nft_plan_own()); but somebody may flush it, and with --only xfrm there is none. So it is kept in a file beside, one
 * for each network namespace, which is a lock too: whoever changes the kernel's part holds it, whatever state directory
 * he has. Where the directory cannot be had (no /run) the table alone says so.
 */
#ifndef IOSCC_BACKENDS_APPLY_OWNER_H
#define IOSCC_BACKENDS_APPLY_OWNER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler/base/must.h"

#define OWNER_DIR "/run/ioscc-owners" /* root's, closed to others */
#define OWNER_NOT_BELIEVED                                                                                             \
    OWNER_DIR " must be a directory of root's with plain files of root's, and nobody else may write to it: remove it"

/* Takes the lock of a network namespace (inode of its file) within `wait_s` seconds. A descriptor, -EWOULDBLOCK where
 * somebody else holds it; -ENOENT: there is no such place; -EPERM: it is there, and somebody else could have made it.
 */
int owner_lock(uint64_t netns, int wait_s) MUST_CHECK;
/* The id of the state that owns it (state.h); 0: none, or it is not known. 0, or -EPERM as above. */
int owner_read(uint64_t netns, uint64_t *owner) MUST_CHECK;
/* Writes it; 0: nobody owns it now. By who holds the lock `fd`. */
void owner_write(int fd, uint64_t id);

/* Settings of the kernel that were set for what stands (state.h): they are the network namespace's, whichever state
 * directory has set them. The list as JSON, the caller's; NULL: nothing is known of them here. */
json_t *owner_settings_read(uint64_t netns) MUST_CHECK;
/* Keeps them, as far as there is a place for it. By who holds the lock. */
void owner_settings_write(uint64_t netns, json_t *list);

#endif
