/* hosts/console_watch.c - see console_watch.h. */
#include <config.h>

#include "hosts/console_watch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "hosts/console_client.h"

#define REASON_MS 1000
#define TAIL_BYTES 4096
#define TIMER_MS 100
#define PUMP_MS 1               /* for each look */

static void
on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

void
console_watch_stop(struct console_watch *watch)
{
    if (watch->client == NULL)
        return;
    if (watch->poll != NULL) {
        uv_close((uv_handle_t *)watch->poll, on_poll_closed);
        (void)uv_timer_stop(&watch->timer);
    }
    watch->poll = NULL;
    console_client_close(watch->client);
    watch->client = NULL;
    pattern_scan_free(watch->scan);
    watch->scan = NULL;
    watch->headline = NULL;
    buf_free(&watch->line);
    buf_free(&watch->head);
}

static void
lose(struct console_watch *watch, const struct fault *why)
{
    console_watch_stop(watch);
    watch->fn(watch->owner, NULL, -1, why->text);
}

/* "Panic on CPU 0:" is a headline; the reason is the line below. */
static bool
is_reason(const struct buf *line)
{
    static const char XEN[] = "(XEN) ";
    const char *at = strstr(buf_text(line), XEN);

    return at != NULL && strchr("* \r", at[sizeof(XEN) - 1]) == NULL;
}

static void
tell_headline(struct console_watch *watch, const char *reason)
{
    const struct pattern *pattern = watch->headline;
    struct buf text = BUF_INIT;

    watch->headline = NULL;
    buf_adds(&text, buf_text(&watch->head));
    if (reason != NULL) {
        while (*reason != '\0' && strncmp(reason, "(XEN) ", 6) != 0)
            reason++;
        buf_addc(&text, ' ');
        buf_add_escaped(&text, reason + 6, strcspn(reason + 6, "\r"));
    }
    watch->fn(watch->owner, pattern, watch->head_at, buf_text(&text));
    buf_free(&text);
}

static void
on_found(void *owner, const struct pattern *pattern, int64_t offset,
         const char *line, size_t bytes)
{
    struct console_watch *watch = owner;

    if (watch->headline != NULL)
        return;                 /* told when its reason is known */
    while (bytes > 0 && (unsigned char)*line <= ' ') {
        line++;
        bytes--;
    }
    while (bytes > 0 && (unsigned char)line[bytes - 1] <= ' ')
        bytes--;
    buf_reset(&watch->head);
    buf_add_escaped(&watch->head, line, bytes);
    watch->headline = pattern;
    watch->head_at = watch->base + offset;
    watch->head_ms = 0;
}

/* Told after the scan has returned, since the watch may be stopped then. */
static void
tell_found(struct console_watch *watch)
{
    const char *text = buf_text(&watch->head);

    if (watch->headline != NULL
        && (text[0] == '\0' || text[strlen(text) - 1] != ':'
            || watch->headline->kind != PATTERN_FATAL))
        tell_headline(watch, NULL);
}

/* One line with its end, or a part of it. */
static void
take_line(struct console_watch *watch, const char *data, size_t bytes)
{
    bool whole = bytes > 0 && data[bytes - 1] == '\n';
    struct buf reason = BUF_INIT;

    buf_add(&watch->line, data, whole ? bytes - 1 : bytes);
    if (watch->line.len > PATTERN_LINE_MAX)
        buf_drop(&watch->line, watch->line.len - PATTERN_LINE_MAX);
    if (whole && watch->headline != NULL && is_reason(&watch->line)) {
        buf_adds(&reason, buf_text(&watch->line));
        tell_headline(watch, buf_text(&reason));
        buf_free(&reason);
        if (watch->client == NULL)
            return;
    }
    if (whole)
        buf_reset(&watch->line);
    watch->fed += (int64_t)bytes;
    pattern_scan_feed(watch->scan, data, bytes);
    tell_found(watch);
}

/* The line that was begun goes no further. */
static void
end_line(struct console_watch *watch)
{
    pattern_scan_flush(watch->scan);
    buf_reset(&watch->line);
    tell_found(watch);
}

/* Bytes from 'offset' on: where others are missing before them, a line has
 * ended. */
static void
take(struct console_watch *watch, int64_t offset, const char *data,
     size_t bytes)
{
    if (offset != watch->base + watch->fed) {
        end_line(watch);
        watch->base = offset - watch->fed;
    }
    while (bytes > 0 && watch->client != NULL) {
        const char *end = memchr(data, '\n', bytes);
        size_t part = end == NULL ? bytes : (size_t)(end - data) + 1;

        take_line(watch, data, part);
        data += part;
        bytes -= part;
    }
}

static void
pump(struct console_watch *watch)
{
    enum console_event event;
    const char *data;
    struct fault why = FAULT_INIT;
    size_t bytes;

    while (watch->client != NULL) {
        event = CONSOLE_EVENT_NONE;
        if (!console_client_read(watch->client, PUMP_MS, &event, &data,
                                 &bytes, &why)) {
            lose(watch, &why);
            return;
        }
        if (event == CONSOLE_EVENT_NONE)
            return;
        watch->quiet_ms = 0;
        if (event == CONSOLE_EVENT_DATA)
            take(watch, console_client_offset(watch->client)
                            - (int64_t)bytes, data, bytes);
    }
}

static void
on_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    pump(poll->data);
}

/* A line whose end does not come is taken as it is, and so is a headline
 * without a reason. The client may hold bytes of which its descriptor says
 * nothing any more. */
static void
on_timer(uv_timer_t *timer)
{
    struct console_watch *watch = timer->data;

    pump(watch);
    if (watch->client == NULL)
        return;
    watch->quiet_ms += TIMER_MS;
    watch->head_ms += TIMER_MS;
    if (watch->headline != NULL && watch->head_ms >= REASON_MS)
        tell_headline(watch, NULL);
    if (watch->client == NULL || watch->quiet_ms != REASON_MS)
        return;
    end_line(watch);
}

void
console_watch_start(struct console_watch *watch, uv_loop_t *loop,
                    const char *host, const char *mark,
                    struct pattern_code *code, console_watch_fn *fn,
                    void *owner)
{
    struct console_attach attach = { .host = host, .from = "now" };
    struct fault why = FAULT_INIT;
    char place[32];
    int64_t offset = 0;

    must(watch->client == NULL);
    watch->loop = loop;
    watch->host = host;
    watch->fn = fn;
    watch->owner = owner;
    watch->quiet_ms = 0;
    if (!console_client_open(&watch->client, &why)
        || (mark != NULL && !console_client_mark(watch->client, host, mark,
                                                 &offset, &why)))
        goto lost;
    if (mark != NULL) {
        (void)snprintf(place, sizeof(place), "%" PRId64, offset);
        attach.from = place;
    }
    if (!console_client_attach(watch->client, &attach, &watch->base, &why))
        goto lost;
    watch->fed = 0;
    watch->scan = pattern_scan_new(code, on_found, watch);
    if (!watch->started)
        must(uv_timer_init(loop, &watch->timer) == 0);
    watch->poll = xcalloc(1, sizeof(*watch->poll));
    must(uv_poll_init(loop, watch->poll, console_client_fd(watch->client))
         == 0);
    watch->poll->data = watch;
    watch->timer.data = watch;
    watch->started = true;
    must(uv_poll_start(watch->poll, UV_READABLE, on_readable) == 0);
    must(uv_timer_start(&watch->timer, on_timer, TIMER_MS, TIMER_MS) == 0);
    return;
lost:
    if (watch->client == NULL) {
        fn(owner, NULL, -1, why.text);
        return;
    }
    lose(watch, &why);
}

void
console_last_line(const char *host, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    char tail[TAIL_BYTES];
    ssize_t n = 0, start;
    int fd;

    fd = open(home_path(&arena, "consoles/%s/current", host),
              O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        off_t end = lseek(fd, 0, SEEK_END);

        n = pread(fd, tail, sizeof(tail),
                  end > TAIL_BYTES ? end - TAIL_BYTES : 0);
    }
    while (n > 0 && (unsigned char)tail[n - 1] <= ' ')
        n--;
    for (start = n; start > 0 && tail[start - 1] != '\n'; start--)
        ;
    if (n > 0)
        buf_add_escaped(out, tail + start, (size_t)(n - start));
    fd_close(&fd);
    arena_free(&arena);
}
