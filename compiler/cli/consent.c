/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/consent.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/ike/daemon/daemon.h"

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* `R1#` behind a configuration that a router has shown: where that line begins; else `n`. */
static size_t without_prompt(const struct source *s, size_t n)
{
    size_t at = n;
    bool is_prompt = n > 1 && (s->text[n - 1] == '#' || s->text[n - 1] == '>');
    while (at && !is_white(s->text[at - 1]))
        at--;
    bool is_line = at && (s->text[at - 1] == '\n' || s->text[at - 1] == '\r');
    return is_prompt && is_line ? at : n;
}

/* A saved configuration ends with `end`, whatever stands around it. */
static bool ends(const struct source *s)
{
    size_t n = s->len;
    for (size_t before = n + 1; n < before;) {
        before = n;
        while (n && is_white(s->text[n - 1]))
            n--;
        n = without_prompt(s, n);
    }
    bool word = n >= 3 && strncasecmp(s->text + n - 3, "end", 3) == 0;
    return word && (n == 3 || s->text[n - 4] == '\n' || s->text[n - 4] == '\r');
}

/* Where its first `end` stands; the text's length: it has none. */
static uint32_t first_end(const struct source *s)
{
    for (uint32_t at = 0; at < s->len;) {
        const char *end = memchr(s->text + at, '\n', s->len - at);
        const uint32_t len = end ? (uint32_t)(end - s->text) - at : s->len - at;
        struct str line = {s->text + at, len};
        while (line.len && is_white(line.p[line.len - 1]))
            line.len--;
        if (str_ieq(line, "end"))
            return at;
        at += len + 1;
    }
    return s->len;
}

/* Behind its `end` it goes on with interfaces or crypto maps, as they were read. */
static bool goes_on_behind_end(const struct ir_config *c)
{
    const uint32_t end = first_end(c->source);
    for (uint32_t k = 0; k < c->lines_n; k++) {
        const struct ir_line *l = &c->lines[k];
        if (l->off > end && l->state == IR_LINE_READ && l->kind == IR_LINE_INTERFACE)
            return true;
    }
    PTRLIST_FOR (struct crypto_map, m, &c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            if (e->span.off > end && e->span.len)
                return true;
        }
    }
    return false;
}

/* Its last line has no end: nobody knows what it would have said. */
static bool is_cut_in_a_line(const struct source *s)
{
    return s->len && s->text[s->len - 1] != '\n' && s->text[s->len - 1] != '\r' && !ends(s);
}

static uint32_t standing(const struct session *s)
{
    const struct xfrm_diff *d = &s->apply.xfrm_diff;
    return d->removed + d->changed + d->same;
}

static const char *nothing_in_it(const struct session *s)
{
    const struct diag_list *l = &s->compiled.diags;
    if (l->per_id[D_NOT_IOS] || l->per_id[D_ASA_COMMAND])
        return "is a configuration of another system";
    if (s->router)
        PTRLIST_FOR (struct crypto_map, m, &s->router->crypto_maps) {
            if (m->bindings.n)
                return "applies its crypto maps to interfaces that this host does not have (-m says which is which)";
        }
    return s->compiled.source.len ? "applies no crypto map to an interface" : "is empty";
}

static int refuse(const struct session *s, const char *file, const char *why)
{
    uint32_t now = standing(s);
    fprintf(stderr, "ioscc %s: %s %s: nothing is touched", s->command->name, file, why);
    if (now)
        fprintf(stderr, " (%u of %u policies that stand would go)", s->apply.xfrm_diff.removed, now);
    bool has_nothing = s->apply.target.maps.n == 0;
    bool has_more = consent_errors(s, true) != 0;
    fprintf(stderr, "\nIf that is what you want: --allow-less%s%s\n", has_more ? " --allow-partial" : "",
            now && has_nothing ? ", or 'ioscc remove'" : "");
    return EXIT_FINDINGS;
}

/* What stands is on translated addresses (NAT before crypto), and the file translates them no more: the list stays, and
 * nothing would come to it. */
static bool loses_translation(const struct session *s)
{
    bool stands = false;
    PTRLIST_FOR (struct nft_held_chain, c, &s->apply.nft_held.chains) {
        stands |= strcmp(c->name, NFT_UNTRANSLATED) == 0;
    }
    return stands && !nft_chain_named(&s->apply.nft, NFT_UNTRANSLATED);
}

/* The file of another router: nothing of what stands is in it, and it is named otherwise. */
static bool is_of_another(const struct session *s)
{
    const struct xfrm_diff *d = &s->apply.xfrm_diff;
    const char *before = s->state.current.hostname;
    const struct str name = s->router ? s->router->hostname.s : (struct str){NULL, 0};
    bool is_named_otherwise = before && !str_is(name, before);
    return standing(s) && d->same + d->changed == 0 && is_named_otherwise;
}

/* ... and of what stands this state directory knows nothing: it was made with another one, or its state is lost. */
static bool has_nothing_of_unknown(const struct session *s)
{
    const struct xfrm_diff *d = &s->apply.xfrm_diff;
    return standing(s) && d->same + d->changed == 0 && !s->state.current.file && !s->state.applying;
}

/* Does a line say something of some ICMP types? What a fragment is of only the packet filter finds out, by putting it
 * together: to the policies it is of type 0. */
static bool judges_icmp_by_type(const struct target *t)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        for (uint32_t i = 0; i < m->flat.n; i++) {
            const struct box *b = &m->flat.v[i].box;
            bool is_icmp = b->proto == IPPROTO_ICMP || b->proto == IPPROTO_ICMPV6;
            bool is_by_type = b->sport.lo || b->dport.lo || b->sport.hi != 65535 || b->dport.hi != 65535;
            if (is_icmp && is_by_type)
                return true;
        }
    }
    return false;
}

/* A list that does not exist: what comes in then the filter alone drops, which knows the interface. */
static bool drops_all(const struct target *t)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        for (uint32_t i = 0; i < m->flat.n; i++)
            if (m->flat.v[i].verdict == VERDICT_DROP && !m->flat.v[i].line)
                return true;
    }
    return false;
}

/* Is there traffic that the packet filter alone protects? Where the remote network contains an inside one the policies
 * of what comes in let cleartext through, and a list on translated addresses is on what the filter translates. */
static bool needs_filter(const struct session *s)
{
    for (int d = 0; d < XFRM_DIRS; d++) {
        PTRLIST_FOR (struct xfrm_pol, p, &s->apply.xfrm.policies[d]) {
            if (p->ntmpl && p->tmpl[0].optional)
                return true;
        }
    }
    if (judges_icmp_by_type(&s->apply.target) || drops_all(&s->apply.target))
        return true;
    if (s->apply.target.c->nat_rules.n == 0)
        return false;
    struct nft_plan filter;
    nft_plan_build(&filter, (struct target *)(uintptr_t)&s->apply.target);
    return nft_chain_named(&filter, NFT_UNTRANSLATED) != NULL;
}

/* Other networks in the place of those that stand are an edit; a narrower wildcard leaves what it was about outside. */
static bool protects_much_less(const struct session *s)
{
    const struct apply *a = &s->apply;
    if (!a->reader.want_xfrm || a->xfrm_diff.ops.n == 0)
        return false;
    struct xfrm_kept k = xfrm_kept(a->arena, &a->xfrm, &a->xfrm_held);
    return k.lost > k.fresh && (k.lost - k.fresh) * 2 > k.standing;
}

uint32_t consent_errors(const struct session *s, bool allow_less)
{
    const uint32_t tunnels = s->compiled.diags.per_id[D_LX_TUNNEL];
    const bool has_more = s->errors > tunnels;
    if (!allow_less || !s->loaded)
        return s->errors;
    return has_more ? s->errors - tunnels : 0;
}

int consent_ask(const struct session *s, const char *file, bool allow_less)
{
    if (allow_less || !s->loaded)
        return EXIT_CLEAN;
    if (s->apply.target.maps.n == 0)
        return refuse(s, file, nothing_in_it(s));
    if (protects_much_less(s))
        return refuse(s, file, "protects less than half of what stands");
    if (s->compiled.diags.per_id[D_LX_TUNNEL]) /* nobody knows what is routed into it, so nothing can be blocked */
        return refuse(
            s, file,
            "has interfaces that protect what is routed into them, which is not carried: it would leave by the "
            "host's own routes, in the clear");
    bool is_half = s->apply.reader.want_xfrm && !s->apply.reader.want_nft;
    if (is_half && needs_filter(s))
        return refuse(s, file,
                      "is not protected by its IPsec policies alone (--only xfrm): the packet filter is a part of it");
    if (is_of_another(s))
        return refuse(s, file, "is of another router, and nothing of what stands is in it");
    if (has_nothing_of_unknown(s))
        return refuse(s, file,
                      "has nothing of what stands here, which was made with another state directory, or its state is "
                      "lost (--state-dir says which)");
    if (loses_translation(s))
        return refuse(s, file, "does not translate any more what its crypto list is on (ip nat inside source)");
    if (s->compiled.units.n == 1 && s->router && goes_on_behind_end(s->router))
        return refuse(s, file,
                      "goes on behind its 'end' with interfaces or crypto maps: several configurations in one");
    if (is_cut_in_a_line(&s->compiled.source))
        return refuse(s, file, "has a last line without an end, and no 'end': it is cut off");
    if (s->apply.xfrm_diff.removed && !ends(&s->compiled.source))
        return refuse(s, file, "does not end with 'end', it may be cut off");
    if (!ends(&s->compiled.source)) /* nothing that stands would go by it */
        fprintf(stderr, "ioscc %s: %s does not end with 'end': if it is cut off, a part is not protected\n",
                s->command->name, file);
    return EXIT_CLEAN;
}

/* The daemon binds DIR/reload.sock.new and renames it; the kernel keeps the first name. */
#define BOUND_AS DAEMON_RELOAD_SOCKET ".new"

/* Of a path that a socket was bound as: is it a running daemon's, of who runs this and with another directory? Nobody
 * else can make one there. The path is cut to its directory. */
static bool is_other_daemons(char *path, const char *own_dir)
{
    struct stat st, own, dir;
    char *slash = strrchr(path, '/');
    if (*path != '/' || !slash || strcmp(slash + 1, BOUND_AS) != 0)
        return false;
    path[strlen(path) - strlen(".new")] = '\0';
    if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
        return false;
    *slash = '\0';
    bool is_own =
        stat(own_dir, &own) == 0 && stat(path, &dir) == 0 && own.st_dev == dir.st_dev && own.st_ino == dir.st_ino;
    return !is_own;
}

/* The kernel lists the sockets of this network namespace. */
static bool find_other_daemon(const char *own_dir, char out[static 512])
{
    char line[1024];
    FILE *f = fopen("/proc/self/net/unix", "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        char *path = strchr(line, '/');
        line[strcspn(line, "\n")] = '\0';
        found = path && is_other_daemons(path, own_dir);
        if (found)
            snprintf(out, 512, "%s", path);
    }
    if (f)
        fclose(f);
    return found;
}

int consent_no_other(const struct command *c, const char *own_dir)
{
    char dir[512];
    if (!find_other_daemon(own_dir, dir))
        return EXIT_CLEAN;
    fprintf(
        stderr,
        "ioscc %s: a daemon runs here with another state directory: nothing is touched\nName it (--state-dir %s), or "
        "end it first.\n",
        c->name, dir);
    return EXIT_FINDINGS;
}

int consent_alone(const struct session *s)
{
    return consent_no_other(s->command, s->state.dir);
}
