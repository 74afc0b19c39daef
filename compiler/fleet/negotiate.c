/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A negotiation played through on facts. */
#include <stdio.h>

#include "compiler/fleet/fleet.h"

struct play {
    struct arena *a;
    const struct fleet_end *i, *r;
    struct negotiation n;
};

static const char *say(struct play *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *say(struct play *p, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    const char *z = arena_strndup(p->a, b.p ? b.p : "", b.len);
    buf_free(&b);
    return z;
}

static bool fail(struct play *p, enum diag_id id, uint32_t initiator, uint32_t responder, const char *why)
{
    p->n.failed = true;
    p->n.id = id;
    p->n.why = why;
    p->n.initiator_line = initiator;
    p->n.responder_line = responder;
    return false;
}

static const char *name_of(struct play *p, enum algo_id id, unsigned bits)
{
    const struct algo *a = algo_get(id);
    return a->kind == ALGO_ENCR && a->keys[1] ? say(p, "%s-%u", a->name, bits ? bits : a->keys[0]) : a->name;
}

/* The first of `own` that is also in `theirs`. */
static const struct fact_algorithm *common(const struct ptrlist *own, const struct ptrlist *theirs)
{
    PTRLIST_FOR (struct fact_algorithm, x, own) {
        PTRLIST_FOR (struct fact_algorithm, y, theirs) {
            if (x->id == y->id && x->bits == y->bits)
                return x;
        }
    }
    return NULL;
}

/* ---- keys ---- */

static bool keys_agree(struct play *p)
{
    const struct fact_peer *a = p->i->peer, *b = p->r->peer;
    if (a && !a->has_key)
        return fail(p, D_FL_KEYS, a->line, 0,
                    say(p, "%s has no pre-shared key for %s", p->i->device->name, p->r->device->name));
    if (b && !b->has_key)
        return fail(p, D_FL_KEYS, 0, b->line,
                    say(p, "%s has no pre-shared key for %s", p->r->device->name, p->i->device->name));
    if (!a || !b)
        return true; /* a dynamic entry: its keys are judged by the router's own rules */
    bool there = *a->local_key && *b->remote_key;
    if (there && (strcmp(a->local_key, b->remote_key) != 0 || strcmp(a->remote_key, b->local_key) != 0))
        return fail(p, D_FL_KEYS, a->key_line, b->key_line, "the pre-shared keys differ");
    return true;
}

/* ---- phase 1 ---- */

static bool phase1_v1(struct play *p)
{
    bool but_auth = false;
    PTRLIST_FOR (struct fact_proposal, own, &p->r->device->policies) {
        PTRLIST_FOR (struct fact_proposal, theirs, &p->i->device->policies) {
            if (!common(&own->encr, &theirs->encr) || !common(&own->integ, &theirs->integ) ||
                !common(&own->group, &theirs->group))
                continue;
            if (own->auth != theirs->auth) {
                but_auth = true;
                continue;
            }
            const struct fact_algorithm *e = own->encr.v[0], *h = own->integ.v[0], *g = own->group.v[0];
            p->n.ike = say(p, "IKEv1 %s, %s, %s, %s, %llu s (policies %s and %s)", name_of(p, e->id, e->bits),
                           algo_get(h->id)->name, algo_get(g->id)->name, algo_get(own->auth)->name,
                           (unsigned long long)(own->lifetime < theirs->lifetime ? own->lifetime : theirs->lifetime),
                           theirs->name, own->name);
            return own->auth != ALGO_AUTH_PSK || keys_agree(p);
        }
    }
    uint32_t a =
        p->i->device->policies.n ? ((struct fact_proposal *)p->i->device->policies.v[0])->line : p->i->tunnel->line;
    uint32_t b =
        p->r->device->policies.n ? ((struct fact_proposal *)p->r->device->policies.v[0])->line : p->r->tunnel->line;
    return fail(p, but_auth ? D_FL_AUTH : D_FL_IKE_POLICY, a, b,
                but_auth ? "isakmp policies agree on algorithms but not on authentication"
                         : "no isakmp policy is common to both");
}

/* One of the responder's proposals against one of the initiator's. */
static bool take_proposal(struct play *p, const struct fact_proposal *own, const struct fact_proposal *theirs)
{
    const struct fact_algorithm *prf = common(&own->prf, &theirs->prf), *g = common(&own->group, &theirs->group);
    const struct fact_algorithm *h = common(&own->integ, &theirs->integ);
    PTRLIST_FOR (struct fact_algorithm, e, &own->encr) {
        struct ptrlist one = {(void *[]){e}, 1, 1};
        bool aead = algo_get(e->id)->is_aead;
        if (!common(&one, &theirs->encr) || !prf || !g || (!aead && !h))
            continue;
        p->n.ike = say(p, "IKEv2 %s, %s%sPRF %s, %s (proposals %s and %s)", name_of(p, e->id, e->bits),
                       aead ? "" : algo_get(h->id)->name, aead ? "" : ", ", algo_get(prf->id)->name,
                       algo_get(g->id)->name, theirs->name, own->name);
        return true;
    }
    return false;
}

static bool id_matches(const struct fleet_end *who, const struct fleet_end *by)
{
    const struct fact_identity *i = &who->tunnel->identity;
    PTRLIST_FOR (struct fact_identity, m, &by->tunnel->match) {
        if (strcmp(m->kind, "any") == 0)
            return true;
        if (!i->kind && strncmp(m->kind, "address", 7) == 0) {
            PTRLIST_FOR (struct ip_addr, a, &who->tunnel->local) {
                uint32_t mask = m->mask.family == FAMILY_V4 ? addr_v4(&m->mask) : 0xffffffffu;
                if (a->family == m->address.family &&
                    (a->family == FAMILY_V4 ? ((addr_v4(a) ^ addr_v4(&m->address)) & mask) == 0
                                            : addr_eq(a, &m->address)))
                    return true;
            }
        }
        if (i->kind && strcmp(i->kind, m->kind) == 0) {
            size_t n = strlen(i->value), k = strlen(m->value);
            if (strcmp(i->value, m->value) == 0 || (m->domain && n >= k && strcmp(i->value + n - k, m->value) == 0))
                return true;
        }
    }
    return by->tunnel->match.n == 0; /* by certificate: not to be told from here */
}

static bool authenticate_v2(struct play *p)
{
    const struct fact_tunnel *a = p->i->tunnel, *b = p->r->tunnel;
    const struct fleet_end *const ends[2] = {p->i, p->r};
    for (int k = 0; k < 2; k++) {
        const struct fact_tunnel *from = k ? b : a, *to = k ? a : b;
        if (strcmp(from->auth_local, to->auth_remote) != 0)
            return fail(p, D_FL_AUTH, a->auth_line, b->auth_line,
                        say(p, "%s authenticates by %s, %s expects %s", ends[k]->device->name,
                            *from->auth_local ? from->auth_local : "nothing", ends[!k]->device->name,
                            *to->auth_remote ? to->auth_remote : "nothing"));
        if (!id_matches(ends[k], ends[!k])) {
            const struct fact_identity *m = to->match.v[0];
            uint32_t mine = from->identity.kind ? from->identity.line : from->line;
            return fail(p, D_FL_IDENTITY, k ? m->line : mine, k ? mine : m->line,
                        say(p, "%s calls itself by %s%s%s, and no match identity of %s takes that",
                            ends[k]->device->name, from->identity.kind ? from->identity.kind : "its address",
                            from->identity.kind ? " " : "", from->identity.kind ? from->identity.value : "",
                            ends[!k]->device->name));
        }
    }
    return strcmp(a->auth_local, "pre-share") != 0 || keys_agree(p);
}

static bool phase1_v2(struct play *p)
{
    PTRLIST_FOR (struct fact_proposal, own, &p->r->device->proposals) {
        PTRLIST_FOR (struct fact_proposal, theirs, &p->i->device->proposals) {
            if (take_proposal(p, own, theirs))
                return authenticate_v2(p);
        }
    }
    const struct ptrlist *a = &p->i->device->proposals, *b = &p->r->device->proposals;
    return fail(p, D_FL_IKE_POLICY,
                a->n && ((struct fact_proposal *)a->v[0])->line ? ((struct fact_proposal *)a->v[0])->line
                                                                : p->i->tunnel->auth_line,
                b->n && ((struct fact_proposal *)b->v[0])->line ? ((struct fact_proposal *)b->v[0])->line
                                                                : p->r->tunnel->auth_line,
                "no IKEv2 proposal is common to both");
}

/* ---- phase 2 ---- */

static bool is_host(const struct addr_bits *a, const struct ip_addr *host)
{
    int n = host->family == FAMILY_V4 ? 4 : 16;
    for (int i = 0; i < n; i++)
        if (a->care[i] != 0xff || a->value[i] != host->b[i])
            return false;
    return true;
}

/* Transport mode is used only for traffic between the two peers; otherwise the router silently takes tunnel mode. */
static bool between_peers(const struct fleet_end *e)
{
    if (e->tunnel->kind == FACT_TUNNEL)
        return true;
    const struct fact_line *l = e->tunnel->lines.n ? e->tunnel->lines.v[0] : NULL;
    const struct box *b = l && l->boxes.n ? l->boxes.v[0] : NULL;
    if (!b || !e->peer || e->peer->address.family != b->family || !is_host(&b->dst, &e->peer->address))
        return false;
    PTRLIST_FOR (struct ip_addr, a, &e->tunnel->local) {
        if (a->family == b->family && is_host(&b->src, a))
            return true;
    }
    return false;
}

static bool same_transforms(const struct fact_set *a, const struct fact_set *b)
{
    if (a->transforms.n != b->transforms.n)
        return false;
    PTRLIST_FOR (struct fact_transform, x, &a->transforms) {
        bool found = false;
        PTRLIST_FOR (struct fact_transform, y, &b->transforms) {
            found |= x->id == y->id && x->bits == y->bits && x->proto == y->proto;
        }
        if (!found)
            return false;
    }
    return true;
}

static const char *set_words(struct play *p, const struct fact_set *s, bool transport)
{
    static const char *const protos[] = {"AH ", "", ""};
    struct buf b = {0};
    PTRLIST_FOR (struct fact_transform, t, &s->transforms) {
        buf_printf(&b, "%s%s%s", b.len ? ", " : "", protos[t->proto], name_of(p, t->id, t->bits));
    }
    buf_printf(&b, ", %s mode", transport ? "transport" : "tunnel");
    const char *z = arena_strndup(p->a, b.p ? b.p : "", b.len);
    buf_free(&b);
    return z;
}

static bool choose_set(struct play *p)
{
    const struct fact_tunnel *a = p->i->tunnel, *b = p->r->tunnel;
    bool ap = between_peers(p->i), bp = p->r->peer ? between_peers(p->r) : ap, but_mode = false;
    uint32_t mode_line = 0;
    PTRLIST_FOR (struct fact_set, own, &b->sets) {
        PTRLIST_FOR (struct fact_set, theirs, &a->sets) {
            if (!same_transforms(own, theirs))
                continue;
            bool mine = own->transport && bp, other = theirs->transport && ap;
            if (mine != other && a->ike != 2) {
                but_mode = true;
                mode_line = own->line;
                continue;
            }
            p->n.ipsec = set_words(p, own, mine && other);
            return true;
        }
    }
    uint32_t la = a->sets.n ? ((struct fact_set *)a->sets.v[0])->line : a->line;
    uint32_t lb = mode_line ? mode_line : b->sets.n ? ((struct fact_set *)b->sets.v[0])->line : b->line;
    return fail(p, but_mode ? D_FL_MODE : D_FL_TRANSFORM, la, lb,
                but_mode ? "transform sets agree, but one side wants transport mode and the other tunnel mode"
                         : "no transform set is common to both");
}

static bool choose_pfs(struct play *p)
{
    const struct fact_tunnel *a = p->i->tunnel, *b = p->r->tunnel;
    if (b->pfs && a->pfs != b->pfs) {
        const char *why = a->pfs ? say(p, "%s asks for PFS with %s, %s for %s", p->i->device->name,
                                       algo_get(a->pfs)->name, p->r->device->name, algo_get(b->pfs)->name)
                                 : say(p, "%s demands PFS with %s, %s does not ask for it", p->r->device->name,
                                       algo_get(b->pfs)->name, p->i->device->name);
        fail(p, D_FL_PFS, a->pfs ? a->pfs_line : a->line, b->pfs_line, why);
        p->n.rekey_fails = a->ike == 2; /* RFC 7296 section 1.2: the first child has no exchange of its own */
        return p->n.rekey_fails;
    }
    if (a->pfs)
        p->n.ipsec = say(p, "%s, PFS %s", p->n.ipsec, algo_get(a->pfs)->name);
    return true;
}

/* ---- manual keys ---- */

static const struct fact_session_key *session_key(const struct fact_tunnel *t, bool outbound, uint8_t proto)
{
    PTRLIST_FOR (struct fact_session_key, k, &t->keys) {
        if (k->outbound == outbound && k->proto == proto)
            return k;
    }
    return NULL;
}

static bool is_same_digest(const char *a, const char *b)
{
    return !*a || !*b || strcmp(a, b) == 0; /* without a salt nothing can be told */
}

/* What goes out here comes in there: the same SPI and the same keys (guide, Creating Manual Crypto Maps, step 8). */
static bool session_keys_agree(struct play *p, uint8_t proto)
{
    const struct fact_session_key *out = session_key(p->i->tunnel, true, proto),
                                  *in = session_key(p->r->tunnel, false, proto);
    const char *name = proto == PROTO_AH ? "AH" : "ESP", *here = p->i->device->name, *there = p->r->device->name;
    if (!out)
        return fail(p, D_FL_SESSION_KEYS, p->i->tunnel->line, p->r->tunnel->line,
                    say(p, "%s has no outbound session key of %s", here, name));
    if (!in)
        return fail(p, D_FL_SESSION_KEYS, out->line, p->r->tunnel->line,
                    say(p, "%s has no inbound session key of %s", there, name));
    if (out->spi != in->spi)
        return fail(p, D_FL_SESSION_KEYS, out->line, in->line,
                    say(p, "%s sends with SPI %u of %s, %s expects %u", here, out->spi, name, there, in->spi));
    if (!is_same_digest(out->cipher, in->cipher) || !is_same_digest(out->authenticator, in->authenticator))
        return fail(p, D_FL_SESSION_KEYS, out->line, in->line,
                    say(p, "the session keys of %s from %s to %s differ", name, here, there));
    return true;
}

static bool manual_agrees(struct play *p)
{
    const struct fact_set *s = p->i->tunnel->sets.n ? p->i->tunnel->sets.v[0] : NULL;
    bool has[PROTO_COMP + 1] = {false};
    p->n.ike = "manual keys";
    if (!choose_set(p))
        return false;
    PTRLIST_FOR (struct fact_transform, t, &s->transforms) {
        has[t->proto] = true;
    }
    return (!has[PROTO_AH] || session_keys_agree(p, PROTO_AH)) &&
           (!has[PROTO_ESP] || session_keys_agree(p, PROTO_ESP));
}

/* ---- what is protected ---- */

struct wanted {
    const struct box *mirror;
    bool taken;
};

static void takes(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    struct wanted *w = ctx;
    (void)rank, (void)tag;
    if (box_subset(w->mirror, b)) {
        w->taken = true;
        *floor = UINT32_MAX;
    }
}

static void compare_lists(struct play *p)
{
    const struct fact_tunnel *a = p->i->tunnel, *b = p->r->tunnel;
    struct box_index *index = box_index_new(p->a);
    PTRLIST_FOR (struct fact_line, l, &b->lines) {
        PTRLIST_FOR (struct box, x, &l->boxes) {
            box_index_add(index, x, 1, l);
        }
    }
    PTRLIST_FOR (struct fact_line, l, &a->lines) {
        bool all = true;
        PTRLIST_FOR (struct box, x, &l->boxes) {
            struct box mirror = box_mirror(x);
            struct wanted w = {&mirror, b->any_traffic};
            uint32_t floor = 0;
            if (!w.taken)
                box_index_visit(index, &mirror, &floor, takes, &w);
            if (!w.taken && all && !p->n.refused) {
                struct packet k = box_witness(x);
                p->n.refused = packet_text(p->a, &k);
                p->n.refused_line = l->line;
            }
            all &= w.taken;
        }
        p->n.lines++;
        p->n.accepted += all;
    }
}

static bool lists_agree(struct play *p)
{
    const struct fact_tunnel *a = p->i->tunnel, *b = p->r->tunnel;
    if (a->any_traffic && b->any_traffic)
        return true;
    if (a->any_traffic)
        return fail(p, D_FL_MIRROR, a->line, b->line, "one side has a crypto list, the other has none");
    if (b->any_traffic && b->kind != FACT_DYNAMIC)
        return fail(p, D_FL_MIRROR, a->line, b->line, "one side has a crypto list, the other has none");
    compare_lists(p);
    if (p->n.accepted > 0 || p->n.lines == 0)
        return true;
    uint32_t theirs = b->lines.n ? ((struct fact_line *)b->lines.v[0])->line : b->line;
    return fail(p, D_FL_MIRROR, p->n.refused_line, theirs,
                say(p, "no line of %s is the mirror of what %s protects, such as %s", p->r->device->name,
                    p->i->device->name, p->n.refused));
}

unsigned fleet_affinity(struct arena *a, const struct fleet_end *x, const struct fleet_end *y)
{
    struct play there = {a, x, y, {0}}, back = {a, y, x, {0}};
    bool both_any = x->tunnel->any_traffic && y->tunnel->any_traffic;
    if (!x->tunnel->any_traffic && !y->tunnel->any_traffic) {
        compare_lists(&there);
        compare_lists(&back);
    }
    uint32_t lines = there.n.accepted + back.n.accepted;
    return (lines < 100000 ? lines : 100000) * 8 + (both_any ? 8 : 0) + (x->tunnel->kind == y->tunnel->kind ? 4 : 0) +
           (x->tunnel->ike == y->tunnel->ike ? 2 : 0) + (strcmp(x->tunnel->name, y->tunnel->name) == 0 ? 1 : 0);
}

static const char *speaks(uint8_t ike)
{
    static const char *const words[] = {"uses manual keys", "speaks IKEv1", "speaks IKEv2"};
    return words[ike];
}

struct negotiation negotiate(struct arena *a, const struct fleet_end *initiator, const struct fleet_end *responder)
{
    struct play p = {a, initiator, responder, {0}};
    const struct fact_tunnel *x = initiator->tunnel, *y = responder->tunnel;
    if (x->ike != y->ike)
        fail(&p, D_FL_VERSION, x->line, y->line,
             say(&p, "%s %s, %s %s", initiator->device->name, speaks(x->ike), responder->device->name, speaks(y->ike)));
    else if (x->ike == 0)
        p.n.up = manual_agrees(&p) && lists_agree(&p);
    else
        p.n.up = (x->ike == 2 ? phase1_v2(&p) : phase1_v1(&p)) && choose_set(&p) && lists_agree(&p) && choose_pfs(&p);
    return p.n;
}
