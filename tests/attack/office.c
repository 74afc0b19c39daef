/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/attack/office.h"

#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

/* ---- making them ---- */

EVP_PKEY *new_key(const char *kind, unsigned bits)
{
    return strcmp(kind, "RSA") == 0 ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");
}

static void add_ext(X509 *x, X509 *issuer, const char *name, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf(NULL, &ctx, name, value);
    if (e)
        X509_add_ext(x, e, -1);
    else
        fprintf(stderr, "extension %s = %s cannot be made\n", name, value);
    X509_EXTENSION_free(e);
}

/* `subject`: "CN=a|OU=b"; `ext`: pairs of name and value, ended by NULL. */
struct maker issue(const struct maker *by, const char *kind, unsigned bits, const char *subject, const char *const *ext,
                   const EVP_MD *md, int64_t ends_s)
{
    static long serial = 1;
    struct maker m = {new_key(kind, bits), X509_new()};
    char copy[256];
    X509_set_version(m.x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(m.x), serial++);
    ASN1_TIME_set(X509_getm_notBefore(m.x), NOW_S - 86400);
    ASN1_TIME_set(X509_getm_notAfter(m.x), (time_t)ends_s);
    snprintf(copy, sizeof copy, "%s", subject);
    X509_NAME *n = X509_NAME_new();
    for (char *p = strtok(copy, "|"); p; p = strtok(NULL, "|")) {
        char *value = strchr(p, '=');
        *value++ = '\0';
        X509_NAME_add_entry_by_txt(n, p, MBSTRING_UTF8, (unsigned char *)value, -1, -1, 0);
    }
    X509_set_subject_name(m.x, n);
    X509_set_issuer_name(m.x, by ? X509_get_subject_name(by->x) : n);
    X509_NAME_free(n);
    X509_set_pubkey(m.x, m.key);
    for (; ext && ext[0]; ext += 2)
        add_ext(m.x, by ? by->x : m.x, ext[0], ext[1]);
    EVP_PKEY *signer = by ? by->key : m.key;
    X509_sign(m.x, signer, md ? md : EVP_sha256());
    return m;
}

void maker_free(struct maker *m)
{
    X509_free(m->x);
    EVP_PKEY_free(m->key);
}

const char *const ca_ext[] = {"basicConstraints", "critical,CA:TRUE", "keyUsage", "keyCertSign,cRLSign", NULL};
struct ike_bytes der_of(X509 *x)
{
    unsigned char *p = NULL;
    int n = i2d_X509(x, &p);
    return (struct ike_bytes){p, n > 0 ? (uint32_t)n : 0};
}

/* ---- two routers with certificates ---- */

static uint64_t started;
static int64_t wall(void *ctx)
{
    const struct sim_node *n = ctx;
    return NOW_S + (int64_t)((n->sim->now - started) / 1000);
}

void credential(struct ike_credential *c, const struct maker *own, const struct maker *root)
{
    *c = (struct ike_credential){
        .trustpoint = "TP", .line = 7, .n_chain = 1, .key = own->key, .revocation = {{IKE_REVOCATION_NONE}, .n = 1}};
    c->chain[0] = der_of(own->x);
    c->store = X509_STORE_new();
    X509_STORE_add_cert(c->store, root->x);
}

void credential_free(struct ike_credential *c)
{
    OPENSSL_free((void *)(uintptr_t)c->chain[0].p);
    X509_STORE_free(c->store);
}

void office_open(struct office *o, unsigned version, int64_t hub_ends_s, int64_t branch_ends_s)
{
    static const char *const hub_san[] = {"subjectAltName", "DNS:hub.example.com", NULL}, *const branch_san[] = {
                                                                                              "subjectAltName",
                                                                                              "DNS:branch.example.com",
                                                                                              NULL};
    o->root = issue(NULL, "EC", 0, "CN=root", ca_ext, NULL, FAR);
    o->h = issue(&o->root, "EC", 0, "CN=hub", hub_san, NULL, hub_ends_s);
    o->b = issue(&o->root, "EC", 0, "CN=branch", branch_san, NULL, branch_ends_s);
    credential(&o->hub_cr, &o->h, &o->root);
    credential(&o->branch_cr, &o->b, &o->root);
    sim_init(&o->s, 1, 2);
    o->s.delay_ms = 5;
    struct router *r[] = {&o->hub, &o->branch};
    struct ike_credential *cr[] = {&o->hub_cr, &o->branch_cr};
    static const char *const own[] = {"hub.example.com", "branch.example.com"}, *const at[] = {HUB, BRANCH};
    started = o->s.now;
    for (unsigned i = 0; i < 2; i++) {
        router_init(r[i], version);
        struct ike_profile *p = router_profile(r[i], version, "P", own[i], own[!i]);
        p->auth_local = p->auth_remote = IKE_MAY_ECDSA;
        r[i]->v1[0].auth = ALGO_AUTH_ECDSA_SIG;
        r[i]->p.credentials = cr[i];
        r[i]->p.n_credentials = 1;
        entry_line(r[i], router_entry(r[i], version, at[i], at[!i], p), CHILD(0), (int)(1 + i), -1, (int)(2 - i), -1);
        sim_node_start(&o->s, i, &r[i]->p, at[i]);
        o->s.nodes[i].ike->host.wall_s = wall;
    }
}

const char *office_over(struct office *o, const char *bad)
{
    bad = over(&o->s, bad);
    credential_free(&o->hub_cr);
    credential_free(&o->branch_cr);
    maker_free(&o->h);
    maker_free(&o->b);
    maker_free(&o->root);
    return bad;
}
