/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ioscc clear crypto isakmp [CONN-ID] | ikev2 sa [remote A] | session [remote A]: the IKE daemon ends IKE SAs with all
 * that hangs on them.
 *
 * ioscc clear crypto sa [peer A | map NAME | entry DEST PROTO SPI | counters] (guide, clear crypto sa). Manual SAs come
 * back at once, with fresh sequence numbers; those that IKE made are ended by the daemon, which tells the peer, and
 * come back when traffic asks for them.
 */
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "backends/show/flows.h"
#include "compiler/cli/ask.h"
#include "compiler/cli/live.h"

enum { OPT_STATE, OPT_WAIT };
static const struct cli_option options[] = {
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state of apply is kept (/run/ioscc)"},
    [OPT_WAIT] = {"wait", 0, "SECONDS", "how long to wait for another ioscc (10)"},
    {NULL, 0, NULL, NULL},
};

struct which {
    const char *map;
    const char *peer_name; /* an address or a name */
    struct ip_addr peer, dst;
    uint8_t proto;
    uint32_t spi;
    bool counters;
};

/* The words behind `crypto sa`; the guide prints `sa` once more before map and entry. */
static bool parse(int n, char **w, struct which *q)
{
    if (n > 0 && strcmp(w[0], "sa") == 0)
        n--, w++;
    if (n == 0)
        return true;
    if (n == 1 && str_prefix_of(str_lit(w[0]), "counters"))
        return q->counters = true;
    if (n == 2 && str_prefix_of(str_lit(w[0]), "map")) {
        q->map = w[1];
        return true;
    }
    if (n == 2 && str_prefix_of(str_lit(w[0]), "peer")) {
        q->peer_name = w[1];
        return true;
    }
    if (n != 4 || !str_prefix_of(str_lit(w[0]), "entry") || !addr_parse(str_lit(w[1]), &q->dst))
        return false;
    q->proto = strcmp(w[2], "ah") == 0 ? IPPROTO_AH : strcmp(w[2], "esp") == 0 ? IPPROTO_ESP : 0;
    char *end;
    unsigned long v = strtoul(w[3], &end, 0);
    q->spi = (uint32_t)v;
    return q->proto && *end == '\0' && v > 0 && v <= UINT32_MAX;
}

/* The map that an SA is of: by its line, or as one of a dynamic entry's peer. NULL: it is not ours. */
static const struct target_map *map_of(const struct live *l, const struct xfrm_sa *s)
{
    PTRLIST_FOR (struct target_map, m, &l->session.apply.target.maps) {
        PTRLIST_FOR (struct target_line, t, &m->lines) {
            if (t->reqid == s->reqid)
                return m;
        }
        if (show_is_dynamic(m, s))
            return m;
    }
    return NULL;
}

static const struct xfrm_sa *manual_of(const struct live *l, const struct xfrm_sa *s)
{
    PTRLIST_FOR (struct xfrm_sa, w, &l->session.apply.xfrm.sas) {
        if (w->spi == s->spi && w->proto == s->proto && addr_eq(&w->dst, &s->dst))
            return w;
    }
    return NULL;
}

static bool is_named(const struct which *q, const struct xfrm_sa *s)
{
    return s->spi == q->spi && s->proto == q->proto && addr_eq(&s->dst, &q->dst);
}

/* `entry` names one SA. Of manual ones all go that are keyed with it; of one that IKE made the daemon ends what was
 * made together with it, both directions, and no other pair of the same line. */
static uint32_t manual_reqid_of_entry(const struct live *l, const struct which *q)
{
    PTRLIST_FOR (struct xfrm_sa, s, &l->session.apply.xfrm_held.sas) {
        if (q->spi && is_named(q, s) && manual_of(l, s))
            return s->reqid;
    }
    return 0;
}

/* Of a dynamic entry's SA the dynamic map's name is one too. */
static bool is_map_called(const struct target_map *m, const struct xfrm_sa *s, const char *name)
{
    if (str_is(m->map->name.s, name))
        return true;
    const struct crypto_map *only = NULL;
    PTRLIST_FOR (struct crypto_map_entry, e, &m->map->entries) {
        const struct crypto_map *d = e->dynamic.target;
        if (d && only && only != d)
            return false; /* which of both a peer is of the kernel does not know */
        only = d ? d : only;
    }
    return only && str_is(only->name.s, name) && (!s || show_is_dynamic(m, s));
}

static bool selected(const struct live *l, const struct which *q, const struct xfrm_sa *s, uint32_t manual_reqid)
{
    const struct target_map *m = map_of(l, s);
    if (!m)
        return false; /* not of a line of ours */
    if (q->map)
        return is_map_called(m, s, q->map);
    if (q->peer.family)
        return addr_eq(&s->src, &q->peer) || addr_eq(&s->dst, &q->peer);
    if (!q->spi)
        return true;
    return manual_reqid ? s->reqid == manual_reqid : is_named(q, s);
}

static int clear_counters(struct live *l)
{
    struct state *st = &l->session.state;
    st->bases.n = 0;
    PTRLIST_FOR (struct xfrm_sa, s, &l->session.apply.xfrm_held.sas) {
        if (!map_of(l, s))
            continue;
        s->count.replay_errors += s->count.integrity_errors;
        ptrlist_add(st->arena, &st->bases, s);
    }
    return state_save(st) < 0 ? EXIT_SYSTEM : EXIT_CLEAN;
}

static long long cleared(json_t *answer)
{
    long long n = answer ? (long long)json_integer_value(json_object_get(answer, "cleared")) : -1;
    json_decref(answer);
    return n;
}

static bool daemon_runs(const char *dir)
{
    char path[512];
    snprintf(path, sizeof path, "%s/control.sock", dir);
    return access(path, W_OK) == 0;
}

/* IKE SAs. `w`: the words behind `crypto`. -1: they are about something else. */
static int clear_ike(const struct command *c, const char *dir, int n, char **w)
{
    struct ip_addr peer;
    bool v1 = n >= 1 && str_prefix_of(str_lit(w[0]), "isakmp") && strlen(w[0]) > 1;
    bool v2 = n >= 1 && str_prefix_of(str_lit(w[0]), "ikev2") && strlen(w[0]) > 1;
    bool all = n >= 1 && str_prefix_of(str_lit(w[0]), "session") && strlen(w[0]) > 1;
    if (!v1 && !v2 && !all)
        return -1;
    json_t *q = json_pack("{s:s}", "do", "clear");
    if (!all)
        json_object_set_new(q, "version", json_integer(v1 ? 1 : 2));
    int used = v2 && n >= 2 && strcmp(w[1], "sa") == 0 ? 2 : 1;
    bool good = n == used;
    if (v1 && n == 2) {
        char *end;
        long long id = strtoll(w[1], &end, 10);
        good = *end == '\0' && id > 0;
        json_object_set_new(q, "id", json_integer(id));
    } else if (!v1 && n == used + 2) {
        good = str_prefix_of(str_lit(w[used]), "remote") && addr_parse(str_lit(w[used + 1]), &peer);
        json_object_set_new(q, "peer", json_string(w[used + 1]));
    }
    if (!good) {
        json_decref(q);
        return cli_usage_error(c, "clear what? crypto isakmp [CONN-ID] | ikev2 sa [remote A] | session [remote A]");
    }
    long long k = cleared(ask_daemon(c, dir, q));
    if (k < 0)
        return EXIT_SYSTEM;
    printf("%lld IKE SAs cleared.\n", k);
    return k ? EXIT_CLEAN : EXIT_FINDINGS;
}

/* What IKE made is the daemon's to end: it tells the peer. True if it has done so. */
static bool daemon_clears(const struct live *l, const struct xfrm_sa *s, const char *dir)
{
    return daemon_runs(dir) && cleared(ask_daemon(l->session.command, dir,
                                                  json_pack("{s:s, s:s, s:I}", "do", "clear", "what", "children", "spi",
                                                            (json_int_t)s->spi))) > 0;
}

static bool gone_already(uint32_t i, int error, const void *arg)
{
    (void)i;
    (void)arg;
    return error == -ESRCH;
}

static bool has_map(const struct live *l, const char *name)
{
    PTRLIST_FOR (struct target_map, m, &l->session.apply.target.maps) {
        if (is_map_called(m, NULL, name))
            return true;
    }
    return false;
}

static int clear_sas(struct live *l, const struct which *q, const char *dir)
{
    struct netlink *n = &l->session.apply.xfrm_link;
    struct netlink_batch b = {0};
    if (daemon_runs(dir) && !ask_is_answered(dir)) {
        fprintf(stderr, "ioscc %s: the daemon does not answer, it may be stopped: nothing is touched\n",
                l->session.command->name);
        return EXIT_SYSTEM;
    }
    if (q->map && !has_map(l, q->map))
        fprintf(stderr, "ioscc %s: no crypto map '%s' is applied\n", l->session.command->name, q->map);
    uint32_t gone = 0, back = 0, failed = 0, reqid = manual_reqid_of_entry(l, q);
    bool ok = true;
    PTRLIST_FOR (struct xfrm_sa, s, &l->session.apply.xfrm_held.sas) {
        if (!selected(l, q, s, reqid))
            continue;
        const struct xfrm_sa *again = manual_of(l, s);
        if (!again && daemon_clears(l, s, dir)) {
            gone += q->spi ? 2 : 1; /* the other direction is not named, and goes with it */
            continue;
        }
        ok &= xfrm_put_sa_delete(n, &b, s) && (!again || xfrm_put_sa(n, &b, again));
        gone++;
        back += again != NULL;
    }
    int r = ok ? 0 : -ENOMEM;
    if (ok && b.n)
        r = netlink_send(n, &b, 0, gone_already, NULL, &failed);
    netlink_batch_free(&b);
    if (r < 0) {
        fprintf(stderr, "ioscc clear: the kernel refused: %s %s\n", ok ? strerror(-r) : "out of memory", n->extack);
        return EXIT_SYSTEM;
    }
    printf("%u SAs cleared, %u of them manual and back.\n", gone, back);
    bool has_chosen = q->spi || q->map || q->peer.family;
    return has_chosen && !gone ? EXIT_FINDINGS : EXIT_CLEAN;
}

/* Its address, or the one that its name had when it was looked up last (guide: peer {ip-address | peer-name}). */
static bool find_peer(const struct live *l, struct which *q)
{
    if (addr_parse(str_lit(q->peer_name), &q->peer))
        return true;
    PTRLIST_FOR (struct state_name, n, &l->session.state.names) {
        if (strcasecmp(n->name, q->peer_name) == 0) {
            q->peer = n->addr;
            return true;
        }
    }
    PTRLIST_FOR (struct target_map, m, &l->session.apply.target.maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->map->entries) {
            PTRLIST_FOR (struct map_peer, p, &e->peers) {
                const struct str name = p->host.name;
                bool is_its = name.len && str_ieq(name, q->peer_name) && p->host.addr.family;
                if (is_its)
                    q->peer = p->host.addr;
            }
        }
    }
    return q->peer.family != FAMILY_NONE;
}

static int run(const struct command *c, int argc, char **argv)
{
    const char *dir = STATE_DIR_DEFAULT, *value;
    char *words[8];
    int n = 0, i = 1, k, wait_s = 10;
    while (i < argc) {
        while ((k = cli_next(c, argc, argv, &i, &value)) >= 0) {
            if (k == OPT_STATE)
                dir = value;
            else
                wait_s = atoi(value) > 0 ? atoi(value) : 0;
        }
        if (k != CLI_END)
            return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
        if (i < argc && n == 8)
            return cli_usage_error(c, "too many words");
        if (i < argc)
            words[n++] = argv[i++];
    }
    struct which q = {0};
    int code = n >= 2 && str_prefix_of(str_lit(words[0]), "crypto") ? clear_ike(c, dir, n - 1, words + 1) : -1;
    if (code >= 0)
        return code;
    if (n < 2 || !str_prefix_of(str_lit(words[0]), "crypto") || strcmp(words[1], "sa") != 0 ||
        !parse(n - 2, words + 2, &q))
        return cli_usage_error(c, "clear what? crypto sa [peer A|NAME | map NAME | entry DEST esp|ah SPI | counters]");
    struct live l;
    code = live_open(&l, c, dir, wait_s);
    if (code != EXIT_CLEAN)
        return code;
    if (q.peer_name && !find_peer(&l, &q))
        code = cli_usage_error(c, "clear crypto sa peer: '%s' is no address, and no peer that is applied has that name",
                               q.peer_name);
    else
        code = q.counters ? clear_counters(&l) : clear_sas(&l, &q, dir);
    session_close(&l.session);
    return code;
}

const struct command cmd_clear = {
    "clear",
    "[OPTION…] crypto sa [peer A|NAME | map NAME | entry DEST esp|ah SPI | counters] | isakmp [ID] | ikev2 sa [remote "
    "A] | "
    "session [remote A]",
    "Removes SAs as the router's commands do: manual ones come back at once, IKE's when traffic asks for them.",
    options,
    run,
};
