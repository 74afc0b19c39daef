/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A configuration on its way to one Linux host: what the kernel backends (xfrm, nftables) share. Which host interface
 * stands for which router interface, every crypto map applied to an interface as one first-match list, the reqid of
 * every line. Plain data; nothing here asks the kernel.
 *
 * What Linux cannot express becomes a finding of the IC4xxx family: an error stops `apply`, a warning or note says what
 * will differ.
 */
#ifndef IOSCC_BACKENDS_TARGET_TARGET_H
#define IOSCC_BACKENDS_TARGET_TARGET_H

#include "compiler/base/diag.h"
#include "compiler/sem/needs.h"
#include "compiler/sets/sets.h"

#define IF_NAME_MAX 15 /* IFNAMSIZ - 1 */

/* An interface of the host with its addresses. */
struct host_address {
    struct ip_addr addr;
    uint8_t plen;
};
struct host_link {
    char name[IF_NAME_MAX + 1];
    uint32_t index;   /* of the kernel; 0 if it is not there (compiling for another host) */
    unsigned mtu;     /* bytes; 0: not known */
    uint32_t carrier; /* index of the bridge, bond or team that it is a port of: packets leave by that; 0: none */
    bool is_carrier;  /* it is a bridge, bond or team itself */
    bool is_up;       /* its packets pass */
    uint32_t below;   /* a macvlan or ipvlan: index of the link whose wire it is on; 0: on none */
    struct ptrlist addresses; /* struct host_address */
};

/* Is the address (4 or 16 bytes of network order, by the family) one of these links' (struct host_link)? */
bool host_links_have(const struct ptrlist *links, uint8_t family, const uint8_t *a) MUST_CHECK;

enum { HOST_HAS_FIREWALL = 1, HOST_HAS_POLICY_ROUTING = 2 };
/* "firewall,policy-routing", or "none", into bits. False: it is something else. */
bool host_has_parse(struct str words, unsigned *has) MUST_CHECK;

/* Which host interface a router interface is. Rows come from --interface-map, from a file, or by matching addresses. */
struct if_map_row {
    struct str ios; /* canonical name */
    char host[IF_NAME_MAX + 1];
    bool yields; /* one of before, which gives way to who is named now */
};
struct if_map {
    struct ptrlist rows;       /* struct if_map_row */
    const struct ir_config *c; /* that it was read for; NULL: none has been */
    struct ptrlist links;      /* struct host_link: what the host has; empty when compiling for another host */
    unsigned host_has;         /* HOST_HAS_…: rules of the host's own that stand for lines which are not carried */
    bool sets_up_host;         /* whoever applies sets the settings that should be otherwise (target.settings) */
    uint32_t settled; /* links of a higher number have come just now: what they are for is not known; 0: none has */
};

/* Parses `GigabitEthernet0/0=eth0,Gi0/1=eth1` or the lines of a map file (blanks or '=' between the two, `#` comments)
 * and adds rows. Router names may be abbreviated as far as `c` has one such interface. What ioscc has written itself
 * may have `?` before a pair (it gives way to another row) and `+` (the link is another interface's too, as both were
 * found by their addresses; who names interfaces names each link once). Returns NULL, or what is wrong (in the arena).
 */
const char *if_map_parse(struct arena *ar, struct if_map *m, const struct ir_config *c, struct str text);
/* The interface that a name of the configuration means, abbreviated or not; NULL: none, or several. */
const struct interface *if_map_interface(const struct ir_config *c, struct str typed);
/* The host interface of a router interface: by row, else by an address of its own that a host interface holds; NULL if
 * there is none. */
const char *if_map_find(const struct if_map *m, const struct interface *i);
/* An interface before it, in the order of the text, that is the same link of the host; NULL: there is none. */
const struct interface *if_map_sharer(const struct if_map *m, const struct interface *i);
/* The interface that has the address which the one it is mapped to should have: then the map is wrong. NULL: there is
 * none (an address that no interface has may be there later, or be a NAT device's). */
const struct host_link *if_map_elsewhere(const struct if_map *m, const struct interface *i);
/* The address of the router interface that a link of the host has; NULL: it has none of them. */
const struct ip_addr *if_map_address_on(const struct interface *i, const struct host_link *l);
/* Is the router interface one with an address, and has the link none of that family? "IPv4" or "IPv6", and then what
 * leaves may do so by any link; NULL: it has lost none. */
const char *if_map_lost_address(const struct interface *i, const struct host_link *l) MUST_CHECK;
/* Has the link an address of that router interface, or does the configuration give it none? Else it may be another. */
bool if_map_is_itself(const struct interface *i, const struct host_link *l) MUST_CHECK;
/* A second interface that has its address, where no row says which one it is: it may be either. NULL: there is none. */
const struct host_link *if_map_either(const struct if_map *m, const struct interface *i);
const struct host_link *if_map_link(const struct if_map *m, const char *host_name);
/* NULL: no link has that number. */
const struct host_link *if_map_numbered(const struct if_map *m, uint32_t index);
/* The highest number of a link of the host that has settled: later ones get higher numbers. 0: compiling for another
 * host. */
uint32_t if_map_newest(const struct if_map *m);
/* A bridge, bond or team without ports and addresses: with its first port anything may leave by it, the next moment. */
bool if_map_is_idle(const struct if_map *m, const struct host_link *l) MUST_CHECK;
/* Links by which the packets of a router interface may go as well as by the one of its name: the bridge, bond or team
 * that it has become a port of, the one that has its address, and a macvlan or ipvlan on its own wire that the
 * configuration does not name. At most `room`; how many there are. */
unsigned if_map_places(const struct if_map *m, const struct ir_config *c, const struct interface *i,
                       const struct host_link **out, unsigned room);

/* One access list line of a crypto map entry that is protected: what one pair of SAs is for. */
struct target_line {
    uint32_t reqid; /* 0x5c000000 to 0x5cffffff: the same line keeps its number while other lines come and go */
    const struct crypto_map_entry *entry;
    const struct ace *line;
    struct boxes boxes; /* the whole line */
};

/* A crypto map on its interfaces. */
struct target_map {
    const struct crypto_map *map;
    struct ptrlist links; /* char *: host names of the interfaces it is applied to, in order */
    struct ptrlist ifs;   /* struct interface, same order */
    struct ip_addr local; /* FAMILY_NONE: not known before the kernel chooses it */
    struct flat flat;
    struct ptrlist lines;  /* struct target_line */
    struct symtab line_of; /* (line's place in the text, entry's) → struct target_line */
    bool has_dynamic;      /* unknown peers may come */
    bool broken;           /* `flat` does not hold all of it */
};

struct target {
    struct arena *arena;
    const struct ir_config *c;
    const struct if_map *ifs;
    struct diag_list *diags;
    struct ptrlist maps;     /* struct target_map */
    struct symtab reqids;    /* ("", reqid) → struct target_line */
    struct ptrlist walls;    /* struct target_wall (walls.h): of interfaces of the host, not carried */
    struct ptrlist settings; /* struct host_setting (backends/apply/host_settings.h): those that should be otherwise */
    struct symtab blocked;   /* (place of an entry) → its first unmet need, struct unmet */
};

/* Upper bounds of one crypto map set and one access list line; beyond them a finding names the line. */
#define TARGET_RULES_MAX (1u << 20)
#define TARGET_LINE_MAX 1024u

/* Builds the target of one configuration; everything is in `ar`. Findings go to `diags`. */
void target_build(struct target *t, struct arena *ar, const struct ir_config *c, const struct if_map *ifs,
                  struct diag_list *diags);
/* The line a flat rule belongs to, NULL for rules without one. */
const struct target_line *target_line_of(const struct target_map *m, const struct flat_rule *r);
/* What `df-bit` says of an entry's SAs on the map's interfaces: its own `set security-association dfbit`, else `crypto
 * ipsec df-bit` of the first interface that has it, else the global one; unset: none is written (copy). */
struct ir_str target_df_bit(const struct target *t, const struct target_map *m, const struct sa_settings *sa);
/* Why an entry may not be run (compiler/sem/needs.h), NULL: it may. Its traffic is dropped, nothing is negotiated. */
const struct unmet *target_blocked(const struct target *t, const struct crypto_map_entry *e);
/* Networks that are not behind the map: those of the router's and the host's other interfaces, as boxes of their
 * sources (struct box). What comes from there was never checked by the router, which checks on the map's interfaces
 * alone. */
void target_inside(const struct target *t, const struct target_map *m, struct boxes *out);
/* Host name of a router interface that is needed; a finding if it has none. `why` says who needs it. */
const char *target_link(struct target *t, const struct interface *i, struct span at, const char *why);

#endif
