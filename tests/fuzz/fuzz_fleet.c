/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer target: facts of strangers, joined and printed; the same bytes as a profile and as settings. */
#include <stddef.h>
#include <stdint.h>

#include "compiler/base/hash.h"
#include "compiler/fleet/fleet.h"
#include "lint/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct buf out = {0};
    const char *text = (const char *)data, *why = NULL;
    if (!arena_init(&a, (size_t)64 << 20))
        return 0;
    struct fleet f = {.arena = &a};
    for (size_t at = 0; at < size && f.devices.n < 8;) {
        const char *nl = memchr(text + at, '\n', size - at);
        size_t end = nl ? (size_t)(nl - text) : size;
        json_t *j = json_loadb(text + at, end - at, 0, NULL);
        struct fact_device *d = j ? facts_read(&a, j, &why) : NULL;
        if (d)
            ptrlist_add(&a, &f.devices, d);
        json_decref(j);
        at = end + 1;
    }
    fleet_join(&f);
    fleet_print_json(&out, &f);
    fleet_print_dot(&out, &f);
    buf_free(&out);
    profile_parse(&a, "fuzz", text, size, &why);
    arena_free(&a);
    return 0;
}
