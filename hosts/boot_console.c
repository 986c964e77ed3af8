/* hosts/boot_console.c - see boot_console.h. */
#include <config.h>

#include "hosts/boot_console.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "hosts/console_client.h"

#define MARK "boot"
#define PANIC_LINE_MS 1000
#define TAIL_BYTES 4096
#define TIMER_MS 100
#define PUMP_MS 1               /* for each look */

void
boot_console_stop(struct boot_console *console)
{
    if (console->client == NULL)
        return;
    if (console->started) {
        (void)uv_poll_stop(&console->poll);
        (void)uv_timer_stop(&console->timer);
    }
    console_client_close(console->client);
    console->client = NULL;
}

static void
lose(struct boot_console *console, const struct fault *why)
{
    boot_console_stop(console);
    console->fn(console->owner, BOOT_SIGN_NONE, why->text);
}

/* "Panic on CPU 0:" is a headline; the reason is the line below. */
static void
add_reason(struct boot_console *console, int64_t from, struct buf *text)
{
    static const char *const below[] = { "\\(XEN\\) [^* \r\n]" };
    char place[32];
    const struct console_expect expect = {
        .host = console->host, .from = place,
        .patterns = below, .pattern_count = 1, .timeout_ms = PANIC_LINE_MS,
    };
    struct console_match match = { .index = -1 };
    struct fault minor = FAULT_INIT;
    const char *line;

    (void)snprintf(place, sizeof(place), "%" PRId64, from);
    if (!console_client_expect(console->client, &expect, &match, &minor)
        || match.index != 0)
        return;
    line = strstr(match.line, "(XEN) ");
    buf_addf(text, " %s", line == NULL ? match.line : line + 6);
}

static void
trim(struct buf *text)
{
    while (text->len > 0 && (unsigned char)text->data[text->len - 1] <= ' ')
        text->data[--text->len] = '\0';
}

static bool
expect_from(struct boot_console *console, int64_t from)
{
    const char *patterns[BOOT_PATTERNS_MAX];
    char place[32];
    struct console_expect expect = {
        .host = console->host, .from = place, .patterns = patterns,
        .timeout_ms = console->limit_ms,
    };
    struct fault why = FAULT_INIT;

    for (size_t i = 0; boot_pattern_at(i) != NULL; i++) {
        must(i < ARRAY_LEN(patterns));
        patterns[i] = boot_pattern_at(i)->regex;
        expect.pattern_count++;
    }
    (void)snprintf(place, sizeof(place), "%" PRId64, from);
    if (console_client_expect_start(console->client, &expect, &why))
        return true;
    lose(console, &why);
    return false;
}

static void
report(struct boot_console *console, const struct console_match *match)
{
    enum boot_sign sign = boot_pattern_at((size_t)match->index)->sign;
    struct buf line = BUF_INIT;

    buf_adds(&line, match->line + strspn(match->line, " "));
    trim(&line);
    if (sign == BOOT_SIGN_PANIC && line.len > 0
        && line.data[line.len - 1] == ':')
        add_reason(console, match->end, &line);
    trim(&line);
    console->fn(console->owner, sign, buf_text(&line));
    buf_free(&line);
}

/* Takes all signs that are there. The client may hold bytes of which its
 * descriptor says nothing any more, and waits a moment for the end of a
 * line: so this runs by the clock too. */
static void
pump(struct boot_console *console)
{
    struct console_match match;
    struct fault why = FAULT_INIT;
    bool done = false;

    while (console->client != NULL) {
        match = (struct console_match){ .index = -1 };
        if (!console_client_expect_poll(console->client, PUMP_MS, &done,
                                        &match, &why)) {
            lose(console, &why);
            return;
        }
        if (!done)
            return;
        if (match.index >= 0)
            report(console, &match);
        if (console->client != NULL && !expect_from(console, match.end))
            return;
    }
}

static void
on_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    pump(poll->data);
}

static void
on_timer(uv_timer_t *timer)
{
    pump(timer->data);
}

void
boot_console_start(struct boot_console *console, uv_loop_t *loop,
                   const char *host, int64_t limit_ms, boot_console_fn *fn,
                   void *owner)
{
    struct fault why = FAULT_INIT;
    int64_t offset = 0;

    must(console->client == NULL && !console->started);
    console->loop = loop;
    console->host = host;
    console->limit_ms = limit_ms;
    console->fn = fn;
    console->owner = owner;
    if (!console_client_open(&console->client, &why)
        || !console_client_mark(console->client, host, MARK, &offset, &why)) {
        lose(console, &why);
        return;
    }
    if (!expect_from(console, offset))
        return;
    must(uv_poll_init(loop, &console->poll,
                      console_client_fd(console->client)) == 0);
    must(uv_timer_init(loop, &console->timer) == 0);
    console->poll.data = console;
    console->timer.data = console;
    console->started = true;
    must(uv_poll_start(&console->poll, UV_READABLE, on_readable) == 0);
    must(uv_timer_start(&console->timer, on_timer, TIMER_MS, TIMER_MS) == 0);
}

void
boot_console_last_line(const char *host, struct buf *out)
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
