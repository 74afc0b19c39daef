/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A CA that wants to cheat, and what its certificates must not prove (findings A5, A6, A8, A9). */
#include <string.h>

#include "backends/ike/v2/v2.h"
#include "tests/attack/office.h"

/* Is the leaf (with what lies between) accepted as that name under the root? */
static bool proves(const struct maker *root, const struct maker *between, const struct maker *leaf, uint8_t type,
                   const char *name, enum ike_weak_hash weak)
{
    X509_STORE *store = X509_STORE_new();
    struct ike_bytes b[2] = {der_of(leaf->x), between ? der_of(between->x) : (struct ike_bytes){0}};
    const struct ike_iov v[2] = {{b[0].p, b[0].n}, {b[1].p, b[1].n}};
    char why[160];
    struct ike_cert *c;
    X509_STORE_add_cert(store, root->x);
    bool ok = ike_cert_check(store, v, between ? 2 : 1, NOW_S, weak, &c, why) == NULL &&
              ike_cert_names(c, type, (const uint8_t *)name, strlen(name));
    ike_cert_free(c);
    for (int i = 0; i < 2; i++)
        OPENSSL_free((void *)(uintptr_t)b[i].p);
    X509_STORE_free(store);
    return ok;
}

/* ---- A5: constraints hold for every name that is used ---- */

static const char *constraints(void)
{
    static const char *const sub_ext[] = {"basicConstraints",
                                          "critical,CA:TRUE",
                                          "keyUsage",
                                          "keyCertSign",
                                          "nameConstraints",
                                          "critical,permitted;DNS:branch.example.com",
                                          NULL};
    static const char *const san[] = {"subjectAltName", "DNS:r1.branch.example.com", NULL},
                             *const other_san[] = {"subjectAltName", "DNS:hq.example.com", NULL},
                             *const mail_san[] = {"subjectAltName", "email:x@example.com", NULL};
    static const struct {
        const char *subject;
        const char *const *ext;
        const char *name;
        bool good;
    } rows[] = {
        {"CN=r1", san, "r1.branch.example.com", true},
        {"CN=hq.example.com", san, "hq.example.com", false},
        {"CN=hq.example.com", NULL, "hq.example.com", false},
        {"CN=r1.branch.example.com", NULL, "r1.branch.example.com", true},
        {"CN=r1|unstructuredName=hq.example.com", san, "hq.example.com", false},
        {"CN=r1|unstructuredName=hq.example.com", NULL, "hq.example.com", false},
        {"CN=r1|unstructuredName=r1.branch.example.com", NULL, "r1.branch.example.com", true},
        {"CN=r1", other_san, "hq.example.com", false},
        {"CN=hq.branch.example.com", mail_san, "hq.branch.example.com", false}, /* there are alternative names */
    };
    struct maker root = issue(NULL, "EC", 0, "CN=root", ca_ext, NULL, FAR),
                 sub = issue(&root, "EC", 0, "CN=sub", sub_ext, NULL, FAR);
    const char *bad = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !bad; i++) {
        struct maker leaf = issue(&sub, "EC", 0, rows[i].subject, rows[i].ext, NULL, FAR);
        if (proves(&root, &sub, &leaf, IKE_ID_FQDN, rows[i].name, IKE_WEAK_NONE) != rows[i].good)
            bad = broken("%s proves %s: %s", rows[i].subject, rows[i].name, rows[i].good ? "refused" : "taken");
        maker_free(&leaf);
    }
    maker_free(&sub);
    maker_free(&root);
    return bad;
}

/* ---- A6: certificate maps ---- */

static const char *maps(void)
{
    static const struct {
        const char *subject;
        uint8_t op;
        const char *value;
        bool good;
    } rows[] = {
        {"CN=visitor,ou=hq", IKE_CERT_CO, "ou=hq", false},
        {"CN=visitor,ou=hq", IKE_CERT_EQ, "cn=visitor,ou=hq", false},
        {"CN=visitor|OU=hq", IKE_CERT_CO, "ou=hq", true},
        {"CN=visitor|OU=hq", IKE_CERT_EQ, "cn=visitor,ou=hq", true},
        {"OU=hq|CN=visitor", IKE_CERT_EQ, "cn=visitor,ou=hq", true},
        {"CN=visitor|OU=hq", IKE_CERT_EQ, "cn=visitor", false},
        {"CN=r1|OU=hq|O=example", IKE_CERT_CO, "ou=hq,o=exam", true},
        {"CN=r1|OU=hq|O=example", IKE_CERT_CO, "o=example,ou=hq", true},
        {"CN=r1|OU=hq", IKE_CERT_CO, "R1", false}, /* values are normalized before */
        {"CN=r1|OU=hq", IKE_CERT_CO, "r1", true},
        {"CN=ou=hq", IKE_CERT_CO, "ou=hq", false},
        {"CN=visitor,ou=hq", IKE_CERT_NC, "ou=hq", false}, /* what must not be there must not look so either */
        {"CN=visitor|OU=lab", IKE_CERT_NC, "ou=hq", true},
        {"CN=visitor|OU=hq", IKE_CERT_NE, "cn=visitor,ou=hq", false},
        {"CN=visitor|OU=lab", IKE_CERT_NE, "cn=visitor,ou=hq", true},
    };
    const char *bad = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !bad; i++) {
        struct maker leaf = issue(NULL, "EC", 0, rows[i].subject, NULL, NULL, FAR);
        struct ike_bytes b = der_of(leaf.x);
        const struct ike_cert_rule rule = {IKE_CERT_SUBJECT, rows[i].op, rows[i].value};
        const struct ike_cert_map map = {&rule, 1};
        const struct ike_profile p = {.cert_maps = &map, .n_cert_maps = 1};
        if (ike_match_certificate(&p, (struct ike_iov){b.p, b.n}) != rows[i].good)
            bad = broken("a certificate of %s %s the map's rule %u %s", rows[i].subject,
                         rows[i].good ? "fails" : "satisfies", rows[i].op, rows[i].value);
        OPENSSL_free((void *)(uintptr_t)b.p);
        maker_free(&leaf);
    }
    return bad;
}

/* ---- A8: what is too weak ---- */

static const char *strength(void)
{
    static const char *const eku_server[] = {"extendedKeyUsage", "serverAuth", NULL},
                             *const eku_ike[] = {"extendedKeyUsage", "1.3.6.1.5.5.7.3.17", NULL},
                             *const eku_any[] = {"extendedKeyUsage", "serverAuth,anyExtendedKeyUsage", NULL},
                             *const usage[] = {"keyUsage", "keyEncipherment", NULL};
    const struct {
        const char *what, *kind;
        unsigned bits;
        const char *const *ext;
        const EVP_MD *md;
        enum ike_weak_hash weak;
        bool good;
    } rows[] = {
        {"RSA 2048, SHA-256", "RSA", 2048, NULL, EVP_sha256(), IKE_WEAK_NONE, true},
        {"RSA 1024, SHA-256", "RSA", 1024, NULL, EVP_sha256(), IKE_WEAK_NONE, false},
        {"RSA 512, MD5", "RSA", 512, NULL, EVP_md5(), IKE_WEAK_MD5, false},
        {"RSA 2048, MD5", "RSA", 2048, NULL, EVP_md5(), IKE_WEAK_NONE, false},
        {"RSA 2048, MD5, policy SHA-1", "RSA", 2048, NULL, EVP_md5(), IKE_WEAK_SHA1, false},
        {"RSA 2048, SHA-1", "RSA", 2048, NULL, EVP_sha1(), IKE_WEAK_NONE, false},
        {"RSA 2048, SHA-1, policy SHA-1", "RSA", 2048, NULL, EVP_sha1(), IKE_WEAK_SHA1, true},
        {"RSA 1024, SHA-1, policy SHA-1", "RSA", 1024, NULL, EVP_sha1(), IKE_WEAK_SHA1, true},
        {"EC, SHA-256", "EC", 0, NULL, EVP_sha256(), IKE_WEAK_NONE, true},
        {"for web servers", "EC", 0, eku_server, EVP_sha256(), IKE_WEAK_NONE, false},
        {"for IKE", "EC", 0, eku_ike, EVP_sha256(), IKE_WEAK_NONE, true},
        {"for anything", "EC", 0, eku_any, EVP_sha256(), IKE_WEAK_NONE, true},
        {"not for signatures", "EC", 0, usage, EVP_sha256(), IKE_WEAK_NONE, false},
    };
    struct maker root = issue(NULL, "EC", 0, "CN=root", ca_ext, NULL, FAR);
    const char *bad = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !bad; i++) {
        struct maker leaf = issue(&root, rows[i].kind, rows[i].bits, "CN=r1.example.com", rows[i].ext, rows[i].md, FAR);
        if (proves(&root, NULL, &leaf, IKE_ID_FQDN, "r1.example.com", rows[i].weak) != rows[i].good)
            bad = broken("%s: %s", rows[i].what, rows[i].good ? "refused" : "taken");
        maker_free(&leaf);
    }
    maker_free(&root);
    return bad;
}

/* RFC 7427 §4: signed with a hash that the peer has announced, and with no other. */
static const char *hashes_announced(void)
{
    static const struct {
        const char *kind;
        unsigned bits;
        uint16_t hashes;
        uint8_t method, last; /* of the algorithm's object identifier */
    } rows[] = {
        {"RSA", 2048, 1u << 2, AUTH2_DIGITAL_SIGNATURE, 0x0b},
        {"RSA", 2048, 1u << 4, AUTH2_DIGITAL_SIGNATURE, 0x0d},
        {"EC", 0, 1u << 3, AUTH2_DIGITAL_SIGNATURE, 0x03},
        {"EC", 0, 7u << 2, AUTH2_DIGITAL_SIGNATURE, 0x02},
        {"RSA", 2048, 1u << 1, 0, 0}, /* SHA-1 only: none is common */
        {"RSA", 2048, 0, AUTH2_RSA, 0},
    };
    const struct ike_iov text = {"octets", 6};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t sig[IKE_SIGNATURE_MAX] = {0};
        EVP_PKEY *key = new_key(rows[i].kind, rows[i].bits);
        size_t n = ike2_sign(key, rows[i].hashes, ALGO_INTEG_SHA256, &text, 1, sig);
        EVP_PKEY_free(key);
        size_t at = strcmp(rows[i].kind, "RSA") == 0 ? 5 + 15 - 3 : 5 + 12 - 1;
        if ((n != 0) != (rows[i].method != 0) || (n && sig[0] != rows[i].method) ||
            (rows[i].last && sig[at] != rows[i].last))
            return broken("row %zu: signed with another hash than the peer takes", i);
    }
    return NULL;
}

/* Method 1 over SHA-1: only where the policy says SHA-1, and it is told. */
static const char *sha1_signature(void)
{
    const struct ike_iov text = {"octets", 6};
    struct maker root = issue(NULL, "EC", 0, "CN=root", ca_ext, NULL, FAR),
                 leaf = issue(&root, "RSA", 2048, "CN=r1", NULL, NULL, FAR);
    X509_STORE *store = X509_STORE_new();
    struct ike_bytes b = der_of(leaf.x);
    const struct ike_iov v = {b.p, b.n};
    char why[160];
    uint8_t sig[IKE_SIGNATURE_MAX];
    struct ike_cert *c = NULL;
    bool told = false, told_not = true;
    const char *bad = NULL;
    X509_STORE_add_cert(store, root.x);
    size_t n = ike2_sign(leaf.key, 0, ALGO_INTEG_SHA1, &text, 1, sig);
    if (ike_cert_check(store, &v, 1, NOW_S, IKE_WEAK_NONE, &c, why) != NULL || n < 5)
        bad = "the certificate is refused";
    else if (ike2_verify(c, sig[0], true, IKE_WEAK_NONE, sig + 4, n - 4, &text, 1, &told_not))
        bad = "a SHA-1 signature counts where the policy does not say SHA-1";
    else if (!ike2_verify(c, sig[0], true, IKE_WEAK_SHA1, sig + 4, n - 4, &text, 1, &told) || !told)
        bad = "a SHA-1 signature does not count where the policy says SHA-1, or nobody is told";
    ike_cert_free(c);
    OPENSSL_free((void *)(uintptr_t)b.p);
    X509_STORE_free(store);
    maker_free(&leaf);
    maker_free(&root);
    return bad;
}

/* ---- A9: proofs end ---- */

/* The branch's certificate ends in ten minutes. It is told (AUTH_LIFETIME), tries again before, and has nothing better:
 * when the time is over so is the SA. */
static const char *certificate_ends(void)
{
    struct office o;
    office_open(&o, 2, FAR, NOW_S + 600);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    const struct ike_sa *sa = first_sa(&o.s, 1);
    if (!sa || !children_of(&o.s, 0))
        return office_over(&o, broken("the tunnel does not come up: %s", o.s.nodes[0].last));
    bool told = sa->reauth_at != 0;
    uint64_t first_id = sa->id;
    sim_run(&o.s, 590000);
    sa = first_sa(&o.s, 1);
    const char *bad = told ? NULL : "the initiator is not told how long its proof holds";
    if (!bad && (!sa || sa->id == first_id || !children_of(&o.s, 0)))
        bad = "the peer is not authenticated anew before, or the tunnel is interrupted";
    sim_run(&o.s, 60000);
    if (!bad && (children_of(&o.s, 0) || o.s.nodes[0].ike->n_established))
        bad = "an IKE SA outlives the certificate that proved it";
    return office_over(&o, bad);
}

static const char *anchor_leaves(bool same_anchor)
{
    struct office o;
    struct router later;
    office_open(&o, 2, FAR, FAR);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    if (!children_of(&o.s, 0))
        return office_over(&o, "the tunnel does not come up");
    struct maker other = issue(NULL, "EC", 0, "CN=other root", ca_ext, NULL, FAR);
    struct ike_credential cr;
    credential(&cr, &o.h, same_anchor ? &o.root : &other);
    router_init(&later, 2);
    struct ike_profile *p = router_profile(&later, 2, "P", "hub.example.com", "branch.example.com");
    p->auth_local = p->auth_remote = IKE_MAY_ECDSA;
    later.p.credentials = &cr;
    later.p.n_credentials = 1;
    entry_line(&later, router_entry(&later, 2, HUB, BRANCH, p), CHILD(0), 1, -1, 2, -1);
    const uint32_t same[] = {0}, keys[] = {0};
    const struct ike_moves m = {.from = &o.hub.p,
                                .to = &later.p,
                                .entry = same,
                                .profile = same,
                                .v1 = same,
                                .key = keys,
                                .same_credential = true};
    struct ike_reload r;
    bool ok = ike_reload(o.s.nodes[0].ike, o.s.now, &m, &r);
    sim_run(&o.s, 3000);
    bool stands = children_of(&o.s, 0) != 0;
    const char *bad = ok ? NULL : "out of memory";
    if (!bad && stands && !same_anchor)
        bad = "an IKE SA outlives the trust anchor of its proof";
    if (!bad && !stands && same_anchor)
        bad = "the control: the SA ends although its anchor stays";
    bad = office_over(&o, bad);
    credential_free(&cr);
    maker_free(&other);
    return bad;
}
static const char *a9_anchor(void)
{
    const char *bad = anchor_leaves(false);
    return bad ? bad : anchor_leaves(true);
}

const struct attack attacks_certificates[] = {
    {"A5 name constraints and where names stand", constraints},
    {"A6 certificate maps by attribute", maps},
    {"A8 weak certificates", strength},
    {"A8 hashes that the peer has announced", hashes_announced},
    {"A8 SHA-1 signatures", sha1_signature},
    {"A9 a certificate ends", certificate_ends},
    {"A9 a trust anchor leaves", a9_anchor},
    {NULL, NULL},
};
