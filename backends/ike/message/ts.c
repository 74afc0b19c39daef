/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Traffic selectors and identities as values. */
#include <openssl/x509.h>
#include <stdio.h>

#include "backends/ike/message/message.h"

static bool any_ports(const struct ike_ts *t)
{
    return t->port_lo == 0 && t->port_hi == 65535;
}

bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out)
{
    if (a->family != b->family || (a->proto && b->proto && a->proto != b->proto))
        return false;
    *out = *a;
    out->proto = a->proto ? a->proto : b->proto;
    if (memcmp(b->lo.b, a->lo.b, 16) > 0)
        out->lo = b->lo;
    if (memcmp(b->hi.b, a->hi.b, 16) < 0)
        out->hi = b->hi;
    if (any_ports(a)) {
        out->port_lo = b->port_lo;
        out->port_hi = b->port_hi;
    } else if (!any_ports(b)) {
        out->port_lo = a->port_lo > b->port_lo ? a->port_lo : b->port_lo;
        out->port_hi = a->port_hi < b->port_hi ? a->port_hi : b->port_hi;
        if (out->port_lo > out->port_hi)
            return false;
    }
    return memcmp(out->lo.b, out->hi.b, 16) <= 0;
}

bool ike_ts_equal(const struct ike_ts *a, const struct ike_ts *b)
{
    return a->family == b->family && a->proto == b->proto && a->port_lo == b->port_lo && a->port_hi == b->port_hi &&
           memcmp(a->lo.b, b->lo.b, 16) == 0 && memcmp(a->hi.b, b->hi.b, 16) == 0;
}

bool ike_ts_subset(const struct ike_ts *inner, const struct ike_ts *outer)
{
    struct ike_ts x;
    return ike_ts_intersect(inner, outer, &x) && ike_ts_equal(&x, inner);
}

int ike_ts_prefix(const struct ike_ts *t)
{
    int bits = t->family == FAMILY_V6 ? 128 : 32, n = 0;
    while (n < bits && !((t->lo.b[n / 8] ^ t->hi.b[n / 8]) >> (7 - n % 8) & 1))
        n++;
    for (int i = n; i < bits; i++)
        if ((t->lo.b[i / 8] >> (7 - i % 8) & 1) || !(t->hi.b[i / 8] >> (7 - i % 8) & 1))
            return -1;
    return n;
}

bool ike_id_equal(const struct ike_id *a, const struct ike_id *b)
{
    return a->type == b->type && a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static void name_text(const struct ike_id *id, char *out, size_t n)
{
    const unsigned char *p = id->p;
    X509_NAME *x = d2i_X509_NAME(NULL, &p, id->n);
    BIO *b = x ? BIO_new(BIO_s_mem()) : NULL;
    int len = 0;
    if (b && X509_NAME_print_ex(b, x, 0, XN_FLAG_RFC2253) >= 0)
        len = BIO_read(b, out, (int)n - 1);
    out[len > 0 ? len : 0] = '\0';
    BIO_free(b);
    X509_NAME_free(x);
}

const char *ike_id_text(const struct ike_id *id, char out[static IKE_ID_TEXT_MAX])
{
    struct ip_addr a = {0};
    char t[ADDR_TEXT_MAX];
    size_t n = 0;
    out[0] = '\0';
    if ((id->type == IKE_ID_IPV4 && id->n == 4) || (id->type == IKE_ID_IPV6 && id->n == 16)) {
        a.family = id->n == 4 ? FAMILY_V4 : FAMILY_V6;
        memcpy(a.b, id->p, id->n);
        snprintf(out, IKE_ID_TEXT_MAX, "%s", addr_text(&a, t));
    } else if (id->type == IKE_ID_DN) {
        name_text(id, out, IKE_ID_TEXT_MAX);
        if (!*out)
            snprintf(out, IKE_ID_TEXT_MAX, "(a name that cannot be read)");
    } else {
        for (; n < id->n && n + 1 < IKE_ID_TEXT_MAX; n++) /* whatever a stranger sends must not reach a log as it is */
            out[n] = id->p[n] > ' ' && id->p[n] < 127 ? (char)id->p[n] : '?';
        out[n] = '\0';
    }
    return out;
}

const char *ike_id_kind(uint8_t type)
{
    switch (type) {
    case IKE_ID_IPV4:
    case IKE_ID_IPV6:
        return "address";
    case IKE_ID_FQDN:
        return "FQDN";
    case IKE_ID_USER_FQDN:
        return "user FQDN";
    case IKE_ID_DN:
        return "DN";
    case IKE_ID_KEY_ID:
        return "key id";
    default:
        return "unknown type";
    }
}

const char *ike_exchange_name(uint8_t x)
{
    switch (x) {
    case X1_MAIN:
        return "main mode";
    case X1_AGGRESSIVE:
        return "aggressive mode";
    case X1_QUICK:
        return "quick mode";
    case X1_INFO:
        return "informational";
    case X2_SA_INIT:
        return "IKE_SA_INIT";
    case X2_AUTH:
        return "IKE_AUTH";
    case X2_CREATE_CHILD:
        return "CREATE_CHILD_SA";
    case X2_INFORMATIONAL:
        return "INFORMATIONAL";
    default:
        return "unknown exchange";
    }
}

const char *ike2_notify_name(uint16_t type)
{
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {
        {N2_UNSUPPORTED_CRITICAL_PAYLOAD, "UNSUPPORTED_CRITICAL_PAYLOAD"},
        {N2_INVALID_IKE_SPI, "INVALID_IKE_SPI"},
        {N2_INVALID_MAJOR_VERSION, "INVALID_MAJOR_VERSION"},
        {N2_INVALID_SYNTAX, "INVALID_SYNTAX"},
        {N2_INVALID_MESSAGE_ID, "INVALID_MESSAGE_ID"},
        {N2_INVALID_SPI, "INVALID_SPI"},
        {N2_NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN"},
        {N2_INVALID_KE_PAYLOAD, "INVALID_KE_PAYLOAD"},
        {N2_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED"},
        {N2_SINGLE_PAIR_REQUIRED, "SINGLE_PAIR_REQUIRED"},
        {N2_NO_ADDITIONAL_SAS, "NO_ADDITIONAL_SAS"},
        {N2_INTERNAL_ADDRESS_FAILURE, "INTERNAL_ADDRESS_FAILURE"},
        {N2_FAILED_CP_REQUIRED, "FAILED_CP_REQUIRED"},
        {N2_TS_UNACCEPTABLE, "TS_UNACCEPTABLE"},
        {N2_INVALID_SELECTORS, "INVALID_SELECTORS"},
        {N2_TEMPORARY_FAILURE, "TEMPORARY_FAILURE"},
        {N2_CHILD_SA_NOT_FOUND, "CHILD_SA_NOT_FOUND"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return "an error that has no name here";
}
