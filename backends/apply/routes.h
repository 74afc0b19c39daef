/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By which interface this host would send: its kernel is asked, once for each way; and which routes it has. */
#ifndef IOSCC_BACKENDS_APPLY_ROUTES_H
#define IOSCC_BACKENDS_APPLY_ROUTES_H

#include "backends/netlink/netlink.h"
#include "backends/target/target.h"

/* A route, or one way of a route that has several. Of all tables: whether it is used is asked by routes_way_of(). */
struct route {
    uint8_t family, plen;
    uint8_t to[16];           /* 4 bytes of IPv4 */
    uint8_t tos;              /* 0: of all packets */
    uint32_t ifindex;         /* 0: not said (a next hop object) */
    uint32_t table, priority; /* of several to one network the lowest is taken */
    bool leads;               /* to a link: it is no address of this host and no black hole */
    bool is_address;          /* one of this host's own, or a broadcast address */
    bool is_connected;        /* to the network of an address, by the kernel itself */
    bool is_one_of_many, is_encapsulated;
};

/* A rule (`ip rule`) that is about some packets, and not by their mark, which nobody knows before. */
struct route_rule {
    struct box box;    /* of these, or (`not`) of all others: it tells them apart */
    uint8_t tos;       /* 0: of all packets */
    uint32_t comes_by; /* the link that it asks for; 0: it asks for none, or for one that is not there */
};

/* A packet whose way is asked for; of what is 0 nothing is said. */
struct routes_packet {
    uint8_t family;
    uint8_t src[16], to[16]; /* 4 bytes of IPv4 */
    bool has_src;
    uint32_t ifindex;      /* that it comes by; 0: this host sends it */
    uint8_t proto;         /* the kernel can be asked for TCP, UDP and ICMP */
    uint16_t sport, dport; /* host byte order */
    uint8_t tos;
};

#define ROUTES_LONGEST 128

struct routes {
    struct netlink netlink;
    struct arena *arena;
    const struct ptrlist *links; /* struct host_link: the interfaces whose names are answers */
    struct symtab known;         /* struct routes_packet → struct routes_way */
    int error;                   /* of a question that had no answer: what it was for cannot be told */
    bool has_many;               /* a route has several ways */
    uint8_t stand_in;            /* a protocol that no rule is about, for those that cannot be asked for; 0: none */
    uint32_t asked;              /* questions to the kernel */
    struct symtab source_links;  /* (address) → name of its link, "" none: routes_source_link() */
    struct ptrlist rules;        /* struct route_rule; routes_read() */
    struct route *all;           /* sorted by family, address and length; routes_read() */
    uint32_t n, room;
    bool is_read;                           /* by routes_read() */
    bool has_length[2][ROUTES_LONGEST + 1]; /* of IPv4 and IPv6: is there a route with that prefix length? */
};

/* Answers live as long as the arena, and the links. Returns 0 or a negative errno; close it in both cases. */
int routes_open(struct routes *r, struct arena *arena, const struct ptrlist *links) MUST_CHECK;
void routes_close(struct routes *r);
/* The interface that leads to an address (4 or 16 bytes, FAMILY_V4 or FAMILY_V6), by the rules of routing for what this
 * host sends itself. NULL: it is this host's own, none leads there, or there was no answer (`error`). */
const char *routes_link(struct routes *r, uint8_t family, const uint8_t *to);
/* The interface that packets from a source come by: the one with an address of its network, else the one that leads
 * there. NULL: none. */
const char *routes_source_link(struct routes *r, uint8_t family, const uint8_t *src);
/* The number of a link by its name, 0: NULL, or there is none. */
uint32_t routes_number(const struct routes *r, const char *link) MUST_CHECK;
/* The same of one packet, as it is said, and whether the route puts it into something else (`encap`). */
struct routes_way {
    const char *link; /* NULL: as above */
    bool is_encapsulated;
};
struct routes_way routes_way_of(struct routes *r, const struct routes_packet *p);
/* Which route that is. False: there is none. */
struct route_taken {
    uint8_t plen, tos;
    uint32_t table, priority;
    bool is_connected;
};
bool routes_taken(struct routes *r, const struct routes_packet *p, struct route_taken *taken) MUST_CHECK;
/* After routes_read(): does no route at all lead there, so that the kernel need not be asked? */
bool routes_lack(const struct routes *r, uint8_t family, const uint8_t *to) MUST_CHECK;
/* Reads all routes and rules. 0 or a negative errno. */
int routes_read(struct routes *r) MUST_CHECK;
/* The place of the first route whose network is not before that address; `n` where there is none. */
uint32_t routes_from(const struct routes *r, uint8_t family, const uint8_t *to) MUST_CHECK;
/* The place of the first route to exactly that network, others to it follow; `n`: there is none. */
uint32_t routes_to(const struct routes *r, uint8_t family, const uint8_t *network, uint8_t plen) MUST_CHECK;
/* Is it one to exactly that network? */
bool routes_is_to(const struct route *r, uint8_t family, const uint8_t *network, uint8_t plen) MUST_CHECK;

#endif
