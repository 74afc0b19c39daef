/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What certificate maps look at. The router compares text; here a name is its attributes, because a CA may let an
 * applicant choose a common name with a comma in it. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "backends/ike/crypto/cert.h"
#include "compiler/base/str.h"

#define PARTS_MAX 24
#define TEXT_MAX 1024

/* A field as its parts: attributes of a name, alternative names, or one text. Each is normalized. */
struct field {
    unsigned n;
    bool is_name;
    char v[PARTS_MAX][256];
};

void ike_cert_normalize(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        const char *next = p;
        while (*next == ' ')
            next++;
        bool edge = to == text || to[-1] == '=' || to[-1] == ',' || *next == '=' || *next == ',' || *next == '\0';
        if (*p == ' ' && (edge || to[-1] == ' '))
            continue;
        *to++ = str_lower(*p);
    }
    *to = '\0';
}

static X509 *certificate(struct ike_iov der)
{
    const unsigned char *p = der.p;
    return der.n && der.n < 65536 ? d2i_X509(NULL, &p, (long)der.n) : NULL;
}

/* False: too many, too long, or with a zero inside. */
static bool add(struct field *f, const char *type, const unsigned char *p, int n)
{
    size_t head = strlen(type);
    if (f->n == PARTS_MAX || n < 0 || head + (size_t)n + 2 > sizeof f->v[0] || memchr(p, '\0', (size_t)n))
        return false;
    char *to = f->v[f->n++];
    int at = head ? snprintf(to, sizeof f->v[0], "%s=", type) : 0;
    memcpy(to + at, p, (size_t)n);
    to[at + n] = '\0';
    ike_cert_normalize(to);
    return true;
}

static bool add_name(struct field *f, const X509_NAME *name)
{
    f->is_name = true;
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
        const ASN1_OBJECT *o = X509_NAME_ENTRY_get_object(e);
        int nid = OBJ_obj2nid(o);
        char type[64];
        if (nid == NID_undef)
            OBJ_obj2txt(type, sizeof type, o, 1);
        else
            snprintf(type, sizeof type, "%s", OBJ_nid2sn(nid));
        unsigned char *text = NULL;
        int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(e));
        bool ok = n >= 0 && add(f, type, text, n);
        OPENSSL_free(text);
        if (!ok)
            return false;
    }
    return true;
}

static bool add_alternatives(struct field *f, X509 *x)
{
    int where = -1;
    GENERAL_NAMES *v = X509_get_ext_d2i(x, NID_subject_alt_name, &where, NULL);
    bool ok = v || where == -1;
    for (int i = 0; i < sk_GENERAL_NAME_num(v) && ok; i++) {
        GENERAL_NAME *n = sk_GENERAL_NAME_value(v, i);
        bool text = n->type == GEN_DNS || n->type == GEN_EMAIL || n->type == GEN_URI;
        BIO *b = text ? NULL : BIO_new(BIO_s_mem());
        char *p = NULL;
        long len = b && GENERAL_NAME_print(b, n) == 1 ? BIO_get_mem_data(b, &p) : 0;
        if (text)
            ok = add(f, "", ASN1_STRING_get0_data(n->d.ia5), ASN1_STRING_length(n->d.ia5));
        else
            ok = p && add(f, "", (unsigned char *)p, (int)len);
        BIO_free(b);
    }
    GENERAL_NAMES_free(v);
    return ok;
}

static bool add_unstructured(struct field *f, const X509_NAME *name)
{
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_pkcs9_unstructuredName, at)) >= 0;) {
        const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
        if (!add(f, "", ASN1_STRING_get0_data(s), ASN1_STRING_length(s)))
            return false;
    }
    return true;
}

static bool add_serial(struct field *f, X509 *x)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *p = NULL;
    long n = b && i2a_ASN1_INTEGER(b, X509_get0_serialNumber(x)) > 0 ? BIO_get_mem_data(b, &p) : 0;
    bool ok = p && add(f, "", (unsigned char *)p, (int)n);
    BIO_free(b);
    return ok;
}

static bool read_field(X509 *x, enum ike_cert_field what, struct field *f)
{
    *f = (struct field){.n = 0};
    switch (what) {
    case IKE_CERT_SUBJECT:
        return add_name(f, X509_get_subject_name(x));
    case IKE_CERT_ISSUER:
        return add_name(f, X509_get_issuer_name(x));
    case IKE_CERT_ALT_NAME:
        return add_alternatives(f, x);
    case IKE_CERT_UNSTRUCTURED:
        return add_unstructured(f, X509_get_subject_name(x));
    case IKE_CERT_SERIAL:
        return add_serial(f, x);
    case IKE_CERT_NAME:
        break;
    }
    return false;
}

/* The value of a rule, `ou=hq,o=example`, as parts; the text is cut up in place. */
static unsigned cut(char *text, char *parts[static PARTS_MAX])
{
    unsigned n = 0;
    for (char *p = text; p && n < PARTS_MAX;) {
        parts[n++] = p;
        p = strchr(p, ',');
        if (p)
            *p++ = '\0';
    }
    return n;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* One attribute against one part of a rule. A part without `=` is looked for in the value. */
static bool attribute_has(const char *attribute, const char *part, bool is_last)
{
    const char *value = strchr(attribute, '=');
    if (!strchr(part, '='))
        return value && strstr(value + 1, part) != NULL;
    return is_last ? begins(attribute, part) : strcmp(attribute, part) == 0;
}

/* Do the parts stand in the name one behind the other, read in that direction, from `at` on? */
static bool run_at(const struct field *f, unsigned at, bool turned, char *const *parts, unsigned n, bool whole)
{
    for (unsigned i = 0; i < n; i++) {
        const char *attribute = f->v[turned ? f->n - 1 - (at + i) : at + i];
        bool fits = whole ? strcmp(attribute, parts[i]) == 0 : attribute_has(attribute, parts[i], i + 1 == n);
        if (!fits)
            return false;
    }
    return true;
}

static bool name_is(const struct field *f, enum ike_cert_test test, const char *value)
{
    char copy[TEXT_MAX], *parts[PARTS_MAX];
    bool whole = test == IKE_CERT_EQUALS;
    snprintf(copy, sizeof copy, "%s", value);
    unsigned n = cut(copy, parts);
    if (n > f->n || (whole && n != f->n))
        return false;
    for (int turned = 0; turned < 2; turned++)
        for (unsigned at = 0; at + n <= f->n; at++)
            if (run_at(f, at, turned, parts, n, whole))
                return true;
    return false;
}

static bool parts_are(const struct field *f, enum ike_cert_test test, const char *value)
{
    if (f->is_name)
        return name_is(f, test, value);
    for (unsigned i = 0; i < f->n; i++)
        if (test == IKE_CERT_EQUALS ? strcmp(f->v[i], value) == 0 : strstr(f->v[i], value) != NULL)
            return true;
    return f->n == 0 && value[0] == '\0';
}

static bool text_is(const struct field *f, enum ike_cert_test test, const char *value)
{
    for (int turned = 0; turned < 2; turned++) {
        char text[PARTS_MAX * 256 + PARTS_MAX];
        size_t at = 0;
        text[0] = '\0';
        for (unsigned i = 0; i < f->n; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? "," : "", f->v[turned ? f->n - 1 - i : i]);
        if (test == IKE_CERT_EQUALS ? strcmp(text, value) == 0 : strstr(text, value) != NULL)
            return true;
    }
    return false;
}

static bool any_field(struct ike_iov der, enum ike_cert_field what, enum ike_cert_test test, const char *value,
                      bool as_text, bool *malformed)
{
    static const enum ike_cert_field both[] = {IKE_CERT_SUBJECT, IKE_CERT_ALT_NAME};
    const enum ike_cert_field *v = what == IKE_CERT_NAME ? both : &what;
    unsigned n = what == IKE_CERT_NAME ? 2 : 1;
    X509 *x = certificate(der);
    bool found = false;
    *malformed = !x || strlen(value) >= TEXT_MAX;
    for (unsigned i = 0; i < n && !*malformed; i++) {
        struct field f;
        *malformed = !read_field(x, v[i], &f);
        if (!*malformed)
            found |= as_text ? text_is(&f, test, value) : parts_are(&f, test, value);
    }
    X509_free(x);
    ERR_clear_error();
    return found;
}

bool ike_cert_field_is(struct ike_iov der, enum ike_cert_field f, enum ike_cert_test test, const char *value,
                       bool *malformed)
{
    return any_field(der, f, test, value, false, malformed);
}

bool ike_cert_text_is(struct ike_iov der, enum ike_cert_field f, enum ike_cert_test test, const char *value,
                      bool *malformed)
{
    return any_field(der, f, test, value, true, malformed);
}
