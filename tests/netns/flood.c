/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flood LINK FRAME: sends one frame (hexadecimal) by a link as fast as it can, until it is told to end (SIGTERM), and
 * prints how many. Moments that a packet a second would never meet are met by some of these. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define AT_ONCE 64
#define FRAME_MAX 2000

static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static size_t read_hex(const char *text, unsigned char *out)
{
    size_t n = 0;
    unsigned byte;
    for (; n < FRAME_MAX && sscanf(text + 2 * n, "%2x", &byte) == 1; n++)
        out[n] = (unsigned char)byte;
    return n;
}

int main(int argc, char **argv)
{
    unsigned char frame[FRAME_MAX];
    struct mmsghdr messages[AT_ONCE];
    unsigned long long sent = 0;
    if (argc != 3)
        return 2;
    struct sockaddr_ll by = {
        .sll_family = AF_PACKET, .sll_protocol = htons(0x0800), .sll_ifindex = (int)if_nametoindex(argv[1])};
    struct iovec part = {frame, read_hex(argv[2], frame)};
    int s = socket(AF_PACKET, SOCK_RAW, 0);
    if (s < 0 || bind(s, (struct sockaddr *)&by, sizeof by) < 0)
        return 1;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < AT_ONCE; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
    signal(SIGTERM, end);
    while (!ended) {
        int n = sendmmsg(s, messages, AT_ONCE, 0);
        sent += n > 0 ? (unsigned long long)n : 0;
    }
    printf("%llu\n", sent);
    return 0;
}
