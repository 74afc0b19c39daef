/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/ir/ir.h"

const char *entry_type_word(enum entry_type t)
{
    static const char *const words[] = {[ENTRY_UNTYPED] = "",
                                        [ENTRY_ISAKMP] = "ipsec-isakmp",
                                        [ENTRY_MANUAL] = "ipsec-manual",
                                        [ENTRY_DYNAMIC] = "ipsec-isakmp dynamic",
                                        [ENTRY_GDOI] = "gdoi"};
    return words[t];
}
