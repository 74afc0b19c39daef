/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that fetches CRLs and OCSP answers. It stays a template: nobody, no capability, no key, and it reads
 * nothing that comes from afar; each question is answered by a child of its own, which may do less still and ends with
 * the answer. What a child says is a verdict in words of fixed size, and lists to be kept, which the next child looks
 * at as if they had just come. The main process says which trust anchors there are: nothing is fetched for the sake of
 * other certificates, whoever asks.
 */
#ifndef IOSCC_IKE_DAEMON_FETCH_H
#define IOSCC_IKE_DAEMON_FETCH_H

#include "backends/ike/fetch/fetch.h"

#define FETCH_CHILDREN_MAX 8
#define FETCH_CHILD_MS 25000 /* for one question; then it is ended, and nothing can be told */
#define FETCH_ANCHORS_MAX 1024
#define FETCH_QUESTION_MAX (IKE_CHAIN_BYTES_MAX + FETCH_URL_MAX + 64)

/* What goes over the channel: the question's head, behind it the URL of `ocsp url` and the chain. */
struct fetch_question {
    uint64_t id;
    uint32_t crl_keep_s, chain_len;
    uint16_t url_len;
    uint8_t methods[IKE_REVOCATION_METHODS_MAX], n_methods;
    uint8_t no_nonce, weak; /* enum ike_weak_hash */
};
struct fetch_told {
    uint64_t id;
    struct fetch_answer answer;
};

/* The template: serves until one of the two is gone. */
void fetch_run(int main_fd, int network_fd);

#endif
