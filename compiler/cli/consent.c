/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/consent.h"

#include <stdio.h>
#include <strings.h>

#include "backends/ike/daemon/daemon.h"

/* A saved configuration ends with `end`, whatever stands around it. */
static bool ends(const struct source *s)
{
    size_t n = s->len;
    while (n && (s->text[n - 1] == ' ' || s->text[n - 1] == '\t' || s->text[n - 1] == '\r' || s->text[n - 1] == '\n'))
        n--;
    bool word = n >= 3 && strncasecmp(s->text + n - 3, "end", 3) == 0;
    return word && (n == 3 || s->text[n - 4] == '\n' || s->text[n - 4] == '\r');
}

static uint32_t planned(const struct session *s)
{
    uint32_t n = 0;
    for (int d = 0; d < XFRM_DIRS; d++)
        n += s->apply.xfrm.policies[d].n;
    return n;
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
    return s->compiled.source.len ? "applies no crypto map to an interface" : "is empty";
}

static int refuse(const struct session *s, const char *file, const char *why)
{
    uint32_t now = standing(s);
    fprintf(stderr, "ioscc %s: %s %s: nothing is touched", s->command->name, file, why);
    if (now)
        fprintf(stderr, " (%u of %u policies that stand would go)", s->apply.xfrm_diff.removed, now);
    fprintf(stderr, "\nIf that is what you want: --allow-less%s\n", now ? ", or 'ioscc remove'" : "");
    return EXIT_FINDINGS;
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

int consent_ask(const struct session *s, const char *file, bool allow_less)
{
    uint32_t now = standing(s), then = planned(s);
    if (allow_less || !s->loaded)
        return EXIT_CLEAN;
    if (s->apply.target.maps.n == 0)
        return refuse(s, file, nothing_in_it(s));
    if (now / 2 > then)
        return refuse(s, file, "has less than half of what stands");
    if (is_of_another(s))
        return refuse(s, file, "is of another router, and nothing of what stands is in it");
    if (now > then && !ends(&s->compiled.source))
        return refuse(s, file, "does not end with 'end', it may be cut off");
    return EXIT_CLEAN;
}

int consent_alone(const struct session *s)
{
    bool knows = s->state.current.file || s->state.applying;
    uint32_t n = standing(s);
    if (knows || !n || !daemon_port_taken())
        return EXIT_CLEAN;
    fprintf(stderr,
            "ioscc %s: %u policies of ioscc stand here that %s knows nothing of, and an IKE daemon runs: nothing is "
            "touched\nName its --state-dir, or end it first.\n",
            s->command->name, n, s->state.dir);
    return EXIT_FINDINGS;
}
