/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of a peer's genuine messages from where it is not, behind NAT: as long as it answers where it is they move it
 * nowhere, and where the NAT has really begun anew they hold it nowhere (findings U1 to U8). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/mappings.h"
#include "tests/attack/nearer.h"

#define SECOND_PLACE 777u /* ports of whoever copies: nobody is there */
#define THIRD_PLACE 778u
#define WATCHED_S 200

/* A message, by its place in an exchange. */
static bool is_exchange(const struct packet_in_flight *f, unsigned exchange)
{
    return packet_header(f)[18] == exchange;
}
static bool is_question(const struct packet_in_flight *f)
{
    return is_exchange(f, X1_INFO) || (is_exchange(f, X2_INFORMATIONAL) && !is_response(packet_header(f)));
}

static unsigned n_copies, n_seen;
static bool is_on;
static unsigned old_port;

/* What is sent to a copier's place is lost. */
static bool is_lost(const struct packet_in_flight *f)
{
    return f->to.port == SECOND_PLACE || f->to.port == THIRD_PLACE;
}

/* U1: a question from a second place, from its own, from a third; then the answer to ours from the third, in front. */
static bool third_place(struct sim *s, struct packet_in_flight *f)
{
    if (is_lost(f) || !is_on || !is_of_branch(s, f))
        return !is_lost(f);
    if (n_copies == 0 && is_question(f)) {
        copied(s, f, SECOND_PLACE);
        copied(s, f, f->from.port);
        copied(s, f, THIRD_PLACE);
        n_copies = 1;
        return false;
    }
    if (n_copies == 1 && is_exchange(f, X2_INFORMATIONAL) && is_response(packet_header(f))) {
        copied(s, f, THIRD_PLACE);
        n_copies = 2;
    }
    return true;
}

/* U2: the NAT has begun anew; the first question from there is copied from where the peer was. */
static bool from_old_place(struct sim *s, struct packet_in_flight *f)
{
    if (!is_on || !is_of_branch(s, f) || !is_question(f) || n_copies)
        return true;
    copied(s, f, f->from.port);
    copied(s, f, old_port);
    n_copies = 1;
    return false;
}

/* U3: the delete of the old child, and U9: the first question from a new place, once more from a third one, behind. */
static bool third_behind(struct sim *s, struct packet_in_flight *f)
{
    if (is_lost(f) || !is_on || !is_of_branch(s, f) || !is_question(f) || n_copies)
        return !is_lost(f);
    copied(s, f, f->from.port);
    copied(s, f, THIRD_PLACE);
    n_copies = 1;
    return false;
}

/* U4: quick mode's third message, in front. */
static bool before_the_third(struct sim *s, struct packet_in_flight *f)
{
    if (is_lost(f) || !is_on || !is_of_branch(s, f) || !is_exchange(f, X1_QUICK))
        return !is_lost(f);
    if (++n_seen == 2) {
        copied(s, f, THIRD_PLACE);
        n_copies++;
    }
    return true;
}

/* U5: 22 copies in front of a question and of each repetition. */
static bool uses_up_answers(struct sim *s, struct packet_in_flight *f)
{
    if (is_lost(f) || !is_on || !is_of_branch(s, f) || is_response(packet_header(f)))
        return !is_lost(f);
    for (unsigned i = 0; i < 22; i++, n_copies++)
        copied(s, f, THIRD_PLACE);
    return true;
}

/* U6: main mode's fifth message, then two answers to our question, each in front. */
static bool fifth_and_answers(struct sim *s, struct packet_in_flight *f)
{
    if (is_lost(f) || !is_on || !is_of_branch(s, f))
        return !is_lost(f);
    bool is_fifth = is_exchange(f, X1_MAIN) && packet_header(f)[19] & IKE1_ENCRYPTED && n_copies == 0;
    bool is_one = is_exchange(f, X1_INFO) && n_copies >= 1 && n_copies < 3;
    if (is_fifth || is_one) {
        copied(s, f, THIRD_PLACE);
        n_copies++;
    }
    return true;
}

/* U8: nobody copies anything; what the branch does is the first message from its new place. */
static bool no_copy(struct sim *s, struct packet_in_flight *f)
{
    n_copies += is_on && is_of_branch(s, f);
    return true;
}

/* U10: its first answers from there once more from where it was, in front. */
static bool answers_from_old_place(struct sim *s, struct packet_in_flight *f)
{
    bool is_one = is_exchange(f, X1_INFO) || (is_exchange(f, X2_INFORMATIONAL) && is_response(packet_header(f)));
    if (is_on && is_of_branch(s, f) && is_one && n_copies < 2) {
        copied(s, f, old_port);
        n_copies++;
    }
    return true;
}

enum begins { QUESTION, REKEY_CHILD, REKEY_IKE };
struct row {
    unsigned version;
    enum begins with; /* what the branch does */
    bool (*meddle)(struct sim *s, struct packet_in_flight *f);
    bool begins_anew; /* the NAT does, in front of it */
    unsigned asked_s; /* so long before that the hub has asked it, where it no longer is */
    bool is_silent;   /* the branch asks nothing of itself; the hub does then, all the time */
    unsigned away_s;  /* so long at most the hub may speak to where the peer is not */
};

static void branch_does(struct pair *x, const struct row *r)
{
    struct ike *branch = x->s.nodes[1].ike;
    struct ike_sa *sa = standing_sa(&x->s, 1);
    struct ike_child *c = sa->children;
    if (r->with == REKEY_CHILD) {
        begin_task(&x->s, 1, sa, (struct ike_task){.kind = TASK_REKEY_CHILD, .spi = c->spi_in, .entry = c->entry});
    } else if (r->with == REKEY_IKE) {
        sa->rekey_at = x->s.now;
        ike_timer_update(branch, sa);
    } else if (r->version == 2) {
        begin_task(&x->s, 1, sa, (struct ike_task){.kind = TASK_DPD});
    } else {
        ike_v1.ask(branch, sa);
    }
}

#define LOOKS_PER_S 10

/* NULL: at no time longer than the row says in a row where nobody is, and the same tunnel at both ends. */
static const char *watched(struct pair *x, const struct row *r, uint16_t place)
{
    unsigned away = 0, alone = 0;
    const char *bad = NULL;
    for (unsigned i = 0; i < WATCHED_S * LOOKS_PER_S && !bad; i++) {
        pass(&x->s, 1000 / LOOKS_PER_S);
        const struct ike_sa *hub = standing_sa(&x->s, 0);
        bool is_away = hub && hub->remote.port != place;
        away = is_away ? away + 1 : 0;
        bool is_alone = !children_of(&x->s, 0) != !children_of(&x->s, 1);
        alone = is_alone ? alone + 1 : 0;
        if (away > r->away_s * LOOKS_PER_S)
            bad = broken("the hub speaks to where the peer is not for more than %u s", r->away_s);
        else if (alone > 20 * LOOKS_PER_S)
            bad = broken("one end has a tunnel that the other has not for more than 20 s");
    }
    return bad;
}

static const char *copies(const struct row *r)
{
    static struct pair x;
    pair_open(&x, r->version, 1);
    x.hub.p.v1_keepalive_s = 10;
    x.hub.p.v1_keepalive_periodic = r->is_silent;
    x.branch.p.v1_keepalive_s = r->is_silent ? 0 : 10;
    behind_nat(&x);
    x.s.delay_ms = 1;
    slow_begin(&x.s);
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 5000);
    old_port = standing_sa(&x.s, 0)->remote.port;
    uint16_t place = (uint16_t)old_port;
    if (r->begins_anew) {
        x.s.nodes[1].outside_port[0] = 6000;
        x.s.nodes[1].outside_port[1] = place = 6001;
    }
    if (r->asked_s) {
        struct ike_sa *hub = standing_sa(&x.s, 0);
        x.s.nodes[0].ike->version[r->version]->ask(x.s.nodes[0].ike, hub);
        pass(&x.s, 1000u * (uint64_t)r->asked_s);
    }
    const uint64_t id = standing_sa(&x.s, 0)->id, spi = standing_sa(&x.s, 0)->own_spi;
    is_on = true;
    n_copies = n_seen = 0;
    x.s.meddle = r->meddle;
    branch_does(&x, r);
    const char *bad = watched(&x, r, place);
    is_on = false;
    x.s.meddle = NULL;
    bool stays = r->with == REKEY_IKE || ike_still(x.s.nodes[0].ike, spi, id);
    if (!bad && !stays)
        bad = "the IKE SA is gone";
    return over(&x.s, n_copies ? bad : "nothing was copied");
}

#define ROW(name, ...)                                                                                                 \
    static const char *name(void)                                                                                      \
    {                                                                                                                  \
        return copies(&(struct row){__VA_ARGS__});                                                                     \
    }
ROW(third_place_v2, .version = 2, .with = QUESTION, .meddle = third_place, .is_silent = true)
ROW(old_place_v2, .version = 2, .with = QUESTION, .meddle = from_old_place, .begins_anew = true, .away_s = 20)
ROW(old_place_v1, .version = 1, .with = QUESTION, .meddle = from_old_place, .begins_anew = true, .away_s = 20)
ROW(old_place_silent_v1, .version = 1, .with = QUESTION, .meddle = from_old_place, .begins_anew = true, .away_s = 20,
    .is_silent = true)
ROW(behind_a_delete_v2, .version = 2, .with = REKEY_CHILD, .meddle = third_behind)
ROW(before_the_third_v1, .version = 1, .with = REKEY_CHILD, .meddle = before_the_third)
ROW(before_the_third_silent_v1, .version = 1, .with = REKEY_CHILD, .meddle = before_the_third, .is_silent = true)
ROW(rekeys_from_there_v2, .version = 2, .with = REKEY_IKE, .meddle = no_copy, .begins_anew = true, .away_s = 20,
    .is_silent = true)
ROW(rekeys_from_there_v1, .version = 1, .with = REKEY_IKE, .meddle = no_copy, .begins_anew = true, .away_s = 20,
    .is_silent = true)
ROW(third_behind_v2, .version = 2, .with = QUESTION, .meddle = third_behind, .begins_anew = true, .away_s = 20,
    .is_silent = true)
ROW(third_behind_v1, .version = 1, .with = QUESTION, .meddle = third_behind, .begins_anew = true, .away_s = 20,
    .is_silent = true)
ROW(answer_from_old_v2, .version = 2, .with = QUESTION, .meddle = answers_from_old_place, .begins_anew = true,
    .away_s = 20, .is_silent = true)
ROW(answer_from_old_v1, .version = 1, .with = QUESTION, .meddle = answers_from_old_place, .begins_anew = true,
    .away_s = 20, .is_silent = true)
ROW(asked_before_v2, .version = 2, .with = QUESTION, .meddle = no_copy, .begins_anew = true, .away_s = 20,
    .asked_s = 40)
ROW(asked_before_v1, .version = 1, .with = QUESTION, .meddle = no_copy, .begins_anew = true, .away_s = 20, .asked_s = 8)
ROW(answers_used_up_v2, .version = 2, .with = QUESTION, .meddle = uses_up_answers, .away_s = 0)
ROW(fifth_silent_v1, .version = 1, .with = REKEY_IKE, .meddle = fifth_and_answers, .away_s = 20, .is_silent = true)
ROW(fifth_v1, .version = 1, .with = REKEY_IKE, .meddle = fifth_and_answers, .away_s = 20)

const struct attack attacks_whereabouts[] = {
    {"U1 a question from three places, its answer from two", third_place_v2},
    {"U2 the NAT begins anew, a copy from where it was, IKEv2", old_place_v2},
    {"U2b the NAT begins anew, a copy from where it was, IKEv1", old_place_v1},
    {"U2c the NAT begins anew, a copy from where it was, IKEv1, silent", old_place_silent_v1},
    {"U3 a delete once more behind itself", behind_a_delete_v2},
    {"U4 quick mode's third message once more", before_the_third_v1},
    {"U4b quick mode's third message once more, silent", before_the_third_silent_v1},
    {"U5 copies use up the answers", answers_used_up_v2},
    {"U6 the fifth message and two answers once more", fifth_v1},
    {"U6b the fifth message and two answers once more, silent", fifth_silent_v1},
    {"U8 the NAT begins anew, the peer rekeys from there, IKEv2", rekeys_from_there_v2},
    {"U8b the NAT begins anew, the peer rekeys from there, IKEv1", rekeys_from_there_v1},
    {"U9 a third place behind the new one, IKEv2", third_behind_v2},
    {"U9b a third place behind the new one, IKEv1", third_behind_v1},
    {"U10 answers once more from where it was, IKEv2", answer_from_old_v2},
    {"U10b answers once more from where it was, IKEv1", answer_from_old_v1},
    {"U11 it speaks from there when it has long been asked, IKEv2", asked_before_v2},
    {"U11b it speaks from there when it has long been asked, IKEv1", asked_before_v1},
    {NULL, NULL},
};
