/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the attacks on the engine: `held NAME` or `BROKEN NAME: what`, and the counts. Words: only attacks whose name
 * begins with one of them. */
#include <string.h>

#include "tests/attack/lab.h"

static bool wanted(const char *name, int argc, char **argv)
{
    bool any = argc < 2;
    for (int i = 1; i < argc; i++)
        any |= strncmp(name, argv[i], strlen(argv[i])) == 0;
    return any;
}

int main(int argc, char **argv)
{
    const struct attack *const all[] = {
        attacks_identity,     attacks_answers,    attacks_floods,  attacks_changes,    attacks_state,
        attacks_certificates, attacks_revocation, attacks_states,  attacks_collisions, attacks_keys,
        attacks_memory,       attacks_spis,       attacks_claims,  attacks_late,       attacks_dropped,
        attacks_honest,       attacks_crowd,      attacks_endings, attacks_renewals,   attacks_again,
        attacks_heirs,        attacks_places,     attacks_forged,  attacks_crossing,   attacks_nearer,
        attacks_namesakes,    attacks_at_once,    attacks_evil,    attacks_rivals,     attacks_afterwards,
        attacks_another,      attacks_pinned,     attacks_copies,  attacks_pieces,     attacks_turned,
        attacks_whereabouts,  attacks_replayed,   attacks_moved,   attacks_restarts,   attacks_doubts,
        attacks_posing,       attacks_unheard,    attacks_doubted, attacks_rows,       attacks_called,
        attacks_taken,        attacks_renewed,    attacks_named,   attacks_queued,     attacks_under_way};
    bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
    unsigned held = 0, bad = 0;
    for (unsigned k = 0; k < sizeof all / sizeof *all; k++)
        for (const struct attack *a = all[k]; a->name; a++) {
            if (list)
                puts(a->name);
            if (list || !wanted(a->name, argc, argv))
                continue;
            const char *why = a->run();
            printf(why ? "BROKEN %s: %s\n" : "held %s\n", a->name, why);
            fflush(stdout);
            *(why ? &bad : &held) += 1;
        }
    bool everything = argc < 2 && !bad;
    if (everything && sim_rows_left(1, true) + sim_rows_left(2, true)) {
        printf("BROKEN states: rows of the tables that no attack leads to\n");
        bad++;
    }
    if (!list)
        printf("%u held, %u BROKEN\n", held, bad);
    return bad != 0 || (!list && !held);
}
