/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the network's process asks about certificates (daemon/revocation.c): a queue that somebody fills hides nothing
 * that is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/fetch.h"

#define MORE_THAN_WAIT 600

static const struct ike_revocation how = {.methods = {IKE_REVOCATION_CRL}, .n = 1, .ocsp_url = ""};

static enum ike_verdict ask(struct daemon *d, uint32_t chain, char why[static IKE_WHY_MAX])
{
    const struct ike_question q = {
        .sa_spi = 1, .sa_id = chain, .how = &how, .chain = (const uint8_t *)&chain, .chain_len = sizeof chain};
    return revocation_ask(d, &q, why);
}

/* The process that fetches: one question is answered so. */
static void answer(struct daemon *d, int fetch, enum fetch_verdict verdict, const char *why)
{
    uint8_t room[FETCH_QUESTION_MAX];
    struct fetch_question q;
    assert_true(recv(fetch, room, sizeof room, 0) > (ssize_t)sizeof q);
    memcpy(&q, room, sizeof q);
    struct fetch_told told = {.id = q.id, .answer = {.verdict = verdict, .holds_until_s = (int64_t)time(NULL) + 3600}};
    snprintf(told.answer.why, sizeof told.answer.why, "%s", why);
    assert_int_equal(send(fetch, &told, sizeof told, 0), sizeof told);
    assert_true(uv_run(&d->loop, UV_RUN_ONCE) >= 0);
}

static void zeros(void *ctx, void *p, size_t n)
{
    (void)ctx;
    memset(p, 0, n);
}

static void full_queue(void **state)
{
    static struct daemon d;
    static const struct ike_policy nothing;
    struct ike *engine = ike_new(&nothing, &(struct ike_host){.ctx = &d, .random = zeros}, 0);
    char why[IKE_WHY_MAX];
    int pair[2];
    unsigned refused = 0;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    d.ends.fetch = pair[0];
    assert_int_equal(uv_loop_init(&d.loop), 0);
    assert_int_equal(uv_timer_init(&d.loop, &d.timer), 0);
    assert_non_null(engine);
    assert_true(revocation_open(&d));
    assert_int_equal(ask(&d, 1, why), IKE_TELLS_LATER);
    d.ike = engine;
    answer(&d, pair[1], FETCH_REVOKED, "it is on the list");
    d.ike = NULL; /* which would drop questions of SAs that it does not have */
    for (uint32_t i = 2; i < MORE_THAN_WAIT; i++)
        refused += ask(&d, i, why) == IKE_CANNOT_TELL;
    assert_true(refused > 0);
    assert_string_equal(why, "too many questions wait already");
    assert_int_equal(ask(&d, 1, why), IKE_REVOKED);
    assert_string_equal(why, "it is on the list");
    revocation_close(&d);
    uv_close((uv_handle_t *)&d.timer, NULL);
    ike_free(engine);
    while (uv_run(&d.loop, UV_RUN_DEFAULT) > 0)
        ;
    assert_int_equal(uv_loop_close(&d.loop), 0);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(full_queue)};
    return cmocka_run_group_tests_name("questions", tests, NULL, NULL);
}
