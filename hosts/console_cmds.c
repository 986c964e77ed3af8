/* hosts/console_cmds.c - attach, expect, mark, send, and read a log. */
#include <config.h>

#include "hosts/console_cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/role.h"
#include "harness/signals.h"
#include "harness/table.h"
#include "hosts/console_client.h"
#include "hosts/console_read.h"
#include "hosts/console_tty.h"

#define FOLLOW_STEP_MS 200
#define CHUNK_BYTES 32768

static int64_t
now_wall_ms(void)
{
    return clock_wall_ms(clock_system());
}

/* Attach ------------------------------------------------------------------ */

struct session {
    struct console_client *client;
    bool reads_input, types;    /* without 'types' only the escape counts */
    bool notes;                 /* tells people what happens */
    int escape;                 /* -1: none */
    size_t early;               /* bytes typed before the terminal was raw */
    bool over;
};

/* For people: on standard error, where a raw terminal needs its \r. */
static void
say(const struct session *session, const char *text, size_t bytes)
{
    struct buf clean = BUF_INIT;

    if (!session->notes)
        return;
    buf_add_escaped(&clean, text, bytes);
    fprintf(stderr, "\r\n[assay: %s]\r\n", buf_text(&clean));
    buf_free(&clean);
}

static bool
show_console(struct session *session, struct fault *why)
{
    enum console_event event;
    const char *data;
    size_t bytes;

    do {
        if (!console_client_read(session->client, 0, &event, &data, &bytes,
                                 why))
            return false;
        if (event == CONSOLE_EVENT_NOTE)
            say(session, data, bytes);
        if (event == CONSOLE_EVENT_DATA &&
            !fd_write_all(STDOUT_FILENO, data, bytes, why))
            return false;
    } while (event != CONSOLE_EVENT_NONE);
    return true;
}

static bool
type_input(struct session *session, struct fault *why)
{
    char keys[4096], *escape = NULL;
    ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    /* EIO: the terminal has gone (Expect closed its end). */
    if (got <= 0) {
        session->over = true;
        return true;
    }
    for (ssize_t i = 0; i < got && session->early > 0; i++) {
        session->early--;
        if (keys[i] == '\n')
            keys[i] = '\r';
    }
    if (session->escape >= 0)
        escape = memchr(keys, session->escape, (size_t)got);
    if (escape != NULL) {
        session->over = true;
        got = escape - keys;
    }
    return !session->types ||
           console_client_write(session->client, keys, (size_t)got, why);
}

static bool
converse(struct session *session, struct fault *why)
{
    struct pollfd fds[2] = {
        { .fd = console_client_fd(session->client), .events = POLLIN },
        { .fd = session->reads_input ? STDIN_FILENO : -1, .events = POLLIN },
    };

    while (!session->over) {
        if (!show_console(session, why))
            return false;
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return fault_errno(why, FAULT_SYSTEM, "wait for the console");
        if (!signals_check(why))
            return false;
        if (fds[1].revents != 0 && !type_input(session, why))
            return false;
    }
    return show_console(session, why);
}

/* Attaches, in raw mode if there is a terminal, until the end. */
static bool
attach(struct session *session, const struct console_attach *how,
       struct fault *why)
{
    bool ok;

    session->types = how->write;
    ok = console_client_attach(session->client, how, NULL, why);
    if (!ok && session->notes && how->write && why->kind == FAULT_CONFLICT) {
        struct console_attach reading = *how;

        fprintf(stderr, "[assay: %s; read-only, --force takes over]\n",
                why->text);
        reading.write = session->types = false;
        ok = console_client_attach(session->client, &reading, NULL, why);
    }
    if (ok && session->reads_input)
        ok = console_tty_raw(&session->early, why);
    if (ok)
        ok = converse(session, why);
    console_tty_restore();
    return ok;
}

/* Where the last 'lines' lines begin. */
static bool
find_tail(const char *host, int64_t lines, struct arena *arena,
          char **from_out, struct fault *why)
{
    struct console_reader *reader;
    const char *home;
    int64_t offset;
    bool ok;

    if (!home_get(&home, why))
        return false;
    reader = console_reader_new(home_path(arena, "consoles/%s", host));
    ok = console_reader_tail(reader, lines, &offset, why);
    console_reader_free(reader);
    if (ok)
        *from_out = arena_printf(arena, "%" PRId64, offset);
    return ok;
}

static bool
host_console(struct cmd_call *call, struct fault *why)
{
    struct session session = { .notes = true };
    struct arena arena = ARENA_INIT;
    struct console_attach how = { .host = role_host(&arena,
                                                    cmd_arg(call, 0)) };
    const char *escape = cmd_text(call, "escape");
    char *from = NULL;
    bool ok;

    how.write = session.reads_input = !cmd_flag(call, "read-only");
    how.force = cmd_flag(call, "force");
    how.who = getenv("LOGNAME");
    signals_catch();
    ok = console_tty_key(escape, &session.escape, why) &&
         console_client_open(&session.client, why);
    if (ok && cmd_flag(call, "from-start")) {
        how.from = "start";
    } else if (ok && cmd_text(call, "tail") != NULL) {
        ok = find_tail(how.host, cmd_int(call, "tail"), &arena, &from, why);
        how.from = from;
    }
    if (!ok)
        goto out;
    if (!isatty(STDIN_FILENO))
        session.escape = -1;
    /* Without a pen the keys are still read: one of them leaves. */
    if (isatty(STDIN_FILENO))
        session.reads_input = true;
    fprintf(stderr, "[assay: console of %s%s%s%s]\n", how.host,
            how.write ? "" : ", read-only",
            session.escape >= 0 ? ", leave with " : "",
            session.escape >= 0 ? escape : "");
    ok = attach(&session, &how, why);
    if (ok)
        fprintf(stderr, "\n[assay: left the console of %s]\n", how.host);
out:
    console_client_close(session.client);
    arena_free(&arena);
    return ok;
}

/* For Expect and for pipes: nothing but the console's bytes on stdout. */
static bool
console(struct cmd_call *call, struct fault *why)
{
    struct session session = { .escape = -1 };
    struct arena arena = ARENA_INIT;
    struct console_attach how = { .host = role_host(&arena,
                                                    cmd_arg(call, 0)) };
    bool ok;

    how.write = session.reads_input = !cmd_flag(call, "read-only");
    how.force = cmd_flag(call, "force");
    how.from = cmd_text(call, "from");
    how.who = getenv("ASSAY_TESTID");
    signals_catch();
    ok = console_client_open(&session.client, why) &&
         attach(&session, &how, why);
    console_client_close(session.client);
    arena_free(&arena);
    return ok;
}

/* Expect, mark, send ------------------------------------------------------- */

static bool
expect(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct console_client *client = NULL;
    struct console_match match;
    struct console_expect what = {
        .host = role_host(&arena, cmd_arg(call, 0)),
        .from = cmd_text(call, "from"),
        .patterns = cmd_argv(call) + 1,
        .pattern_count = (size_t)cmd_argc(call) - 1,
        .timeout_ms = cmd_int(call, "timeout"),
    };
    json_t *object;
    bool ok;

    signals_catch();
    ok = console_client_open(&client, why) &&
         console_client_expect(client, &what, &match, why);
    if (!ok)
        goto out;
    if (cmd_json(call)) {
        object = json_object();
        must(object != NULL && json_object_set_new(
            object, "matched", json_boolean(match.index >= 0)) == 0);
        json_put_int(object, "index", match.index);
        json_put_int(object, "offset", match.end);
        json_put_text(object, "line", match.line);
        ok = json_print(object, stdout, why);
        json_decref(object);
    } else if (match.index >= 0) {
        printf("%d %s\n", match.index, match.line);
    } else {
        fprintf(stderr, "assay: no pattern in %" PRId64 " ms; the console's "
                "last line: %s\n", what.timeout_ms, match.line);
    }
    if (match.index < 0)
        cmd_exit_status(call, 1);
out:
    console_client_close(client);
    arena_free(&arena);
    return ok;
}

static bool
mark(struct cmd_call *call, struct fault *why)
{
    struct console_client *client = NULL;
    struct arena arena = ARENA_INIT;
    int64_t offset;
    bool ok;

    ok = console_client_open(&client, why) &&
         console_client_mark(client, role_host(&arena, cmd_arg(call, 0)),
                             cmd_arg(call, 1), &offset, why);
    if (ok)
        printf("%" PRId64 "\n", offset);
    console_client_close(client);
    arena_free(&arena);
    return ok;
}

static bool
console_reload(struct cmd_call *call UNUSED, struct fault *why)
{
    struct console_client *client = NULL;
    bool ok;

    ok = console_client_open(&client, why) &&
         console_client_reload(client, why);
    console_client_close(client);
    return ok;
}

static void
add_row(struct table *table, const json_t *one)
{
    char offset[32], lost[32];
    const char *const cells[] = {
        json_text(one, "host"), json_text(one, "driver"),
        json_text(one, "state"), offset, lost, json_text(one, "writer"),
        json_text(one, "why"),
    };

    (void)snprintf(offset, sizeof(offset), "%" PRId64,
                   json_int(one, "offset", 0));
    (void)snprintf(lost, sizeof(lost), "%" PRId64, json_int(one, "lost", 0));
    table_add(table, cells);
}

static bool
console_status(struct cmd_call *call, struct fault *why)
{
    static const char *const names[] = { "HOST", "DRIVER", "STATE", ">BYTES",
                                         ">LOST", "WRITER", "~WHY", NULL };
    struct console_client *client = NULL;
    json_t *status = NULL, *one;
    struct table *table;
    size_t i;
    bool ok;

    ok = console_client_open(&client, why) &&
         console_client_status(client, cmd_arg(call, 0), &status, why);
    if (!ok)
        goto out;
    if (cmd_json(call)) {
        ok = json_print(status, stdout, why);
        goto out;
    }
    table = table_new(names);
    if (json_is_array(status)) {
        json_array_foreach(status, i, one)
            add_row(table, one);
    } else {
        add_row(table, status);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
out:
    json_decref(status);
    console_client_close(client);
    return ok;
}

/* The log ----------------------------------------------------------------- */

/* "10m" ago, or 2026-11-23T05:16:48[Z]. */
static bool
parse_since(const char *text, int64_t *wall_ms_out, struct fault *why)
{
    struct tm when = { .tm_year = 0 };
    const char *end;
    int64_t ago_ms;

    if (parse_duration_ms(text, &ago_ms)) {
        *wall_ms_out = now_wall_ms() - ago_ms;
        return true;
    }
    end = strptime(text, "%Y-%m-%dT%H:%M:%S", &when);
    if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0 &&
                        *end != '.'))
        return fault_set(why, FAULT_USAGE, "'%s' is no time: give 10m, or "
                         "2026-11-23T05:16:48Z", text);
    *wall_ms_out = (int64_t)timegm(&when) * 1000;
    return true;
}

/* Raw into a pipe or file; on a terminal nothing that moves the cursor. */
static bool
print_bytes(const char *data, size_t bytes, bool raw, struct fault *why)
{
    struct buf clean = BUF_INIT;
    const char *at = data, *end = data + bytes, *stop;
    bool ok;

    if (raw)
        return fd_write_all(STDOUT_FILENO, data, bytes, why);
    for (; at < end; at = stop) {
        for (stop = at; stop < end && strchr("\n\t\r", *stop) == NULL;)
            stop++;
        buf_add_escaped(&clean, at, (size_t)(stop - at));
        for (; stop < end && strchr("\n\t\r", *stop) != NULL; stop++)
            if (*stop != '\r' && *stop != '\0')
                buf_addc(&clean, *stop);
            else if (*stop == '\0')
                buf_adds(&clean, "\\x00");
    }
    ok = fd_write_all(STDOUT_FILENO, buf_text(&clean), clean.len, why);
    buf_free(&clean);
    return ok;
}

static bool
print_log(struct console_reader *reader, int64_t offset, bool follow,
          bool raw, struct fault *why)
{
    char data[CHUNK_BYTES];
    int64_t skipped;
    size_t got;

    for (;;) {
        if (!signals_check(why) ||
            !console_reader_get(reader, &offset, data, sizeof(data), &got,
                                &skipped, why))
            return false;
        if (skipped > 0)
            fprintf(stderr, "\n[assay: %" PRId64 " bytes are missing "
                    "here]\n", skipped);
        if (!print_bytes(data, got, raw, why))
            return false;
        offset += (int64_t)got;
        if (got == 0 && !follow)
            return true;
        if (got == 0)
            signals_pause_ms(FOLLOW_STEP_MS);
    }
}

/* Where to begin: --since, --from, or the log's first byte. */
static bool
find_start(struct cmd_call *call, struct console_reader *reader,
           const char *host, int64_t *offset_out, struct fault *why)
{
    const char *since = cmd_text(call, "since");
    const char *from = cmd_text(call, "from");
    struct console_client *client = NULL;
    struct console_attach how = { .host = host, .from = from };
    struct console_span span;
    int64_t wall_ms = 0;
    bool ok;

    if (since != NULL)
        return parse_since(since, &wall_ms, why) &&
               console_reader_at_time(reader, wall_ms, offset_out, why);
    if (cmd_text(call, "tail") != NULL)
        return console_reader_tail(reader, cmd_int(call, "tail"),
                                   offset_out, why);
    if (from == NULL) {
        ok = console_reader_span(reader, &span, why);
        *offset_out = ok ? span.first : 0;
        return ok;
    }
    if (parse_int64(from, 0, INT64_MAX, offset_out))
        return true;
    ok = console_client_open(&client, why) &&
         console_client_attach(client, &how, offset_out, why);
    console_client_close(client);
    return ok;
}

static bool
console_log_cmd(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char *host = role_host(&arena, cmd_arg(call, 0));
    struct console_reader *reader = NULL;
    int64_t offset;
    const char *home;
    char *dir;
    bool ok;

    signals_catch();
    ok = (name_is_safe(host, 100) ||
          fault_set(why, FAULT_USAGE, "'%s' is no name of a host", host)) &&
         home_get(&home, why);
    if (!ok)
        goto out;
    dir = home_path(&arena, "consoles/%s", host);
    ok = fs_exists(dir) ||
         fault_set(why, FAULT_NOT_FOUND, "there is no console log of '%s'",
                   host);
    if (!ok) {
        fault_hint(why, "it begins when assay-console first serves the host: "
                   "assay host list, assay host console-status");
        goto out;
    }
    reader = console_reader_new(dir);
    ok = find_start(call, reader, host, &offset, why) &&
         print_log(reader, offset, cmd_flag(call, "follow"),
                   cmd_flag(call, "raw") || !isatty(STDOUT_FILENO), why);
out:
    console_reader_free(reader);
    arena_free(&arena);
    return ok;
}

/* Rows -------------------------------------------------------------------- */

static const struct cmd_opt host_console_opts[] = {
    { .name = "escape", .type = CMD_OPT_TEXT, .arg = "KEY", .dflt = "^]",
      .help = "key that leaves: ^], one character, or none" },
    { .name = "force", .type = CMD_OPT_FLAG,
      .help = "type even if somebody else does; that one only reads on" },
    { .name = "from-start", .type = CMD_OPT_FLAG,
      .help = "show all that was logged first" },
    { .name = "read-only", .type = CMD_OPT_FLAG,
      .help = "show, and type nothing" },
    { .name = "tail", .type = CMD_OPT_INT, .arg = "N", .max = 1000000,
      .help = "show the last N lines first" },
    { .type = CMD_OPT_END },
};

static const struct cmd_opt console_opts[] = {
    { .name = "force", .type = CMD_OPT_FLAG,
      .help = "type even if somebody else does; that one only reads on" },
    { .name = "from", .type = CMD_OPT_TEXT, .arg = "PLACE", .dflt = "now",
      .help = "a mark, start, now, last, or an offset" },
    { .name = "read-only", .type = CMD_OPT_FLAG,
      .help = "do not read standard input" },
    { .type = CMD_OPT_END },
};

static const struct cmd_opt expect_opts[] = {
    { .name = "from", .type = CMD_OPT_TEXT, .arg = "PLACE", .dflt = "last",
      .help = "a mark, start, now, last (mark or match), or an offset" },
    { .name = "timeout", .type = CMD_OPT_DURATION, .arg = "TIME",
      .dflt = "60s", .max = INT64_C(7) * 24 * 3600 * 1000,
      .help = "how long to wait; 0 looks only at what is there" },
    { .type = CMD_OPT_END },
};

static const struct cmd_opt console_log_opts[] = {
    { .name = "follow", .type = CMD_OPT_FLAG,
      .help = "go on as the log grows" },
    { .name = "from", .type = CMD_OPT_TEXT, .arg = "PLACE",
      .help = "a mark, last, or an offset" },
    { .name = "raw", .type = CMD_OPT_FLAG,
      .help = "on a terminal too: the bytes as they are" },
    { .name = "since", .type = CMD_OPT_TEXT, .arg = "TIME",
      .help = "10m ago, or from 2026-11-23T05:16:48Z (UTC) on" },
    { .name = "tail", .type = CMD_OPT_INT, .arg = "N", .max = 1000000,
      .help = "the last N lines" },
    { .type = CMD_OPT_END },
};

const struct cmd console_cmds[] = {
    { .path = "console", .args = "HOST", .args_min = 1, .args_max = 1,
      .access = CMD_WRITES, .opts = console_opts, .run = console,
      .help = "a console on standard input and output, for scripts",
      .text = "For Expect (spawn -noecho assay console HOST) and pipes. Ends "
              "with standard input." },
    { .path = "expect", .args = "HOST PATTERN...", .args_min = 2,
      .args_max = -1, .access = CMD_WRITES, .opts = expect_opts,
      .run = expect,
      .help = "wait until a console says one of several things",
      .text = "Prints the index of the pattern that ended first, and the "
              "line. Exit status 0: matched; 1: time-out; 75: the console "
              "cannot be read. Patterns are regular expressions without what "
              "looks back or ahead; ^ and $ are line borders, and a line ends "
              "with \\r\\n." },
    { .path = "host console", .args = "HOST", .args_min = 1, .args_max = 1,
      .access = CMD_WRITES, .opts = host_console_opts, .run = host_console,
      .help = "watch a host's serial console, and type on it" },
    { .path = "host console-log", .args = "HOST", .args_min = 1,
      .args_max = 1, .access = CMD_READS, .opts = console_log_opts,
      .run = console_log_cmd, .help = "print what a console said" },
    { .path = "host console-reload", .args = "", .access = CMD_WRITES,
      .run = console_reload,
      .help = "let assay-console read its list of hosts again" },
    { .path = "host console-status", .args = "[HOST]", .args_max = 1,
      .access = CMD_READS, .run = console_status,
      .help = "which consoles are connected, and who is on them" },
    { .path = "mark", .args = "HOST NAME", .args_min = 2, .args_max = 2,
      .access = CMD_WRITES, .run = mark,
      .help = "name the present place on a console; prints its offset" },
    { .path = NULL },
};
