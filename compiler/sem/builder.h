/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files of compiler/sem: the configuration under construction and setters for its values. Internal. */
#ifndef IOSCC_SEM_BUILDER_H
#define IOSCC_SEM_BUILDER_H

#include "compiler/base/must.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"

struct builder {
    struct compiled *out;
    struct arena *a;
    struct diag_list *diags;
    struct source *src;
    struct ir_config *c;
    /* object that lines of a mode apply to */
    void *cur[MODE_COUNT];
    struct sa_settings *cur_sa; /* of the map entry or profile */
    struct crypto_map_entry *cur_entry;
    struct other_block *cur_other;
    struct acl *cur_acl;
    struct symtab peers; /* (a list of rows, whom one is for) → the row: isakmp.c */
    bool uses_ipsec;     /* set for the passes over the finished configuration */
};

typedef void handler(struct builder *b, const struct ios_stmt *s);

/* One table row: which function handles a statement. */
struct handler_row {
    enum ios_stmt_kind kind;
    handler *run;
};
/* Each file of compiler/sem offers its rows; ends with {S_COUNT, NULL}. */
extern const struct handler_row isakmp_handlers[], ikev2_handlers[], ipsec_handlers[], map_handlers[], acl_handlers[],
    iface_handlers[], pki_handlers[], host_handlers[];

/* ---- lines.c ---- */

/* What lines of that mode apply to: it begins with its span. NULL: nothing is open. */
struct span *builder_object(struct builder *b, enum ios_mode mode);
void lines_read(struct builder *b, const struct ios_stmt *s);
void lines_left(struct builder *b, enum ios_mode mode, struct span line);
void lines_broken(struct builder *b, enum ios_mode mode, struct span line, const struct span *object);

/* ---- values of a statement ---- */

static inline bool has(const struct ios_val *v)
{
    return v->kind != IOS_V_NONE && v->kind != IOS_V_CUT;
}
/* `no …` and `default …` both take a setting back. */
static inline bool undo(const struct ios_stmt *s)
{
    return s->negated || s->to_default;
}
struct str val_str(const struct builder *b, const struct ios_val *v); /* text as written; keywords in full */
struct ir_str val_name(const struct builder *b, const struct ios_val *v);
bool val_is(const struct ios_val *v, const char *keyword) MUST_CHECK;

/* ---- setters: `no` unsets, a second different value of the same block is reported ---- */

void set_str(struct builder *b, const struct ios_stmt *s, struct ir_str *f, const struct ios_val *v);
void set_ref(struct builder *b, const struct ios_stmt *s, struct ir_ref *f, const struct ios_val *v);
void set_flag(struct builder *b, const struct ios_stmt *s, struct ir_num *f);
void set_alg(struct builder *b, const struct ios_stmt *s, struct ir_num *f, const struct ios_val *v);
/* Range-checked; `what` and `unit` go into the message. Returns false if the value was refused, which was said then. */
bool set_range(struct builder *b, const struct ios_stmt *s, struct ir_num *f, const struct ios_val *v, uint64_t min,
               uint64_t max, const char *what, const char *unit);
void set_addr(struct builder *b, const struct ios_stmt *s, struct ir_addr *f, const struct ios_val *v);
void set_host(struct builder *b, const struct ios_stmt *s, struct ir_host *f, const struct ios_val *v);
/* Where a host is wanted: what is written as an address, and is none, is no name either. */
void check_host(struct builder *b, const struct ios_val *v);
struct ir_host val_host(struct builder *b, const struct ios_val *v);
void set_secret(struct builder *b, struct ir_secret *f, const struct ios_val *type, const struct ios_val *v);
/* The statement's rest text without surrounding blanks. */
void set_text(struct builder *b, const struct ios_stmt *s, struct ir_str *f, const struct ios_val *v);
bool check_range(struct builder *b, const struct ios_val *v, uint64_t min, uint64_t max, const char *what,
                 const char *unit) MUST_CHECK;

static inline struct ir_mark written(struct span sp)
{
    return (struct ir_mark){sp, ORIGIN_WRITTEN};
}
static inline struct ir_num num_of(uint64_t v, struct span sp)
{
    return (struct ir_num){v, written(sp)};
}
static inline struct ir_num num_default(uint64_t v)
{
    return (struct ir_num){v, {{0, 0}, ORIGIN_DEFAULT}};
}

/* ---- objects ---- */

/* Finds or makes the object `name` of a table; new ones are appended to `list`. Size and place of the name are given
 * because all named objects start alike: span, then name. */
void *object_get(struct builder *b, enum ir_table t, struct ptrlist *list, size_t size, struct ir_str name,
                 struct span span, bool *is_new);
/* Removes by name; reports `no` of something that was never there. */
void object_remove(struct builder *b, const struct ios_stmt *s, enum ir_table t, struct ptrlist *list, struct str name,
                   const char *what);
/* Adds or removes one `struct ir_ref` of a list (proposals, keyrings, trustpoints …). */
void ref_list_edit(struct builder *b, const struct ios_stmt *s, struct ptrlist *l, const struct ios_val *v);
/* Keeps the whole command as text; its key, if it has one, apart. */
struct ir_text *text_line(struct builder *b, const struct ios_stmt *s);
/* Adds it, or for `no` removes equal ones. */
void text_list_edit(struct builder *b, const struct ios_stmt *s, struct ptrlist *l);
void local_address_edit(struct builder *b, const struct ios_stmt *s, struct ptrlist *l, const struct ios_val *v,
                        const struct ios_val *vrf);

void acl_finish(struct builder *b, struct acl *a);
void map_select(struct builder *b, const struct ios_stmt *s);
struct str interface_canonical(struct builder *b, struct str name);

/* ---- passes over the finished configuration ---- */
void defaults_apply(struct builder *b);     /* defaults.c */
void references_resolve(struct builder *b); /* references.c */
/* Peers of crypto maps that are known by a name of the host table get its first address; hosts.c. */
void hosts_find_peers(struct builder *b);
void trustpoints_check(struct builder *b); /* pki.c: words that the router would not take */

#endif
