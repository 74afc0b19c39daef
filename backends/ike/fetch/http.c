/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/ike/fetch/fetch.h"

/*
 * libcurl is loaded by the fetching process alone: with what it needs itself it is two thirds of the time that
 * a check of one router takes. The types are its header's.
 */
#define CURL_LIBRARY "libcurl.so.4"
#define CURL_CALLS(X)                                                                                                  \
    X(easy_cleanup)                                                                                                    \
    X(easy_getinfo)                                                                                                    \
    X(easy_init)                                                                                                       \
    X(easy_perform) X(easy_setopt) X(easy_strerror) X(free) X(global_cleanup) X(global_init) X(slist_append)           \
        X(slist_free_all) X(url) X(url_cleanup) X(url_get) X(url_set)
#define CURL_MEMBER(name) __typeof__(curl_##name) *name;
static struct {
    CURL_CALLS(CURL_MEMBER)
} curl;

/* ISO C has no conversion from an object's address to a function's: dlsym's is copied. */
static bool load_call(void *library, const char *name, void *call)
{
    void *found = dlsym(library, name);
    memcpy(call, &found, sizeof found);
    return found != NULL;
}

#define LOAD_CALL(name) &&load_call(library, "curl_" #name, &curl.name)
bool http_load(void)
{
    void *library = dlopen(CURL_LIBRARY, RTLD_NOW | RTLD_LOCAL); /* stays: the process ends with it */
    bool is_whole = library CURL_CALLS(LOAD_CALL);
    if (!is_whole)
        memset(&curl, 0, sizeof curl);
    return is_whole;
}

static int64_t method_ends_ms; /* 0: nobody counts */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void http_method(void *ctx)
{
    (void)ctx;
    method_ends_ms = now_ms() + FETCH_METHOD_MS;
}

/* For one transfer; 0: the method has used up its time. */
static long left_ms(void)
{
    int64_t left = method_ends_ms - now_ms();
    if (!method_ends_ms || left > FETCH_URL_MS)
        return FETCH_URL_MS;
    return left > 0 ? (long)left : 0;
}

struct body {
    struct buf *out;
    size_t max;
    long left_ms;
    bool is_too_long;
};

bool http_open(void)
{
    bool loaded = curl.global_init != NULL;
    return (!loaded || curl.global_init(CURL_GLOBAL_NOTHING) == CURLE_OK) && names_open();
}

void http_close(void)
{
    names_close();
    if (curl.global_cleanup)
        curl.global_cleanup();
}

/* What says its length is refused before it comes; the others here. */
static size_t more(char *p, size_t one, size_t n, void *arg)
{
    struct body *b = arg;
    (void)one; /* always 1 */
    b->is_too_long = n > b->max - b->out->len;
    if (b->is_too_long)
        return 0;
    buf_add(b->out, p, n);
    return b->out->failed ? 0 : n;
}

/* Host of the address; false: it is none that is fetched. */
static bool host_of(const char *url, char out[static 256])
{
    CURLU *u = curl.url();
    char *host = NULL, *scheme = NULL, *user = NULL;
    bool ok = u && curl.url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
              curl.url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK && strcmp(scheme, "http") == 0 &&
              curl.url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && strlen(host) < 256;
    size_t n = ok ? strlen(host) : 0;
    bool bracketed = n > 2 && host[0] == '[' && host[n - 1] == ']';
    if (bracketed)
        snprintf(out, 256, "%.*s", (int)n - 2, host + 1);
    else if (ok)
        snprintf(out, 256, "%s", host);
    curl.free(host);
    curl.free(scheme);
    curl.free(user);
    curl.url_cleanup(u);
    return ok;
}

/* Whatever host and port the address names, the connection goes there. */
static struct curl_slist *straight_to(const struct ip_addr *a)
{
    char text[ADDR_TEXT_MAX], rule[ADDR_TEXT_MAX + 8];
    addr_text(a, text);
    snprintf(rule, sizeof rule, a->family == FAMILY_V6 ? "::[%s]:" : "::%s:", text);
    return curl.slist_append(NULL, rule);
}

struct transfer {
    CURL *c;
    struct curl_slist *to, *headers;
    char error[CURL_ERROR_SIZE];
};

/* Every one of them counts: with a word that libcurl does not know nothing is fetched. */
static bool set_all(struct transfer *x, const char *url, const struct ike_iov *post, struct body *b)
{
    CURL *c = x->c;
    bool ok = true;
#define SET(option, value) ok &= curl.easy_setopt(c, CURLOPT_##option, value) == CURLE_OK
    SET(URL, url);
    SET(PROTOCOLS_STR, "http");
    SET(FOLLOWLOCATION, 0L);
    SET(PROXY, ""); /* the environment's are not asked either */
    SET(NOPROXY, "*");
    SET(NOSIGNAL, 1L);
    SET(CONNECTTIMEOUT_MS, b->left_ms);
    SET(TIMEOUT_MS, b->left_ms);
    SET(MAXFILESIZE_LARGE, (curl_off_t)b->max);
    SET(HTTP09_ALLOWED, 0L);
    SET(NETRC, (long)CURL_NETRC_IGNORED);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(FRESH_CONNECT, 1L);
    SET(FORBID_REUSE, 1L);
    SET(CONNECT_TO, x->to);
    SET(WRITEFUNCTION, more);
    SET(WRITEDATA, b);
    SET(ERRORBUFFER, x->error);
    if (post) {
        SET(HTTPHEADER, x->headers);
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)post->n);
        SET(POSTFIELDS, (const char *)post->p);
    }
#undef SET
    return ok;
}

static bool transfer(const char *url, const struct ip_addr *to, const struct ike_iov *post, size_t max,
                     struct buf *body, char why[static FETCH_WHY_MAX])
{
    struct transfer x = {.c = curl.easy_init(), .to = straight_to(to)};
    struct body b = {.out = body, .max = max, .left_ms = left_ms()};
    long status = 0;
    if (post)
        x.headers = curl.slist_append(NULL, "Content-Type: application/ocsp-request");
    bool ready = b.left_ms && x.c && x.to && (!post || x.headers) && set_all(&x, url, post, &b);
    CURLcode r = ready ? curl.easy_perform(x.c) : CURLE_FAILED_INIT;
    if (r == CURLE_OK)
        curl.easy_getinfo(x.c, CURLINFO_RESPONSE_CODE, &status);
    if (!b.left_ms)
        snprintf(why, FETCH_WHY_MAX, "there is no time left for it");
    else if (b.is_too_long || r == CURLE_FILESIZE_EXCEEDED)
        snprintf(why, FETCH_WHY_MAX, "the answer is longer than %zu bytes", max);
    else if (r != CURLE_OK)
        snprintf(why, FETCH_WHY_MAX, "%.190s", x.error[0] ? x.error : curl.easy_strerror(r));
    else if (status != 200)
        snprintf(why, FETCH_WHY_MAX, "the server answers %ld", status);
    curl.slist_free_all(x.to);
    curl.slist_free_all(x.headers);
    curl.easy_cleanup(x.c);
    return r == CURLE_OK && status == 200;
}

/* Loopback, unspecified, link-local, multicast: nothing of a CA's is there, and something of ours may be. */
static bool is_own(const struct ip_addr *a)
{
    static const uint8_t loopback[16] = {[15] = 1}, none[16], mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v6 = a->family == FAMILY_V6;
    if (v6 && memcmp(a->b, mapped, 12) == 0)
        return true;
    if (v6)
        return memcmp(a->b, loopback, 16) == 0 || memcmp(a->b, none, 16) == 0 || a->b[0] == 0xff ||
               addr_is_link_local(a);
    return a->b[0] == 127 || a->b[0] == 0 || a->b[0] >= 224 || (a->b[0] == 169 && a->b[1] == 254);
}

bool http_get(void *ctx, const char *url, const struct ike_iov *post, size_t max, struct buf *body,
              char why[static FETCH_WHY_MAX])
{
    char host[256];
    struct names_answer a;
    (void)ctx;
    if (!curl.global_init) {
        snprintf(why, FETCH_WHY_MAX, "this host has no " CURL_LIBRARY);
        return false;
    }
    if (!host_of(url, host)) {
        snprintf(why, FETCH_WHY_MAX, "it is no address that is fetched");
        return false;
    }
    if (!names_lookup(host, &a, why))
        return false;
    for (unsigned i = 0; i < a.n && i < 2; i++) { /* the second where the first does not answer */
        body->len = 0;
        if (is_own(&a.addr[i])) {
            snprintf(why, FETCH_WHY_MAX, "its address is of this host or of no host");
            continue;
        }
        if (transfer(url, &a.addr[i], post, max, body, why))
            return true;
    }
    return false;
}
