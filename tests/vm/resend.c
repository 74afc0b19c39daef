/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * resend FILE DEVICE COUNT: sends the first ESP or AH packet of a capture again, as it is: what an attacker on the wire
 * can do. For the guests of the VM tests.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int is_ipsec(const uint8_t *f, uint32_t n)
{
    if (n < 54)
        return 0;
    uint16_t kind = (uint16_t)(f[12] << 8 | f[13]);
    uint8_t proto = kind == 0x0800 ? f[23] : kind == 0x86dd ? f[20] : 0;
    return proto == IPPROTO_ESP || proto == IPPROTO_AH;
}

int main(int argc, char **argv)
{
    static uint8_t head[24], record[16], frame[65536];
    uint32_t n = 0;
    if (argc != 4)
        return 2;
    FILE *in = fopen(argv[1], "rb");
    if (!in || fread(head, sizeof head, 1, in) != 1)
        return 2;
    do {
        if (fread(record, sizeof record, 1, in) != 1)
            return 3;
        memcpy(&n, record + 8, 4);
        if (n > sizeof frame || fread(frame, 1, n, in) != n)
            return 2;
    } while (!is_ipsec(frame, n));
    int s = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[2])};
    for (int i = atoi(argv[3]); i > 0; i--)
        if (sendto(s, frame, n, 0, (struct sockaddr *)&to, sizeof to) < 0)
            return 4;
    return 0;
}
