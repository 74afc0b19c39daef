/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What plan, apply, status, remove and rollback share: a configuration, the state directory and this host. Internal. */
#ifndef IOSCC_CLI_SESSION_H
#define IOSCC_CLI_SESSION_H

#include <limits.h>

#include "backends/apply/apply.h"
#include "backends/ike/from_ir.h"
#include "compiler/base/must.h"
#include "compiler/cli/cli.h"
#include "compiler/cli/kept_errors.h"
#include "compiler/cli/load.h"

/* Where a change of what stands is noted. */
enum session_journal { JOURNAL_SYSTEM, JOURNAL_OF_DAEMON, JOURNAL_NOT };

struct session {
    const struct command *command;
    struct arena arena;
    struct state state;
    struct compiled compiled; /* valid if `loaded` */
    bool loaded, prepared;
    struct diag_list nothing; /* findings of a session without a configuration */
    const struct ir_config *router;
    struct apply apply;
    uint32_t errors;                /* findings that stop an apply */
    struct kept_errors errors_kept; /* of who holds the locks */
    bool has_moved_names;           /* is_repair: what is put right is for that */
    bool is_busy;                   /* session_open(): another command holds the state's lock */
    bool has_told;                  /* its findings are known to who reads: they are not said again */
    bool says_notes; /* a file is to be carried out: what will differ on the host is said; not of what stands */
    enum session_journal journal;
    struct ike_omissions left_out; /* of the policy that was made last (run_policy()): in the configuration's arena */
    bool wants_routes; /* set after session_open(): of a repair too, what the routes lead elsewhere is looked for */
    bool is_repair;    /* nobody is there to read findings that were told */
    bool is_status;    /* set after session_open(): what is missing on the host is told with the rest */
    uint32_t settled_links; /* set after session_open(): if_map.settled */
    int asker;              /* of names (backends/ike/daemon/lookup.h); -1: none */
    struct symtab names_at; /* ("", name) -> struct state_name of state.names */
    uint64_t owner;         /* of what stands, when the session was opened (owner.h); 0: none, or it is not known */
    int wait_s;             /* for the state's lock; negative: it is not held */
    bool has_asked;         /* names have been looked up: what was read of the kernel before is of then */
    uint32_t names_hold_s;  /* when names that were looked up want to be looked up again; 0: there are none */
    bool fatal;             /* one of them stops it even with --allow-partial */
};

/* Peers known by name have the address that they were applied with, or are looked up. */
enum session_names { NAMES_KEPT, NAMES_ASKED };

#define SESSION_QUIETLY INT_MAX /* as `wait_s`: not at all, and nothing is said if somebody else holds the lock */

/* Opens the state directory; `wait_s` as state_open(). Returns an exit code after a message. */
int session_open(struct session *s, const struct command *c, const char *dir, int wait_s,
                 enum session_names names) MUST_CHECK;
/* The address that a name has from now on goes into state.names. True: it had another one, or none. */
bool session_name_keep(struct session *s, const char *name, const struct ip_addr *a) MUST_CHECK;
/* Reads a configuration and finds its peers' addresses: state.names. session_plan() does it too. */
int session_load(struct session *s, const char *path, const struct state_config *how) MUST_CHECK;
/* Reads a configuration from a file, or none (path NULL), and plans it as `how` says. Prints findings. */
int session_plan(struct session *s, const char *path, const struct state_config *how) MUST_CHECK;
/* Carries the plan out with the state written before and after; `how` becomes the current configuration (its file is
 * stored here). `previous`: what becomes of the way back. */
enum session_previous { PREVIOUS_IS_CURRENT, PREVIOUS_STAYS, PREVIOUS_FORGOTTEN };
int session_run(struct session *s, struct state_config how, enum session_previous previous,
                time_t confirm_by) MUST_CHECK;
/* What stands is as it should be, and yet does not protect all of it: a map's address is on no interface, or a route
 * leads elsewhere what a line protects. What the first such finding says; NULL: there is none. After session_plan(). */
const char *session_not_in_force(const struct session *s) MUST_CHECK;
/* No daemon is or has been there, and entries of what is planned need one: whoever applies by hand may not know of it.
 * A sentence, or nothing. */
void session_say_needs_daemon(const struct session *s, struct buf *said);
void session_close(struct session *s);
/* What was at work has ended in the middle, and the kernel has all of it now (session_plan() says so, under the lock).
 */
int session_end_change(struct session *s) MUST_CHECK;
/* Lets the locks go, and says what was to be said meanwhile; session_lock() takes them again (state_lock()). */
void session_unlock(struct session *s);
int session_lock(struct session *s, int wait_s, const char **why) MUST_CHECK;
/* Opens it to look, plans what is applied, and does so again where somebody changes it meanwhile. After EXIT_CLEAN the
 * caller closes it; else it has said why, and nothing is open. */
struct session_look {
    bool is_quiet;     /* findings are not said */
    bool wants_routes; /* also where it is quiet */
    bool needs_file;   /* where the stored file is gone nothing is planned (`prepared`) */
};
int session_look(struct session *s, const struct command *c, const char *dir,
                 const struct session_look *how) MUST_CHECK;
/* Does a daemon run that applies its own configuration? Then nobody changes the kernel beside it: EXIT_FINDINGS after a
 * message that ends with `advice`. */
int session_no_daemon(const struct session *s, const char *advice) MUST_CHECK;

#endif
