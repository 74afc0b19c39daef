/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show crypto isakmp sa, ikev2 sa: what the IKE daemon has, in the router's layout. */
#include <jansson.h>

#include "backends/show/show.h"

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static long long number(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

static bool is(const json_t *o, const char *key, const char *value)
{
    return strcmp(text(o, key), value) == 0;
}

static bool is_v6(const json_t *sa)
{
    return strchr(text(sa, "remote"), ':') != NULL;
}

/* ---- show crypto isakmp sa ---- */

/* The router's names of where phase 1 is: no policy yet, a policy, the secret too, authenticated. Who answers has each
 * a message earlier. */
static const char *main_mode_state(const json_t *sa)
{
    static const struct {
        const char *ours, *initiator, *responder;
    } names[] = {{"NEW", "MM_NO_STATE", "MM_NO_STATE"},    {"MAIN_1", "MM_NO_STATE", "MM_SA_SETUP"},
                 {"MAIN_2", "MM_SA_SETUP", "MM_KEY_EXCH"}, {"MAIN_3", "MM_KEY_EXCH", "MM_KEY_AUTH"},
                 {"ESTABLISHED", "QM_IDLE", "QM_IDLE"},    {"AGGRESSIVE_1", "AG_INIT_EXCH", "AG_INIT_EXCH"},
                 {"AGGRESSIVE_2", "AG_AUTH", "AG_AUTH"}};
    bool is_initiator = is(sa, "role", "initiator");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is(sa, "state", names[i].ours))
            return is_initiator ? names[i].initiator : names[i].responder;
    return "MM_NO_STATE";
}

static bool on_its_way_out(const json_t *sa)
{
    return is(sa, "state", "REPLACED") || is(sa, "state", "DELETING");
}

/* "AES-CBC-256" as the columns have it: aes */
static const char *column_name(const char *name)
{
    return strstr(name, "AES")    ? "aes"
           : strstr(name, "3DES") ? "3des"
           : strstr(name, "DES")  ? "des"
           : strstr(name, "MD5")  ? "md5"
           : strstr(name, "512")  ? "sha512"
           : strstr(name, "384")  ? "sha384"
           : strstr(name, "256")  ? "sha256"
           : strstr(name, "SHA")  ? "sha"
                                  : name;
}

static void isakmp_detail(struct buf *b, const json_t *sa)
{
    long long left = number(sa, "lifetime_s") - number(sa, "age_s");
    char clock[32];
    left = left > 0 ? left : 0;
    snprintf(clock, sizeof clock, "%02lld:%02lld:%02lld", left / 3600, left / 60 % 60, left % 60);
    buf_printf(b, "%-5lld %-15s %-15s %-6s %-6s %-4s %-6s %-4s %-2lld %-8s %s\n", number(sa, "id"), text(sa, "local"),
               text(sa, "remote"), "", "ACTIVE", column_name(text(sa, "encryption")), column_name(text(sa, "prf")),
               is(sa, "authentication", "pre-share")   ? "psk"
               : is(sa, "authentication", "signature") ? "rsig"
                                                       : "" /* not agreed yet */,
               number(sa, "group"), clock,
               number(sa, "dpd_s")     ? "D"
               : is(sa, "nat", "none") ? ""
                                       : "N");
    buf_printf(b, "       Engine-id:Conn-id =  SW:%lld\n\n", number(sa, "id"));
}

void show_isakmp_sa(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    size_t i;
    json_t *sa;
    (void)c;
    if (f->detail)
        buf_puts(b, "Codes: C - IKE configuration mode, D - Dead Peer Detection\n"
                    "       K - Keepalives, N - NAT-traversal\n"
                    "       T - cTCP encapsulation, X - IKE Extended Authentication\n"
                    "       psk - Preshared key, rsig - RSA signature\n"
                    "       renc - RSA encryption\n");
    for (int v6 = 0; v6 < 2; v6++) {
        buf_printf(b, "IPv%d Crypto ISAKMP SA\n", v6 ? 6 : 4);
        buf_puts(b, f->detail
                        ? "\nC-id  Local           Remote          I-VRF  Status Encr Hash   Auth DH Lifetime Cap.\n\n"
                        : "dst             src             state          conn-id status\n");
        json_array_foreach((json_t *)(uintptr_t)f->daemon, i, sa)
        {
            bool initiator = is(sa, "role", "initiator");
            if (number(sa, "version") != 1 || is_v6(sa) != v6)
                continue;
            if (f->detail)
                isakmp_detail(b, sa);
            else
                buf_printf(b, "%-15s %-15s %-16s %5lld ACTIVE%s\n", text(sa, initiator ? "remote" : "local"),
                           text(sa, initiator ? "local" : "remote"), main_mode_state(sa), number(sa, "id"),
                           on_its_way_out(sa) ? " (deleted)" : "");
        }
        buf_puts(b, "\n");
    }
}

/* ---- show crypto ikev2 sa ---- */

static void upper(struct buf *b, const char *s)
{
    for (; *s; s++)
        buf_putc(b, (char)(*s >= 'a' && *s <= 'z' ? *s - 32 : *s));
}

static const char *v2_hash(const char *name, bool integrity)
{
    return strstr(name, "MD5")   ? (integrity ? "MD596" : "MD5")
           : strstr(name, "512") ? "SHA512"
           : strstr(name, "384") ? "SHA384"
           : strstr(name, "256") ? "SHA256"
           : strstr(name, "SHA") ? (integrity ? "SHA96" : "SHA1")
                                 : "None";
}

static void ikev2_more(struct buf *b, const json_t *sa)
{
    bool initiator = is(sa, "role", "initiator");
    buf_printf(b, "      CE id: 0, Session-id: %lld\n      Status Description: %s\n      Local spi: ", number(sa, "id"),
               is(sa, "state", "ESTABLISHED") ? "Negotiation done" : "Negotiation in progress");
    upper(b, text(sa, initiator ? "spi_i" : "spi_r"));
    buf_puts(b, "       Remote spi: ");
    upper(b, text(sa, initiator ? "spi_r" : "spi_i"));
    buf_printf(b, "\n      Remote id: %s\n", text(sa, "identity"));
    buf_printf(b, "      Local req msg id:  %-14lld Remote req msg id:  %lld\n", number(sa, "next_out"),
               number(sa, "next_in"));
    buf_printf(b, "      Local next msg id: %-14lld Remote next msg id: %lld\n", number(sa, "next_out"),
               number(sa, "next_in"));
    buf_puts(b, "      Local window:      1              Remote window:      1\n");
    buf_printf(b, "      DPD configured for %lld seconds\n", number(sa, "dpd_s"));
    buf_printf(b, "      Fragmentation %sconfigured.\n",
               json_is_true(json_object_get(sa, "fragmentation")) ? "" : "not  ");
    buf_printf(b, "      NAT-T is %sdetected%s\n", is(sa, "nat", "none") ? "not " : "",
               is(sa, "nat", "both")     ? "  inside and outside"
               : is(sa, "nat", "local")  ? "  inside"
               : is(sa, "nat", "remote") ? "  outside"
                                         : "");
    buf_printf(b, "      Initiator of SA : %s\n", initiator ? "Yes" : "No");
}

void show_ikev2_sa(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    size_t i;
    json_t *sa;
    (void)c;
    for (int v6 = 0; v6 < 2; v6++) {
        buf_puts(b, v6 ? " IPv6 Crypto IKEv2 SA \n\n" : "IPv4 Crypto IKEv2 SA \n\n");
        bool head = false;
        json_array_foreach((json_t *)(uintptr_t)f->daemon, i, sa)
        {
            char local[80], remote[80];
            if (number(sa, "version") != 2 || is_v6(sa) != v6)
                continue;
            if (!head)
                buf_puts(b, "Tunnel-id Local                 Remote                fvrf/ivrf            Status \n");
            head = true;
            snprintf(local, sizeof local, "%s/%lld", text(sa, "local"), number(sa, "local_port"));
            snprintf(remote, sizeof remote, "%s/%lld", text(sa, "remote"), number(sa, "remote_port"));
            buf_printf(b, "%-9lld %-21s %-21s %-20s %s  \n", number(sa, "id"), local, remote, "none/none",
                       is(sa, "state", "ESTABLISHED") ? "READY"
                       : on_its_way_out(sa)           ? "DELETE"
                                                      : "IN-NEG");
            if (!json_object_get(sa, "encryption"))
                continue;
            const char *e = text(sa, "encryption"), *auth = is(sa, "authentication", "pre-share") ? "PSK" : "RSA";
            bool aead = json_is_null(json_object_get(sa, "integrity"));
            buf_printf(
                b, "      Encr: %s, keysize: %lld, PRF: %s, Hash: %s, DH Grp:%lld, Auth sign: %s, Auth verify: %s\n",
                aead                ? "AES-GCM"
                : strstr(e, "3DES") ? "3DES"
                : strstr(e, "DES")  ? "DES"
                                    : "AES-CBC",
                number(sa, "bits"), v2_hash(text(sa, "prf"), false), v2_hash(text(sa, "integrity"), true),
                number(sa, "group"), auth, auth);
            buf_printf(b, "      Life/Active Time: %lld/%lld sec\n", number(sa, "lifetime_s"), number(sa, "age_s"));
            if (f->detail)
                ikev2_more(b, sa);
        }
        buf_puts(b, head ? "\n" : "");
    }
}
