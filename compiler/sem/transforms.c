/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/sem/transforms.h"

static void put(struct transform_parts *p, const struct ir_transform **slot, const struct ir_transform *t,
                const char *class_name)
{
    if (*slot && !p->twice) {
        p->twice = t;
        p->twice_class = class_name;
    }
    if (!*slot)
        *slot = t;
}

struct transform_parts transform_parts_of(const struct transform_set *ts)
{
    struct transform_parts p = {0};
    PTRLIST_FOR (struct ir_transform, t, &ts->transforms) {
        if (t->proto == PROTO_COMP)
            put(&p, &p.comp, t, "compression");
        else if (t->proto == PROTO_AH)
            put(&p, &p.ah, t, "AH");
        else if (algo_get(t->alg)->kind == ALGO_ENCR)
            put(&p, &p.cipher, t, "ESP encryption");
        else
            put(&p, &p.auth, t, "ESP authentication");
    }
    return p;
}

unsigned transform_faults(const struct transform_parts *p)
{
    bool old_ah = p->ah && p->ah->alg == ALGO_INTEG_RFC1828, old_esp = p->cipher && p->cipher->alg == ALGO_ENCR_RFC1829;
    unsigned faults = 0;
    if (!p->ah && !p->cipher && !p->auth && !p->comp)
        faults |= TRANSFORMS_NONE;
    if (p->twice)
        faults |= TRANSFORMS_TWICE;
    if (p->auth && !p->cipher)
        faults |= TRANSFORMS_AUTH_ALONE;
    if (p->auth && p->cipher && algo_get(p->cipher->alg)->is_aead)
        faults |= TRANSFORMS_AUTH_AND_AEAD;
    if (p->cipher && p->cipher->alg == ALGO_ENCR_NULL && !p->auth && !p->ah)
        faults |= TRANSFORMS_NOTHING;
    if (p->comp && !p->cipher && !p->ah && !p->auth)
        faults |= TRANSFORMS_COMP_ALONE;
    if ((old_ah && p->cipher && !old_esp) || (old_esp && p->ah && !old_ah))
        faults |= TRANSFORMS_OLD_PAIR;
    return faults;
}
