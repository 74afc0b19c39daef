/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stays in memory that is given back (finding D7): every free(), realloc() and calloc() of this program and of the
 * library goes through here (ld --wrap), and while an attack watches, none that is given back may hold a key. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ike/engine/engine.h"
#include "backends/ike/v1/v1.h"
#include "backends/xfrm/kernel.h"
#include "tests/attack/lab.h"

void __real_free(void *p);
void *__real_realloc(void *p, size_t n);
void *__real_calloc(size_t n, size_t size);
void __wrap_free(void *p);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_calloc(size_t n, size_t size);

/* The first bytes of each key: whoever finds as many has found the key's place. */
#define NEEDLE 12
static struct {
    bool on;
    unsigned n;
    struct needle {
        const char *name;
        uint8_t v[NEEDLE];
    } needles[64];
    const char *found;
} watch;

static void watch_key(const char *name, const void *key)
{
    static const uint8_t none[NEEDLE];
    if (memcmp(key, none, NEEDLE) == 0 || watch.n == sizeof watch.needles / sizeof *watch.needles)
        return;
    struct needle *x = &watch.needles[watch.n++];
    x->name = name;
    memcpy(x->v, key, NEEDLE);
    watch.on = true;
}

static void watch_end(void)
{
    watch.on = false;
    watch.n = 0;
}

static void look_at(void *p)
{
    if (!watch.on || !p || watch.found)
        return;
    size_t size = malloc_usable_size(p);
    for (unsigned i = 0; i < watch.n && !watch.found; i++)
        if (memmem(p, size, watch.needles[i].v, NEEDLE))
            watch.found = broken("%s in %zu bytes that were given back", watch.needles[i].name, size);
}

void __wrap_free(void *p)
{
    look_at(p);
    __real_free(p);
}

/* The old place is given back too, whenever the allocator likes. */
void *__wrap_realloc(void *p, size_t n)
{
    look_at(p);
    return __real_realloc(p, n);
}

unsigned calloc_fails_at;

void *__wrap_calloc(size_t n, size_t size)
{
    if (calloc_fails_at && !--calloc_fails_at)
        return NULL;
    return __real_calloc(n, size);
}

/* ---- what is watched ---- */

static bool (*kernel_add)(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which);

static bool key_seen(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which)
{
    watch_key("an inbound key of an IPsec SA", k->encr_in);
    watch_key("an outbound key of an IPsec SA", k->encr_out);
    watch_key("an inbound integrity key of an IPsec SA", k->integ_in);
    watch_key("an outbound integrity key of an IPsec SA", k->integ_out);
    return kernel_add(ctx, c, k, which);
}

static void watch_keys_of(const struct ike_sa *sa)
{
    if (sa->v1) {
        watch_key("SKEYID", sa->v1->skeyid);
        watch_key("SKEYID_d", sa->v1->d);
        watch_key("SKEYID_a", sa->v1->a);
        watch_key("SKEYID_e", sa->v1->e);
    }
    if (sa->keys) {
        watch_key("SK_d", sa->keys->d);
        watch_key("SK_ei", sa->keys->ei);
        watch_key("SK_er", sa->keys->er);
        watch_key("SK_ai", sa->keys->ai);
        watch_key("SK_pi", sa->keys->pi);
    }
}

/* From the first message through rekeying of both kinds to the end. */
static const char *an_sa_ends(unsigned version)
{
    struct pair x;
    pair_open(&x, version, 2);
    pair_start(&x);
    for (unsigned i = 0; i < 2; i++) {
        struct ike_host *h = &x.s.nodes[i].ike->host;
        kernel_add = h->sa_add;
        h->sa_add = key_seen;
    }
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    for (unsigned i = 0; i < 20; i++) {
        sim_run(&x.s, 50);
        for (unsigned node = 0; node < 2; node++)
            for (struct ike_sa *sa = first_sa(&x.s, node); sa; sa = NULL)
                watch_keys_of(sa);
    }
    const char *bad = children_of(&x.s, 0) ? NULL : "no IPsec SA";
    sim_run(&x.s, 4000000);
    unsigned keys = watch.n;
    bad = pair_over(&x, bad);
    watch_end();
    if (!bad && keys < 12)
        bad = broken("only %u keys were looked for", keys);
    return bad ? bad : watch.found;
}

static const char *keys_of_v1(void)
{
    return an_sa_ends(1);
}

static const char *keys_of_v2(void)
{
    return an_sa_ends(2);
}

/* A batch for the kernel that grows while keys are in it. */
static const char *batch_grows(void)
{
    struct netlink n = {0};
    struct netlink_batch b = {0};
    struct xfrm_sa s = {
        .spi = 0x1001, .proto = 50, .mode = XFRM_MODE_IS_TUNNEL, .src = address(HUB), .dst = address(BRANCH)};
    s.crypt = (struct xfrm_alg_key){.name = "cbc(aes)", .len = 32};
    memcpy(s.crypt.key, "0123456789abcdef0123456789abcdef", 32);
    watch_key("a key of the batch", s.crypt.key);
    bool made = true;
    for (unsigned i = 0; i < 1000 && made; i++)
        made = xfrm_put_sa(&n, &b, &s);
    bool whole = made && b.bytes.len > 256 * 1024 && memmem(b.bytes.p, b.bytes.len, s.crypt.key, 32);
    netlink_batch_free(&b);
    watch_end();
    return whole ? watch.found : "the batch was not made";
}

const struct attack attacks_memory[] = {
    {"D7 keys of IKEv1 in memory given back", keys_of_v1},
    {"D7 keys of IKEv2 in memory given back", keys_of_v2},
    {"D7 keys in a batch that grows", batch_grows},
    {NULL, NULL},
};
