/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that has the pre-shared and private keys, and nothing else: no network, no files, no privileges. The
 * process that reads the network asks it for whole operations (engine/keys.h); who is meant is looked up here, in this
 * process's own policy. From the main process it gets policies and gives back the same without secrets.
 */
#ifndef IOSCC_IKE_DAEMON_KEYS_H
#define IOSCC_IKE_DAEMON_KEYS_H

#include "backends/ike/engine/keys.h"
#include "backends/ike/handover.h"

#define POLICY_BYTES_MAX (64u << 20)

/* The keys' process: serves until one of the two is gone. */
void keys_run(int main_fd, int network_fd);

/* The network's side: asks on `fd`. *r as host.keys has it; r->key points into `*key`. */
struct keys_answer_key {
    uint8_t bytes[IKE_CONCEALED_MAX];
};
bool keys_ask(int fd, const struct ike_key_work *w, struct ike_key_result *r, struct keys_answer_key *key) MUST_CHECK;

#endif
