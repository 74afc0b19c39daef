/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One description of each structure serves to write it, to read it, to compare it, and to say which fields it has. */
#include "backends/ike/engine/proof.h"
#include "backends/ike/handover.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "backends/ike/message/wire.h"

struct codec {
    struct buf *out; /* NULL: it is read */
    struct rd in;
    struct arena *a;
    const struct ike_policy *p; /* written: where references point to */
    struct ike_policy *made;    /* read: the same */
    bool by_value;              /* to be compared: lines do not count, what is referred to stands in its place */
    bool fields;                /* written: names and sizes of all fields, in place of what is in them */
    const uint8_t *conceal; /* written without secrets: each is its HMAC by this key, private keys are public ones */
    bool concealed;         /* read: it was written so */
    bool bad;
};

static void field(struct codec *c, const char *name, size_t size)
{
    if (c->fields)
        buf_printf(c->out, "%s %zu\n", name, size);
}

static void raw(struct codec *c, void *p, size_t n)
{
    if (c->fields)
        return;
    if (c->out) {
        buf_add(c->out, p, n);
        return;
    }
    if (n > c->in.n || c->bad) {
        c->bad = true;
        memset(p, 0, n);
        return;
    }
    memcpy(p, c->in.p, n);
    c->in.p += n;
    c->in.n -= n;
}

static uint64_t number(struct codec *c, uint64_t v)
{
    raw(c, &v, sizeof v);
    return v;
}

/* Works for bool, enum and integers of any size. What is written is not touched: it may be constant. */
#define NUM(c, x)                                                                                                      \
    do {                                                                                                               \
        field(c, #x, sizeof(x));                                                                                       \
        uint64_t v_ = number(c, (uint64_t)(x));                                                                        \
        if (!(c)->out)                                                                                                 \
            (x) = (__typeof__(x))v_;                                                                                   \
    } while (0)
#define LINE(c, x)                                                                                                     \
    do {                                                                                                               \
        if (!(c)->by_value)                                                                                            \
            NUM(c, x);                                                                                                 \
    } while (0)
#define RAW(c, x)                                                                                                      \
    do {                                                                                                               \
        field(c, #x, sizeof(x));                                                                                       \
        raw(c, &(x), sizeof(x));                                                                                       \
    } while (0)

/* How many elements follow; each has at least one byte, so that a length cannot ask for more memory than there is
 * input. */
static size_t count(struct codec *c, size_t n)
{
    n = (size_t)number(c, n);
    if (!c->out && n > c->in.n) {
        c->bad = true;
        n = 0;
    }
    return n;
}

static void bytes(struct codec *c, struct ike_bytes *b)
{
    field(c, "bytes", sizeof *b);
    size_t n = count(c, b->n);
    if (c->fields)
        return;
    if (c->out) {
        buf_add(c->out, (const char *)b->p, n);
        return;
    }
    *b = (struct ike_bytes){(const uint8_t *)arena_strndup(c->a, (const char *)c->in.p, n), (uint32_t)n};
    c->in.p += n;
    c->in.n -= n;
}

static void text(struct codec *c, const char **s)
{
    struct ike_bytes b = {(const uint8_t *)(*s ? *s : ""), *s ? (uint32_t)strlen(*s) : 0};
    bytes(c, &b);
    if (!c->out)
        *s = (const char *)b.p;
}

/* An array of structures, behind a pointer to constants as the policy has them. */
typedef void each_fn(struct codec *c, void *element);

static void fields_of(struct codec *c, size_t size, each_fn *f)
{
    void *empty = calloc(1, size);
    field(c, "array of", size);
    if (empty)
        f(c, empty);
    c->bad |= !empty;
    free(empty);
}

static void *array(struct codec *c, const void *old, size_t *n, size_t size, each_fn *f)
{
    if (c->fields) {
        fields_of(c, size, f);
        return NULL;
    }
    *n = count(c, *n);
    char *v = c->out ? (void *)(uintptr_t)old : arena_array(c->a, *n + 1, size);
    for (size_t i = 0; i < *n && !c->bad; i++)
        f(c, v + i * size);
    return v;
}
#define ARRAY(c, p, n, f)                                                                                              \
    do {                                                                                                               \
        size_t n_ = (n);                                                                                               \
        void *v_ = array(c, p, &n_, sizeof *(p), f);                                                                   \
        if (!(c)->out) {                                                                                               \
            (p) = v_;                                                                                                  \
            (n) = (__typeof__(n))n_;                                                                                   \
        }                                                                                                              \
    } while (0)

/* An array of pointers to structures that are written where they stand. */
static void *pointers(struct codec *c, const void *old, size_t *n, size_t size, each_fn *f)
{
    if (c->fields) {
        fields_of(c, size, f);
        return NULL;
    }
    *n = count(c, *n);
    void **v = c->out ? (void *)(uintptr_t)old : arena_array(c->a, *n + 1, sizeof *v);
    for (size_t i = 0; i < *n && !c->bad; i++) {
        if (!c->out)
            v[i] = arena_alloc(c->a, size);
        f(c, v[i]);
    }
    return v;
}
#define POINTERS(c, p, n, f)                                                                                           \
    do {                                                                                                               \
        size_t n_ = (n);                                                                                               \
        void *v_ = pointers(c, p, &n_, sizeof **(p), f);                                                               \
        if (!(c)->out) {                                                                                               \
            (p) = v_;                                                                                                  \
            (n) = (__typeof__(n))n_;                                                                                   \
        }                                                                                                              \
    } while (0)

/* ---- the parts ---- */

static void choices(struct codec *c, struct ike_choices *x)
{
    RAW(c, *x);
    if (x->n > IKE_CHOICES_MAX)
        c->bad = true;
}

static void address(struct codec *c, void *p)
{
    struct ip_addr *a = p;
    NUM(c, a->family);
    RAW(c, a->b);
}

static void match(struct codec *c, void *p)
{
    struct ike_match *m = p;
    NUM(c, m->any);
    address(c, &m->addr);
    NUM(c, m->plen);
    NUM(c, m->id_type);
    NUM(c, m->domain);
    bytes(c, &m->value);
}

bool ike_conceal(const uint8_t key[static IKE_CONCEAL_LEN], struct ike_bytes secret,
                 uint8_t out[static IKE_CONCEALED_MAX], unsigned *n)
{
    *n = 0;
    return !secret.n || HMAC(EVP_sha256(), key, IKE_CONCEAL_LEN, secret.p, secret.n, out, n);
}

/* Concealed, one is as good as another for telling whether it is there and whether two are the same. */
static void secret(struct codec *c, struct ike_bytes *b)
{
    uint8_t mac[IKE_CONCEALED_MAX];
    unsigned n = 0;
    if (!c->conceal) {
        bytes(c, b);
        return;
    }
    c->bad |= !ike_conceal(c->conceal, *b, mac, &n);
    bytes(c, &(struct ike_bytes){mac, n});
}

static void psk(struct codec *c, void *p)
{
    struct ike_psk *k = p;
    match(c, &k->who);
    match(c, &k->named);
    bytes(c, &k->host);
    LINE(c, k->id);
    LINE(c, k->line);
    ARRAY(c, k->at, k->n_at, address);
    secret(c, &k->local);
    secret(c, &k->remote);
}

static void aggressive(struct codec *c, void *p)
{
    struct ike_aggressive_peer *a = p;
    address(c, &a->peer);
    NUM(c, a->id_type);
    bytes(c, &a->id);
    psk(c, &a->key);
}

static void cert_rule(struct codec *c, void *p)
{
    struct ike_cert_rule *r = p;
    NUM(c, r->field);
    NUM(c, r->op);
    text(c, &r->value);
}

static void cert_map(struct codec *c, void *p)
{
    struct ike_cert_map *m = p;
    ARRAY(c, m->rules, m->n, cert_rule);
}

static void proposal(struct codec *c, void *p)
{
    struct ike_proposal *x = p;
    text(c, &x->name);
    LINE(c, x->line);
    choices(c, &x->encr);
    choices(c, &x->prf);
    choices(c, &x->integ);
    choices(c, &x->dh);
}

static void v2_policy(struct codec *c, void *p)
{
    struct ike_v2_policy *x = p;
    text(c, &x->name);
    ARRAY(c, x->locals, x->n_locals, address);
    POINTERS(c, x->proposals, x->n, proposal);
}

static void v1_policy(struct codec *c, void *p)
{
    struct ike_v1_policy *x = p;
    NUM(c, x->number);
    LINE(c, x->line);
    NUM(c, x->encr.alg);
    NUM(c, x->encr.bits);
    NUM(c, x->hash);
    NUM(c, x->dh);
    NUM(c, x->auth);
    NUM(c, x->lifetime_s);
}

/* libcrypto's objects go as DER. */
static void private_key(struct codec *c, void **key)
{
    unsigned char *der = NULL;
    int n = 0;
    bool public_only = c->conceal || c->by_value; /* keys are the same when their public halves are */
    if (c->out && *key)
        n = public_only ? i2d_PUBKEY(*key, &der) : i2d_PrivateKey(*key, &der);
    struct ike_bytes b = {der, n > 0 ? (uint32_t)n : 0};
    bytes(c, &b);
    if (c->out) {
        OPENSSL_clear_free(der, b.n);
        return;
    }
    const unsigned char *p = b.p;
    *key = NULL;
    if (b.n)
        *key = c->concealed ? d2i_PUBKEY(NULL, &p, (long)b.n) : d2i_AutoPrivateKey(NULL, &p, (long)b.n);
    c->bad |= b.n && !*key;
}

static void trusted(struct codec *c, void **store)
{
    STACK_OF(X509) *all = c->out && *store ? X509_STORE_get1_all_certs(*store) : NULL;
    size_t n = count(c, all ? (size_t)sk_X509_num(all) : 0);
    for (size_t i = 0; i < n && !c->bad; i++) {
        unsigned char *der = NULL;
        int len = c->out ? i2d_X509(sk_X509_value(all, (int)i), &der) : 0;
        struct ike_bytes b = {der, len > 0 ? (uint32_t)len : 0};
        bytes(c, &b);
        OPENSSL_free(der);
        if (c->out)
            continue;
        const unsigned char *p = b.p;
        X509 *x = d2i_X509(NULL, &p, (long)b.n);
        *store = *store ? *store : X509_STORE_new();
        c->bad |= !x || !*store || X509_STORE_add_cert(*store, x) != 1;
        X509_free(x);
    }
    sk_X509_pop_free(all, X509_free);
}

static void credential(struct codec *c, void *p)
{
    struct ike_credential *x = p;
    if (!c->out)
        x->key = x->store = NULL;
    text(c, &x->trustpoint);
    LINE(c, x->line);
    NUM(c, x->n_chain);
    NUM(c, x->n_cas);
    if (x->n_chain > 8 || x->n_cas > IKE_CAS_MAX) {
        c->bad = true;
        x->n_chain = x->n_cas = 0;
    }
    for (unsigned i = 0; i < x->n_chain; i++)
        bytes(c, &x->chain[i]);
    bytes(c, &x->subject);
    for (unsigned i = 0; i < x->n_cas; i++) {
        bytes(c, &x->ca_names[i]);
        RAW(c, x->ca_hashes[i]);
    }
    private_key(c, &x->key);
    trusted(c, &x->store);
    RAW(c, x->revocation.methods);
    NUM(c, x->revocation.n);
    NUM(c, x->revocation.no_nonce);
    text(c, &x->revocation.ocsp_url);
    NUM(c, x->revocation.crl_keep_s);
    c->bad |= x->revocation.n > IKE_REVOCATION_METHODS_MAX;
}

/* A place in an array of the policy, plus one; 0 is nothing. */
static size_t place(struct codec *c, const void *p, const void *first, size_t size, size_t n)
{
    size_t at = c->out && p ? (size_t)((const char *)p - (const char *)first) / size + 1 : 0;
    at = (size_t)number(c, at);
    if (at > n)
        c->bad = true;
    return at > n ? 0 : at;
}

/* One of the policy's; compared by what it holds. */
static void credential_ref(struct codec *c, const struct ike_credential **x)
{
    if (c->by_value) {
        if (*x)
            credential(c, (void *)(uintptr_t)*x);
        return;
    }
    const struct ike_policy *all = c->out ? c->p : c->made;
    size_t at = place(c, *x, all->credentials, sizeof **x, all->n_credentials);
    if (!c->out)
        *x = at ? &all->credentials[at - 1] : NULL;
}

static void profile(struct codec *c, void *p)
{
    struct ike_profile *x = p;
    text(c, &x->name);
    LINE(c, x->line);
    NUM(c, x->version);
    ARRAY(c, x->remote, x->n_remote, match);
    ARRAY(c, x->cert_maps, x->n_cert_maps, cert_map);
    ARRAY(c, x->locals, x->n_locals, address);
    NUM(c, x->id_type);
    bytes(c, &x->id);
    NUM(c, x->auth_local);
    NUM(c, x->auth_remote);
    if (!c->by_value) /* the key that has proved an SA is compared by itself, those of others do not matter to it */
        ARRAY(c, x->keys, x->n_keys, psk);
    NUM(c, x->lifetime_s);
    NUM(c, x->dpd_s);
    NUM(c, x->dpd_retry_s);
    NUM(c, x->dpd_periodic);
    NUM(c, x->aggressive);
    NUM(c, x->names_trustpoints);
    NUM(c, x->n_trusts);
    if (x->n_trusts > IKE_TRUSTS_MAX) {
        c->bad = true;
        x->n_trusts = 0;
    }
    credential_ref(c, &x->credential);
    for (unsigned i = 0; i < x->n_trusts; i++)
        credential_ref(c, &x->trusts[i]);
}

static void transform_set(struct codec *c, void *p)
{
    struct ike_transform_set *x = p;
    text(c, &x->name);
    LINE(c, x->line);
    struct ike_choice *v[] = {&x->ah, &x->encr, &x->integ};
    for (unsigned i = 0; i < 3; i++) {
        NUM(c, v[i]->alg);
        NUM(c, v[i]->bits);
    }
    NUM(c, x->transport);
    NUM(c, x->require);
    NUM(c, x->esn);
}

static void line(struct codec *c, void *p)
{
    struct ike_line *x = p;
    NUM(c, x->reqid);
    LINE(c, x->line);
    NUM(c, x->one_of_many);
    NUM(c, x->sel.family);
    NUM(c, x->sel.proto);
    NUM(c, x->sel.sport_lo);
    NUM(c, x->sel.sport_hi);
    NUM(c, x->sel.dport_lo);
    NUM(c, x->sel.dport_hi);
    address(c, &x->sel.src_lo);
    address(c, &x->sel.src_hi);
    address(c, &x->sel.dst_lo);
    address(c, &x->sel.dst_hi);
}

static void peer(struct codec *c, void *p)
{
    struct ike_peer *x = p;
    address(c, &x->addr);
    text(c, &x->host);
    NUM(c, x->is_default);
}

static void entry(struct codec *c, void *p)
{
    struct ike_entry *x = p;
    text(c, &x->map);
    NUM(c, x->seq);
    LINE(c, x->line);
    NUM(c, x->dynamic);
    NUM(c, x->version);
    address(c, &x->local);
    ARRAY(c, x->peers, x->n_peers, peer);
    POINTERS(c, x->sets, x->n_sets, transform_set);
    ARRAY(c, x->lines, x->n_lines, line);
    NUM(c, x->pfs);
    NUM(c, x->lifetime_s);
    NUM(c, x->lifetime_kb);
    NUM(c, x->replay_window);
    NUM(c, x->per_host);
    NUM(c, x->responder_only);
    NUM(c, x->clears_df);
    NUM(c, x->drops_ecn);
    NUM(c, x->idle_s);
    NUM(c, x->idle_default);
    NUM(c, x->route.on);
    NUM(c, x->route.is_static);
    address(c, &x->route.via);
    NUM(c, x->route.distance);
    RAW(c, x->priority);
    if (!c->by_value || x->dynamic) { /* SAs of static entries do not depend on it */
        RAW(c, x->ifindex);
        NUM(c, x->n_ifindex);
    }
    if (x->n_ifindex > 8)
        c->bad = true;
    if (c->by_value) {
        if (x->profile)
            profile(c, (void *)(uintptr_t)x->profile);
        return;
    }
    const struct ike_policy *all = c->out ? c->p : c->made;
    size_t at = place(c, x->profile, all->profiles, sizeof *x->profile, all->n_profiles);
    if (!c->out)
        x->profile = at ? &all->profiles[at - 1] : NULL;
}

static void policy(struct codec *c, struct ike_policy *p)
{
    ARRAY(c, p->credentials, p->n_credentials, credential); /* before what refers to them */
    ARRAY(c, p->profiles, p->n_profiles, profile);
    ARRAY(c, p->v2, p->n_v2, v2_policy);
    ARRAY(c, p->v1, p->n_v1, v1_policy);
    ARRAY(c, p->keys, p->n_keys, psk);
    ARRAY(c, p->entries, p->n_entries, entry);
    ARRAY(c, p->aggressive, p->n_aggressive, aggressive);
    NUM(c, p->n_key_ids);
    NUM(c, p->aggressive_disabled);
    NUM(c, p->v1_fragmentation);
    NUM(c, p->v2_fragmentation);
    NUM(c, p->v1_id_hostname);
    NUM(c, p->v1_id_dn);
    text(c, &p->hostname);
    NUM(c, p->fragment_mtu);
    NUM(c, p->v1_keepalive_s);
    NUM(c, p->v1_keepalive_retry_s);
    NUM(c, p->v1_keepalive_periodic);
    NUM(c, p->nat_keepalive_s);
    NUM(c, p->cookie_threshold);
    NUM(c, p->max_in_negotiation);
    NUM(c, p->max_sa);
}

/* ---- the whole ---- */

#define FIELDS_LEN 32
struct head {
    char magic[8];
    uint32_t format, concealed;
    uint8_t fields[FIELDS_LEN]; /* SHA-256 of the names and sizes of all fields */
};
#define FORMAT 3

static bool head_of(struct head *h, bool concealed)
{
    struct buf b = {0};
    struct ike_policy nothing = {0};
    struct codec c = {.out = &b, .p = &nothing, .fields = true};
    unsigned n = 0;
    *h = (struct head){.magic = "ioscc-p", .format = FORMAT, .concealed = concealed};
    policy(&c, &nothing);
    bool ok = !c.bad && !b.failed && EVP_Digest(b.p, b.len, h->fields, &n, EVP_sha256(), NULL) == 1 && n == FIELDS_LEN;
    buf_free(&b);
    return ok;
}

static bool write_policy(struct buf *b, const struct ike_policy *p, const uint8_t *conceal)
{
    struct codec c = {.out = b, .p = p, .conceal = conceal};
    struct ike_policy copy = *p;
    struct head h;
    if (!head_of(&h, conceal != NULL))
        return false;
    buf_add(b, (const char *)&h, sizeof h);
    policy(&c, &copy);
    return !b->failed && !c.bad;
}

bool ike_policy_write(struct buf *b, const struct ike_policy *p)
{
    return write_policy(b, p, NULL);
}

bool ike_policy_write_concealed(struct buf *b, const struct ike_policy *p, const uint8_t key[static IKE_CONCEAL_LEN])
{
    return write_policy(b, p, key);
}

const struct ike_policy *ike_policy_read(struct arena *a, const uint8_t *p, size_t n)
{
    struct ike_policy *made = ARENA_NEW(a, struct ike_policy);
    struct codec c = {.in = rd_of(p, n), .a = a, .made = made};
    struct head theirs, ours;
    raw(&c, &theirs, sizeof theirs);
    c.concealed = !c.bad && theirs.concealed == 1;
    if (c.bad || !head_of(&ours, c.concealed) || memcmp(&theirs, &ours, sizeof ours) != 0)
        return NULL;
    policy(&c, made);
    ERR_clear_error();
    if (!c.bad && c.in.n == 0 && !arena_exhausted(a))
        return made;
    for (unsigned i = 0; i < made->n_credentials; i++) {
        EVP_PKEY_free(made->credentials[i].key);
        X509_STORE_free(made->credentials[i].store);
    }
    return NULL;
}

/* ---- what is the same ---- */

struct digest {
    uint8_t *p;
    size_t n;
    uint32_t at;
};

static int by_bytes(const void *a, const void *b)
{
    const struct digest *x = a, *y = b;
    int d = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return d ? d : x->n < y->n ? -1 : x->n > y->n;
}

static struct digest *digests(struct arena *a, const void *v, size_t n, size_t size, each_fn *f)
{
    struct digest *d = arena_array(a, n + 1, sizeof *d);
    for (size_t i = 0; i < n; i++) {
        struct buf b = {0};
        struct codec c = {.out = &b, .by_value = true};
        f(&c, (char *)(uintptr_t)v + i * size);
        d[i] = (struct digest){(uint8_t *)arena_strndup(a, b.p ? b.p : "", b.len), b.len, (uint32_t)i};
        buf_free(&b);
    }
    return d;
}

static const uint32_t *same(struct arena *a, const void *from, size_t n, const void *to, size_t m, size_t size,
                            each_fn *f)
{
    uint32_t *out = arena_array(a, n + 1, sizeof *out);
    struct digest *x = digests(a, from, n, size, f), *y = digests(a, to, m, size, f);
    qsort(y, m, sizeof *y, by_bytes);
    for (size_t i = 0; i < n; i++) {
        const struct digest *found = bsearch(&x[i], y, m, sizeof *y, by_bytes);
        out[i] = found ? found->at : UINT32_MAX;
    }
    return out;
}

/* All keys of a policy by number; a number that no list has is NULL. */
static const struct ike_psk **keys_by_number(struct arena *a, const struct ike_policy *p)
{
    const struct ike_psk **v = arena_array(a, p->n_key_ids + 1u, sizeof *v);
#define NUMBERED(k)                                                                                                    \
    do {                                                                                                               \
        if ((k)->id <= p->n_key_ids)                                                                                   \
            v[(k)->id] = (k);                                                                                          \
    } while (0)
    for (unsigned i = 0; i < p->n_keys; i++)
        NUMBERED(&p->keys[i]);
    for (unsigned i = 0; i < p->n_profiles; i++)
        for (unsigned k = 0; k < p->profiles[i].n_keys; k++)
            NUMBERED(&p->profiles[i].keys[k]);
    for (unsigned i = 0; i < p->n_aggressive; i++)
        NUMBERED(&p->aggressive[i].key);
#undef NUMBERED
    return v;
}

static struct digest key_digest(struct arena *a, const struct ike_psk *k, uint32_t id)
{
    struct buf b = {0};
    struct codec c = {.out = &b, .by_value = true};
    psk(&c, (void *)(uintptr_t)k);
    struct digest d = {(uint8_t *)arena_strndup(a, b.p ? b.p : "", b.len), b.len, id};
    buf_free(&b);
    return d;
}

/* By number: the number of the same key there, 0: there is none. */
static const uint32_t *same_keys(struct arena *a, const struct ike_policy *from, const struct ike_policy *to)
{
    uint32_t *out = arena_array(a, from->n_key_ids + 1u, sizeof *out), n = 0;
    const struct ike_psk **mine = keys_by_number(a, from), **theirs = keys_by_number(a, to);
    struct digest *d = arena_array(a, to->n_key_ids + 1u, sizeof *d);
    for (uint32_t i = 1; i <= to->n_key_ids; i++)
        if (theirs[i])
            d[n++] = key_digest(a, theirs[i], i);
    qsort(d, n, sizeof *d, by_bytes);
    for (uint32_t i = 1; i <= from->n_key_ids; i++) {
        if (!mine[i])
            continue;
        const struct digest key = key_digest(a, mine[i], i), *found = bsearch(&key, d, n, sizeof *d, by_bytes);
        out[i] = found ? found->at : 0;
    }
    return out;
}

/* What is signed with where a profile names nothing. */
static bool same_own_credential(struct arena *a, const struct ike_policy *from, const struct ike_policy *to)
{
    const struct ike_credential *had = ike_credential_of(from, NULL), *gets = ike_credential_of(to, NULL);
    if (!had || !gets)
        return had == gets;
    return same(a, had, 1, gets, 1, sizeof *had, credential)[0] == 0;
}

void ike_policy_compare(struct arena *a, const struct ike_policy *from, const struct ike_policy *to,
                        struct ike_moves *out)
{
    *out = (struct ike_moves){
        .from = from,
        .to = to,
        .entry = same(a, from->entries, from->n_entries, to->entries, to->n_entries, sizeof *from->entries, entry),
        .profile =
            same(a, from->profiles, from->n_profiles, to->profiles, to->n_profiles, sizeof *from->profiles, profile),
        .v1 = same(a, from->v1, from->n_v1, to->v1, to->n_v1, sizeof *from->v1, v1_policy),
        .key = same_keys(a, from, to),
        .same_credential = same_own_credential(a, from, to)};
}
