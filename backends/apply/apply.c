/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/apply.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/apply/flows.h"
#include "backends/apply/foreign_rules.h"
#include "backends/apply/host_routes.h"
#include "backends/apply/idle_host.h"
#include "backends/apply/nat_addresses.h"
#include "backends/apply/obstacles.h"
#include "backends/apply/sa_support.h"
#include "backends/apply/unprotected.h"

/* ---- errors as sentences ---- */

static bool is_admin(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    return syscall(SYS_capget, &h, d) == 0 && (d[0].effective & 1u << CAP_NET_ADMIN) != 0;
}

/* What an error of the kernel means here, and what can be done. */
static const char *advice(int error, const char *extack)
{
    if (strstr(extack, "Requested type not found") || error == -EPROTONOSUPPORT || error == -EAFNOSUPPORT)
        return "this kernel has no ESP or AH: load esp4, esp6, ah4, ah6 or build it with CONFIG_INET_ESP, "
               "CONFIG_INET_AH, "
               "CONFIG_INET6_ESP and CONFIG_INET6_AH";
    if (strstr(extack, "algorithm not found"))
        return "this kernel lacks the algorithm: enable it in the kernel's crypto options";
    switch (error) {
    case -EPERM:
    case -EACCES:
        if (is_admin())
            return "another program holds it for itself alone (flags owner in 'nft list tables'), or a security module "
                   "forbids it";
        return "CAP_NET_ADMIN is needed: run it as root";
    case -ENOBUFS:
    case -ENOMEM:
        return "the kernel is out of memory for this many objects: raise net.core.wmem_max and rmem_max, or free "
               "memory";
    case -EEXIST:
        return "an object with this identity belongs to somebody else: see ip xfrm policy, ip xfrm state";
    case -ENOSYS:
        return "this kernel lacks the cipher or hash: enable it (CONFIG_CRYPTO_DES, _AES, _MD5, _SHA1, _SHA256, "
               "_SHA512, "
               "_NULL, _CBC, _GCM …)";
    case -EOPNOTSUPP:
        return "this kernel lacks it: CONFIG_XFRM_USER and CONFIG_NF_TABLES with its NAT, log and xfrm expressions are "
               "needed";
    case -ENOENT:
        return "an object it needs is not there: a kernel module (nft_nat, nft_masq, nft_xfrm, nft_log) may be missing";
    case -EINTR:
        return "the kernel's tables kept changing while they were read: try again";
    default:
        return NULL;
    }
}

static int say_fault(struct apply *a, int error, const char *what, const char *words)
{
    const char *todo = advice(error, words);
    size_t room = sizeof a->error;
    size_t len = (size_t)snprintf(a->error, room, "%s: %s", what, strerror(-error));
    if (*words && len < room)
        len += (size_t)snprintf(a->error + len, room - len, " (%s)", words);
    if (todo && len < room)
        snprintf(a->error + len, room - len, "; %s", todo);
    return error;
}

static int fail(struct apply *a, int error, const char *what, const struct netlink *n)
{
    return say_fault(a, error, what, n ? n->extack : "");
}

/* ---- planning ---- */

/* An interface of the host that another one's address is on, or that two have: everything might be protected elsewhere.
 */
static int wrong_map(struct apply *a, const struct ir_config *c)
{
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        const struct host_link *l = if_map_elsewhere(&a->ifs, i), *either = if_map_either(&a->ifs, i);
        if (either) {
            snprintf(a->error, sizeof a->error,
                     "interface map: %s and %s both have the address of " STR_FMT
                     ": say which of them it is (--interface-map)",
                     if_map_find(&a->ifs, i), either->name, STR_ARG(i->name.s));
            return -EINVAL;
        }
        if (!l)
            continue;
        char text[ADDR_TEXT_MAX];
        const struct ip_addr *its = if_map_address_on(i, l);
        snprintf(a->error, sizeof a->error, "interface map: " STR_FMT " is %s there, but %s has its address %s",
                 STR_ARG(i->name.s), if_map_find(&a->ifs, i), l->name, its ? addr_text(its, text) : "");
        return -EINVAL;
    }
    return 0;
}

/* Findings about what of this host keeps tunnels from working. */
static int look_at_host(struct apply *a)
{
    static const struct {
        int (*find)(struct target *);
        const char *what;
    } looks[] = {{idle_host_find, "cannot read whether this host forwards"},
                 {foreign_rules_find, "cannot read other programs' nftables"},
                 {nat_addresses_find, "cannot read the addresses of NAT"},
                 {host_routes_find, "cannot read whether this host's routes lead to peers and networks"}};
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        int r = looks[i].find(&a->target);
        if (r < 0)
            return fail(a, r, looks[i].what, NULL);
    }
    return 0;
}

/* A link with a crypto map that is there and has lost its address: the address may be anywhere. */
static void say_lost_address(struct apply *a)
{
    PTRLIST_FOR (struct target_map, m, &a->target.maps) {
        for (uint32_t k = 0; k < m->links.n; k++) {
            const struct host_link *l = if_map_link(&a->ifs, m->links.v[k]);
            const char *kind = l ? if_map_lost_address(m->ifs.v[k], l) : NULL;
            if (kind && !*a->lacks)
                snprintf(
                    a->lacks, sizeof a->lacks,
                    "%s has no %s address: what is protected leaves by no link that the configuration does not name",
                    l->name, kind);
        }
    }
}

static int plan_for(struct apply *a, const struct ir_config *c, const struct state_config *how, const struct state *s,
                    struct diag_list *diags)
{
    const char *bad = if_map_parse(a->arena, &a->ifs, c, str_lit(how->interface_map));
    if (!bad && how->host_has && !host_has_parse(str_lit(how->host_has), &a->ifs.host_has))
        bad = "what the host has is not known"; /* of another version */
    if (bad) {
        bool has_none = c->interfaces.n == 0;
        snprintf(a->error, sizeof a->error, "interface map: %s%s: nothing is touched", bad,
                 has_none ? " (the file has no interface at all: it may be cut off)" : "");
        return -EINVAL;
    }
    PTRLIST_FOR (struct if_map_row, r, &a->ifs.rows) {
        if (if_map_link(&a->ifs, r->host))
            continue;
        if (a->is_repair || how->allow_partial) { /* closed by its name until it comes */
            snprintf(a->lacks, sizeof a->lacks, "this host has no interface '%s'", r->host);
            continue;
        }
        snprintf(a->error, sizeof a->error, "interface map: this host has no interface '%s': nothing is touched",
                 r->host);
        return -ENODEV;
    }
    int r = wrong_map(a, c);
    if (r < 0 && !a->is_repair) {
        size_t len = strlen(a->error);
        snprintf(a->error + len, sizeof a->error - len, ": nothing is touched");
        return r;
    }
    if (r < 0 && !*a->lacks)
        snprintf(a->lacks, sizeof a->lacks, "%.200s", a->error);
    a->ifs.sets_up_host = how->sets_up_host;
    target_build(&a->target, a->arena, c, &a->ifs, diags);
    if (a->is_repair)
        say_lost_address(a);
    char why[256];
    r = obstacles_find(&a->target, why);
    if (a->is_repair && why[0])
        snprintf(a->lacks, sizeof a->lacks, "%s", why);
    if (r < 0 && !a->is_repair)
        return fail(a, r, "cannot read what the host's interfaces are", NULL);
    if (why[0] && !a->is_repair) {
        snprintf(a->error, sizeof a->error, "%s", why);
        return -EBUSY;
    }
    bool is_whole; /* if not, a finding says so */
    r = a->looks_at_routes ? unprotected_find(&a->target, UNPROTECTED_WHOLE, &is_whole) : 0;
    if (r < 0)
        return fail(a, r, "cannot read where this host's routes lead", NULL);
    r = a->looks_at_routes ? look_at_host(a) : 0;
    if (r < 0)
        return r;
    if (!how->only_nftables)
        xfrm_plan_build(&a->xfrm, &a->target);
    if (!how->only_xfrm)
        nft_plan_build(&a->nft, &a->target);
    nft_plan_own(&a->nft, s->id);
    return 0;
}

static int read_failed(struct kernel_reader *k, int error, const char *what, const struct netlink *on)
{
    k->what = what;
    k->failed_on = on;
    return k->error = error;
}

/* With --only the other half is left as it is: it is not even read (but to be taken away). */
static void *read_kernel(void *arg)
{
    struct apply *a = arg;
    struct kernel_reader *k = &a->reader;
    int r = 0;
    if (k->want_xfrm && (r = xfrm_kernel_read(&a->xfrm_link, &k->arena, &a->xfrm_held)) < 0)
        read_failed(k, r, "cannot read the kernel's IPsec policies", &a->xfrm_link);
    else if (k->want_nft && (r = nft_held_read(&a->nft_link, &k->arena, &a->nft_held)) < 0)
        read_failed(k, r, "cannot read the kernel's nftables", &a->nft_link);
    return NULL;
}

void apply_begin(struct apply *a, const struct state_config *how)
{
    const bool is_whole = how->clears_rest;
    *a = (struct apply){
        .reader = {.want_xfrm = is_whole || !how->only_nftables, .want_nft = is_whole || !how->only_xfrm}};
    struct kernel_reader *k = &a->reader;
    int r;
    if (!(k->has_arena = arena_init(&k->arena, SIZE_MAX)))
        read_failed(k, -ENOMEM, "cannot read the kernel's tables", NULL);
    else if ((r = netlink_open(&a->xfrm_link, NETLINK_XFRM)) < 0)
        read_failed(k, r, "cannot open the kernel's IPsec interface", NULL);
    else if ((r = netlink_open(&a->nft_link, NETLINK_NETFILTER)) < 0)
        read_failed(k, r, "cannot open the kernel's netfilter interface", NULL);
    else if (pthread_create(&k->thread, NULL, read_kernel, a) == 0)
        k->running = true;
    else
        read_kernel(a);
}

static int finish_reading(struct apply *a)
{
    struct kernel_reader *k = &a->reader;
    if (k->running)
        pthread_join(k->thread, NULL);
    k->running = false;
    if (!k->error)
        return 0;
    return fail(a, k->error, k->what, k->failed_on);
}

/* A table of our name that none of us made: with nothing to put there it is nobody's business. */
static int judge_table(struct apply *a, const struct state *s)
{
    bool is_known = s->current.file || s->previous.file || s->applying;
    if (!a->nft_held.exists || a->nft_held.is_marked || is_known)
        return 0;
    if (a->nft.chains.n == 0) {
        a->nft_held = (struct nft_held){.arena = a->nft_held.arena};
        return 0;
    }
    snprintf(a->error, sizeof a->error,
             "table inet " NFT_TABLE " exists and was not made by ioscc: nothing is touched (give it another name, "
             "or nft delete table inet " NFT_TABLE ")");
    return -EEXIST;
}

/* The kernel knows links by their numbers; a policy of a link that has gone has no name. */
static void name_links(struct apply *a)
{
    const struct host_link *last = NULL;
    PTRLIST_FOR (struct xfrm_pol, p, &a->xfrm_held.policies) {
        bool is_last = last && last->index == p->sel.ifindex;
        if (p->sel.ifindex && !is_last)
            last = if_map_numbered(&a->ifs, p->sel.ifindex);
        if (p->sel.ifindex && last)
            p->link = last->name;
    }
}

static int compare(struct apply *a, const struct state *s)
{
    int r = judge_table(a, s);
    if (r < 0)
        return r;
    name_links(a);
    if (a->is_repair) /* what somebody has renamed is protected on, by its number */
        a->xfrm.links_there = &a->ifs.links;
    if (a->reader.want_xfrm) {
        memcpy(a->xfrm.threshold_base, s->thresholds, sizeof s->thresholds);
        xfrm_diff_build(&a->xfrm_diff, &a->xfrm, &a->xfrm_held, &s->sas);
    }
    if (a->reader.want_nft)
        r = nft_diff_build(&a->nft_link, &a->nft_diff, &a->nft, &a->nft_held);
    return r < 0 ? fail(a, r, "cannot build the nftables batch", NULL) : 0;
}

static void leave_out_refused(struct apply *a)
{
    struct ptrlist kept = {0};
    PTRLIST_FOR (struct xfrm_sa, sa, &a->xfrm.sas) {
        if (!sa->entry || !sa_support_lacks(&a->sas_refused, sa->entry))
            ptrlist_add(a->arena, &kept, sa);
    }
    a->xfrm.sas = kept;
}

/* The kernel takes none of their SAs: their policies stand, and nothing of it leaves. */
static void take_out_refused(struct apply *a, struct diag_list *diags)
{
    sa_support_ask(&a->target, &a->sas_refused);
    PTRLIST_FOR (struct sa_refused, r, &a->sas_refused) {
        const char *todo = advice(r->error, r->words);
        struct diag *d =
            diag_add(diags, D_LX_NO_SA, r->set->span,
                     "this kernel takes no SA of transform set " STR_FMT " (%s%s%s): what it protects waits "
                     "for ever, and nothing of it leaves",
                     STR_ARG(r->set->name.s), strerror(-r->error), *r->words ? ", " : "", r->words);
        if (todo)
            diag_hint(diags, d, "%s", todo);
    }
    leave_out_refused(a);
}

/* What is put right is what was applied: sets of which the kernel took no SA then are left out again. */
static void take_out_left_out(struct apply *a, const struct ir_config *c, const struct state *s)
{
    PTRLIST_FOR (char, name, &s->sets_refused) {
        const struct transform_set *set = ir_find(c, TAB_TRANSFORM_SET, str_lit(name));
        struct sa_refused *r = set ? ARENA_NEW(a->arena, struct sa_refused) : NULL;
        if (!r)
            continue;
        r->set = set;
        ptrlist_add(a->arena, &a->sas_refused, r);
    }
    leave_out_refused(a);
}

int apply_prepare(struct apply *a, struct arena *ar, const struct ir_config *c, const struct state_config *how,
                  const struct state *s, struct diag_list *diags)
{
    a->arena = a->xfrm.arena = a->nft.arena = ar;
    int r = host_links_read(ar, &a->ifs.links);
    if (r < 0)
        return fail(a, r, "cannot read the host's interfaces", NULL);
    if (c && (r = plan_for(a, c, how, s, diags)) < 0)
        return r;
    a->xfrm.arena = a->nft.arena = ar;
    r = finish_reading(a);
    if (r < 0)
        return r;
    if (a->reader.want_xfrm && a->looks_at_routes)
        take_out_refused(a, diags);
    else if (c && a->is_repair)
        take_out_left_out(a, c, s);
    return compare(a, s);
}

int apply_other_half(struct apply *a, bool *stands)
{
    struct xfrm_kernel policies = {0};
    uint64_t owner = 0;
    int r = a->reader.want_nft ? 0 : nft_owner_read(&a->nft_link, &owner);
    if (nft_has_no_tables(r))
        r = 0;
    *stands = owner != 0;
    if (r == 0 && !a->reader.want_xfrm)
        r = xfrm_kernel_read(&a->xfrm_link, a->arena, &policies);
    PTRLIST_FOR (struct xfrm_pol, p, &policies.policies) {
        *stands |= (p->index & XFRM_INDEX_MASK) == XFRM_INDEX_OURS;
    }
    return r;
}

bool apply_is_disturbed(const struct apply *a)
{
    return a->xfrm_diff.conflicts.n || a->xfrm_diff.ahead.n;
}

bool apply_needed(const struct apply *a)
{
    return a->xfrm_diff.ops.n > 0 || a->nft_diff.any;
}

void apply_end(struct apply *a)
{
    if (a->reader.running)
        pthread_join(a->reader.thread, NULL);
    nft_diff_free(&a->nft_diff);
    netlink_close(&a->xfrm_link);
    netlink_close(&a->nft_link);
    if (a->reader.has_arena)
        arena_free(&a->reader.arena);
}

/* ---- doing it ---- */

static void describe_op(struct buf *b, const struct xfrm_op *o)
{
    if (o->pol || o->old_pol)
        xfrm_policy_line(b, o->pol ? o->pol : o->old_pol);
    else if (o->sa || o->old_sa)
        xfrm_sa_line(b, o->sa ? o->sa : o->old_sa, false);
    else
        buf_puts(b, "hash thresholds");
    while (b->len && b->p[b->len - 1] == '\n')
        b->len--;
    buf_putc(b, '\0');
}

/* Behind the message of what was refused: the host is not as it was. */
static void not_put_back(struct apply *a, int error)
{
    size_t len = strlen(a->error);
    a->is_half_done = error < 0;
    if (error < 0)
        snprintf(a->error + len, sizeof a->error - len, "; and putting the policies back failed: %s", strerror(-error));
}

/* The rules stand: what went on by other rules must not go on by them. */
static void begin_flows_anew(struct apply *a)
{
    int r = flows_begin_anew(&a->nft_link, &a->nft, &a->ifs.links, &a->flows_anew);
    if (r < 0)
        snprintf(a->warning, sizeof a->warning,
                 "connections from before keep the translation that they began with: this kernel does not list them "
                 "(%s; nf_conntrack_netlink)",
                 strerror(-r));
}

/* XFRM first, step by step with a way back; nftables last, because its batch is all or nothing. */
int apply_run(struct apply *a)
{
    uint32_t at = 0;
    int back = 0;
    int r = xfrm_diff_run(&a->xfrm_link, &a->xfrm_diff, &a->xfrm, &a->xfrm_held, 0, a->xfrm_diff.ops.n, &at, &back);
    if (r < 0) {
        struct buf what = {0};
        buf_puts(&what, a->xfrm_link.is_unheard ? "no answer of the kernel, from here on: " : "the kernel refused: ");
        describe_op(&what, a->xfrm_diff.ops.v[at]);
        fail(a, r, what.p ? what.p : "the kernel refused", &a->xfrm_link);
        buf_free(&what);
        not_put_back(a, back);
        return r;
    }
    r = nft_diff_run(&a->nft_link, &a->nft_diff, &a->nft);
    if (r == 0 && a->reader.want_nft) /* also where nothing changes: an apply may have been killed before this */
        begin_flows_anew(a);
    if (r == 0 && a->nft_diff.is_left_over && !*a->warning)
        snprintf(a->warning, sizeof a->warning,
                 "rules that hold no more could not be taken away: the same again, or the daemon's watch, does it");
    if (r == 0)
        return 0;
    if (a->nft_link.is_unheard) { /* the rules may stand: with the policies they close, without them they would not */
        a->is_half_done = true;
        return fail(a, r, "no answer of the kernel to the nftables batch: whether the rules stand is not known",
                    &a->nft_link);
    }
    fail(a, r, "the kernel refused the nftables batch", &a->nft_link);
    back = xfrm_diff_undo(&a->xfrm_link, &a->xfrm_diff, &a->xfrm_held, 0, a->xfrm_diff.ops.n);
    not_put_back(a, back);
    return r;
}

int apply_repair(struct apply *a)
{
    uint32_t at = 0, n = a->xfrm_diff.ops.n;
    int back = 0, first = 0;
    int r = xfrm_diff_run(&a->xfrm_link, &a->xfrm_diff, &a->xfrm, &a->xfrm_held, 0, n, &at, &back);
    for (uint32_t i = 0; r < 0 && i < n; i++) { /* all but what the kernel refuses */
        int one = xfrm_diff_run(&a->xfrm_link, &a->xfrm_diff, &a->xfrm, &a->xfrm_held, i, i + 1, &at, &back);
        if (one < 0 && !first)
            first = fail(a, one, "the kernel refuses a policy", &a->xfrm_link);
    }
    r = nft_diff_run(&a->nft_link, &a->nft_diff, &a->nft);
    if (r == 0 && a->reader.want_nft)
        begin_flows_anew(a);
    if (r < 0)
        first = fail(a, r, "the kernel refused the nftables batch", &a->nft_link);
    return first;
}

/* Does the kernel take SAs as the configuration's peers will want them? Of the first that it does not the sentence is
 * written. */
static bool has_sas(struct apply *a)
{
    if (a->sas_refused.n == 0)
        return true;
    const struct sa_refused *r = a->sas_refused.v[0];
    char what[160];
    snprintf(what, sizeof what, "an SA of transform set " STR_FMT, STR_ARG(r->set->name.s));
    say_fault(a, r->error, what, r->words);
    return false;
}

/* In the child: everything is new there, whatever the host has. */
static int rehearse_here(struct apply *a)
{
    struct apply b; /* stays where it is: its thread knows the place */
    const struct state nothing = {0};
    const struct state_config how = {.only_xfrm = !a->reader.want_nft, .only_nftables = !a->reader.want_xfrm};
    apply_begin(&b, &how);
    b.xfrm = a->xfrm;
    b.nft = a->nft;
    int r = finish_reading(&b);
    if (r == 0)
        r = compare(&b, &nothing);
    if (r == 0)
        r = apply_run(&b);
    if (r == 0 && a->reader.want_xfrm && !has_sas(a))
        r = REHEARSED_WITHOUT_SAS;
    if (r < 0)
        memcpy(a->error, b.error, sizeof a->error);
    apply_end(&b);
    return r;
}

#define NO_SAS 3 /* the child's exit status */

int apply_rehearse(struct apply *a)
{
    int pipes[2], status;
    if (pipe(pipes) < 0)
        return fail(a, -errno, "cannot start the rehearsal", NULL);
    pid_t child = fork();
    if (child < 0) {
        int error = -errno;
        close(pipes[0]);
        close(pipes[1]);
        return fail(a, error, "cannot start the rehearsal", NULL);
    }
    if (child == 0) {
        int r = unshare(CLONE_NEWNET) < 0 ? fail(a, -errno, "cannot make a network namespace", NULL) : rehearse_here(a);
        if (r != 0 && write(pipes[1], a->error, sizeof a->error) < 0)
            _exit(2);
        _exit(r == REHEARSED_WITHOUT_SAS ? NO_SAS : r < 0);
    }
    close(pipes[1]);
    char words[sizeof a->error] = "the rehearsal died";
    ssize_t n = read(pipes[0], words, sizeof words - 1);
    close(pipes[0]);
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (n > 0)
        words[n] = '\0';
    memcpy(a->error, words, sizeof words);
    return WIFEXITED(status) && WEXITSTATUS(status) == NO_SAS ? REHEARSED_WITHOUT_SAS : -ECANCELED;
}
