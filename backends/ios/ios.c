/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The IR as canonical IOS text: the crypto part of a configuration in the order and spelling of `show running-config`.
 * Only what was written is printed, so reading the text again gives an equal IR.
 */
#include "backends/ios/out.h"

static void print_hosts(struct ios_out *w, const struct ir_config *c)
{
    char t[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct host_entry, h, &c->hosts) {
        OUT(w, "ip host " STR_FMT, STR_ARG(h->name.s));
        PTRLIST_FOR (struct host_entry_address, a, &h->addresses) {
            OUT(w, " %s", addr_text(&a->address.a, t));
        }
        buf_putc(w->b, '\n');
    }
}

static void print(struct buf *out, const struct ptrlist *units, struct backend_options *o)
{
    struct ios_out w = {out, o};
    PTRLIST_FOR (struct ir_config, c, units) {
        if (c_i > 0) /* how a capture tells that another whole configuration begins */
            buf_puts(out, "Current configuration : 0 bytes\n");
        else if (units->n > 1)
            buf_puts(out, "Current configuration : 0 bytes\n");
        OUT_STR(&w, c->version, "version " STR_FMT);
        OUT_STR(&w, c->hostname, "hostname " STR_FMT);
        OUT_STR(&w, c->domain_name, "ip domain name " STR_FMT);
        buf_puts(out, "!\n");
        PTRLIST_FOR (struct ir_vrf, v, &c->vrfs) {
            OUT(&w, "vrf definition " STR_FMT "\n", STR_ARG(v->name.s));
        }
        print_hosts(&w, c);
        ios_print_pki(&w, c);
        ios_print_isakmp(&w, c);
        ios_print_ikev2(&w, c);
        ios_print_ipsec(&w, c);
        ios_print_maps(&w, c);
        ios_print_interfaces(&w, c);
        ios_print_nat(&w, c);
        ios_print_acls(&w, c);
        buf_puts(out, "end\n");
    }
}

const struct backend backend_ios = {"ios", "the crypto part as canonical IOS text", print, true, false, "router.ios"};
