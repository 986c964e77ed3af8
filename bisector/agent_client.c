/* bisector/agent_client.c - an agent's requests, with libcurl.
 *
 * A token goes to the lab that the vendor named and to nobody else: only https,
 * the certificate is always verified, redirections are not followed. */
#include <config.h>

#include "bisector/agent_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "bisector/agent_proto.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/signals.h"

#define CONNECT_MS 15000L
#define TALK_MS 60000L
#define ONCE_MS 5000L           /* when it is not worth waiting for */
#define HTTP_OK 200
#define HTTP_PARTIAL 206
#define HTTP_GONE 410
#define SLOW_S 60L              /* without a byte */
#define PAUSE_FIRST_MS 250
#define PAUSE_MOST_MS 30000

struct agent_client {
    CURL *curl;                 /* keeps its connection */
    struct curl_slist *headers;
    char *base, *cacert, *pin;
    bool out_of_reach;          /* and that was said */
    /* Of the request under way. */
    struct buf *body;
    int fd;                     /* -1: to 'body' */
    int64_t room;               /* bytes that the answer may still have */
    bool too_long, heeds_stop;
    struct fault write_why;
};

static size_t
on_data(char *data, size_t size, size_t count, void *owner)
{
    struct agent_client *client = owner;
    size_t bytes = size * count;
    long status = 0;

    client->too_long = (int64_t)bytes > client->room;
    if (client->too_long)
        return 0;
    client->room -= (int64_t)bytes;
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (client->fd < 0 || status >= 300)
        buf_add(client->body, data, bytes);
    else if (!fd_write_all(client->fd, data, bytes, &client->write_why))
        return 0;
    return bytes;
}

static int
on_progress(void *owner, curl_off_t a UNUSED, curl_off_t b UNUSED,
            curl_off_t c UNUSED, curl_off_t d UNUSED)
{
    const struct agent_client *client = owner;

    return client->heeds_stop && signals_stop_asked() != 0;
}

static void
set_trust(struct agent_client *client)
{
    CURL *curl = client->curl;

    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                           (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (client->cacert != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, client->cacert);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    if (client->pin != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, client->pin);
}

struct agent_client *
agent_client_new(const struct agent_client_spec *spec, struct fault *why)
{
    static const char *const scheme = "https://";
    size_t len = strlen(spec->url);
    struct agent_client *client;
    char *bearer;

    if (strncmp(spec->url, scheme, strlen(scheme)) != 0
        || len == strlen(scheme)
        || strpbrk(spec->url + strlen(scheme), "?#@ ") != NULL) {
        fault_set(why, FAULT_USAGE, "'%s' is no https://HOST[:PORT]",
                  spec->url);
        return NULL;
    }
    while (spec->url[len - 1] == '/')
        len--;
    client = xcalloc(1, sizeof(*client));
    client->curl = curl_easy_init();
    must(client->curl != NULL);
    client->base = xstrndup(spec->url, len);
    client->cacert = spec->cacert != NULL ? xstrdup(spec->cacert) : NULL;
    client->pin = spec->pin != NULL ? xstrdup(spec->pin) : NULL;
    bearer = xasprintf("Authorization: Bearer %s", spec->token);
    client->headers = curl_slist_append(NULL, bearer);
    client->headers = curl_slist_append(client->headers, "Expect:");
    must(client->headers != NULL);
    explicit_bzero(bearer, strlen(bearer));
    xfree_str(&bearer);
    return client;
}

void
agent_client_free(struct agent_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    xfree_str(&client->base);
    xfree_str(&client->cacert);
    xfree_str(&client->pin);
    free(client);
}

/* FAULT_CONFIG is what no other try would mend. */
static bool
curl_fault(struct agent_client *client, CURLcode code, struct fault *why)
{
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return fault_set(why, FAULT_CANCELLED, "asked to stop");
    if (client->write_why.kind != FAULT_NONE) {
        *why = client->write_why;
        return false;
    }
    if (client->too_long)
        return fault_set(why, FAULT_DATA, "%s answers more than it was asked "
                         "for", client->base);
    if (code == CURLE_PEER_FAILED_VERIFICATION
        || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH) {
        fault_set(why, FAULT_CONFIG, "the certificate of %s is not trusted: "
                  "%s", client->base, curl_easy_strerror(code));
        return fault_hint(why, "--cacert FILE names who is trusted; nothing "
                          "was sent");
    }
    if (code == CURLE_SSL_CACERT_BADFILE)
        return fault_set(why, FAULT_CONFIG, "--cacert %s cannot be read",
                         client->cacert);
    return fault_set(why, code == CURLE_OPERATION_TIMEDOUT ? FAULT_TIMEOUT
                     : FAULT_PEER, "%s: %s", client->base,
                     curl_easy_strerror(code));
}

/* One try. What it is to fetch, or to send, is set. */
static bool
perform(struct agent_client *client, const char *path, int *status_out,
        struct fault *why)
{
    char *url = xasprintf("%s" AGENT_PREFIX "%s", client->base, path);
    CURL *curl = client->curl;
    long status = 0;
    CURLcode code;

    set_trust(client);
    client->too_long = false;
    client->write_why = (struct fault)FAULT_INIT;
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_S);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    *status_out = (int)status;
    xfree_str(&url);
    if (code != CURLE_OK)
        return curl_fault(client, code, why);
    if (status == 401) {
        fault_set(why, FAULT_CONFIG, "%s refuses the token", client->base);
        return fault_hint(why, "it may be revoked or too old: the lab makes "
                          "another");
    }
    if (status == 429 || status >= 500) {
        agent_client_refusal(*status_out, client->body, why);
        return fault_context(why, "%s", client->base);
    }
    return true;
}

static bool
may_pass(const struct fault *why)
{
    return why->kind == FAULT_PEER || why->kind == FAULT_TIMEOUT;
}

/* Half of the time for certain, half by chance. */
static int
jitter(int ms)
{
    unsigned char byte = 128;

    (void)!getrandom(&byte, sizeof(byte), GRND_NONBLOCK);
    return ms / 2 + ms / 2 * byte / 255;
}

/* Says once that the lab is out of reach, and once that it is back. */
static void
reach(struct agent_client *client, const struct fault *why)
{
    if (why != NULL && !client->out_of_reach)
        fprintf(stderr, "%s; trying again\n", why->text);
    else if (why == NULL && client->out_of_reach)
        fprintf(stderr, "%s answers again\n", client->base);
    client->out_of_reach = why != NULL;
}

void
agent_client_refusal(int status, const struct buf *body, struct fault *why)
{
    struct buf said = BUF_INIT;

    agent_error_parse(buf_text(body), body->len, &said);
    fault_set(why, FAULT_PEER, "it answers %d%s%s", status,
              said.len > 0 ? ": " : "", buf_text(&said));
    buf_free(&said);
}

/* Whether to try again, after a pause. */
static bool
again(struct agent_client *client, int64_t until_ms, int *pause_ms,
      const struct fault *why)
{
    if (!may_pass(why)
        || (until_ms != AGENT_FOR_EVER
            && clock_mono_ms(clock_system()) + *pause_ms > until_ms))
        return false;
    reach(client, why);
    signals_pause_ms(jitter(*pause_ms));
    *pause_ms = *pause_ms * 2 < PAUSE_MOST_MS ? *pause_ms * 2
                                              : PAUSE_MOST_MS;
    return true;
}

static int64_t
deadline(int64_t patience_ms)
{
    return patience_ms == AGENT_FOR_EVER ? AGENT_FOR_EVER
        : clock_mono_ms(clock_system()) + patience_ms;
}

bool
agent_client_post(struct agent_client *client, const char *path,
                  const void *data, size_t bytes, int64_t patience_ms,
                  int *status_out, struct buf *out, struct fault *why)
{
    int64_t until_ms = deadline(patience_ms);
    int pause_ms = PAUSE_FIRST_MS;
    bool ok;

    client->heeds_stop = patience_ms != 0;
    do {
        buf_reset(out);
        client->body = out;
        client->fd = -1;
        client->room = AGENT_BODY_MAX;
        curl_easy_reset(client->curl);
        (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, data);
        (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)bytes);
        (void)curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS,
                               patience_ms == 0 ? ONCE_MS : TALK_MS);
        ok = (!client->heeds_stop || signals_check(why))
            && perform(client, path, status_out, why);
    } while (!ok && again(client, until_ms, &pause_ms, why));
    if (ok)
        reach(client, NULL);
    return ok;
}

/* The range of the next try goes on where the last one broke off. */
static bool
get_range(struct agent_client *client, int64_t from, int64_t count, int fd,
          int64_t *got_out, struct fault *why)
{
    off_t at = lseek(fd, 0, SEEK_END);
    char range[64];

    if (at < from)
        return fault_set(why, FAULT_DATA, "a file that was fetched has "
                         "become shorter");
    *got_out = at - from;
    (void)snprintf(range, sizeof(range), "%lld-%lld", (long long)at,
                   (long long)(from + count - 1));
    curl_easy_reset(client->curl);
    (void)curl_easy_setopt(client->curl, CURLOPT_RANGE, range);
    client->fd = fd;
    client->room = from + count - at;
    return true;
}

bool
agent_client_get(struct agent_client *client, const char *path, int64_t from,
                 int64_t count, int fd, int64_t patience_ms,
                 struct fault *why)
{
    int64_t until_ms = deadline(patience_ms), got = 0;
    int pause_ms = PAUSE_FIRST_MS, status = HTTP_PARTIAL;
    struct buf refusal = BUF_INIT;
    bool ok;

    client->heeds_stop = true;
    client->body = &refusal;
    do {
        buf_reset(&refusal);
        if (!get_range(client, from, count, fd, &got, why)) {
            ok = false;
            break;
        }
        if (got == count) {
            ok = true;
            break;
        }
        ok = signals_check(why) && perform(client, path, &status, why);
    } while (!ok && again(client, until_ms, &pause_ms, why));
    if (ok)
        reach(client, NULL);
    if (ok && status != HTTP_OK && status != HTTP_PARTIAL) {
        agent_client_refusal(status, &refusal, why);
        why->kind = status == HTTP_GONE ? FAULT_CONFLICT : FAULT_NOT_FOUND;
        ok = false;
    }
    client->fd = -1;
    buf_free(&refusal);
    return ok;
}
