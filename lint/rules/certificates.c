/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates that stand in the configuration. */
#include "lint/lint.h"

typedef void cert_fn(struct lint_ctx *, enum diag_id, const struct certificate *);
static void each_certificate(struct lint_ctx *x, enum diag_id id, cert_fn *f)
{
    PTRLIST_FOR (struct cert_chain, ch, &x->c->cert_chains) {
        if (ch->name.s.len > 15 && memcmp(ch->name.s.p, "TP-self-signed-", 15) == 0)
            continue; /* the router makes it for its web server by itself; IKE does not use it */
        PTRLIST_FOR (struct certificate, c, &ch->certificates) {
            if (c->expires || IR_IS_SET(c->signature))
                f(x, id, c);
        }
    }
}

static bool is_self_signed(const struct certificate *c)
{
    return str_eq(c->subject.s, c->issuer.s);
}

static void cert_expired(struct lint_ctx *x, enum diag_id id, const struct certificate *c)
{
    if (c->expires && c->expires < x->settings->now)
        diag_add(x->diags, id, c->span, "the certificate of " STR_FMT " ended at " STR_FMT, STR_ARG(c->subject.s),
                 STR_ARG(c->not_after.s));
}

static void cert_expiring(struct lint_ctx *x, enum diag_id id, const struct certificate *c)
{
    int64_t left = c->expires - x->settings->now;
    if (c->expires && left >= 0 && left < (int64_t)x->settings->expiry_days * 86400)
        diag_add(x->diags, id, c->span, "the certificate of " STR_FMT " ends in %lld days, at " STR_FMT,
                 STR_ARG(c->subject.s), (long long)(left / 86400), STR_ARG(c->not_after.s));
}

static void cert_key(struct lint_ctx *x, enum diag_id id, const struct certificate *c)
{
    if (str_is(c->key_type.s, "RSA") && c->key_bits.v < 2048)
        diag_add(x->diags, id, c->span, "the RSA key of " STR_FMT " has %llu bits: 2048 are the least",
                 STR_ARG(c->subject.s), (unsigned long long)c->key_bits.v);
}

static void cert_signature(struct lint_ctx *x, enum diag_id id, const struct certificate *c)
{
    struct str s = c->signature.s;
    bool md5 = memmem(s.p, s.len, "MD5", 3) != NULL;
    bool sha1 = memmem(s.p, s.len, "SHA1", 4) != NULL || str_is(s, "ecdsa-with-SHA1");
    if ((md5 || sha1) && !is_self_signed(c)) /* nobody verifies the signature of a root */
        diag_add(x->diags, id, c->span, "the certificate of " STR_FMT " is signed with %s: it can be forged",
                 STR_ARG(c->subject.s), md5 ? "MD5" : "SHA-1");
}

static void expired(struct lint_ctx *x, enum diag_id id)
{
    each_certificate(x, id, cert_expired);
}
static void expiring(struct lint_ctx *x, enum diag_id id)
{
    each_certificate(x, id, cert_expiring);
}
static void key(struct lint_ctx *x, enum diag_id id)
{
    each_certificate(x, id, cert_key);
}
static void signature(struct lint_ctx *x, enum diag_id id)
{
    each_certificate(x, id, cert_signature);
}

const struct lint_rule rules_certificates[] = {
    {D_CERT_EXPIRED, "RFC 5280 section 4.1.2.5", expired, 0},
    {D_CERT_EXPIRING, "RFC 5280 section 4.1.2.5", expiring, 0},
    {D_CERT_KEY, "NIST SP 800-131A Rev. 2 section 3", key, 0},
    {D_CERT_SIGNATURE, "NIST SP 800-131A Rev. 2 section 3; RFC 6151; RFC 6194", signature, 0},
    {0, NULL, NULL, 0},
};
