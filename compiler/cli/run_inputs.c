/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/run_inputs.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/from_ir.h"

#define FILE_NAME "run.json"
#define BEFORE_NAME "run-before.json" /* of the configuration that one goes back to */
#define FORMAT 2
#define KIND "inputs of a daemon"

/* False: it has no absolute form. */
static bool make_absolute(struct arena *a, const char **path)
{
    if (!*path || **path == '/')
        return true;
    struct buf b = {0};
    char *here = getcwd(NULL, 0);
    if (here)
        buf_printf(&b, "%s/%s", here, *path);
    bool is_whole = here && !b.failed;
    if (is_whole)
        *path = arena_strndup(a, b.p, b.len);
    free(here);
    buf_free(&b);
    return is_whole;
}

bool run_inputs_absolute(struct arena *a, struct run_inputs *in)
{
    return make_absolute(a, &in->pki_dir) && make_absolute(a, &in->master_key_file);
}

int run_inputs_check(const struct command *c, const struct run_inputs *in)
{
    bool kept = cli_can_be_kept(c, "pki-dir", in->pki_dir) &&
                cli_can_be_kept(c, "master-key-file", in->master_key_file) &&
                cli_can_be_kept(c, "interface-map", in->interface_map) && cli_can_be_kept(c, "device", in->device);
    return kept ? EXIT_CLEAN : EXIT_USAGE;
}

/* One copy; that there was nothing is copied too. */
static int keep_before(struct state *s)
{
    json_t *o = state_read_json(s, FILE_NAME);
    char *p = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    int r = p ? state_put(s, BEFORE_NAME, (struct str){p, (uint32_t)strlen(p)}) : 0;
    if (!p)
        unlink(state_path(s, BEFORE_NAME));
    free(p);
    return r;
}

int run_inputs_back(struct state *s)
{
    const char *before = state_path(s, BEFORE_NAME), *now = state_path(s, FILE_NAME);
    int r = rename(before, now) < 0 ? -errno : 0;
    return r == -ENOENT ? 0 : r; /* they are what they were */
}

int run_inputs_save(struct state *s, const struct run_inputs *in)
{
    json_t *o = json_pack("{s:i,s:s,s:s?,s:s?,s:s,s:s?,s:s?}", "format", FORMAT, "kind", KIND, "pki_dir", in->pki_dir,
                          "master_key_file", in->master_key_file, "interface_map",
                          in->interface_map ? in->interface_map : "", "device", in->device, "host_has", in->host_has);
    char *p = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!p)
        return -ENOMEM;
    int r = keep_before(s);
    if (r == 0)
        r = state_put(s, FILE_NAME, (struct str){p, (uint32_t)strlen(p)});
    free(p);
    return r;
}

/* What is the manual's default is not said: nobody has given it. */
static void fill_in(struct state *s, const char *command, const char *option, const json_t *kept, const char **to)
{
    const char *text = json_string_value(kept);
    if (*to || !text || !*text)
        return;
    *to = arena_strndup(s->arena, text, strlen(text));
    if (strcmp(text, PKI_DIR_DEFAULT) == 0)
        return;
    for (const char *line = *to; *line;) {
        size_t n = strcspn(line, "\n");
        bool is_operators = n && *line != '?' && *line != '+'; /* if_map_parse(): else ioscc has found it */
        if (is_operators && command)
            fprintf(stderr, "ioscc %s: --%s %.*s, as at the last reload or start\n", command, option, (int)n, line);
        line += n + (line[n] == '\n');
    }
}

bool run_inputs_default(struct state *s, const char *command, struct run_inputs *in)
{
    json_error_t e;
    const char *path = state_path(s, FILE_NAME);
    FILE *f = state_read_file(s, FILE_NAME);
    if (!f && errno == ENOENT)
        return true;
    json_t *o = f ? json_loadf(f, 0, &e) : NULL;
    if (f)
        fclose(f);
    const char *kind = json_string_value(json_object_get(o, "kind"));
    bool is_ours = json_integer_value(json_object_get(o, "format")) == FORMAT && kind && strcmp(kind, KIND) == 0;
    if (!is_ours) {
        fprintf(stderr,
                "ioscc: %s cannot be read: what the daemon was started with is not known. Remove it, and name all "
                "options ('ioscc reload --help')\n",
                path);
        json_decref(o);
        return false;
    }
    fill_in(s, command, "pki-dir", json_object_get(o, "pki_dir"), &in->pki_dir);
    fill_in(s, command, "master-key-file", json_object_get(o, "master_key_file"), &in->master_key_file);
    fill_in(s, command, "interface-map", json_object_get(o, "interface_map"), &in->interface_map);
    fill_in(s, command, "device", json_object_get(o, "device"), &in->device);
    fill_in(s, command, "host-has", json_object_get(o, "host_has"), &in->host_has);
    json_decref(o);
    return true;
}

int run_master(const struct command *c, const struct run_inputs *in, struct buf *out)
{
    struct source src;
    const char *path = in->master_key_file;
    int r = path ? source_read(&src, path) : 0;
    if (r < 0) {
        fprintf(stderr, "ioscc %s: cannot read %s: %s\n", c->name, path, strerror(-r));
        return EXIT_USAGE;
    }
    if (!path)
        return EXIT_CLEAN;
    while (src.len && (src.text[src.len - 1] == '\n' || src.text[src.len - 1] == '\r'))
        src.len--;
    buf_add(out, src.text, src.len);
    source_free(&src);
    return EXIT_CLEAN;
}

const struct ike_policy *run_policy(struct session *s, const struct run_inputs *in, const struct buf *master,
                                    const char *file, int *code)
{
    struct ike_omissions left_out = {0};
    const struct str key = {master->p, (uint32_t)master->len};
    const struct ike_policy *p = ike_policy_build(&s->apply.target, &s->apply.xfrm, key, in->pki_dir, &left_out);
    PTRLIST_FOR (char, line, &left_out.lines) {
        daemon_log(IKE_WARNING, "%s: %s", file, line);
    }
    s->left_out = left_out;
    *code = p ? EXIT_CLEAN : EXIT_SYSTEM;
    if (!p)
        fprintf(stderr, "ioscc %s: out of memory\n", s->command->name);
    if (!p || !left_out.lacks || in->allow_partial)
        return p;
    fprintf(
        stderr,
        "ioscc %s: this host lacks what the configuration needs (above): nothing is touched (--allow-partial goes on "
        "without)\n",
        s->command->name);
    *code = EXIT_FINDINGS;
    ike_pki_free(p);
    return NULL;
}
