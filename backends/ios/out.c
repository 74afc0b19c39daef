/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ios/out.h"

#include "compiler/base/redact.h"

void ios_secret(struct ios_out *w, const struct ir_secret *s)
{
    const char *type = s->s.form == SECRET_TYPE6   ? "6 "
                       : s->s.form == SECRET_TYPE7 ? "7 "
                       : s->s.form == SECRET_HEX   ? "hex "
                                                   : "";
    struct str k = secret_reveal(&s->s);
    /* a plain key that is a single digit would be read as a type */
    if (*type == '\0' && k.len == 1 && strchr("0567", k.p[0]))
        type = "0 ";
    buf_puts(w->b, type);
    if (w->o->show_secrets)
        buf_str(w->b, k);
    else
        buf_puts(w->b, "<key>");
}

void ios_addr(struct ios_out *w, const struct ir_addr *a)
{
    char t[ADDR_TEXT_MAX];
    OUT(w, a->plen == 255 ? "%s" : "%s/%u", addr_text(&a->a, t), a->plen);
}

void ios_host(struct ios_out *w, const struct ir_host *h)
{
    char t[ADDR_TEXT_MAX];
    if (h->name.len)
        buf_str(w->b, h->name);
    else
        buf_puts(w->b, addr_text(&h->addr, t));
}

void ios_text(struct ios_out *w, struct str s)
{
    if (w->o->show_secrets)
        buf_str(w->b, s);
    else
        redact_line(s, w->b, NULL, NULL);
}

void ios_texts(struct ios_out *w, const char *indent, const struct ptrlist *l)
{
    PTRLIST_FOR (struct ir_text, t, l) {
        buf_puts(w->b, indent);
        ios_text(w, t->text.s);
        if (IR_IS_SET(t->key)) {
            buf_putc(w->b, ' ');
            ios_secret(w, &t->key);
        }
        buf_putc(w->b, '\n');
    }
}

void ios_local(struct ios_out *w, const char *prefix, const struct ptrlist *l)
{
    PTRLIST_FOR (struct local_address, a, l) {
        buf_puts(w->b, prefix);
        if (IR_IS_SET(a->interface))
            buf_str(w->b, a->interface.name);
        else
            ios_host(w, &a->address);
        if (IR_IS_SET(a->vrf))
            OUT(w, " " STR_FMT, STR_ARG(a->vrf.s));
        buf_putc(w->b, '\n');
    }
}
