/* hosts/console_client.c - see hosts/console_proto.h for what is spoken. */
#include <config.h>

#include "hosts/console_client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/signals.h"
#include "hosts/console_match.h"
#include "hosts/console_proto.h"

#define ANSWER_LIMIT_MS 90000   /* a reload asks the database */
#define ANSWER_MAX_BYTES (8 << 20)
/* A line that a pattern matched may not be whole yet: so long it is waited
 * for. */
#define LINE_LIMIT_MS 100
#define HISTORY_MS 10000
#define POLL_MS 60000

struct console_client {
    int fd;
    struct buf in;
    size_t used;                /* bytes of 'in' that the caller has seen */
    bool attached;
    int64_t offset;             /* of the next byte */
    int64_t there;              /* up to here the log was there already */
    char note[64];
    /* An expect: */
    struct console_match_set *set;      /* NULL: none */
    char *host;
    int64_t end_ms;             /* mono, of the time-out */
    int64_t line_end_ms;        /* mono, once there is a match */
};

static int64_t
now_ms(void)
{
    return clock_mono_ms(clock_system());
}

bool
console_client_open(struct console_client **client_out, struct fault *why)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct arena arena = ARENA_INIT;
    const char *home;
    char *path;
    int fd = -1;
    bool ok;

    ok = home_get(&home, why);
    if (!ok)
        goto out;
    path = home_path(&arena, "run/console.sock");
    ok = strlen(path) < sizeof(address.sun_path);
    if (!ok) {
        fault_set(why, FAULT_CONFIG, "path '%s' is too long for a socket",
                  path);
        goto out;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok = fd >= 0 &&
         connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (!ok && (errno == ENOENT || errno == ECONNREFUSED)) {
        fault_set(why, FAULT_CONFLICT, "no assay-console serves %s", home);
        fault_hint(why, "assayd starts one: 'assay lab up' starts both");
        goto out;
    }
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "connect to %s", path);
        goto out;
    }
    *client_out = xcalloc(1, sizeof(**client_out));
    (*client_out)->fd = fd;
    fd = -1;
out:
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

static void
forget_expect(struct console_client *client)
{
    console_match_free(client->set);
    client->set = NULL;
    xfree_str(&client->host);
}

void
console_client_close(struct console_client *client)
{
    if (client == NULL)
        return;
    forget_expect(client);
    fd_close(&client->fd);
    buf_free(&client->in);
    free(client);
}

int
console_client_fd(const struct console_client *client)
{
    return client->fd;
}

static bool
gone(struct fault *why)
{
    return fault_set(why, FAULT_LOST, "assay-console has gone");
}

/* Everything, however long the other side takes to read: it always reads. */
static bool
send_all(struct console_client *client, const void *data, size_t bytes,
         struct fault *why)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t n = send(client->fd, at, bytes, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            if (!signals_check(why))
                return false;
            continue;
        }
        if (n < 0)
            return gone(why);
        at += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* More bytes into 'in', within 'wait_ms'; '*more_out' false when none came. */
static bool
receive(struct console_client *client, int64_t wait_ms, bool *more_out,
        struct fault *why)
{
    struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };
    char chunk[16384];
    ssize_t n;
    int ready;

    *more_out = false;
    if (wait_ms < 0)
        wait_ms = 0;
    ready = poll(&poll_fd, 1, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
    if (!signals_check(why))
        return false;
    if (ready <= 0)
        return true;
    n = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0)
        return gone(why);
    buf_add(&client->in, chunk, (size_t)n);
    *more_out = true;
    return true;
}

/* Lines ------------------------------------------------------------------- */

static bool
read_answer(struct console_client *client, json_t **answer_out,
            struct fault *why)
{
    int64_t end_ms = now_ms() + ANSWER_LIMIT_MS;
    char *newline;
    size_t bytes;
    bool more, ok;

    *answer_out = NULL;
    for (;;) {
        newline = client->in.len == 0
                      ? NULL : memchr(client->in.data, '\n', client->in.len);
        if (newline != NULL)
            break;
        if (client->in.len > ANSWER_MAX_BYTES)
            return fault_set(why, FAULT_PEER,
                             "assay-console answers without end");
        if (!receive(client, end_ms - now_ms(), &more, why))
            return false;
        if (!more && now_ms() >= end_ms)
            return fault_set(why, FAULT_TIMEOUT,
                             "assay-console does not answer");
    }
    bytes = (size_t)(newline - client->in.data);
    ok = json_parse(client->in.data, bytes, answer_out, why);
    buf_drop(&client->in, bytes + 1);
    return ok && console_answer_check(*answer_out, why);
}

/* Takes the reference to 'request'; the caller gets one to the answer, also
 * when it is none. */
static bool
ask(struct console_client *client, json_t *request, json_t **answer_out,
    struct fault *why)
{
    char *text = json_dumps(request, JSON_COMPACT);
    bool ok;

    *answer_out = NULL;
    json_decref(request);
    must(text != NULL && !client->attached);
    ok = send_all(client, text, strlen(text), why) &&
         send_all(client, "\n", 1, why) &&
         read_answer(client, answer_out, why);
    free(text);
    return ok;
}

static json_t *
request_of(const char *op, const char *host)
{
    json_t *request = json_object();

    must(request != NULL);
    json_put_text(request, "op", op);
    if (host != NULL)
        json_put_text(request, "host", host);
    return request;
}

bool
console_client_reload(struct console_client *client, struct fault *why)
{
    json_t *answer;
    bool ok = ask(client, request_of("reload", NULL), &answer, why);

    json_decref(answer);
    return ok;
}

bool
console_client_status(struct console_client *client, const char *host,
                      json_t **status_out, struct fault *why)
{
    json_t *answer, *status;
    bool ok = ask(client, request_of("status", host), &answer, why);

    if (ok) {
        status = json_object_get(answer, host != NULL ? "console"
                                                      : "consoles");
        ok = status != NULL ||
             fault_set(why, FAULT_PEER, "assay-console gives no status");
        if (ok)
            *status_out = json_incref(status);
    }
    json_decref(answer);
    return ok;
}

bool
console_client_log_offset(struct console_client *client, const char *host,
                          int64_t *offset_out, struct fault *why)
{
    json_t *status;

    if (!console_client_status(client, host, &status, why))
        return false;
    *offset_out = json_int(status, "offset", -1);
    json_decref(status);
    return *offset_out >= 0 ||
           fault_set(why, FAULT_CONFLICT, "the console of %s has no log",
                     host);
}

static bool
set_mark(struct console_client *client, const char *host, const char *name,
         int64_t offset, int64_t *offset_out, struct fault *why)
{
    json_t *request = request_of("mark", host), *answer;
    bool ok;

    json_put_text(request, "name", name);
    if (offset >= 0)
        json_put_int(request, "offset", offset);
    ok = ask(client, request, &answer, why);
    if (ok && offset_out != NULL)
        *offset_out = json_int(answer, "offset", 0);
    json_decref(answer);
    return ok;
}

bool
console_client_mark(struct console_client *client, const char *host,
                    const char *name, int64_t *offset_out, struct fault *why)
{
    return set_mark(client, host, name, -1, offset_out, why);
}

bool
console_client_send(struct console_client *client, const char *host,
                    const void *data, size_t bytes, bool force,
                    struct fault *why)
{
    json_t *request = request_of("send", host), *answer;
    const unsigned char *at = data;
    struct buf hex = BUF_INIT;
    bool ok;

    for (size_t i = 0; i < bytes; i++)
        buf_addf(&hex, "%02x", at[i]);
    json_put_text(request, "hex", buf_text(&hex));
    if (force)
        must(json_object_set_new(request, "force", json_true()) == 0);
    ok = ask(client, request, &answer, why);
    json_decref(answer);
    buf_free(&hex);
    return ok;
}

/* Attached ---------------------------------------------------------------- */

bool
console_client_attach(struct console_client *client,
                      const struct console_attach *attach,
                      int64_t *offset_out, struct fault *why)
{
    json_t *request = request_of("attach", attach->host), *answer;
    bool ok;

    if (attach->from != NULL)
        json_put_text(request, "from", attach->from);
    if (attach->who != NULL)
        json_put_text(request, "who", attach->who);
    must(json_object_set_new(request, "write",
                             json_boolean(attach->write)) == 0);
    must(json_object_set_new(request, "force",
                             json_boolean(attach->force)) == 0);
    ok = ask(client, request, &answer, why);
    client->attached = ok;
    if (ok) {
        client->offset = json_int(answer, "offset", 0);
        client->there = json_int(answer, "end", 0);
    }
    if (ok && offset_out != NULL)
        *offset_out = client->offset;
    json_decref(answer);
    return ok;
}

/* The next frame; type CONSOLE_FRAME_NONE when none came in time. */
static bool
read_frame(struct console_client *client, int64_t wait_ms,
           enum console_frame *type_out, const char **data_out,
           size_t *bytes_out, struct fault *why)
{
    int64_t end_ms = now_ms() + wait_ms;
    bool more;
    int size;

    must(client->attached);
    *type_out = CONSOLE_FRAME_NONE;
    if (client->used > 0)
        buf_drop(&client->in, client->used);
    client->used = 0;
    for (;;) {
        size = client->in.len == 0
                   ? 0 : console_frame_parse(client->in.data, client->in.len,
                                             type_out, data_out, bytes_out);
        if (size < 0)
            return fault_set(why, FAULT_PEER,
                             "assay-console sends what is no frame");
        if (size > 0) {
            client->used = (size_t)size;
            return true;
        }
        *type_out = CONSOLE_FRAME_NONE;
        if (!receive(client, end_ms - now_ms(), &more, why))
            return false;
        if (!more && now_ms() >= end_ms)
            return true;
    }
}

bool
console_client_read(struct console_client *client, int64_t wait_ms,
                    enum console_event *event_out, const char **data_out,
                    size_t *bytes_out, struct fault *why)
{
    enum console_frame type;
    char digits[24];
    int64_t skipped;

    *event_out = CONSOLE_EVENT_NONE;
    if (!read_frame(client, wait_ms, &type, data_out, bytes_out, why))
        return false;
    switch (type) {
    case CONSOLE_FRAME_DATA:
        *event_out = CONSOLE_EVENT_DATA;
        client->offset += (int64_t)*bytes_out;
        return true;
    case CONSOLE_FRAME_SKIP:
        (void)snprintf(digits, sizeof(digits), "%.*s", (int)*bytes_out,
                       *data_out);
        if (!parse_int64(digits, 1, INT64_MAX, &skipped))
            break;
        client->offset += skipped;
        (void)snprintf(client->note, sizeof(client->note),
                       "%" PRId64 " bytes are missing here", skipped);
        *data_out = client->note;
        *bytes_out = strlen(client->note);
        *event_out = CONSOLE_EVENT_NOTE;
        return true;
    case CONSOLE_FRAME_NOTE:
        *event_out = CONSOLE_EVENT_NOTE;
        return true;
    case CONSOLE_FRAME_NONE:
        return true;
    case CONSOLE_FRAME_DETACH:
    case CONSOLE_FRAME_END:
        break;
    }
    return fault_set(why, FAULT_PEER,
                     "assay-console sends what was not asked for");
}

int64_t
console_client_offset(const struct console_client *client)
{
    return client->offset;
}

static bool
send_frame(struct console_client *client, enum console_frame type,
           const void *data, size_t bytes, struct fault *why)
{
    char head[CONSOLE_FRAME_HEAD];

    console_frame_head(head, type, bytes);
    return send_all(client, head, sizeof(head), why) &&
           send_all(client, data, bytes, why);
}

bool
console_client_write(struct console_client *client, const void *data,
                     size_t bytes, struct fault *why)
{
    const char *at = data;

    while (bytes > 0) {
        size_t part = bytes < CONSOLE_FRAME_MAX ? bytes : CONSOLE_FRAME_MAX;

        if (!send_frame(client, CONSOLE_FRAME_DATA, at, part, why))
            return false;
        at += part;
        bytes -= part;
    }
    return true;
}

/* Back to lines: what still comes before the end is not wanted. */
static bool
detach(struct console_client *client, struct fault *why)
{
    enum console_frame type = CONSOLE_FRAME_NONE;
    int64_t end_ms = now_ms() + ANSWER_LIMIT_MS;
    const char *data;
    size_t bytes;

    if (!send_frame(client, CONSOLE_FRAME_DETACH, "", 0, why))
        return false;
    while (type != CONSOLE_FRAME_END) {
        if (!read_frame(client, end_ms - now_ms(), &type, &data, &bytes,
                        why))
            return false;
        if (type == CONSOLE_FRAME_NONE)
            return fault_set(why, FAULT_TIMEOUT,
                             "assay-console does not let go");
    }
    buf_drop(&client->in, client->used);
    client->used = 0;
    client->attached = false;
    return true;
}

/* Expect ------------------------------------------------------------------ */

bool
console_client_expect_start(struct console_client *client,
                            const struct console_expect *expect,
                            struct fault *why)
{
    struct console_attach attach = {
        .host = expect->host,
        .from = expect->from != NULL ? expect->from : "last",
        .who = "expect",
    };
    struct console_match_set *set;

    must(client->set == NULL);
    set = console_match_new(expect->patterns, expect->pattern_count, why);
    if (set == NULL)
        return false;
    if (!console_client_attach(client, &attach, NULL, why)) {
        console_match_free(set);
        return false;
    }
    client->set = set;
    client->host = xstrdup(expect->host);
    client->end_ms = now_ms() + expect->timeout_ms;
    client->line_end_ms = INT64_MAX;
    return true;
}

static bool
finish_expect(struct console_client *client, struct console_match *match_out,
              struct fault *why)
{
    struct buf line = BUF_INIT;
    bool ok;

    memset(match_out, 0, sizeof(*match_out));
    match_out->index = console_match_index(client->set);
    match_out->end = match_out->index >= 0
                         ? console_match_end(client->set)
                         : console_match_line_start(client->set);
    console_match_line(client->set, &line);
    (void)snprintf(match_out->line, sizeof(match_out->line), "%s",
                   buf_text(&line));
    buf_free(&line);
    ok = detach(client, why) &&
         (match_out->index < 0 ||
          set_mark(client, client->host, "last", match_out->end, NULL, why));
    forget_expect(client);
    return ok;
}

/* Waits for one event; true in '*over_out' when the expect has ended. */
static bool
expect_step(struct console_client *client, int64_t until_ms, bool *over_out,
            struct fault *why)
{
    int64_t end_ms = client->end_ms, wait_ms;
    enum console_event event;
    const char *data;
    size_t bytes;

    /* What is in the log already is looked at however late it is. */
    if (client->offset < client->there && end_ms < now_ms() + HISTORY_MS)
        end_ms = now_ms() + HISTORY_MS;
    if (end_ms > client->line_end_ms)
        end_ms = client->line_end_ms;
    wait_ms = (end_ms < until_ms ? end_ms : until_ms) - now_ms();
    if (!console_client_read(client, wait_ms, &event, &data, &bytes, why))
        return false;
    if (event == CONSOLE_EVENT_DATA &&
        console_match_feed(client->set, client->offset - (int64_t)bytes,
                           data, bytes) &&
        client->line_end_ms == INT64_MAX)
        client->line_end_ms = now_ms() + LINE_LIMIT_MS;
    *over_out = console_match_line_is_whole(client->set) ||
                (event == CONSOLE_EVENT_NONE && now_ms() >= end_ms);
    return true;
}

bool
console_client_expect_poll(struct console_client *client, int64_t wait_ms,
                           bool *done_out, struct console_match *match_out,
                           struct fault *why)
{
    int64_t until_ms = now_ms() + wait_ms;

    must(client->set != NULL);
    do {
        if (!expect_step(client, until_ms, done_out, why))
            return false;
        if (*done_out)
            return finish_expect(client, match_out, why);
    } while (now_ms() < until_ms);
    return true;
}

bool
console_client_expect(struct console_client *client,
                      const struct console_expect *expect,
                      struct console_match *match_out, struct fault *why)
{
    bool done = false;

    if (!console_client_expect_start(client, expect, why))
        return false;
    while (!done)
        if (!console_client_expect_poll(client, POLL_MS, &done, match_out,
                                        why))
            return false;
    return true;
}
