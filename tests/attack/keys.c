/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys' process asked by a network process that is somebody else's (findings D1 to D4): what it does with a key,
 * and what the main process does for such a one. */
#include <string.h>

#include "backends/ike/daemon/permit.h"
#include "backends/ike/engine/proof.h"
#include "backends/ike/handover.h"
#include "backends/xfrm/kernel.h"
#include "tests/attack/lab.h"
#include "tests/attack/office.h"

struct key_owner {
    struct router r;
    struct ike_crypto *crypto;
};

static void keys_open(struct key_owner *o)
{
    router_init(&o->r, 2);
    struct ike_profile *one = router_profile(&o->r, 2, "ONE", NULL, NULL),
                       *two = router_profile(&o->r, 2, "TWO", NULL, NULL);
    profile_key(&o->r, one, router_key(&o->r, BRANCH, 32, NULL, "secret-of-one"));
    profile_key(&o->r, two, router_key(&o->r, "198.51.100.8", 32, NULL, "secret-of-two"));
    struct ike_psk *k = router_key(&o->r, BRANCH, 32, NULL, "secret-of-one");
    o->r.keys[0] = *k;
    o->r.p.keys = o->r.keys;
    o->r.p.n_keys = 1;
    o->crypto = ike_crypto_new();
}

static bool skeyid(struct key_owner *o, const char *ni, const char *nr, struct ike_key_result *r)
{
    const struct ike_key_work w = {.verb = KEYS_SKEYID,
                                   .owner = {.version = 1, .peer = address(BRANCH)},
                                   .prf = ALGO_INTEG_SHA256,
                                   .v = {{ni, strlen(ni)}, {nr, strlen(nr)}},
                                   .n = 2};
    return ike_keys_do(o->crypto, &o->r.p, &w, r);
}

/* "Key Pad for IKEv2" has 17 bytes: an IKEv1 nonce of eight and one of nine. */
static const char *key_pad(void)
{
    struct key_owner o;
    struct ike_key_result r;
    const char *bad = NULL;
    keys_open(&o);
    static const char pad[] = "Key Pad for IKEv2";
    for (unsigned cut = 0; cut <= 17 && !bad; cut++) {
        char first[18] = {0};
        memcpy(first, pad, cut);
        if (skeyid(&o, first, pad + cut, &r))
            bad = "SKEYID of the key pad: that is the inner key of IKEv2";
    }
    if (!bad && !skeyid(&o, "eight is", "not nine.", &r))
        bad = "honest nonces are refused";
    ike_crypto_free(o.crypto);
    return bad;
}

/* The same key by another version's operation, another profile, another peer, none. */
static const char *other_owner(void)
{
    static uint8_t init[28] = {[17] = 0x20, [18] = 34, [27] = 28}, nonce[32], mac[32];
    struct key_owner o;
    struct ike_key_result r;
    struct ike_key_work w = {.verb = KEYS_PSK_MAKE,
                             .owner = {.version = 2, .profile = "ONE", .peer = address(BRANCH)},
                             .prf = ALGO_INTEG_SHA256,
                             .v = {{init, sizeof init}, {nonce, sizeof nonce}, {mac, sizeof mac}},
                             .n = 3};
    keys_open(&o);
    const char *bad = ike_keys_do(o.crypto, &o.r.p, &w, &r) ? NULL : "the right owner is refused";
    for (unsigned i = 0; i < 8 && !bad; i++) {
        struct ike_key_work x = w;
        if (i == 0)
            x.owner.profile = "TWO"; /* which has no key for that peer */
        else if (i == 1)
            x.owner.profile = NULL;
        else if (i == 2)
            x.owner.version = 1;
        else if (i == 3)
            x.owner.peer = address("198.51.100.8");
        else if (i == 4)
            x.owner.profile = "three";
        else if (i == 5)
            x.prf = ALGO_ENCR_DES;
        else if (i == 6)
            x.verb = (enum ike_key_verb)99;
        else
            x.verb = KEYS_SIGN_2; /* there is no certificate */
        if (ike_keys_do(o.crypto, &o.r.p, &x, &r))
            bad = broken("row %u: the key is used for another owner", i);
    }
    ike_crypto_free(o.crypto);
    return bad;
}

/* What is no IKE_SA_INIT is neither signed nor MACed: a proof for another protocol. */
static const char *other_octets(void)
{
    static uint8_t init[28] = {[17] = 0x20, [18] = 34, [27] = 28}, nonce[300], mac[64];
    struct key_owner o;
    struct ike_key_result r;
    const char *bad = NULL;
    keys_open(&o);
    for (unsigned i = 0; i < 7 && !bad; i++) {
        uint8_t message[28];
        memcpy(message, init, sizeof message);
        struct ike_key_work w = {.verb = KEYS_PSK_MAKE,
                                 .owner = {.version = 2, .profile = "ONE", .peer = address(BRANCH)},
                                 .prf = ALGO_INTEG_SHA256,
                                 .v = {{message, sizeof message}, {nonce, 32}, {mac, 32}},
                                 .n = 3};
        if (i == 0)
            message[18] = 35;
        else if (i == 1)
            message[17] = 0x10;
        else if (i == 2)
            message[27] = 29;
        else if (i == 3)
            w.v[0].n = 20;
        else if (i == 4)
            w.v[1].n = 15;
        else if (i == 5)
            w.v[1].n = 257;
        else
            w.v[2].n = 33;
        if (ike_keys_do(o.crypto, &o.r.p, &w, &r))
            bad = broken("row %u: a proof over what is no IKE_SA_INIT", i);
    }
    ike_crypto_free(o.crypto);
    return bad;
}

/* IKEv1's SIG is over prf(SKEYID, ...), and who has the network chooses both. A SKEYID of any length, so of any text,
 * or octets that are no public values and cookies would be a signature over what the attacker likes. */
static const char *chosen_text(void)
{
    static const uint8_t octets[128];
    static const size_t honest[] = {32, 64, 64, 8, 8, 20, 8};
    static const struct {
        unsigned piece;
        size_t length;
    } changes[] = {{0, 0},  {0, 1},  {0, 15}, {0, 31}, {0, 33}, {0, 63},
                   {1, 63}, {2, 65}, {3, 7},  {4, 9},  {5, 0},  {6, 0}};
    struct key_owner o;
    struct maker root = issue(NULL, "EC", 0, "CN=ca", ca_ext, NULL, 86400),
                 own = issue(&root, "EC", 0, "CN=hub", NULL, NULL, 86400);
    struct ike_credential trustpoint;
    struct ike_key_result r;
    const char *bad = NULL;
    keys_open(&o);
    credential(&trustpoint, &own, &root);
    o.r.p.credentials = &trustpoint;
    o.r.p.n_credentials = 1;
    struct ike_key_work w = {
        .verb = KEYS_SIGN_1, .owner = {.version = 1, .peer = address(BRANCH)}, .prf = ALGO_INTEG_SHA256, .n = 7};
    for (unsigned i = 0; i < w.n; i++)
        w.v[i] = (struct ike_iov){octets, honest[i]};
    if (!ike_keys_do(o.crypto, &o.r.p, &w, &r))
        bad = "an honest hash is not signed";
    for (unsigned i = 0; i < sizeof changes / sizeof *changes && !bad; i++) {
        struct ike_key_work x = w;
        x.v[changes[i].piece].n = changes[i].length;
        if (ike_keys_do(o.crypto, &o.r.p, &x, &r))
            bad = broken("piece %u of %zu bytes is signed", changes[i].piece, changes[i].length);
    }
    for (unsigned n = 0; n < 9 && !bad; n++) {
        struct ike_key_work x = w;
        x.n = n;
        if (n != w.n && n <= IKE_KEY_PIECES_MAX && ike_keys_do(o.crypto, &o.r.p, &x, &r))
            bad = broken("%u pieces are signed", n);
    }
    credential_free(&trustpoint);
    maker_free(&own);
    maker_free(&root);
    ike_crypto_free(o.crypto);
    return bad;
}

static bool holds(const struct buf *b, const char *text)
{
    return b->p && memmem(b->p, b->len, text, strlen(text)) != NULL;
}

/* What the network's process gets has no secret in it, and still says which keys are the same. */
static const char *concealed(void)
{
    static const uint8_t key[IKE_CONCEAL_LEN] = {1}, other[IKE_CONCEAL_LEN] = {2};
    struct key_owner o;
    struct buf whole = {0}, without = {0}, second = {0};
    struct arena a;
    const char *bad = NULL;
    keys_open(&o);
    if (!arena_init(&a, SIZE_MAX) || !ike_policy_write(&whole, &o.r.p) ||
        !ike_policy_write_concealed(&without, &o.r.p, key) || !ike_policy_write_concealed(&second, &o.r.p, other))
        bad = "it cannot be written";
    else if (!holds(&whole, "secret-of-one") || holds(&without, "secret-of"))
        bad = "the secret is in what has none";
    else if (without.len == second.len && memcmp(without.p, second.p, without.len) == 0)
        bad = "what stands for a secret can be tried offline: it does not depend on the key";
    const struct ike_policy *p = bad ? NULL : ike_policy_read(&a, (const uint8_t *)without.p, without.len);
    if (!bad && !p)
        bad = "it cannot be read";
    if (p) {
        const struct ike_psk *one = ike_psk_choose(
                                 p, &(struct ike_key_owner){.version = 2, .profile = "ONE", .peer = address(BRANCH)}),
                             *again = ike_psk_choose(p, &(struct ike_key_owner){.version = 1, .peer = address(BRANCH)});
        if (!one || !again || one->local.n != 32 || again->local.n != 32 ||
            memcmp(one->local.p, again->local.p, 32) != 0)
            bad = "the same secret is not the same any more";
    }
    buf_free(&whole);
    buf_free(&without);
    buf_free(&second);
    arena_free(&a);
    ike_crypto_free(o.crypto);
    return bad;
}

/* Bytes of a program with other structures (the field hash), of another form, or of none. */
static const char *other_program(void)
{
    struct key_owner o;
    struct buf b = {0};
    struct arena a;
    const char *bad = NULL;
    keys_open(&o);
    if (!arena_init(&a, SIZE_MAX) || !ike_policy_write(&b, &o.r.p))
        bad = "it cannot be written";
    for (unsigned at = 0; at < 48 && !bad; at++) {
        b.p[at] ^= 1;
        if (ike_policy_read(&a, (const uint8_t *)b.p, b.len) && at != 12)
            bad = broken("byte %u of the head is not looked at", at);
        b.p[at] ^= 1;
    }
    buf_free(&b);
    arena_free(&a);
    ike_crypto_free(o.crypto);
    return bad;
}

/* ---- what the main process does for it ---- */

static enum permit_verdict verdict(const struct router *r, struct netlink_batch *b)
{
    struct permit p = {0};
    enum permit_verdict v =
        permit_set(&p, &r->p) ? permit_message(&p, (const struct nlmsghdr *)b->bytes.p) : PERMIT_YES;
    permit_free(&p);
    netlink_batch_free(b);
    return v;
}

static void branch_office(struct router *r, bool dynamic)
{
    router_init(r, 2);
    struct ike_profile *p = router_profile(r, 2, "ONE", NULL, NULL);
    struct ike_entry *e = router_entry(r, 2, HUB, dynamic ? NULL : BRANCH, p);
    entry_line(r, e, CHILD(0), 1, -1, 2, -1);
    e->priority[0] = e->priority[1] = e->priority[2] = 500;
}

static struct xfrm_pol allow_all(void)
{
    struct xfrm_pol p = {.dir = XFRM_DIR_OUT,
                         .action = XFRM_DO_ALLOW,
                         .priority = 500,
                         .index = XFRM_INDEX_PEERS | 1 << 6 | XFRM_DIR_OUT,
                         .mark_mask = PEERS_MARK_MASK};
    p.sel.family = FAMILY_V4;
    return p;
}

/* D1: `out 0.0.0.0/0 allow`, without a template or with one of its own. */
static const char *ipsec_off(void)
{
    struct netlink n = {0};
    for (unsigned dynamic = 0; dynamic < 2; dynamic++)
        for (unsigned templates = 0; templates < 2; templates++) {
            struct router r;
            struct netlink_batch b = {0};
            struct xfrm_pol p = allow_all();
            branch_office(&r, dynamic);
            p.ntmpl = (uint8_t)templates;
            p.tmpl[0] = (struct xfrm_tmpl){.proto = 50,
                                           .mode = XFRM_MODE_IS_TUNNEL,
                                           .reqid = IKE_REQID_DYNAMIC | 1,
                                           .src = address(HUB),
                                           .dst = address("192.0.2.66")};
            if (!xfrm_put_policy(&n, &b, &p, false) || verdict(&r, &b) != PERMIT_NO)
                return "all traffic may be sent in the clear, or to whom the attacker likes";
        }
    return NULL;
}

/* D2: the default route, and any route where no entry has reverse-route. */
static const char *routes(void)
{
    struct router r;
    struct permit p = {0};
    branch_office(&r, true);
    if (!permit_set(&p, &r.p))
        return "out of memory";
    struct privileged_route x = {.net = address("0.0.0.0"), .via = address("192.0.2.66"), .metric = 100, .add = true};
    bool taken = permit_route(&p, &x);
    x = (struct privileged_route){.net = address("10.2.0.0"), .plen = 16, .peer = address(BRANCH), .add = true};
    taken |= permit_route(&p, &x);
    permit_free(&p);
    return taken ? "the host's routes may be changed" : NULL;
}

/* D3: a DELSA that carries a mark names another SA than the one that is looked at. */
static const char *marked_sa(void)
{
    struct netlink n = {0};
    struct netlink_batch b = {0};
    struct router r;
    char room[512] __attribute__((aligned(8))) = {0};
    const struct xfrm_mark mark = {42, ~0u};
    struct xfrm_sa s = {.spi = 0x1001, .proto = 50, .src = address(HUB), .dst = address(BRANCH)};
    branch_office(&r, false);
    if (!xfrm_put_sa_delete(&n, &b, &s))
        return "out of memory";
    memcpy(room, b.bytes.p, b.bytes.len);
    mnl_attr_put((struct nlmsghdr *)room, XFRMA_MARK, sizeof mark, &mark);
    b.bytes.len = 0;
    buf_add(&b.bytes, room, netlink_size((struct nlmsghdr *)room));
    return verdict(&r, &b) == PERMIT_NO ? NULL : "another owner's SA can be deleted";
}

const struct attack attacks_keys[] = {
    {"D1 a network process switches IPsec off", ipsec_off},
    {"D2 a network process changes routes", routes},
    {"D3 a network process deletes a marked SA", marked_sa},
    {"D4 nonces that spell IKEv2's key pad", key_pad},
    {"D4 a key for another owner", other_owner},
    {"D4 a proof over other octets", other_octets},
    {"D4 a signature over a chosen text", chosen_text},
    {"D4 secrets in what the network process gets", concealed},
    {"D4 a policy of another program", other_program},
    {NULL, NULL},
};
