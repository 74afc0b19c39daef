/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show crypto ikev2 proposal, show crypto isakmp policy, show crypto ipsec security-association. */
#include "backends/show/show.h"

static void cipher_list(struct buf *b, const struct ptrlist *l)
{
    PTRLIST_FOR (struct ir_alg, a, l) {
        buf_printf(b, a->bits ? " %s-%u" : " %s", algo_get(a->id)->show_ikev2, a->bits);
    }
}

static void proposal(struct buf *b, const struct ikev2_proposal *p)
{
    bool dflt = str_is(p->name.s, "default");
    buf_printf(b, " IKEv2 proposal: " STR_FMT "%s\n     Encryption :", STR_ARG(p->name.s), dflt ? " " : "");
    cipher_list(b, &p->encr);
    buf_puts(b, "\n     Integrity  :");
    if (p->integ.n == 0)
        buf_puts(b, " none");
    cipher_list(b, &p->integ);
    buf_puts(b, "\n     PRF        :");
    PTRLIST_FOR (struct ir_alg, a, &p->prf) {
        buf_printf(b, " %s", algo_get(a->id)->show_prf);
    }
    buf_puts(b, "\n     DH Group   :");
    PTRLIST_FOR (struct ir_alg, a, &p->group) {
        buf_printf(b, " %s", algo_get(a->id)->show_ikev2);
    }
    buf_putc(b, '\n');
}

void show_ikev2_proposals(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    for (int pass = 0; pass < 2; pass++) /* the one named default comes first */
        PTRLIST_FOR (struct ikev2_proposal, p, &c->ikev2_proposals) {
            if (str_is(p->name.s, "default") == (pass == 0) && (!f->name.len || str_eq(p->name.s, f->name)))
                proposal(b, p);
        }
}

void show_isakmp_policies(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    (void)f;
    const struct isakmp_policy *first = c->isakmp_policies.n ? c->isakmp_policies.v[0] : NULL;
    bool builtin = first && first->is_default.v;
    buf_printf(b, "\n%s IKE policy\n", builtin ? "Default" : "Global");
    PTRLIST_FOR (struct isakmp_policy, p, &c->isakmp_policies) {
        buf_printf(b, "%srotection suite of priority %llu\n\tencryption algorithm:\t", builtin ? "Default p" : "P",
                   (unsigned long long)p->number.v);
        const char *cipher = algo_get((enum algo_id)p->encr.v)->show_isakmp;
        if (p->encr.v == ALGO_ENCR_AES_CBC)
            buf_printf(b, "AES - Advanced Encryption Standard (%llu bit keys).", (unsigned long long)p->encr_bits.v);
        else
            buf_puts(b, cipher);
        buf_printf(b,
                   "\n\thash algorithm:\t\t%s\n\tauthentication method:\t%s\n\tDiffie-Hellman "
                   "group:\t%s\n\tlifetime:\t\t%llu seconds, no volume limit\n",
                   algo_get((enum algo_id)p->hash.v)->show_isakmp, algo_get((enum algo_id)p->auth.v)->show_isakmp,
                   algo_get((enum algo_id)p->group.v)->show_isakmp, (unsigned long long)p->lifetime_s.v);
    }
}

void show_sa_lifetime(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    (void)f;
    const struct ipsec_globals *g = &c->ipsec;
    if (g->lifetime_kb_disabled.v)
        buf_printf(b, "Security association lifetime: %llu seconds, kilobytes disabled\n",
                   (unsigned long long)g->lifetime_s.v);
    else
        buf_printf(b, "Security association lifetime: %llu kilobytes/%llu seconds\n",
                   (unsigned long long)g->lifetime_kb.v, (unsigned long long)g->lifetime_s.v);
}
