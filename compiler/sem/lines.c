/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of each line, for who accounts for all of them (ir_config.lines). */
#include "compiler/sem/builder.h"

static bool is_acl(enum ios_mode mode)
{
    return mode == MODE_ACL_EXT || mode == MODE_ACL_STD || mode == MODE_ACL6;
}

struct span *builder_object(struct builder *b, enum ios_mode mode)
{
    return is_acl(mode) ? (void *)b->cur_acl : b->cur[mode];
}

static enum ir_line_place place_of(enum ios_mode mode)
{
    switch (mode) {
    case MODE_GLOBAL:
        return IR_IN_GLOBAL;
    case MODE_IGNORED:
        return IR_BELOW_LEFT;
    case MODE_INTERFACE:
        return IR_IN_INTERFACE;
    case MODE_ROUTE_MAP:
        return IR_IN_ROUTE_MAP;
    default:
        return is_acl(mode) ? IR_IN_LIST : IR_IN_BLOCK;
    }
}

static const struct {
    enum ios_stmt_kind statement;
    enum ir_line_kind kind;
} kinds[] = {
    {S_VERSION, IR_LINE_TEXT},
    {S_DESCRIPTION, IR_LINE_TEXT},
    {S_ACE_REMARK, IR_LINE_TEXT},
    {S_OG_DESCRIPTION, IR_LINE_TEXT},
    {S_ISAKMP_DIAGNOSE, IR_LINE_LOG},
    {S_INTERFACE, IR_LINE_INTERFACE},
    {S_IF_ADDRESS, IR_LINE_ADDRESS},
    {S_IF_ADDRESS6, IR_LINE_ADDRESS6},
    {S_IF_MTU, IR_LINE_MTU},
    {S_IF_IP_MTU, IR_LINE_IP_MTU},
    {S_IF_SHUTDOWN, IR_LINE_SHUTDOWN},
    {S_VRF, IR_LINE_VRF},
    {S_IF_VRF, IR_LINE_VRF},
    {S_IF_STANDBY, IR_LINE_STANDBY},
    {S_IF_NHRP, IR_LINE_NHRP},
    {S_IF_ENCAPSULATION, IR_LINE_ENCAPSULATION},
    {S_IF_EZVPN, IR_LINE_EZVPN},
    {S_TUN_SOURCE, IR_LINE_TUNNEL},
    {S_TUN_DESTINATION, IR_LINE_TUNNEL},
    {S_TUN_MODE, IR_LINE_TUNNEL},
    {S_TUN_PROTECTION, IR_LINE_TUNNEL},
    {S_TUN_PROTECTION_POLICY, IR_LINE_TUNNEL},
    {S_TUN_PROTECTION_OTHER, IR_LINE_TUNNEL},
    {S_TUN_VRF, IR_LINE_TUNNEL},
    {S_TUN_KEY, IR_LINE_TUNNEL},
    {S_TUN_TTL, IR_LINE_TUNNEL},
    {S_TUN_TOS, IR_LINE_TUNNEL},
    {S_TUN_PMTUD, IR_LINE_TUNNEL},
    {S_TUN_OTHER, IR_LINE_TUNNEL},
    {S_V2_VTEMPLATE, IR_LINE_VTEMPLATE},
    {S_TP_ENROLLMENT, IR_LINE_ENROLMENT},
    {S_TP_SUBJECT, IR_LINE_ENROLMENT},
    {S_TP_KEYPAIR, IR_LINE_ENROLMENT},
    {S_TP_HASH, IR_LINE_ENROLMENT},
    {S_TP_FQDN, IR_LINE_ENROLMENT},
    {S_TP_PASSWORD, IR_LINE_ENROLMENT},
    {S_TP_OTHER, IR_LINE_ENROLMENT},
    {S_RM_OTHER, IR_LINE_ROUTE_MAP},
    {S_OTHER, IR_LINE_OTHER},
};

static enum ir_line_kind kind_of(enum ios_stmt_kind statement)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].statement == statement)
            return kinds[i].kind;
    return IR_LINE_OF_OBJECT;
}

static void note(struct builder *b, const struct ir_line *l)
{
    struct ir_config *c = b->c;
    if (c->lines_n == c->lines_cap) {
        uint32_t cap = c->lines_cap ? c->lines_cap * 2 : 64;
        struct ir_line *v = arena_alloc(b->a, cap * sizeof *v);
        if (c->lines_n)
            memcpy(v, c->lines, c->lines_n * sizeof *v);
        c->lines = v;
        c->lines_cap = cap;
    }
    c->lines[c->lines_n++] = *l;
}

static struct ir_line line_of(enum ir_line_state state, enum ios_mode mode, struct span at, const struct span *object)
{
    return (struct ir_line){.off = at.off,
                            .owner = object ? object->off : IR_LINE_NO_OWNER,
                            .place = (uint8_t)place_of(mode),
                            .state = (uint8_t)state};
}

void lines_left(struct builder *b, enum ios_mode mode, struct span line)
{
    const struct ir_line l = line_of(IR_LINE_LEFT, mode, line, builder_object(b, mode));
    note(b, &l);
}

void lines_broken(struct builder *b, enum ios_mode mode, struct span line, const struct span *object)
{
    const struct ir_line l = line_of(IR_LINE_BROKEN, mode, line, object);
    note(b, &l);
}

/* It belongs to the object that it began, or that it stands in. */
void lines_read(struct builder *b, const struct ios_stmt *s)
{
    enum ios_mode mode = s->opens >= 0 ? (enum ios_mode)s->opens : s->mode;
    const struct span *object = s->kind == S_ACE ? (const void *)b->cur_acl : builder_object(b, mode);
    struct ir_line l = line_of(IR_LINE_READ, s->mode, s->span, object);
    l.kind = (uint8_t)kind_of(s->kind);
    note(b, &l);
}
