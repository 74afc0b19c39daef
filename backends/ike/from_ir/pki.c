/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trustpoints as credentials. Of each trustpoint T of the configuration, in the directory of --pki-dir: T.key (private
 * key, PEM), T.crt (our certificate, then the CAs between it and the root, PEM), T.ca (CA certificates, PEM). What is
 * not there is taken from the certificate chains in the configuration; a private key never stands there.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/ike/crypto/cert.h"
#include "backends/ike/engine/proof.h"
#include "backends/ike/from_ir.h"
#include "compiler/sem/revocation.h"

_Static_assert((int)IKE_REVOCATION_NONE == (int)REVOCATION_NONE && (int)IKE_REVOCATION_CRL == (int)REVOCATION_CRL &&
                   (int)IKE_REVOCATION_OCSP == (int)REVOCATION_OCSP,
               "methods have the same numbers in the configuration's and in the engine's words");

struct loader {
    struct arena *a;
    const struct ir_config *c;
    const char *dir;
    struct ike_omissions *out;
    struct pin *pin; /* of the trustpoint whose CA is read */
};

/* `fingerprint DIGITS`: which CA it is. On the router it is compared when the CA is authenticated; here that is when
 * its file is read. */
struct pin {
    uint8_t v[EVP_MAX_MD_SIZE];
    unsigned n;       /* 0: nothing is said */
    const EVP_MD *md; /* NULL: what is said is no fingerprint */
    struct span at;
    bool is_missed; /* a certificate has another one */
};

/* ---- certificate maps ---- */

static const struct {
    const char *word;
    uint8_t field;
} cert_fields[] = {{"subject-name", IKE_CERT_SUBJECT},
                   {"issuer-name", IKE_CERT_ISSUER},
                   {"alt-subject-name", IKE_CERT_ALT_NAME},
                   {"name", IKE_CERT_NAME},
                   {"unstructured-subject-name", IKE_CERT_UNSTRUCTURED},
                   {"serial-number", IKE_CERT_SERIAL}};
static const char *const cert_ops[] = {
    [IKE_CERT_CO] = "co", [IKE_CERT_NC] = "nc", [IKE_CERT_EQ] = "eq", [IKE_CERT_NE] = "ne"};

/* What cannot be judged holds for nobody. */
static void cert_rule(struct arena *a, const struct ir_config *c, const struct cert_map_rule *r,
                      struct ike_cert_rule *x, struct ike_omissions *out)
{
    bool known = false;
    char *value = arena_strndup(a, r->value.s.p ? r->value.s.p : "", r->value.s.len);
    *x = (struct ike_cert_rule){.op = IKE_CERT_NEVER, .value = value};
    ike_cert_normalize(value);
    for (size_t i = 0; i < sizeof cert_fields / sizeof *cert_fields; i++)
        if (str_is(r->field.s, cert_fields[i].word)) {
            x->field = cert_fields[i].field;
            known = true;
        }
    for (uint8_t op = IKE_CERT_CO; op <= IKE_CERT_NE && known; op++) {
        bool inside = !IR_IS_SET(r->op) && strncmp(value, cert_ops[op], 2) == 0 && value[2] == ' '; /* serial-number */
        if (str_is(r->op.s, cert_ops[op]) || inside)
            x->op = op;
        if (inside)
            x->value = value + 3;
    }
    if (x->op == IKE_CERT_NEVER)
        ike_omit(a, out, "line %u: " STR_FMT " in a certificate map is not judged: the map takes nobody",
                 source_locate(c->source, r->span.off).line, STR_ARG(r->field.s));
}

const struct ike_cert_map *ike_cert_maps(struct arena *a, const struct ir_config *c, const struct ptrlist *refs,
                                         unsigned *n, struct ike_omissions *out)
{
    struct ike_cert_map *v = arena_array(a, (size_t)c->cert_maps.n * (refs->n + 1) + 1, sizeof *v);
    *n = 0;
    PTRLIST_FOR (struct ir_ref, ref, refs) {
        PTRLIST_FOR (struct cert_map, m, &c->cert_maps) {
            if (!str_eq(m->name.s, ref->name))
                continue;
            struct ike_cert_rule *rules = arena_array(a, m->rules.n + 1, sizeof *rules);
            for (uint32_t i = 0; i < m->rules.n; i++)
                cert_rule(a, c, m->rules.v[i], &rules[i], out);
            v[(*n)++] = (struct ike_cert_map){rules, m->rules.n};
        }
    }
    return v;
}

/* ---- files ---- */

#define say(l, ...) ike_omit((l)->a, (l)->out, __VA_ARGS__)

/* A trustpoint's name may hold anything but a blank: none of it may leave the directory. */
/* Who may write to it may say whom we trust and who we are. */
static bool is_trustworthy(struct loader *l, const char *path, int fd, bool secret)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        say(l, "%s is no plain file: it is not used", path);
        return false;
    }
    bool is_ours = st.st_uid == 0 || st.st_uid == geteuid();
    if (!is_ours || (st.st_mode & (S_IWGRP | S_IWOTH))) {
        say(l, "%s: others may write to it: it is not used (chown root, chmod go-w)", path);
        return false;
    }
    if (secret && (st.st_mode & (S_IRWXG | S_IRWXO)))
        say(l, "%s: others may read this private key: chmod 600", path);
    return true;
}

static BIO *open_file(struct loader *l, const struct trustpoint *t, const char *ending, bool secret)
{
    char path[512];
    for (uint32_t i = 0; i < t->name.s.len; i++)
        if (t->name.s.p[i] == '/' || (i == 0 && t->name.s.p[i] == '.'))
            return NULL;
    if (!l->dir ||
        snprintf(path, sizeof path, "%s/" STR_FMT ".%s", l->dir, STR_ARG(t->name.s), ending) >= (int)sizeof path)
        return NULL;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT)
            say(l, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (!is_trustworthy(l, path, fd, secret)) {
        close(fd);
        return NULL;
    }
    FILE *f = fdopen(fd, "r");
    BIO *b = f ? BIO_new_fp(f, BIO_CLOSE) : NULL;
    if (!b && f)
        fclose(f);
    else if (!b)
        close(fd);
    return b;
}

static struct ike_bytes der_of(struct loader *l, X509 *x)
{
    unsigned char *p = NULL;
    int n = i2d_X509(x, &p);
    struct ike_bytes b = {NULL, 0};
    if (n > 0 && n < 65000)
        b = (struct ike_bytes){(const uint8_t *)arena_strndup(l->a, (char *)p, (size_t)n), (uint32_t)n};
    OPENSSL_free(p);
    return b;
}

/* No password is asked for: a daemon has nobody to ask. */
static int no_password(char *buffer, int size, int writing, void *arg)
{
    (void)buffer, (void)size, (void)writing, (void)arg;
    return -1;
}

/* Peers will refuse it; it stops nothing here, the host's clock may be wrong. */
static void own_dates(struct loader *l, const struct trustpoint *t, const struct ike_bytes *der)
{
    const unsigned char *p = der->p;
    X509 *x = d2i_X509(NULL, &p, der->n);
    if (x && X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
        say(l, "trustpoint " STR_FMT ": its certificate has expired: peers will refuse it", STR_ARG(t->name.s));
    if (x && X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
        say(l, "trustpoint " STR_FMT ": its certificate is not valid yet: peers will refuse it", STR_ARG(t->name.s));
    X509_free(x);
    ERR_clear_error();
}

/* Our own certificate as a peer that trusts the trustpoint's CAs judges it, dates aside; NULL: it refuses it, the
 * reason is in *bad and perhaps in `why`. */
static struct ike_cert *as_peers_see_it(const struct ike_credential *c, const char **bad, char why[static 160])
{
    struct ike_iov certs[sizeof c->chain / sizeof *c->chain];
    struct ike_cert *good = NULL;
    for (unsigned i = 0; i < c->n_chain; i++)
        certs[i] = (struct ike_iov){c->chain[i].p, c->chain[i].n};
    *bad = ike_cert_check(c->store, certs, c->n_chain, 0, IKE_WEAK_MD5, &good, why);
    return good;
}

/* The same for what peers look at beside dates. `c` has its CAs. */
static void own_chain(struct loader *l, const struct trustpoint *t, const struct ike_credential *c)
{
    char why[160];
    const char *bad = NULL;
    struct ike_cert *good = c->store ? as_peers_see_it(c, &bad, why) : NULL;
    if (bad)
        say(l, "trustpoint " STR_FMT ": peers that trust its CA will refuse its certificate: %s", STR_ARG(t->name.s),
            bad);
    ike_cert_free(good);
}

static void own_certificate(struct loader *l, struct ike_credential *c, X509 *x)
{
    struct ike_bytes der = der_of(l, x);
    if (der.n && c->n_chain < sizeof c->chain / sizeof *c->chain)
        c->chain[c->n_chain++] = der;
}

/* ---- fingerprints ---- */

/* MD5, SHA-1 and SHA-256 are told apart by their length. */
static const EVP_MD *digest_of_length(unsigned n)
{
    static const struct {
        unsigned n;
        const EVP_MD *(*md)(void);
    } digests[] = {{16, EVP_md5}, {20, EVP_sha1}, {32, EVP_sha256}};
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
        if (digests[i].n == n)
            return digests[i].md();
    return NULL;
}

/* Digits may stand in groups. */
static void read_digits(struct pin *p, struct str digits)
{
    unsigned half = 0;
    for (uint32_t i = 0; i < digits.len; i++) {
        int d = OPENSSL_hexchar2int((unsigned char)digits.p[i]);
        bool is_space = digits.p[i] == ' ' || digits.p[i] == ':';
        if (is_space)
            continue;
        if (d < 0 || half / 2 == sizeof p->v)
            return;
        p->v[half / 2] = (uint8_t)(p->v[half / 2] << 4 | d);
        half++;
    }
    p->n = half / 2;
    p->md = half % 2 ? NULL : digest_of_length(p->n);
}

static struct pin pin_of(const struct trustpoint *t)
{
    static const struct str word = {"fingerprint ", 12};
    struct pin p = {0};
    PTRLIST_FOR (struct ir_text, x, &t->other) {
        struct str s = x->text.s;
        if (s.len <= word.len || memcmp(s.p, word.p, word.len) != 0)
            continue;
        p.n = 1; /* until it is read */
        p.at = x->span;
        read_digits(&p, (struct str){s.p + word.len, s.len - word.len});
    }
    return p;
}

static bool is_pinned(struct pin *p, const X509 *x)
{
    uint8_t is[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!p || !p->n)
        return true;
    bool is_it = p->md && X509_digest(x, p->md, is, &n) == 1 && n == p->n && memcmp(is, p->v, n) == 0;
    p->is_missed |= !is_it;
    return is_it;
}

static void say_pin(struct loader *l, const struct trustpoint *t, const struct ike_credential *c, const struct pin *p)
{
    if (p->n && !p->md)
        say(l, "trustpoint " STR_FMT ": its fingerprint (line %u) has a length that is none of MD5, SHA-1 or SHA-256",
            STR_ARG(t->name.s), source_locate(l->c->source, p->at.off).line);
    else if (p->is_missed && !c->n_cas)
        say(l, "trustpoint " STR_FMT ": no certificate of its CA has the fingerprint of line %u", STR_ARG(t->name.s),
            source_locate(l->c->source, p->at.off).line);
}

static void ca_certificate(struct loader *l, struct ike_credential *c, X509 *x)
{
    if (!is_pinned(l->pin, x))
        return;
    struct ike_bytes der = der_of(l, x);
    const struct ike_iov v = {der.p, der.n};
    uint8_t name[4096];
    size_t n = 0;
    if (!der.n || c->n_cas == IKE_CAS_MAX || !ike_ca_hash(v, c->ca_hashes[c->n_cas]) ||
        !ike_cert_subject(v, name, sizeof name, &n))
        return;
    if (!c->store)
        c->store = X509_STORE_new();
    if (!c->store || X509_STORE_add_cert(c->store, x) != 1)
        return;
    c->ca_names[c->n_cas++] = (struct ike_bytes){(const uint8_t *)arena_strndup(l->a, (char *)name, n), (uint32_t)n};
}

typedef void use_fn(struct loader *l, struct ike_credential *c, X509 *x);
static bool from_file(struct loader *l, const struct trustpoint *t, const char *ending, struct ike_credential *c,
                      use_fn *use)
{
    BIO *b = open_file(l, t, ending, false);
    X509 *x;
    bool any = false;
    while (b && (x = PEM_read_bio_X509(b, NULL, no_password, NULL))) {
        use(l, c, x);
        X509_free(x);
        any = true;
    }
    if (b && !any)
        say(l, "trustpoint " STR_FMT ": its .%s file holds no certificate", STR_ARG(t->name.s), ending);
    BIO_free(b);
    ERR_clear_error();
    return any;
}

static X509 *from_hex(const struct certificate *k)
{
    long n = 0;
    char *text = k->hex.s.len ? strndup(k->hex.s.p, k->hex.s.len) : NULL;
    unsigned char *der = text ? OPENSSL_hexstr2buf(text, &n) : NULL;
    const unsigned char *p = der;
    X509 *x = der ? d2i_X509(NULL, &p, n) : NULL;
    OPENSSL_free(der);
    free(text);
    ERR_clear_error();
    return x;
}

/* What the configuration itself holds: `certificate ca` is the CA's, another one our own. */
static void from_config(struct loader *l, const struct trustpoint *t, struct ike_credential *c, bool ca, use_fn *use)
{
    PTRLIST_FOR (struct cert_chain, ch, &l->c->cert_chains) {
        if (!str_eq(ch->name.s, t->name.s))
            continue;
        PTRLIST_FOR (struct certificate, k, &ch->certificates) {
            X509 *x = str_is(k->role.s, "ca") == ca ? from_hex(k) : NULL;
            if (x)
                use(l, c, x);
            X509_free(x);
        }
    }
}

static void own_key(struct loader *l, const struct trustpoint *t, struct ike_credential *c)
{
    BIO *b = open_file(l, t, "key", true);
    EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
    BIO_free(b);
    ERR_clear_error();
    if (b && (!key || ike_key_kind(key) == IKE_KEY_OTHER))
        say(l, "trustpoint " STR_FMT ": its .key file holds no RSA or ECDSA key without a password",
            STR_ARG(t->name.s));
    if (key && c->n_chain) {
        const unsigned char *p = c->chain[0].p;
        X509 *x = d2i_X509(NULL, &p, c->chain[0].n);
        if (x && X509_check_private_key(x, key) == 1)
            c->key = key;
        else
            say(l, "trustpoint " STR_FMT ": its private key is not that of its certificate", STR_ARG(t->name.s));
        X509_free(x);
        ERR_clear_error();
    }
    if (!c->key)
        EVP_PKEY_free(key);
}

static struct ike_revocation revocation_of(struct loader *l, const struct trustpoint *t)
{
    struct revocation r;
    struct ike_revocation out = {0};
    trustpoint_revocation(t, &r);
    for (unsigned i = 0; i < r.n && r.is_supported; i++)
        out.methods[out.n++] = r.methods[i];
    out.no_nonce = r.no_nonce;
    out.crl_keep_s = r.crl_keep_s;
    out.ocsp_url = arena_strndup(l->a, r.ocsp_url.len ? r.ocsp_url.p : "", r.ocsp_url.len);
    return out;
}

static void one(struct loader *l, const struct trustpoint *t, struct ike_credential *c)
{
    uint8_t name[4096];
    size_t n = 0;
    c->trustpoint = arena_strndup(l->a, t->name.s.p, t->name.s.len);
    if (!from_file(l, t, "crt", c, own_certificate))
        from_config(l, t, c, false, own_certificate);
    struct pin pin = pin_of(t);
    l->pin = &pin;
    if (!from_file(l, t, "ca", c, ca_certificate))
        from_config(l, t, c, true, ca_certificate);
    l->pin = NULL;
    say_pin(l, t, c, &pin);
    own_key(l, t, c);
    if (c->n_chain) {
        own_dates(l, t, &c->chain[0]);
        own_chain(l, t, c);
    }
    c->revocation = revocation_of(l, t);
    if (c->n_chain && ike_cert_subject((struct ike_iov){c->chain[0].p, c->chain[0].n}, name, sizeof name, &n))
        c->subject = (struct ike_bytes){(const uint8_t *)arena_strndup(l->a, (char *)name, n), (uint32_t)n};
}

void ike_pki_load(struct ike_policy *p, struct arena *a, const struct ir_config *c, const char *dir,
                  struct ike_omissions *out)
{
    struct loader l = {.a = a, .c = c, .dir = dir, .out = out};
    struct ike_credential *v = arena_array(a, c->trustpoints.n + 1, sizeof *v);
    p->credentials = v;
    PTRLIST_FOR (struct trustpoint, t, &c->trustpoints) {
        one(&l, t, &v[p->n_credentials]);
        if (v[p->n_credentials].n_chain || v[p->n_credentials].n_cas) /* others are for something else */
            p->n_credentials++;
        else
            v[p->n_credentials] = (struct ike_credential){.trustpoint = NULL};
    }
}

/* ---- trustpoints that profiles name ---- */

static const struct ike_credential *credential_named(const struct ike_policy *p, struct str name)
{
    for (unsigned i = 0; i < p->n_credentials; i++)
        if (str_eq(name, str_lit(p->credentials[i].trustpoint)))
            return &p->credentials[i];
    return NULL;
}

void ike_sign_with(const struct ike_policy *p, struct ike_profile *x, const struct ptrlist *refs)
{
    x->names_trustpoints |= refs->n != 0;
    PTRLIST_FOR (struct ir_ref, r, refs) {
        const struct ike_credential *c = credential_named(p, r->name);
        if (!x->credential && c && ike_credential_signs(c))
            x->credential = c;
    }
}

void ike_verify_with(const struct ike_policy *p, struct ike_profile *x, const struct ptrlist *refs)
{
    x->names_trustpoints |= refs->n != 0;
    PTRLIST_FOR (struct ir_ref, r, refs) {
        const struct ike_credential *c = credential_named(p, r->name);
        if (c && x->n_trusts < IKE_TRUSTS_MAX)
            x->trusts[x->n_trusts++] = c;
    }
}

bool ike_certifies(const struct ike_credential *c, uint8_t id_type, const struct ike_bytes *id)
{
    char why[160];
    const char *bad;
    struct ike_cert *x = c->store ? as_peers_see_it(c, &bad, why) : NULL;
    bool fits = !x || ike_cert_names(x, id_type, id->p, id->n);
    ike_cert_free(x);
    return fits;
}

bool ike_verifies(const struct ike_policy *p, const struct ike_profile *x)
{
    const struct ike_credential *trusts[IKE_TRUSTS_MAX];
    unsigned n = ike_trusts_of(p, x, trusts);
    for (unsigned i = 0; i < n; i++)
        if (trusts[i]->store)
            return true;
    return false;
}

void ike_pki_free(const struct ike_policy *p)
{
    for (unsigned i = 0; i < p->n_credentials; i++) {
        EVP_PKEY_free(p->credentials[i].key);
        X509_STORE_free(p->credentials[i].store);
    }
}
