/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/apply/owner.h"

#define FORMAT 1

static const char *join(struct arena *ar, const char *dir, const char *file)
{
    size_t a = strlen(dir), b = strlen(file);
    char *p = arena_array(ar, a + b + 2, 1);
    memcpy(p, dir, a);
    p[a] = '/';
    memcpy(p + a + 1, file, b + 1);
    return p;
}

const char *state_path(struct state *s, const char *file)
{
    return join(s->arena, s->dir, file);
}

/* The directory holds keys: it must be ours, or root's for who only reads, and closed to others. */
static int judge_dir(const struct stat *st, bool may_be_roots, const char **why)
{
    bool is_ours = st->st_uid == geteuid() || (may_be_roots && st->st_uid == 0);
    if (S_ISDIR(st->st_mode) && is_ours && !(st->st_mode & 022))
        return 0;
    *why = "the state directory must be a directory of who runs this, and nobody else may write to it (chmod go-w)";
    return -EPERM;
}

int state_make_dir(const char *dir, const char **why)
{
    struct stat st;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
        *why = "cannot make the state directory";
        return -errno;
    }
    *why = "cannot look at the state directory";
    return lstat(dir, &st) < 0 ? -errno : judge_dir(&st, false, why);
}

/* Who only reads may be another user than root, who then sees nothing of it; what everybody can write is not believed.
 */
static int look_at_dir(const char *dir, const char **why)
{
    struct stat st;
    return lstat(dir, &st) < 0 ? 0 : judge_dir(&st, true, why);
}

static int lock_directory(struct state *s, int wait_s, const char **why)
{
    s->lock_fd = open(state_path(s, "lock"), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0) {
        *why = "cannot open the lock";
        return -errno;
    }
    for (int tenths = wait_s * 10;; tenths--) {
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK || tenths <= 0)
            break;
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    *why = "another ioscc is at work on this host";
    return -errno;
}

/* Then that of the namespace, always in this order: two state directories do not change one kernel at once. */
int state_lock(struct state *s, int wait_s, const char **why)
{
    int r = lock_directory(s, wait_s, why);
    s->owner_fd = -1;
    if (r < 0)
        return r;
    s->owner_fd = owner_lock(s->netns, wait_s);
    if (s->owner_fd == -EPERM) {
        *why = OWNER_NOT_BELIEVED;
        return -EPERM;
    }
    if (s->owner_fd != -EWOULDBLOCK)
        return r;
    *why = "another ioscc is at work on this host, with another state directory";
    return -EWOULDBLOCK;
}

void state_own(struct state *s, bool is_gone)
{
    if (s->owner_fd >= 0)
        owner_write(s->owner_fd, is_gone ? 0 : s->id);
}

/* Which save of it stands now: not its inode, which a file system gives away again. */
static uint64_t written_now(struct state *s)
{
    json_t *o = state_read_json(s, "state.json");
    uint64_t written = (uint64_t)json_integer_value(json_object_get(o, "written"));
    json_decref(o);
    return written;
}

bool state_is_locked(struct state *s)
{
    int fd = open(state_path(s, "lock"), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return is_locked;
}

bool state_is_current(struct state *s)
{
    return written_now(s) == s->written;
}

int state_lock_again(struct state *s, int wait_s, const char **why)
{
    int r = state_lock(s, wait_s, why);
    if (r < 0 || state_is_current(s))
        return r;
    *why = "another ioscc has changed what is applied meanwhile, try again";
    return -ESTALE;
}

/* ---- one daemon ---- */

#define DAEMON_LOCK "daemon.lock"

static int daemon_lock(const char *dir, int flags)
{
    char path[512];
    if (snprintf(path, sizeof path, "%s/" DAEMON_LOCK, dir) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

/* In the second number of a holder's line. */
#define HOLDER_APPLIES 1
#define HOLDER_AFTER_ANOTHER 2 /* one had run before it */

/* The line of who holds the lock: process, HOLDER_…, configuration. */
static int write_holder(int fd, const struct state_daemon *d)
{
    char line[400];
    int facts = d->applies ? HOLDER_APPLIES : 0;
    if (d->had_run)
        facts |= HOLDER_AFTER_ANOTHER;
    int n = snprintf(line, sizeof line, "%ld %d %.250s\n", d->pid, facts, d->config);
    if (ftruncate(fd, 0) < 0)
        return -errno;
    ssize_t k = pwrite(fd, line, (size_t)n, 0);
    if (k == n)
        return 0;
    return k < 0 ? -errno : -EIO;
}

static bool has_line(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_size > 0;
}

/* False: there is none. */
static bool read_holder(int fd, struct state_daemon *out)
{
    char line[400] = "";
    int facts = 0, at = 0;
    ssize_t n = pread(fd, line, sizeof line - 1, 0);
    if (n <= 0 || sscanf(line, "%ld %d %n", &out->pid, &facts, &at) != 2)
        return false;
    snprintf(out->config, sizeof out->config, "%.*s", (int)strcspn(line + at, "\n"), line + at);
    out->applies = facts & HOLDER_APPLIES;
    out->had_run = facts & HOLDER_AFTER_ANOTHER;
    return true;
}

void state_daemon_not_begun(int lock)
{
    struct state_daemon d = {.pid = 0};
    if (!read_holder(lock, &d) || !d.had_run)
        (void)!ftruncate(lock, 0);
}

void state_daemon_forget(const char *dir)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = daemon_lock(dir, O_RDWR);
    if (fd < 0)
        return;
    bool is_ended = fcntl(fd, F_OFD_SETLK, &all) == 0; /* and none begins meanwhile */
    if (is_ended)
        (void)!ftruncate(fd, 0);
    close(fd);
}

int state_daemon_begin(const char *dir, const char *config, bool applies, const char **why)
{
    *why = "cannot write that a daemon runs";
    int fd = state_make_dir(dir, why);
    if (fd == 0)
        fd = daemon_lock(dir, O_RDWR | O_CREAT);
    if (fd < 0)
        return fd;
    bool held = fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}) == 0;
    struct state_daemon d = {.pid = (long)getpid(), .applies = applies, .had_run = has_line(fd)};
    snprintf(d.config, sizeof d.config, "%s", config);
    int r = held ? write_holder(fd, &d) : -errno;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int state_daemon_rename(const char *dir, const char *config)
{
    struct state_daemon d;
    state_daemon_ask(dir, &d);
    int fd = d.is_running ? daemon_lock(dir, O_RDWR) : -ESRCH;
    snprintf(d.config, sizeof d.config, "%s", config);
    int r = fd < 0 ? fd : write_holder(fd, &d);
    if (fd >= 0)
        close(fd);
    return r;
}

void state_daemon_ask(const char *dir, struct state_daemon *out)
{
    *out = (struct state_daemon){.pid = 0};
    int fd = daemon_lock(dir, O_RDONLY);
    if (fd < 0)
        return;
    out->was_there = has_line(fd);
    struct flock wish = {.l_type = F_RDLCK, .l_whence = SEEK_SET}; /* asking takes nothing: a daemon may begin now */
    out->is_running = fcntl(fd, F_OFD_GETLK, &wish) == 0 && wish.l_type != F_UNLCK;
    if (out->is_running)
        (void)!read_holder(fd, out);
    close(fd);
}

/* ---- the state file ---- */

/* Not 0, and small enough for an integer of JSON. */
static uint64_t random_number(void)
{
    uint64_t n = 0;
    while (!n) {
        if (getrandom(&n, sizeof n, 0) != sizeof n)
            n = 0;
        n &= INT64_MAX;
    }
    return n;
}

static uint64_t namespace_here(void)
{
    struct stat st;
    return stat("/proc/self/ns/net", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static const char *text(struct state *s, const json_t *o, const char *key)
{
    const char *v = json_string_value(json_object_get(o, key));
    return v ? arena_strndup(s->arena, v, strlen(v)) : NULL;
}

static void read_config(struct state *s, const json_t *o, struct state_config *c)
{
    c->file = text(s, o, "file");
    if (c->file && (strchr(c->file, '/') || c->file[0] == '.'))
        c->file = NULL; /* never outside the directory */
    c->name = text(s, o, "name");
    c->device = text(s, o, "device");
    c->hostname = text(s, o, "hostname");
    c->host_has = text(s, o, "host_has");
    c->pki_dir = text(s, o, "pki_dir");
    c->master_key_file = text(s, o, "master_key_file");
    c->interface_map = text(s, o, "interface_map");
    if (!c->interface_map)
        c->interface_map = "";
    c->only_xfrm = json_is_true(json_object_get(o, "only_xfrm"));
    c->only_nftables = json_is_true(json_object_get(o, "only_nftables"));
    c->allow_partial = json_is_true(json_object_get(o, "allow_partial"));
    c->has_settings = json_is_true(json_object_get(o, "has_settings"));
}

static void read_sas(struct state *s, const json_t *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
    {
        const char *dst = json_string_value(json_object_get(o, "destination"));
        json_int_t spi = json_integer_value(json_object_get(o, "spi"));
        json_int_t proto = json_integer_value(json_object_get(o, "protocol"));
        struct xfrm_sa_id *id = ARENA_NEW(s->arena, struct xfrm_sa_id);
        if (!dst || !addr_parse(str_lit(dst), &id->dst) || spi <= 0 || spi > UINT32_MAX || proto <= 0 || proto > 255)
            continue;
        id->spi = (uint32_t)spi;
        id->proto = (uint8_t)proto;
        ptrlist_add(s->arena, &s->sas, id);
    }
}

/* `clear crypto sa counters`: the kernel cannot set counters back, so what they were then is subtracted. */
static void read_bases(struct state *s, const json_t *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
    {
        const char *dst = json_string_value(json_object_get(o, "destination"));
        struct xfrm_sa *sa = ARENA_NEW(s->arena, struct xfrm_sa);
        if (!dst || !addr_parse(str_lit(dst), &sa->dst))
            continue;
        sa->spi = (uint32_t)json_integer_value(json_object_get(o, "spi"));
        sa->proto = (uint8_t)json_integer_value(json_object_get(o, "protocol"));
        sa->count.added_s = (uint64_t)json_integer_value(json_object_get(o, "added"));
        sa->count.packets = (uint64_t)json_integer_value(json_object_get(o, "packets"));
        sa->count.replay_errors = (uint32_t)json_integer_value(json_object_get(o, "errors"));
        ptrlist_add(s->arena, &s->bases, sa);
    }
}

static void read_names(struct state *s, const json_t *list)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)list, name, v)
    {
        struct state_name *n = ARENA_NEW(s->arena, struct state_name);
        const char *address = json_string_value(v);
        if (!address || !addr_parse(str_lit(address), &n->addr))
            continue;
        n->name = arena_strndup(s->arena, name, strlen(name));
        ptrlist_add(s->arena, &s->names, n);
    }
}

static void read_settings(struct state *s, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *path = json_string_value(json_object_get(o, "path"));
        if (!path)
            continue;
        struct state_setting *x = ARENA_NEW(s->arena, struct state_setting);
        x->path = arena_strndup(s->arena, path, strlen(path));
        x->was = (int)json_integer_value(json_object_get(o, "was"));
        x->set = (int)json_integer_value(json_object_get(o, "set"));
        ptrlist_add(s->arena, &s->settings, x);
    }
}

static json_t *settings_json(const struct state *s)
{
    json_t *list = json_array();
    PTRLIST_FOR (struct state_setting, x, &s->settings) {
        json_array_append_new(list, json_pack("{s:s,s:i,s:i}", "path", x->path, "was", x->was, "set", x->set));
    }
    return list;
}

static void read_sets_refused(struct state *s, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name)
            ptrlist_add(s->arena, &s->sets_refused, (char *)(uintptr_t)arena_strndup(s->arena, name, strlen(name)));
    }
}

static json_t *sets_refused_json(const struct state *s)
{
    json_t *list = json_array();
    PTRLIST_FOR (char, name, &s->sets_refused) {
        json_array_append_new(list, json_string(name));
    }
    return list;
}

static json_t *names_json(const struct state *s)
{
    json_t *o = json_object();
    char t[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct state_name, n, &s->names) {
        json_object_set_new(o, n->name, json_string(addr_text(&n->addr, t)));
    }
    return o;
}

static json_t *bases_json(const struct state *s)
{
    json_t *list = json_array();
    char t[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct xfrm_sa, sa, &s->bases) {
        json_array_append_new(list, json_pack("{s:s,s:I,s:i,s:I,s:I,s:I}", "destination", addr_text(&sa->dst, t), "spi",
                                              (json_int_t)sa->spi, "protocol", (int)sa->proto, "added",
                                              (json_int_t)sa->count.added_s, "packets", (json_int_t)sa->count.packets,
                                              "errors", (json_int_t)sa->count.replay_errors));
    }
    return list;
}

FILE *state_read_file(struct state *s, const char *file)
{
    struct stat st;
    int fd = open(state_path(s, file), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    bool is_plain = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!is_plain || (st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022)) {
        close(fd);
        errno = EINVAL;
        return NULL;
    }
    FILE *f = fdopen(fd, "r");
    if (!f)
        close(fd);
    return f;
}

json_t *state_read_json(struct state *s, const char *file)
{
    json_error_t error;
    FILE *f = state_read_file(s, file);
    json_t *o = f ? json_loadf(f, 0, &error) : NULL;
    if (f)
        fclose(f);
    return o;
}

static int read_state(struct state *s, const char **why)
{
    json_error_t error;
    FILE *f = state_read_file(s, "state.json");
    if (!f && errno == ENOENT)
        return 0;
    if (!f && errno == EINVAL) {
        *why =
            "state.json there is not believed: it must be a file of root's, or of who runs this, and nobody else may "
            "write to it (chown, chmod 0600; or remove it: 'ioscc apply' finds what is ours again)";
        return -EPERM;
    }
    if (!f) {
        *why = "the state file cannot be read";
        return -errno;
    }
    json_t *o = json_loadf(f, JSON_REJECT_DUPLICATES, &error);
    fclose(f);
    if (!json_is_object(o) || json_integer_value(json_object_get(o, "format")) != FORMAT) {
        json_decref(o);
        *why = "the state file is damaged or of another version (remove state.json there: 'ioscc apply' finds what is "
               "ours again)";
        return -EINVAL;
    }
    const json_t *ns = json_object_get(o, "namespace");
    if (json_is_integer(ns) && (uint64_t)json_integer_value(ns) != s->netns) {
        json_decref(o);
        *why =
            "it is the state of another network namespace (name another --state-dir here; if that namespace is gone, "
            "remove the directory)";
        return -EXDEV;
    }
    s->id = (uint64_t)json_integer_value(json_object_get(o, "id"));
    s->written = (uint64_t)json_integer_value(json_object_get(o, "written"));
    s->applying = json_is_true(json_object_get(o, "applying"));
    s->applied = (time_t)json_integer_value(json_object_get(o, "applied"));
    s->confirm_by = (time_t)json_integer_value(json_object_get(o, "confirm_by"));
    s->confirm_boot = (time_t)json_integer_value(json_object_get(o, "confirm_boot"));
    s->boot = (uint64_t)json_integer_value(json_object_get(o, "boot"));
    s->went_back = (time_t)json_integer_value(json_object_get(o, "went_back"));
    const char *from = json_string_value(json_object_get(o, "went_back_from"));
    s->went_back_from = from ? arena_strndup(s->arena, from, strlen(from)) : NULL;
    s->has_previous = json_is_object(json_object_get(o, "previous"));
    read_config(s, json_object_get(o, "current"), &s->current);
    read_config(s, json_object_get(o, "previous"), &s->previous);
    read_sas(s, json_object_get(o, "sas"));
    read_bases(s, json_object_get(o, "counter_bases"));
    read_names(s, json_object_get(o, "names"));
    read_settings(s, json_object_get(o, "settings"));
    read_sets_refused(s, json_object_get(o, "sets_refused"));
    const json_t *t = json_object_get(o, "kernel_thresholds");
    for (size_t i = 0; i < 4; i++)
        s->thresholds[i / 2][i % 2] = (uint8_t)json_integer_value(json_array_get(t, i));
    json_decref(o);
    return 0;
}

/* What is known of them beside the states of all directories is what holds. */
static void read_settings_of_namespace(struct state *s)
{
    json_t *here = owner_settings_read(s->netns);
    if (!here)
        return;
    s->settings.n = 0;
    read_settings(s, here);
    json_decref(here);
}

int state_open(struct state *s, struct arena *ar, const char *dir, int wait_s, const char **why)
{
    *s = (struct state){.arena = ar, .dir = dir, .lock_fd = -1, .owner_fd = -1, .netns = namespace_here()};
    s->current.interface_map = s->previous.interface_map = "";
    int r = wait_s < 0 ? look_at_dir(dir, why) : state_make_dir(dir, why);
    if (r == 0 && wait_s >= 0)
        r = state_lock(s, wait_s, why);
    if (r == 0)
        r = read_state(s, why);
    if (r == 0)
        read_settings_of_namespace(s);
    if (r < 0)
        state_close(s);
    return r;
}

void state_take_id(struct state *s)
{
    if (!s->id)
        s->id = random_number();
}

void state_forget(struct state *s)
{
    static const struct state_config nothing = {.interface_map = ""};
    s->current = s->previous = nothing;
    s->has_previous = s->applying = false;
    s->confirm_by = s->confirm_boot = s->went_back = s->applied = 0;
    s->went_back_from = NULL;
    s->is_taken_over = true;
}

void state_unlock(struct state *s)
{
    if (s->owner_fd >= 0)
        close(s->owner_fd);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    s->lock_fd = s->owner_fd = -1;
}

void state_close(struct state *s)
{
    state_unlock(s);
}

/* A name that is only shown: JSON holds UTF-8, so that of any other the bytes outside ASCII become question marks. */
static json_t *shown_name(const char *name)
{
    json_t *o = name ? json_string(name) : json_null();
    char *plain = o ? NULL : strdup(name);
    for (char *p = plain; p && *p; p++)
        if (*p & 0x80)
            *p = '?';
    if (plain)
        o = json_string(plain);
    free(plain);
    return o;
}

static json_t *config_json(const struct state_config *c)
{
    return json_pack("{s:s?,s:o,s:s?,s:s?,s:s?,s:s,s:s?,s:s?,s:b,s:b,s:b,s:b}", "file", c->file, "name",
                     shown_name(c->name), "device", c->device, "hostname", c->hostname, "host_has", c->host_has,
                     "interface_map", c->interface_map ? c->interface_map : "", "pki_dir", c->pki_dir,
                     "master_key_file", c->master_key_file, "only_xfrm", c->only_xfrm, "only_nftables",
                     c->only_nftables, "allow_partial", c->allow_partial, "has_settings", c->has_settings);
}

static json_t *state_json(const struct state *s)
{
    json_t *sas = json_array();
    char t[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct xfrm_sa_id, id, &s->sas) {
        json_array_append_new(sas, json_pack("{s:s,s:I,s:i}", "destination", addr_text(&id->dst, t), "spi",
                                             (json_int_t)id->spi, "protocol", (int)id->proto));
    }
    return json_pack(
        "{s:i,s:I,s:I,s:I,s:o,s:I,s:b,s:I,s:I,s:I,s:I,s:o,s:o,s:[iiii],s:o,s:o,s:o,s:o,s:o}", "format", FORMAT, "id",
        (json_int_t)s->id, "written", (json_int_t)s->written, "went_back", (json_int_t)s->went_back, "went_back_from",
        shown_name(s->went_back_from), "namespace", (json_int_t)s->netns, "applying", s->applying, "applied",
        (json_int_t)s->applied, "confirm_by", (json_int_t)s->confirm_by, "confirm_boot", (json_int_t)s->confirm_boot,
        "boot", (json_int_t)s->boot, "current", config_json(&s->current), "previous",
        s->has_previous ? config_json(&s->previous) : json_null(), "kernel_thresholds", s->thresholds[0][0],
        s->thresholds[0][1], s->thresholds[1][0], s->thresholds[1][1], "sas", sas, "counter_bases", bases_json(s),
        "names", names_json(s), "settings", settings_json(s), "sets_refused", sets_refused_json(s));
}

/* Writes beside the target, makes it durable as far as a tmpfs is, and renames. */
static int write_whole(struct state *s, const char *name, const char *p, size_t len)
{
    char new_name[80];
    if (snprintf(new_name, sizeof new_name, ".%s.new", name) >= (int)sizeof new_name)
        return -ENAMETOOLONG;
    const char *path = state_path(s, name), *tmp = state_path(s, new_name);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;
    if (fd < 0)
        return -errno;
    for (size_t done = 0; done < len && r == 0;) {
        ssize_t k = write(fd, p + done, len - done);
        if (k < 0 && errno != EINTR)
            r = -errno;
        done += k > 0 ? (size_t)k : 0;
    }
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(tmp, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(tmp);
    return r;
}

int state_save(struct state *s)
{
    s->written = random_number();
    json_t *o = state_json(s);
    char *p = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!p)
        return -ENOMEM;
    int r = write_whole(s, "state.json", p, strlen(p));
    free(p);
    json_t *settings = r == 0 && s->owner_fd >= 0 ? settings_json(s) : NULL;
    if (settings)
        owner_settings_write(s->netns, settings);
    json_decref(settings);
    return r;
}

#define RESERVE_FILE ".reserve"

void state_reserve_end(struct state *s)
{
    unlink(state_path(s, RESERVE_FILE));
}

int state_reserve(struct state *s, size_t bytes)
{
    state_reserve_end(s);
    int fd = open(state_path(s, RESERVE_FILE), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = -posix_fallocate(fd, 0, (off_t)bytes);
    close(fd);
    if (r < 0)
        state_reserve_end(s);
    return r;
}

int state_put(struct state *s, const char *file, struct str text)
{
    return write_whole(s, file, text.p, text.len);
}

#define STORED_NAME_MAX 64

/* The name that a stored configuration has says what is in it. */
static void stored_name(struct str config, char file[static STORED_NAME_MAX])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    strcpy(file, "config-");
    SHA256((const unsigned char *)config.p, config.len, digest);
    for (int i = 0; i < 12; i++)
        snprintf(file + 7 + 2 * i, 3, "%02x", digest[i]);
    strcat(file, ".cfg");
}

bool state_is_as_stored(const char *file, struct str text)
{
    char name[STORED_NAME_MAX];
    stored_name(text, name);
    return strcmp(name, file) == 0;
}

int state_store(struct state *s, struct str config, const char **name)
{
    char file[STORED_NAME_MAX];
    stored_name(config, file);
    *name = arena_strndup(s->arena, file, strlen(file));
    return write_whole(s, *name, config.p, config.len);
}

void state_sweep(struct state *s)
{
    DIR *d = opendir(s->dir);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        if (strncmp(e->d_name, "config-", 7) != 0 || (s->current.file && strcmp(e->d_name, s->current.file) == 0) ||
            (s->has_previous && s->previous.file && strcmp(e->d_name, s->previous.file) == 0))
            continue;
        unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d)
        closedir(d);
}
