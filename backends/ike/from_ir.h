/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a configuration on its way to a host to what the IKE engine is configured with. */
#ifndef IOSCC_IKE_FROM_IR_H
#define IOSCC_IKE_FROM_IR_H

#include "backends/ike/policy.h"
#include "backends/target/target.h"
#include "backends/xfrm/plan.h"

/* What cannot be negotiated, as sentences for the log; in the arena. */
struct ike_omissions {
    struct ptrlist lines;   /* char * */
    unsigned lacks;         /* so many of them say that what is in force needs something this host does not have */
    struct ptrlist blocked; /* struct crypto_map_entry: that are not run for want of it */
    struct ptrlist keyless; /* char *: peers' names whose address of now has no key, in entries where keys prove */
};
/* Adds one, kept in the arena. */
void ike_omit(struct arena *a, struct ike_omissions *out, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Everything is in the target's arena, decrypted keys too (arenas are wiped when freed). `master`: key of type 6
 * passwords, empty if it is not known. `plan`: the policies that stand, whose places dynamic entries need. `pki_dir`:
 * files of the trustpoints, see pki.c. ike_pki_free() in the end. */
const struct ike_policy *ike_policy_build(struct target *t, const struct xfrm_plan *plan, struct str master,
                                          const char *pki_dir, struct ike_omissions *out);

/* ---- place.c ---- */

/* Where policies of a dynamic entry's peers stand: behind all static entries, and before what drops the packets of
 * dynamic ones that no peer is there for. `plan` NULL: nothing stands. */
void ike_entry_place(struct ike_entry *x, const struct xfrm_plan *plan, const struct crypto_map_entry *e);
/* The host's interfaces that the map is on. */
void ike_entry_interfaces(struct ike_entry *x, const struct target *t, const struct target_map *m);

/* ---- pki.c ---- */

/* The configuration's trustpoints that have certificates; `dir` NULL: only what the configuration holds. Keys and
 * stores are libcrypto's, freed by ike_pki_free(); the rest is in the arena. */
void ike_pki_load(struct ike_policy *p, struct arena *a, const struct ir_config *c, const char *dir,
                  struct ike_omissions *out);
void ike_pki_free(const struct ike_policy *p);
/* Trustpoints that a profile names (struct ir_ref): the first that has certificates is what it signs with; peers'
 * certificates may be of any of them. Others do not stand in for what is not there. */
void ike_sign_with(const struct ike_policy *p, struct ike_profile *x, const struct ptrlist *refs);
void ike_verify_with(const struct ike_policy *p, struct ike_profile *x, const struct ptrlist *refs);
/* Has the profile a CA to hold peers' certificates against? */
bool ike_verifies(const struct ike_policy *p, const struct ike_profile *x) MUST_CHECK;
/* Does our own certificate name that identity of ours (RFC 4945 §3.1)? Where it cannot be told, yes. */
bool ike_certifies(const struct ike_credential *c, uint8_t id_type, const struct ike_bytes *id) MUST_CHECK;
/* The certificate maps that a profile's `match certificate` lines name; what is not judged goes to `out`,
 * which lacks it. */
const struct ike_cert_map *ike_cert_maps(struct arena *a, const struct ir_config *c, const struct ptrlist *refs,
                                         unsigned *n, struct ike_omissions *out);

#endif
