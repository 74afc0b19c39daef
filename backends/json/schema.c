/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema of the documents json.c writes, made from the same descriptors. */
#include "backends/backend.h"
#include "compiler/ir/desc.h"

static const char *const shared =
    "  \"origin\": {\"enum\": [\"written\", \"default\", \"inherited\"]},\n"
    "  \"at\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"line\": {\"type\": "
    "\"integer\"}, \"column\": {\"type\": \"integer\"}, \"length\": {\"type\": \"integer\"}}},\n"
    "  \"ports\": {\"type\": \"object\", \"required\": [\"op\", \"ports\"], \"properties\": {\"op\": {\"enum\": "
    "[\"eq\", \"neq\", \"lt\", \"gt\", \"range\"]}, \"ports\": {\"type\": \"array\", \"items\": {\"type\": "
    "\"integer\", \"minimum\": 0, \"maximum\": 65535}}}},\n"
    "  \"end\": {\"description\": \"any, an address, a prefix, or an object for what is neither\", \"type\": "
    "[\"string\", \"object\"]},\n"
    "  \"protocol\": {\"description\": \"IP protocol number, or any\", \"type\": [\"string\", \"integer\"]},\n"
    "  \"ace\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"remark\": {\"type\": "
    "\"string\"}, \"sequence\": {\"type\": \"integer\"}, \"action\": {\"enum\": [\"permit\", \"deny\"]}, "
    "\"protocol\": {\"$ref\": \"#/$defs/protocol\"}, \"service_group\": {\"type\": \"string\"}, \"source\": {\"$ref\": "
    "\"#/$defs/end\"}, \"source_ports\": {\"$ref\": \"#/$defs/ports\"}, "
    "\"destination\": {\"$ref\": \"#/$defs/end\"}, \"destination_ports\": {\"$ref\": \"#/$defs/ports\"}, "
    "\"icmp_type\": {\"type\": \"integer\"}, \"icmp_code\": {\"type\": \"integer\"}, "
    "\"options\": {\"type\": \"string\"}, \"selectable\": {\"description\": \"false: holds options that no IPsec "
    "selector can express\", \"type\": \"boolean\"}, "
    "\"line\": {\"type\": \"integer\"}, \"column\": {\"type\": \"integer\"}, \"length\": {\"type\": \"integer\"}}},\n"
    "  \"object_item\": {\"type\": \"object\", \"required\": [\"kind\"]}";

static void value_schema(struct buf *b, const char *type, const char *extra)
{
    buf_printf(
        b,
        "{\"type\": \"object\", \"required\": [\"value\", \"origin\"], \"additionalProperties\": false, "
        "\"properties\": {\"value\": %s, \"origin\": {\"$ref\": \"#/$defs/origin\"}%s, "
        "\"line\": {\"type\": \"integer\"}, \"column\": {\"type\": \"integer\"}, \"length\": {\"type\": \"integer\"}}}",
        type, extra);
}

static void words(struct buf *b, const char *const *w)
{
    struct buf t = {0};
    buf_puts(&t, "{\"enum\": [");
    for (size_t i = 0; w[i]; i++)
        buf_printf(&t, "%s\"%s\"", i ? ", " : "", w[i]);
    buf_puts(&t, "]}");
    value_schema(b, t.p ? t.p : "{}", "");
    buf_free(&t);
}

static void field_schema(struct buf *b, const struct ir_field *f)
{
    static const char *const str = "{\"type\": \"string\"}";
    static const char *const ref = ", \"defined\": {\"type\": \"boolean\"}";
    bool list = f->type >= IR_LIST && f->type <= IR_ITEMS;
    if (list)
        buf_puts(b, "{\"type\": \"array\", \"items\": ");
    switch (f->type) {
    case IR_NUM:
        value_schema(b, "{\"type\": \"integer\", \"minimum\": 0}", "");
        break;
    case IR_FLAG:
        value_schema(b, "{\"type\": \"boolean\"}", "");
        break;
    case IR_ALGO:
    case IR_STR:
    case IR_ADDR:
    case IR_HOST:
        value_schema(b, str, "");
        break;
    case IR_ENUM:
        words(b, f->words);
        break;
    case IR_SECRET:
        value_schema(b, str, ", \"form\": {\"enum\": [\"plain\", \"type6\", \"type7\", \"hex\"]}");
        break;
    case IR_REF:
    case IR_REFS:
        value_schema(b, str, ref);
        break;
    case IR_NAMES:
        buf_puts(b, str);
        break;
    case IR_ALGS:
        value_schema(b, str, ", \"bits\": {\"type\": \"integer\"}");
        break;
    case IR_XFORMS:
        value_schema(b, str,
                     ", \"bits\": {\"type\": \"integer\"}, \"protocol\": {\"enum\": [\"ah\", \"esp\", \"comp\"]}");
        break;
    case IR_ACES:
        buf_puts(b, "{\"$ref\": \"#/$defs/ace\"}");
        break;
    case IR_ITEMS:
        buf_puts(b, "{\"$ref\": \"#/$defs/object_item\"}");
        break;
    case IR_LIST:
    case IR_OBJECT:
        buf_printf(b, "{\"$ref\": \"#/$defs/%s\"}", f->sub->name);
        break;
    }
    if (list)
        buf_putc(b, '}');
}

static void desc_schema(struct buf *b, const struct ir_desc *d, const struct ir_desc **seen, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        if (seen[i] == d)
            return;
    seen[(*n)++] = d;
    buf_printf(b, ",\n  \"%s\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {", d->name);
    if (d->has_span)
        buf_puts(b, "\n   \"at\": {\"$ref\": \"#/$defs/at\"}");
    for (const struct ir_field *f = d->fields; f->name; f++) {
        buf_printf(b, "%s\n   \"%s\": ", f == d->fields && !d->has_span ? "" : ",", f->name);
        field_schema(b, f);
    }
    buf_puts(b, "}}");
    for (const struct ir_field *f = d->fields; f->name; f++)
        if (f->sub)
            desc_schema(b, f->sub, seen, n);
}

void json_schema_print(struct buf *b)
{
    const struct ir_desc *seen[128];
    size_t n = 0;
    buf_puts(
        b,
        "{\n \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n \"title\": \"ioscc IR, version 1\",\n"
        " \"description\": \"What a Cisco IOS configuration means for IPsec. Lifetimes in seconds and kilobytes; every "
        "value says whether it was written, inherited from a global command, or is a default.\",\n"
        " \"type\": \"object\",\n \"required\": [\"schema\", \"configurations\"],\n \"additionalProperties\": false,\n"
        " \"properties\": {\"schema\": {\"const\": \"ioscc-ir/1\"}, \"configurations\": {\"type\": \"array\", "
        "\"items\": {\"$ref\": \"#/$defs/configuration\"}}},\n \"$defs\": {\n");
    buf_puts(b, shared);
    desc_schema(b, &ir_desc_config, seen, &n);
    buf_puts(b, "\n }\n}\n");
}
