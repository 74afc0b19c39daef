/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state directory between processes: two that write, one that asks while another begins, names of any bytes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/apply/state.h"

#define ROUNDS 300

static char dir[] = "/tmp/ioscc-state-XXXXXX";
static struct arena arena;

static void open_state(struct state *s)
{
    const char *why = "";
    assert_int_equal(state_open(s, &arena, dir, 10, &why), 0);
    state_unlock(s); /* the reader's findings: what happens without it */
}

/* The text of a file of the directory, into `out`; "" if it is not there. */
static void read_text(struct state *s, const char *file, char out[static 4096])
{
    FILE *f = fopen(state_path(s, file), "re");
    size_t n = f ? fread(out, 1, 4095, f) : 0;
    out[n] = '\0';
    if (f)
        fclose(f);
}

/* A child that does something until it is killed. */
static pid_t child(void (*again)(struct state *s))
{
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when an assertion ends the test */
    struct state s;
    open_state(&s);
    for (;;)
        again(&s);
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void save(struct state *s)
{
    if (state_save(s) < 0)
        _exit(1);
}

/* A finding (F3): both went through one temporary file, and each could become the other. */
static void test_two_writers(void **unused)
{
    static const char text[] = "{\"kind\": \"run\"}";
    struct state s;
    char held[4096];
    (void)unused;
    open_state(&s);
    pid_t other = child(save);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(state_put(&s, "run.json", (struct str){text, sizeof text - 1}), 0);
        read_text(&s, "run.json", held);
        assert_string_equal(held, text);
        read_text(&s, "state.json", held);
        assert_true(!*held || strstr(held, "\"namespace\""));
    }
    end(other);
}

static void ask(struct state *s)
{
    struct state_daemon d;
    state_daemon_ask(s->dir, &d);
}

/* A finding (F4): who asked held the lock for a moment, and a daemon that began then was refused. */
static void test_asked_while_it_begins(void **unused)
{
    (void)unused;
    const char *why;
    pid_t other = child(ask);
    for (int i = 0; i < ROUNDS * 10; i++) {
        int fd = state_daemon_begin(dir, "a.cfg", true, &why);
        assert_true(fd >= 0);
        close(fd);
    }
    end(other);
}

/* Who runs is told apart from who ran. */
static void test_who_runs(void **unused)
{
    struct state_daemon d;
    const char *why;
    (void)unused;
    int fd = state_daemon_begin(dir, "a b.cfg", true, &why);
    assert_true(fd >= 0);
    assert_true(state_daemon_begin(dir, "second.cfg", true, &why) < 0);
    state_daemon_ask(dir, &d);
    assert_true(d.is_running && d.applies);
    assert_int_equal(d.pid, getpid());
    assert_string_equal(d.config, "a b.cfg");
    assert_int_equal(state_daemon_rename(dir, "c.cfg"), 0);
    state_daemon_ask(dir, &d);
    assert_true(d.is_running && d.applies);
    assert_int_equal(d.pid, getpid());
    assert_string_equal(d.config, "c.cfg");
    close(fd);
    state_daemon_ask(dir, &d);
    assert_true(!d.is_running && d.was_there);
    assert_true(state_daemon_rename(dir, "d.cfg") < 0);
    state_daemon_forget(dir);
    state_daemon_ask(dir, &d);
    assert_true(!d.is_running && !d.was_there);
    fd = state_daemon_begin(dir, "refused.cfg", true, &why);
    assert_true(fd >= 0);
    state_daemon_not_begun(fd);
    close(fd);
    state_daemon_ask(dir, &d);
    assert_true(!d.is_running && !d.was_there);
    fd = state_daemon_begin(dir, "a.cfg", true, &why);
    close(fd); /* it has run, and ended; the next one does not come to run */
    fd = state_daemon_begin(dir, "refused.cfg", true, &why);
    state_daemon_not_begun(fd);
    close(fd);
    state_daemon_ask(dir, &d);
    assert_true(!d.is_running && d.was_there);
}

/* Who lets others in sees that one of them has written, whichever inode the file has now. */
static void test_written_meanwhile(void **unused)
{
    struct state one, other;
    const char *why = "";
    (void)unused;
    assert_int_equal(state_open(&one, &arena, dir, 10, &why), 0);
    assert_int_equal(state_save(&one), 0);
    state_unlock(&one);
    assert_int_equal(state_lock_again(&one, 10, &why), 0);
    for (int i = 0; i < 20; i++) {
        state_unlock(&one);
        assert_int_equal(state_open(&other, &arena, dir, 10, &why), 0);
        assert_int_equal(state_save(&other), 0);
        assert_int_equal(state_save(&other), 0);
        state_close(&other);
        assert_int_equal(state_lock_again(&one, 10, &why), -ESTALE);
        state_close(&one);
        assert_int_equal(state_open(&one, &arena, dir, 10, &why), 0);
    }
    state_close(&one);
}

/* JSON holds UTF-8: what is only shown is kept as far as it goes. */
static void test_names(void **unused)
{
    static const char *const rows[][2] = {{"plain.cfg", "plain.cfg"},
                                          {"caf\xc3\xa9.cfg", "caf\xc3\xa9.cfg"},
                                          {"caf\xe9.cfg", "caf?.cfg"},
                                          {"\xff\xfe", "??"}};
    struct state s;
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_state(&s);
        s.current.name = rows[i][0];
        assert_int_equal(state_save(&s), 0);
        open_state(&s);
        assert_string_equal(s.current.name, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_writers), cmocka_unit_test(test_asked_while_it_begins),
        cmocka_unit_test(test_who_runs),    cmocka_unit_test(test_written_meanwhile),
        cmocka_unit_test(test_names),
    };
    if (!mkdtemp(dir) || !arena_init(&arena, SIZE_MAX))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const files[] = {"daemon.lock", "lock", "run.json", "state.json"};
    struct state s = {.arena = &arena, .dir = dir};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(state_path(&s, files[i]));
    rmdir(dir);
    arena_free(&arena);
    return failed;
}
