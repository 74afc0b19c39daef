/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packet filter's part of a crypto configuration as plain data: one table, `inet ioscc`, with its sets, chains and
 * rules. Printed as .nft text, compared with what the kernel has, sent as one libnftnl batch.
 *
 * What a packet meets on an interface with a crypto map, and where (IOS order of operation in brackets):
 *   prerouting, before NAT   interface access list on what arrived as it is [input ACL]; cleartext that a crypto list's
 *                            mirror claims is dropped [crypto check]; `set ip access-group … in` on what was decrypted
 *   input                    IKE, ESP and AH from peers only
 *   postrouting, NAT         `ip nat inside source`, its list's denies in order [NAT before crypto]
 *   postrouting, own NAT     flows that the crypto list protects keep their addresses, whoever translates behind us
 *   postrouting, after NAT   interface access list on what is not about to be encrypted [output ACL]; `set ip
 *                            access-group … out` and line counters on what is
 *   postrouting, after all   the guard: what the list protects and is not about to be encrypted is dropped; likewise,
 *                            where the list is on translated addresses, what NAT should have translated and has not
 *   forward                  MSS
 */
#ifndef IOSCC_BACKENDS_NFTABLES_PLAN_H
#define IOSCC_BACKENDS_NFTABLES_PLAN_H

#include "backends/target/target.h"
#include "compiler/base/must.h"

#define NFT_TABLE "ioscc"
/* Our table's comment: by it we know it again when no state tells whose it is. */
#define NFT_TABLE_MARK "made by ioscc"
/* A chain that nothing jumps to; the comment of its one rule says which state the table is of. */
#define NFT_OWNER_CHAIN "owner"
#define NFT_OWNER_WORDS "applied by state "
/* The conntrack label of flows that our own rules translate: the highest of 128, which tools that number them from 0 do
 * not come to. */
#define NFT_NAT_LABEL 127u
/* Priority of the chain that binds protected flows to their own addresses: our own NAT stands at 90 (nat.c), those of
 * others at 100 as a rule. */
#define NFT_BINDS_FLOWS 91
/* Request numbers of our policies: lines of lists begin with byte 0x5c, peers of dynamic entries with 0x5d. */
#define XFRM_OURS 0x5c000000u
#define XFRM_OURS_MASK 0xfe000000u

enum nft_kind {
    /* matches */
    RULE_IN_IF,           /* name */
    RULE_OUT_IF,          /* name */
    RULE_IN_NOT_IF,       /* name: by any other */
    RULE_OUT_NOT_IF,      /* name */
    RULE_IN_NUMBER,       /* number of a link, whatever its name is */
    RULE_OUT_NUMBER,      /* number */
    RULE_IN_LATER,        /* number: a link with a higher one, which is younger */
    RULE_OUT_LATER,       /* number */
    RULE_FORWARDED,       /* it came in by some interface */
    RULE_OWN,             /* it did not: the host itself sends it, or its multicast router */
    RULE_FROM_LOCAL,      /* its source is an address of this host */
    RULE_FROM_OTHERS,     /* it is not */
    RULE_TO_NO_HOST,      /* its destination is no other host's address: it is this host's, or multicast */
    RULE_SOURCE_ROUTED,   /* number: IPv4 option, 0: IPv6 routing header; its sender says the way, and where it ends */
    RULE_FRAGMENT_OF,     /* number: an IPv6 fragment, or the whole in one, of that next header */
    RULE_TRANSLATED,      /* its flow has other addresses than it began with */
    RULE_DEST_TRANSLATED, /* its flow began with another destination */
    RULE_NAT_OURS,        /* ... by a rule of this table */
    RULE_FLOW_DIR,        /* number: 0 the way the flow began, 1 the answers */
    RULE_CAME_CLEAR,      /* meta ipsec missing */
    RULE_CAME_SECURED,    /* meta ipsec exists */
    RULE_GOES_CLEAR,      /* rt ipsec missing */
    RULE_GOES_SECURED,    /* rt ipsec exists */
    RULE_REQID_IN,        /* number */
    RULE_REQID_OUT,
    RULE_REQID_FOREIGN, /* outbound: an SA that is not of our policies */
    RULE_FAMILY,        /* family */
    RULE_PROTO,         /* number */
    RULE_SADDR,         /* bits, family */
    RULE_DADDR,
    RULE_SPORT, /* ports */
    RULE_DPORT,
    RULE_ICMP_TYPE, /* number, family */
    RULE_ICMP_CODE,
    RULE_HOP_LIMIT,    /* number: of IPv6 */
    RULE_TCP_FLAGS,    /* number: value, number2: mask */
    RULE_TCP_ANY_FLAG, /* number: at least one of these */
    RULE_FRAGMENT,     /* not the first one; family */
    RULE_DSCP,         /* number: value of the six bits, number2: mask */
    RULE_ADDR_IN_SET,  /* set: saddr . daddr [. protocol [. sport . dport]]; `look` */
    RULE_VERDICT_MAP,  /* set: its fields, masked; the element says what happens */
    /* statements */
    RULE_COUNTER,
    RULE_LOG, /* name: prefix */
    RULE_ACCEPT,
    RULE_DROP,
    RULE_RETURN,
    RULE_JUMP, /* name */
    RULE_MASQUERADE,
    RULE_SNAT, /* family, address, address2 (last of a range), number: port or 0 */
    RULE_DNAT,
    RULE_SNAT_SELF, /* family: the source stays what it is, and no later rule of anybody's changes it */
    RULE_MARK_NAT,  /* says to RULE_NAT_OURS that it was us */
    RULE_SET_MSS,   /* number */
    RULE_KINDS
};

/* What a rule's addresses and a set's key are taken from. Turned: destination before source, for sets and rules that
 * hold the way back. Of a flow: the addresses that it began with, whatever NAT has made of them; ports are the
 * packet's, where they decide (nft has no concatenation with those that a flow began with). */
enum nft_look { LOOK_PACKET, LOOK_PACKET_TURNED, LOOK_FLOW, LOOK_FLOW_TURNED };

struct nft_set;
struct nft_expr {
    uint8_t kind, family, look; /* look: enum nft_look, of addresses, ports and sets */
    const char *name;
    uint32_t number, number2;
    struct addr_bits bits;
    struct port_range ports;
    struct ip_addr address, address2;
    const struct nft_set *set;
};

struct nft_rule {
    struct nft_expr *v;
    uint32_t n, cap;
    uint64_t packets, bytes; /* its counter begins with them */
    const char *comment;     /* what the rule stands for, or NULL */
};

/* What a rule about an empty bridge is: it jumps by the link's number. `to` NULL: the chain has none. */
struct nft_idle {
    const char *to;
    enum nft_kind kind; /* RULE_IN_NUMBER, RULE_OUT_NUMBER */
};

enum nft_hook { HOOK_NONE, HOOK_PREROUTING, HOOK_INPUT, HOOK_FORWARD, HOOK_POSTROUTING };
struct nft_chain {
    const char *name;
    enum nft_hook hook;
    bool nat;
    bool follows_links;   /* all that it says is which links are younger than what is applied, or idle */
    struct nft_idle idle; /* ... where the latter go, to which rules of links that have gone are added */
    bool keeps_known;     /* its one rule says up to which number links are known: the number in the kernel stays */
    int priority;
    struct ptrlist rules; /* struct nft_rule */
};

/* Fields of a set, in order. */
enum { SET_SADDR = 1, SET_DADDR = 2, SET_PROTO = 4, SET_SPORT = 8, SET_DPORT = 16, SET_PORTS = SET_SPORT | SET_DPORT };
struct nft_element {
    const struct box *box; /* prefixes and ranges; only the set's fields count */
    const char *comment;
    bool drop;               /* of a verdict map: drop, else return */
    uint64_t packets, bytes; /* its counter begins with them */
};
struct nft_set {
    const char *name;
    uint8_t family, fields;
    bool interval, counters;
    bool verdicts; /* a verdict map: keys are exact once the addresses are masked */
    uint32_t size; /* elements at most, 0: not said; a table that need not grow is filled faster */
    uint8_t src_care[16], dst_care[16];
    struct ptrlist elements; /* struct nft_element */
    uint32_t id;             /* in a batch */
};

struct nft_plan {
    struct arena *arena;
    const struct if_map *ifs;    /* what the host had when it was made */
    struct ptrlist sets, chains; /* struct nft_set, struct nft_chain; in order of definition */
    bool is_second;              /* names are those of the second generation (generation.h) */
};

void nft_plan_build(struct nft_plan *p, struct target *t);
/* The table says whose it is: of the state with that id (state.h). After nft_plan_build(); 0, or a plan without chains:
 * it says nothing. */
void nft_plan_own(struct nft_plan *p, uint64_t id);
void nft_plan_text(struct buf *b, const struct nft_plan *p);

/* ---- what it does to a flow (walk.c) ---- */

/* BY_US: a rule of `ip nat`. TO_ITSELF: the flow is protected and bound to its own source. */
enum nft_translation { TRANSLATES_NOT, TRANSLATES_BY_US, TRANSLATES_TO_ITSELF };
struct nft_walk;
/* In the plan's arena; ends with it. The plan does not change any more. */
struct nft_walk *nft_walk_new(const struct nft_plan *p);
/* The way a flow's first packet takes: names of interfaces, NULL: by none of this host's. `in` NULL: it sends it
 * itself. */
struct nft_way {
    const char *in, *out;
};
struct nft_walked {
    enum nft_translation what;
    const struct nft_expr *by; /* the statement that translates, NULL: none does */
};
/* What the NAT chains of a hook (HOOK_PREROUTING, HOOK_POSTROUTING) do to it as it comes there. */
struct nft_walked nft_walk_hook(struct nft_walk *w, enum nft_hook hook, const struct packet *p,
                                const struct nft_way *way) MUST_CHECK;

/* ---- for the files that build it ---- */

struct nft_chain *nft_chain_new(struct nft_plan *p, const char *name);
struct nft_chain *nft_chain_named(const struct nft_plan *p, const char *name);
struct nft_set *nft_set_new(struct nft_plan *p, const char *name, uint8_t family, uint8_t fields);
struct nft_rule *nft_rule_new(struct nft_plan *p, struct nft_chain *c);
struct nft_expr *nft_add(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind);
void nft_add_name(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind, const char *name);
void nft_add_number(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind, uint32_t n);
/* The matches that a box is. */
void nft_add_box(struct nft_plan *p, struct nft_rule *r, const struct box *b);
const char *nft_name(struct nft_plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prefix length, -1 if the care bits have holes. */
int nft_prefix_length(const struct addr_bits *a) MUST_CHECK;
/* The bits of one address. */
struct addr_bits nft_host_bits(const struct ip_addr *a);
/* Can a set hold this box: are its addresses prefixes, and which fields does it need? 0 if not. */
uint8_t nft_box_fields(const struct box *b);
static inline bool nft_has_addr(const struct addr_bits *a)
{
    static const uint8_t none[16];
    return memcmp(a->care, none, 16) != 0;
}

/* acl.c: a chain that is an access list for filtering; NULL if the list has no lines (everything passes). */
const char *nft_acl_chain(struct nft_plan *p, struct target *t, const struct acl *a);
/* A chain for later fragments alone, of a list that denies some by name; NULL: it does not. In the order of its lines a
 * permit lets go by addresses and protocol, as does a deny drop that says no more than these (ports are not known);
 * what no line is about is judged when it is whole. To be asked before connection tracking puts packets together. */
const char *nft_acl_parts(struct nft_plan *p, struct target *t, const struct acl *a);
/* For where they have been put together (what leaves, what comes out of a tunnel): a finding for each such line, and a
 * chain that drops all that it might deny, should that be allowed; NULL: there is none. To be asked before the list. */
const char *nft_acl_whole(struct nft_plan *p, struct target *t, const struct acl *a);
/* fragments.c: the list as later fragments are judged by it; false: it is the same, as no line has ports. */
bool nft_fragments(struct arena *ar, const struct flat *list, struct flat *out) MUST_CHECK;
/* guard.c: the second wall behind the XFRM policies, outbound. After one_map() has made the chain of the inbound check,
 * whose rules and sets it reads the other way round. */
struct nft_guard {
    struct nft_chain *filter, *bind; /* base chains */
};
struct nft_guard nft_guard_begin(struct nft_plan *p);
/* Neighbour discovery that comes in by an interface (NULL: any) is nobody's cleartext: routers do not forward it. */
void nft_pass_discovery(struct nft_plan *p, struct nft_chain *c, const char *link);
/* Of a list that does not exist or has no lines: nothing goes out, and nothing comes in but IPsec and neighbour
 * discovery, which base chains let pass before (guide, `match address`: "the device drops all packets"). */
void nft_closed_lists(struct nft_plan *p, struct nft_chain *c, const struct target_map *m);
/* What arrived for IKE or IPsec of this host, and somebody's translation sends on to another: the inbound check once
 * more, by the addresses that it had. */
const struct nft_chain *nft_came_chain(struct nft_plan *p, const struct target_map *m, const struct nft_chain *inbound,
                                       uint32_t number);
/* `fragments`: the inbound check of later fragments, NULL: it is the same. `peers`: set of the map's peers' addresses,
 * and its own. */
void nft_guard_map(struct nft_plan *p, const struct nft_guard *g, const struct target_map *m,
                   const struct nft_chain *inbound, const struct nft_chain *fragments, const struct nft_set *peers,
                   uint32_t number);
/* Drops IPv6 fragments that hide what they are of behind further headers: what nobody has put together, or has only the
 * outer half of (RFC 8200 §4.5 lets a chain of headers be cut). No line with a protocol could judge them. `kind`:
 * RULE_IN_IF or RULE_OUT_IF, of `link`; NULL: by whichever. */
void nft_drop_veiled(struct nft_plan *p, struct nft_chain *c, enum nft_kind kind, const char *link);
/* After those of all maps. */
void nft_guard_elsewhere(struct nft_plan *p, const struct nft_guard *g, const struct target *t);
/* elsewhere.c: what leaves or comes by a link that may be one with a crypto map, though none of its name, goes on from
 * a base chain to `to`. Only where the host is known: if_map_newest() is not 0. */
void nft_elsewhere(struct nft_plan *p, const struct target *t, struct nft_chain *base, const struct nft_chain *to);
/* Three facts outlive the plan in comments of its rules, and diff.c takes them over from the kernel's table: which
 * links are known already (numbers of links that have gone do not come again), and which bridges were empty ... */
#define NFT_KNOWN_LINKS "links up to number %u are known"
void nft_say_known_links(struct nft_plan *p, struct nft_rule *later);
#define NFT_IS_IDLE " and has no ports"
/* Adds the rule of one bridge, in the order of numbers. */
void nft_add_idle(struct nft_plan *p, struct nft_chain *idle, uint32_t number, const char *comment);
/* ... and the number that a link had which is not there now: NFT_NUMBER_UNKNOWN in the plan, which no link has. */
#define NFT_IS_NUMBER " is number "
#define NFT_NUMBER_UNKNOWN UINT32_MAX
void nft_say_link_number(struct nft_plan *p, struct nft_rule *numbered);
/* walls.c: what zone firewalls and policy routing, which are not carried, would judge. */
void nft_walls(struct nft_plan *p, const struct target *t, struct nft_chain *forward);
/* nat.c */
void nft_nat(struct nft_plan *p, struct target *t);
/* untranslated.c: behind NAT before crypto, what should have been translated and is not. */
struct nft_nat_range {
    struct ip_addr first, last;
};
struct nft_nat_way { /* between two interfaces, by a chain */
    const char *in, *out, *chain;
    struct nft_nat_range to[8]; /* addresses that it translates sources to */
    unsigned n, n_own; /* those of the configuration come first; behind them what the host's interface has now */
};
/* The base chain where a list is on translated addresses. */
#define NFT_UNTRANSLATED "guard_nat"
void nft_untranslated(struct nft_plan *p, const struct target *t, const struct ptrlist *ways);

#endif
