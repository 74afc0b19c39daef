/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One genuine message of a peer behind NAT, sent again and again from where the peer is not (findings U12 to U15), and
 * an old question that makes the hub doubt where a silent peer is (Y4). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/mappings.h"
#include "tests/attack/nearer.h"

#define WATCHED_S 600

static bool is_on;
static unsigned n_copies, n_seen;

/* The message, as it is sent once more from the copier's port. */
static struct {
    uint8_t p[4096];
    struct packet_in_flight f;
} kept;

static void keep(const struct packet_in_flight *f)
{
    kept.f = *f;
    kept.f.p = kept.p;
    memcpy(kept.p, f->p, f->n);
}

static void send_kept(struct sim *s)
{
    copied(s, &kept.f, COPIER_PORT);
    n_copies++;
}

/* ---- in front of a message, and behind it ---- */

enum begins { TUNNEL, REAUTHENTICATION, REKEYING };
struct row {
    unsigned version;
    enum begins with;    /* what the branch does */
    bool has_dpd;        /* both ends have it */
    uint8_t exchange;    /* the message that is copied: a request of that exchange ... */
    unsigned nth;        /* ... and which of them */
    bool is_behind;      /* once more when it has been answered */
    bool is_each_second; /* ... and then each second */
};
static const struct row *row;

static bool in_front(struct sim *s, struct packet_in_flight *f)
{
    bool is_one = is_on && !n_copies && is_of_branch(s, f) && !is_response(packet_header(f));
    if (is_to_copier(f))
        return false;
    if (!is_one || packet_header(f)[18] != row->exchange || ++n_seen != row->nth)
        return true;
    keep(f);
    send_kept(s);
    return true;
}

static void branch_begins(struct sim *s)
{
    struct ike_sa *sa = standing_sa(s, 1);
    if (row->with == REKEYING) {
        rekey_child(s, 1);
        return;
    }
    sa->reauth_at = s->now;
    ike_timer_update(s->nodes[1].ike, sa);
}

/* NULL: the hub is with the copier for 5 of 600 seconds at most. */
static const char *watch_copier(struct sim *s)
{
    unsigned tenths = 0;
    for (unsigned i = 0; i < WATCHED_S * 10; i++) {
        pass(s, 100);
        const struct ike_sa *hub = standing_sa(s, 0);
        tenths += hub && hub->remote.port == COPIER_PORT;
        bool is_time = row->is_each_second ? i % 10 == 3 : row->is_behind && i == 3;
        if (n_copies && is_time)
            send_kept(s);
    }
    return tenths > 50
               ? broken("the hub is with the copier for %u s of %u, by %u copies", tenths / 10, WATCHED_S, n_copies)
               : NULL;
}

static const char *replayed(const struct row *r)
{
    static struct pair x;
    row = r;
    n_copies = n_seen = 0;
    mapped_open(&x, r->version);
    if (r->has_dpd)
        mapped_dpd(&x, 10, 30);
    x.s.meddle = in_front;
    is_on = r->with == TUNNEL;
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    if (!is_on) {
        pass(&x.s, 3000);
        is_on = true;
        if (!r->has_dpd && r->version == 1)
            standing_sa(&x.s, 0)->v1->peer_dpd = false; /* as if it had not said that it answers questions */
        branch_begins(&x.s);
    }
    const char *bad = watch_copier(&x.s);
    x.s.meddle = NULL;
    return over(&x.s, n_copies ? bad : "nothing was copied");
}

#define ROW(name, ...)                                                                                                 \
    static const char *name(void)                                                                                      \
    {                                                                                                                  \
        return replayed(&(struct row){__VA_ARGS__});                                                                   \
    }
ROW(first_auth, .version = 2, .with = TUNNEL, .has_dpd = true, .exchange = X2_AUTH, .nth = 1, .is_each_second = true)
ROW(auth_anew, .version = 2, .with = REAUTHENTICATION, .has_dpd = true, .exchange = X2_AUTH, .nth = 1,
    .is_each_second = true)
ROW(quick_third, .version = 1, .with = REKEYING, .exchange = X1_QUICK, .nth = 2)
ROW(quick_third_behind, .version = 1, .with = REKEYING, .exchange = X1_QUICK, .nth = 2, .is_behind = true)
ROW(quick_first, .version = 1, .with = REKEYING, .exchange = X1_QUICK, .nth = 1, .is_behind = true,
    .is_each_second = true)

/* ---- more places than there is room for ---- */

#define IN_FRONT 4u

/* Its requests alone: an answer that is copied in front would be the copier's to race with. */
static bool crowds_out(struct sim *s, struct packet_in_flight *f)
{
    if (is_to_copier(f))
        return false;
    if (!is_on || !is_of_branch(s, f) || is_response(packet_header(f)))
        return true;
    for (unsigned i = 0; i < IN_FRONT; i++, n_copies++)
        copied(s, f, COPIER_PORT + i);
    copied(s, f, f->from.port);
    copied(s, f, COPIER_PORT + IN_FRONT);
    return false;
}

static const char *crowded_out(void)
{
    static struct pair x;
    struct watched w = {0};
    n_copies = 0;
    is_on = false;
    mapped_open(&x, 2);
    mapped_dpd(&x, 0, 10);
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 3000);
    begin_mapping(&x.s, NEW_PORT);
    is_on = true;
    x.s.meddle = crowds_out;
    watch(&x.s, &w, 200);
    x.s.meddle = NULL;
    const char *bad = NULL;
    if (w.hub_without || w.branch_without || w.elsewhere_most > 300)
        bad = broken("%u s at the old place, no tunnel for %u s", w.elsewhere_most / 10, w.hub_without / 10);
    return over(&x.s, n_copies ? bad : "nothing was copied");
}

/* ---- an old question ---- */

static bool keeps_question(struct sim *s, struct packet_in_flight *f)
{
    if (is_on && !n_seen && is_of_branch(s, f) && packet_header(f)[18] == X1_INFO) {
        keep(f);
        n_seen++;
    }
    return !is_to_copier(f);
}

/* Nobody has dead peer detection configured; the branch has asked a minute ago, and hears nothing for 12 s. */
static const char *silent_peer(bool is_attacked)
{
    static struct pair x;
    struct watched w = {0};
    n_seen = n_copies = 0;
    mapped_open(&x, 1);
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 3000);
    is_on = true;
    x.s.meddle = keeps_question;
    ask_peer(&x.s, 1);
    pass(&x.s, 60000);
    x.s.nodes[1].deaf = true;
    if (is_attacked && n_seen)
        send_kept(&x.s);
    pass(&x.s, 12000);
    x.s.nodes[1].deaf = false;
    watch(&x.s, &w, 1200);
    x.s.meddle = NULL;
    const char *bad = NULL;
    if (w.hub_without)
        bad = broken("the hub has no tunnel for %u s of 1200, the branch for %u s", w.hub_without / 10,
                     w.branch_without / 10);
    return over(&x.s, n_seen ? bad : "nothing was asked");
}

static const char *old_question(void)
{
    const char *bad = silent_peer(false);
    return bad ? bad : silent_peer(true);
}

const struct attack attacks_replayed[] = {
    {"U12 IKE_AUTH once in front, and again each second", first_auth},
    {"U13 reauthentication: IKE_AUTH in front, and again each second", auth_anew},
    {"U14 IKEv1 without DPD: quick mode's third once in front", quick_third},
    {"U14b IKEv1 without DPD: quick mode's third in front and behind", quick_third_behind},
    {"U14c IKEv1 without DPD: quick mode's first in front and each second", quick_first},
    {"U15 four copies in front and one behind, from a new place", crowded_out},
    {"Y4 no DPD: an old question once more while the way is down", old_question},
    {NULL, NULL},
};
