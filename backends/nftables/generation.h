/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of sets and inner chains, of which there are two: one that packets meet, and one to be filled beside it.
 */
#ifndef IOSCC_BACKENDS_NFTABLES_GENERATION_H
#define IOSCC_BACKENDS_NFTABLES_GENERATION_H

#include "backends/nftables/kernel.h"
#include "compiler/base/must.h"

/* Before each name of the second generation; no name of the first one begins with it. */
#define NFT_SECOND "b_"

/* Do the kernel's base chains lead to the second generation? */
bool nft_generation_held(const struct nft_held *h) MUST_CHECK;
/* Is that a chain whose name has generations? Base chains and the owner's have not. */
bool nft_has_generations(const struct nft_chain *c) MUST_CHECK;
/* Gives the plan the names of that generation. */
void nft_generation_name(struct nft_plan *p, bool is_second);
/* The table without sets and inner chains of the other generation. Objects are shared with `h`, lists are in `ar`. */
struct nft_held nft_generation_only(struct arena *ar, const struct nft_held *h, bool is_second);
/* Rules and elements of the plan begin with what those of the same line have counted. The line's comment says which it
 * is; what several objects of one line have counted goes to its first one. */
void nft_generation_count(struct nft_plan *p, const struct nft_held *both);

#endif
