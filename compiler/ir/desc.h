/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The IR described as data: which fields each object has, of what type, under which name. The JSON writer, its schema
 * and the comparison of two configurations walk these tables; a field that is added to ir.h gets a row here and is then
 * printed, documented and compared.
 */
#ifndef IOSCC_IR_DESC_H
#define IOSCC_IR_DESC_H

#include <stddef.h>

#include "compiler/ir/ir.h"

enum ir_type {
    IR_NUM,    /* struct ir_num: a number */
    IR_FLAG,   /* struct ir_num: true or false */
    IR_ALGO,   /* struct ir_num: an enum algo_id; written as the algorithm's name */
    IR_ENUM,   /* struct ir_num: index into `words` */
    IR_STR,    /* struct ir_str */
    IR_ADDR,   /* struct ir_addr: "A" or "A/len" */
    IR_HOST,   /* struct ir_host: address or name */
    IR_SECRET, /* struct ir_secret */
    IR_REF,    /* struct ir_ref: {name, defined} */
    IR_LIST,   /* struct ptrlist of objects described by `sub` */
    IR_REFS,   /* struct ptrlist of struct ir_ref */
    IR_NAMES,  /* struct ptrlist of struct interface: their names (derived) */
    IR_ALGS,   /* struct ptrlist of struct ir_alg */
    IR_XFORMS, /* struct ptrlist of struct ir_transform */
    IR_ACES,   /* struct ptrlist of struct ace */
    IR_ITEMS,  /* struct ptrlist of struct object_item */
    IR_OBJECT, /* embedded struct described by `sub`, no span of its own */
};

struct ir_desc;
struct ir_field {
    const char *name;
    enum ir_type type;
    size_t off;
    const struct ir_desc *sub;
    const char *const *words; /* IR_ENUM */
};
struct ir_desc {
    const char *name;
    bool has_span;                 /* starts with struct span */
    const struct ir_field *fields; /* ends with name NULL */
};

extern const struct ir_desc ir_desc_config;

#endif
