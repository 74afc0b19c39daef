/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificate revocation lists, RFC 5280 §5 and §6.3: whole ones of the certificate's own issuer, for all reasons.
 * Delta and indirect lists tell nothing here. */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "backends/ike/fetch/fetch.h"

/* A name that is an address; NULL else. What is not printable ASCII is none. The caller frees it. */
static char *url_of(const GENERAL_NAME *g)
{
    if (g->type != GEN_URI)
        return NULL;
    const unsigned char *p = ASN1_STRING_get0_data(g->d.uniformResourceIdentifier);
    int n = ASN1_STRING_length(g->d.uniformResourceIdentifier);
    if (n <= 0 || n >= FETCH_URL_MAX)
        return NULL;
    for (int i = 0; i < n; i++)
        if (p[i] <= 0x20 || p[i] >= 0x7f)
            return NULL;
    return strndup((const char *)p, (size_t)n);
}

/* Do the names of the list's distribution point and of the certificate's have one in common? */
static bool same_point(const DIST_POINT_NAME *list, const DIST_POINT *dp)
{
    const DIST_POINT_NAME *own = dp ? dp->distpoint : NULL;
    if (list->type != 0 || !own || own->type != 0)
        return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(list->name.fullname); i++)
        for (int k = 0; k < sk_GENERAL_NAME_num(own->name.fullname); k++)
            if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(list->name.fullname, i),
                                 sk_GENERAL_NAME_value(own->name.fullname, k)) == 0)
                return true;
    return false;
}

/* §6.3.3 (b): is the list about this certificate at all? NULL if it is. */
static const char *out_of_scope(X509_CRL *crl, X509 *cert, const DIST_POINT *dp)
{
    int where = -1;
    bool is_ca = X509_get_extension_flags(cert) & EXFLAG_CA;
    ISSUING_DIST_POINT *idp = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &where, NULL);
    const char *bad = NULL;
    if (!idp)
        return where == -1 ? NULL : "its distribution point cannot be read";
    if (idp->indirectCRL > 0)
        bad = "it is an indirect list";
    else if (idp->onlysomereasons)
        bad = "it is for some reasons only";
    else if (idp->onlyattr > 0)
        bad = "it is for attribute certificates";
    else if (idp->onlyuser > 0 && is_ca)
        bad = "it is not for CAs";
    else if (idp->onlyCA > 0 && !is_ca)
        bad = "it is for CAs only";
    else if (idp->distpoint && !same_point(idp->distpoint, dp))
        bad = "it is of another distribution point";
    ISSUING_DIST_POINT_free(idp);
    return bad;
}

static bool known_extension(X509_EXTENSION *e, const int *known, size_t n)
{
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
    for (size_t i = 0; i < n; i++)
        if (known[i] == nid)
            return true;
    return false;
}

/* §5.2, §5.3: what is critical and not known makes the whole list useless, on any of its entries too. */
static bool all_understood(X509_CRL *crl)
{
    static const int of_list[] = {NID_issuing_distribution_point, NID_authority_key_identifier, NID_crl_number},
                     of_entry[] = {NID_crl_reason, NID_invalidity_date};
    for (int i = -1; (i = X509_CRL_get_ext_by_critical(crl, 1, i)) >= 0;)
        if (!known_extension(X509_CRL_get_ext(crl, i), of_list, 3))
            return false;
    STACK_OF(X509_REVOKED) *v = X509_CRL_get_REVOKED(crl);
    for (int k = 0; k < sk_X509_REVOKED_num(v); k++) {
        X509_REVOKED *r = sk_X509_REVOKED_value(v, k);
        for (int i = -1; (i = X509_REVOKED_get_ext_by_critical(r, 1, i)) >= 0;)
            if (!known_extension(X509_REVOKED_get_ext(r, i), of_entry, 2))
                return false;
    }
    return true;
}

static bool key_fits(X509_CRL *crl, X509 *issuer)
{
    int where = -1;
    AUTHORITY_KEYID *id = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, &where, NULL);
    bool fits = id ? X509_check_akid(issuer, id) == X509_V_OK : where == -1;
    AUTHORITY_KEYID_free(id);
    return fits;
}

static bool strong(X509_CRL *crl, enum ike_weak_hash weak)
{
    const X509_ALGOR *algorithm = NULL;
    X509_CRL_get0_signature(crl, NULL, &algorithm);
    return ike_algorithm_allowed(algorithm, weak);
}

/* NULL if the list is the issuer's, in force, and about this certificate. */
static const char *unusable(X509_CRL *crl, X509 *cert, X509 *issuer, const DIST_POINT *dp, const struct fetch_tools *t)
{
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(cert)) != 0 ||
        X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) != 0)
        return "it is of another issuer";
    if ((X509_get_extension_flags(issuer) & EXFLAG_INVALID) || !(X509_get_key_usage(issuer) & KU_CRL_SIGN))
        return "its issuer may not sign lists (key usage)";
    if (!key_fits(crl, issuer))
        return "it is by another key of the issuer's";
    if (X509_CRL_verify(crl, X509_get0_pubkey(issuer)) != 1)
        return "its signature is wrong";
    if (!strong(crl, t->weak))
        return "it is signed with a hash that the policy does not name";
    if (!fetch_begun(X509_CRL_get0_lastUpdate(crl), t->now_s))
        return "it is of the future";
    if (!X509_CRL_get0_nextUpdate(crl) || fetch_over(X509_CRL_get0_nextUpdate(crl), t->now_s))
        return "it has ended, or does not say when";
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        return "it is a delta list";
    if (!all_understood(crl))
        return "it holds a critical extension that is not understood";
    return out_of_scope(crl, cert, dp);
}

static const char *reason_of(X509_REVOKED *r)
{
    ASN1_ENUMERATED *e = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
    const char *text = e ? OCSP_crl_reason_str(ASN1_ENUMERATED_get(e)) : "no reason given";
    ASN1_ENUMERATED_free(e);
    return text;
}

static enum fetch_verdict judge(X509_CRL *crl, X509 *cert, X509 *issuer, const DIST_POINT *dp,
                                const struct fetch_tools *t, struct fetch_answer *out)
{
    X509_REVOKED *entry = NULL;
    const char *bad = unusable(crl, cert, issuer, dp, t);
    if (bad)
        return fetch_cannot(out, "%s", bad);
    out->holds_until_s = fetch_seconds(X509_CRL_get0_nextUpdate(crl));
    switch (X509_CRL_get0_by_serial(crl, &entry, X509_get0_serialNumber(cert))) {
    case 0:
        snprintf(out->why, sizeof out->why, "it is not listed");
        return FETCH_GOOD;
    case 1:
        snprintf(out->why, sizeof out->why, "it is listed (%s)", reason_of(entry));
        return FETCH_REVOKED;
    default: /* removeFromCRL, which is for delta lists only */
        return fetch_cannot(out, "its entry is malformed");
    }
}

enum fetch_verdict fetch_crl_judge(const struct buf *der, X509 *cert, X509 *issuer, const DIST_POINT *dp,
                                   const struct fetch_tools *t, struct fetch_answer *out)
{
    const unsigned char *at = (const unsigned char *)der->p, *end = at + der->len;
    X509_CRL *crl = der->len && der->len <= FETCH_CRL_MAX ? d2i_X509_CRL(NULL, &at, (long)der->len) : NULL;
    enum fetch_verdict v = FETCH_CANNOT_TELL;
    if (crl && at == end)
        v = judge(crl, cert, issuer, dp, t, out);
    else
        v = fetch_cannot(out, "it is no list (DER)");
    X509_CRL_free(crl);
    ERR_clear_error();
    return v;
}

/* `cache none` keeps nothing; `delete-after` less long than the list says. */
static int64_t kept_until(const struct ike_revocation *how, int64_t ends_s, int64_t fetched_s)
{
    if (how->crl_keep_s == UINT32_MAX || ends_s - fetched_s < (int64_t)how->crl_keep_s)
        return ends_s;
    return fetched_s + how->crl_keep_s;
}

static bool take_kept(const struct ike_revocation *how, const char *url, const struct fetch_tools *t, struct buf *body,
                      int64_t *fetched_s)
{
    bool there = how->crl_keep_s && t->kept && t->kept(t->ctx, url, body, fetched_s);
    return there && kept_until(how, INT64_MAX, *fetched_s) > t->now_s;
}

static enum fetch_verdict ask(const struct ike_revocation *how, const char *url, X509 *cert, X509 *issuer,
                              const DIST_POINT *dp, const struct fetch_tools *t, struct fetch_answer *out)
{
    struct buf body = {0};
    char why[FETCH_WHY_MAX] = "";
    enum fetch_verdict v = FETCH_CANNOT_TELL;
    int64_t fetched_s = t->now_s;
    if (take_kept(how, url, t, &body, &fetched_s))
        v = fetch_crl_judge(&body, cert, issuer, dp, t, out);
    bool is_fresh = v == FETCH_CANNOT_TELL;
    if (is_fresh) {
        buf_free(&body);
        body = (struct buf){0};
        fetched_s = t->now_s;
        if (t->http(t->ctx, url, NULL, FETCH_CRL_MAX, &body, why))
            v = fetch_crl_judge(&body, cert, issuer, dp, t, out);
        else
            snprintf(out->why, sizeof out->why, "%s", why);
    }
    if (v != FETCH_CANNOT_TELL) {
        if (is_fresh && t->keep && how->crl_keep_s)
            t->keep(t->ctx, url, &body, out->holds_until_s);
        out->holds_until_s = kept_until(how, out->holds_until_s, fetched_s);
    }
    buf_free(&body);
    snprintf(why, sizeof why, "%.100s", out->why);
    snprintf(out->why, sizeof out->why, "CRL %.80s: %.100s", url, why);
    return v;
}

enum fetch_verdict fetch_crl(const struct ike_revocation *how, X509 *cert, X509 *issuer, const struct fetch_tools *t,
                             struct fetch_answer *out)
{
    CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
    enum fetch_verdict v = fetch_cannot(out, "the certificate names no CRL that can be fetched by HTTP");
    unsigned asked = 0;
    for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *dp = sk_DIST_POINT_value(points, i);
        bool usable = dp->distpoint && dp->distpoint->type == 0 && !dp->reasons && !dp->CRLissuer;
        int n = usable ? sk_GENERAL_NAME_num(dp->distpoint->name.fullname) : 0;
        for (int k = 0; k < n && v == FETCH_CANNOT_TELL && asked < FETCH_URLS_MAX; k++) {
            char *url = url_of(sk_GENERAL_NAME_value(dp->distpoint->name.fullname, k));
            bool is_http = url && strncasecmp(url, "http://", 7) == 0;
            asked += is_http;
            if (is_http)
                v = ask(how, url, cert, issuer, dp, t, out);
            free(url);
        }
    }
    CRL_DIST_POINTS_free(points);
    return v;
}
