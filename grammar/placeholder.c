/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holes of templates: words that stand for a value somebody else will put in. */
#include "grammar/stmt.h"

bool ios_is_placeholder(struct str w)
{
    if (w.len == 0)
        return false;
    if (memchr(w.p, '{', w.len)) { /* hardly a word has one */
        if (w.len >= 3 && memmem(w.p, w.len, "${", 2))
            return true;
        if (w.len >= 4 && (memmem(w.p, w.len, "{{", 2) || memmem(w.p, w.len, "%{", 2)))
            return true;
    }
    if (w.len >= 3 && w.p[0] == '<' && memchr(w.p, '>', w.len))
        return true;
    if (w.len >= 3 && w.p[0] == '[' && w.p[w.len - 1] == ']')
        return true;
    /* 40.76.X.X, x.x.x.x, A.B.C.D: four parts, each a number, one letter or a row of x; not all numbers */
    unsigned parts = 1, letters = 0, run = 0, digits = 0;
    for (uint32_t i = 0; i < w.len; i++) {
        char c = str_lower(w.p[i]);
        if (c == '.') {
            parts++;
            if (run + digits == 0)
                return false;
            run = digits = 0;
        } else if (c >= '0' && c <= '9' && !run) {
            digits++;
        } else if (c >= 'a' && c <= 'z' && !digits && (!run || c == 'x')) {
            run++;
            letters++;
        } else {
            return false;
        }
    }
    return parts == 4 && letters > 0 && run + digits > 0;
}
