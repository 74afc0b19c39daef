/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/git.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs git in `dir`, its output into `out` (may be NULL). Exit status, or a negative errno. */
static int git(const char *dir, char *const argv[], struct buf *out)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0) {
        close(fd[0]);
        close(fd[1]);
        return -errno;
    }
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        if (null < 0 || dup2(null, 0) < 0 || dup2(fd[1], 1) < 0 || dup2(null, 2) < 0 || chdir(dir) < 0)
            _exit(127);
        execvp("git", argv);
        _exit(127);
    }
    close(fd[1]);
    char part[65536];
    ssize_t n;
    while ((n = read(fd[0], part, sizeof part)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && out && out->len < SOURCE_MAX)
            buf_add(out, part, (size_t)n);
    close(fd[0]);
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

int git_read(struct source *out, const char *ref, const char *path)
{
    char dir[PATH_MAX], spec[PATH_MAX + 256], commit[300];
    struct buf text = {0};
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    const char *name = slash ? path + (slash - dir) + 1 : path;
    if (slash)
        slash[slash == dir ? 1 : 0] = '\0';
    else
        strcpy(dir, ".");
    if (*ref == '-' || strlen(ref) > 250)
        return -EINVAL;
    snprintf(spec, sizeof spec, "%s:./%s", ref, name);
    char *const show[] = {"git", "show", spec, NULL};
    int r = git(dir, show, &text);
    if (r == 0) {
        r = source_from_memory(out, path, text.p ? text.p : "", text.len);
    } else if (r > 0) {
        snprintf(commit, sizeof commit, "%s^{commit}", ref);
        char *const verify[] = {"git", "rev-parse", "--verify", "--quiet", commit, NULL};
        r = git(dir, verify, NULL) == 0 ? -ENOENT : -EINVAL;
    }
    buf_free(&text);
    return r;
}
