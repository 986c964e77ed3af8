/* tests/hosts/console-serve-test.c - a running assay-console: bytes, readers,
 * the writer, patterns, connections that break, the list. */
#include <config.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "hosts/console_client.h"
#include "tests/hosts/console_fix.h"
#include "tests/tap.h"

#define BURST_BYTES (1 << 20)

static struct console_fix fix;
static struct fault why;

/* What an attached client gets, up to 'bytes' of it. */
static void
read_client(struct console_client *client, size_t bytes, struct buf *out,
            struct buf *notes)
{
    enum console_event event = CONSOLE_EVENT_DATA;
    const char *data;
    size_t got;

    buf_reset(out);
    while (out->len < bytes) {
        if (!console_client_read(client, CONSOLE_FIX_WAIT_MS, &event, &data,
                                 &got, &why))
            tap_bail("%s", why.text);
        if (event == CONSOLE_EVENT_NONE)
            break;
        if (event == CONSOLE_EVENT_DATA)
            buf_add(out, data, got);
        else if (notes != NULL)
            buf_addf(notes, "%.*s\n", (int)got, data);
    }
}

static void
test_bytes(void)
{
    struct console_client *first = console_fix_client();
    struct console_client *late = console_fix_client();
    struct console_attach attach = { .host = "h0" };
    char *data = xmalloc(BURST_BYTES);
    struct buf out = BUF_INIT;
    int machine;

    console_fix_noise(data, BURST_BYTES, 1);
    memset(data, 0, 5000);      /* NULs in a row too */
    ok_fault(console_client_attach(first, &attach, NULL, &why), &why,
             "a client attaches before there is a byte");
    machine = console_fix_machine(&fix, "h0");
    console_fix_say(machine, data, BURST_BYTES);
    ok(console_fix_reached("h0", BURST_BYTES), "1 MiB in one burst arrives");
    console_fix_log("h0", &out);
    ok(out.len == BURST_BYTES && memcmp(out.data, data, BURST_BYTES) == 0,
       "the log has just these bytes");
    read_client(first, BURST_BYTES, &out, NULL);
    ok(out.len == BURST_BYTES && memcmp(out.data, data, BURST_BYTES) == 0,
       "who did not read meanwhile gets all of it");
    attach.from = "start";
    ok_fault(console_client_attach(late, &attach, NULL, &why), &why,
             "a client attaches from the start");
    read_client(late, BURST_BYTES, &out, NULL);
    ok(out.len == BURST_BYTES && memcmp(out.data, data, BURST_BYTES) == 0,
       "and gets it too");
    for (int i = 0; i < 1000; i++)
        console_fix_say(machine, data + i, 1);
    read_client(late, 1000, &out, NULL);
    ok(out.len == 1000 && memcmp(out.data, data, 1000) == 0,
       "single bytes arrive as well");
    ok(console_fix_reached("h0", BURST_BYTES + 1000), "and are logged");
    close(machine);
    console_client_close(first);
    console_client_close(late);
    buf_free(&out);
    free(data);
}

static void
test_writers(void)
{
    struct console_client *one = console_fix_client();
    struct console_client *two = console_fix_client();
    struct console_client *three = console_fix_client();
    struct console_attach attach = { .host = "h1", .write = true,
                                     .who = "on\033e" };
    struct console_attach reads = { .host = "h1" };
    int machine = console_fix_machine(&fix, "h1");
    struct buf out = BUF_INIT, notes = BUF_INIT;
    char typed[64] = "";

    ok(console_fix_state("h1", "up"), "the machine is connected");
    ok_fault(console_client_attach(one, &attach, NULL, &why), &why,
             "the first may type");
    attach.who = "two";
    not_ok_fault(console_client_attach(two, &attach, NULL, &why), &why,
                 FAULT_CONFLICT, "(on\\x1be) is typing",
                 "the second may not, and hears who does");
    ok_fault(console_client_attach(two, &reads, NULL, &why), &why,
             "but may read");
    console_fix_say(machine, "hello\r\n", 7);
    read_client(one, 7, &out, NULL);
    is_str(buf_text(&out), "hello\r\n", "the writer reads");
    read_client(two, 7, &out, NULL);
    is_str(buf_text(&out), "hello\r\n", "the reader reads");
    ok_fault(console_client_write(one, "root\r", 5, &why), &why, "types");
    is_int(recv(machine, typed, 5, MSG_WAITALL), 5, "the machine gets it");
    is_str(typed, "root\r", "byte for byte");
    ok_fault(console_client_write(two, "evil", 4, &why), &why,
             "a reader types");
    ok_fault(console_client_write(one, "x", 1, &why), &why, "the writer too");
    is_int(recv(machine, typed, sizeof(typed), 0), 1, "one byte comes");
    is_int(typed[0], 'x', "the writer's");
    not_ok_fault(console_client_send(three, "h1", "y", 1, false, &why), &why,
                 FAULT_CONFLICT, "typing", "send does not interfere");
    ok_fault(console_client_send(three, "h1", "y\0", 2, true, &why), &why,
             "unless forced");
    is_int(recv(machine, typed, sizeof(typed), MSG_WAITALL & 0), 2,
           "then it arrives, NUL and all");
    attach.force = true;
    ok_fault(console_client_attach(three, &attach, NULL, &why), &why,
             "the pen can be taken by force");
    ok_fault(console_client_write(one, "z", 1, &why), &why,
             "who lost it types on");
    ok_fault(console_client_write(three, "w", 1, &why), &why,
             "who took it types");
    is_int(recv(machine, typed, sizeof(typed), 0), 1, "one byte comes");
    is_int(typed[0], 'w', "the new writer's");
    console_fix_say(machine, "end", 3);
    read_client(one, 3, &out, &notes);
    has_str(buf_text(&notes), "(two) types now", "the old one was told");
    close(machine);
    ok(console_fix_state("h1", "listening"), "the machine goes");
    console_client_close(one);
    one = console_fix_client();
    not_ok_fault(console_client_send(one, "h1", "y", 1, true, &why), &why,
                 FAULT_CONFLICT, "not connected",
                 "nobody is there to type to");
    console_client_close(one);
    console_client_close(two);
    console_client_close(three);
    buf_free(&out);
    buf_free(&notes);
}

static struct console_match match;

static bool
expect(struct console_client *client, const char *from, int64_t timeout_ms,
       const char *first, const char *second)
{
    const char *patterns[] = { first, second };
    struct console_expect what = {
        .host = "h2", .from = from, .patterns = patterns,
        .pattern_count = second != NULL ? 2 : 1, .timeout_ms = timeout_ms,
    };

    return console_client_expect(client, &what, &match, &why);
}

static void
test_expect(void)
{
    struct console_client *client = console_fix_client();
    int machine = console_fix_machine(&fix, "h2");
    int64_t offset = -1, began;
    bool done = false;
    const char *patterns[] = { "never", "com.?ing" };
    struct console_expect what = { .host = "h2", .from = "now",
                                   .patterns = patterns, .pattern_count = 2,
                                   .timeout_ms = 60000 };

    console_fix_say(machine, "(XEN) one\r\n", 11);
    ok(console_fix_reached("h2", 11), "a line");
    ok_fault(console_client_mark(client, "h2", "boot", &offset, &why), &why,
             "a mark is set");
    is_int(offset, 11, "at the present offset");
    console_fix_say(machine, "(XEN) two\r\n(XEN) thr", 20);
    ok(console_fix_reached("h2", 31), "more");
    console_fix_say(machine, "ee\r\nlogin: ", 11);
    ok_fault(expect(client, "boot", 5000, "one", "thr[e]+"), &why, "expect");
    is_int(match.index, 1, "from the mark: what was before does not match");
    is_int(match.end, 32, "across the border of two pieces");
    is_str(match.line, "(XEN) three", "the whole line is told");
    ok_fault(expect(client, NULL, 5000, "two", "login: $|login: "), &why,
             "expect");
    is_int(match.index, 1, "the next one begins where the last one ended");
    is_str(match.line, "login: ", "an unfinished line is told");
    ok_fault(expect(client, "start", 5000, "one", NULL), &why, "expect");
    is_int(match.index, 0, "from the start everything matches");
    began = clock_mono_ms(clock_system());
    ok_fault(expect(client, "now", 200, "one", "two"), &why, "expect");
    is_int(match.index, -1, "a time-out is no match");
    ok(clock_mono_ms(clock_system()) - began >= 200, "it takes its time");
    ok_fault(expect(client, "start", 0, "login", NULL), &why, "expect");
    is_int(match.index, 0, "without waiting: what is there is looked at");
    ok_fault(expect(client, "start", 0, "logout", NULL), &why, "expect");
    is_int(match.index, -1, "and what is not there does not come");
    is_int(match.end, 35, "a time-out says where the open line begins");
    not_ok_fault(expect(client, "boot2", 0, "x", NULL), &why,
                 FAULT_NOT_FOUND, "no mark 'boot2'", "an unknown mark");
    not_ok_fault(expect(client, "boot", 0, "(", NULL), &why, FAULT_USAGE,
                 "'('", "a bad pattern");

    ok_fault(console_client_expect_start(client, &what, &why), &why,
             "expect in two parts");
    ok_fault(console_client_expect_poll(client, 50, &done, &match, &why),
             &why, "poll");
    ok(!done, "not yet");
    for (const char *c = "it is coming\r\n"; *c != '\0'; c++)
        console_fix_say(machine, c, 1);
    while (!done)
        if (!console_client_expect_poll(client, 100, &done, &match, &why))
            tap_bail("%s", why.text);
    is_int(match.index, 1, "byte by byte it comes");
    is_str(match.line, "it is coming", "and its line, from where it began");
    close(machine);
    console_client_close(client);
}

static void
test_breaks(void)
{
    struct console_client *client = console_fix_client();
    struct console_attach attach = { .host = "h3" };
    struct buf out = BUF_INIT, notes = BUF_INIT;
    int machine = console_fix_machine(&fix, "h3"), second;

    ok_fault(console_client_attach(client, &attach, NULL, &why), &why,
             "attach");
    console_fix_say(machine, "before", 6);
    /* The next boot's connection may be there before the old one has ended. */
    second = console_fix_machine(&fix, "h3");
    console_fix_say(second, "after", 5);
    read_client(client, 6, &out, NULL);
    close(machine);
    read_client(client, 5, &out, &notes);
    is_str(buf_text(&out), "after", "the second connection follows");
    has_str(buf_text(&notes), "disconnected\nconnected",
            "who watches is told");
    console_fix_log("h3", &out);
    is_str(buf_text(&out), "beforeafter", "the log has the bytes only");
    has_str(console_fix_text("h3", "000001.idx"), " 6 closed by the other",
            "the index has the gap, and where");
    has_str(console_fix_text("h3", "events"), "offset 6: disconnected",
            "so have the events");
    close(second);
    console_client_close(client);
    buf_free(&out);
    buf_free(&notes);
}

/* The other way round: it connects to a machine that comes and goes. */
static void
test_connects(void)
{
    struct console_client *client = console_fix_client();
    struct buf list = BUF_INIT;
    json_t *status = NULL;
    char path[128];
    int server, machine;

    (void)snprintf(path, sizeof(path), "%s/server.sock", fix.dir);
    buf_addf(&list, "consoles:\n  away: { driver: unix, path: %s }\n"
             "  h3: { driver: unix, path: %s/h3.sock, mode: listen }\n",
             path, fix.dir);
    console_fix_list(&fix, buf_text(&list));
    ok_fault(console_client_reload(client, &why), &why, "reload");
    ok_fault(console_client_status(client, NULL, &status, &why), &why,
             "status of all");
    is_int((int64_t)json_array_size(status), 2, "the list is the new one");
    json_decref(status);
    not_ok_fault(console_client_status(client, "h0", &status, &why), &why,
                 FAULT_NOT_FOUND, "'h0'", "others are not served any more");
    ok_fault(console_client_status(client, "away", &status, &why), &why,
             "status of one");
    is_str(json_text(status, "state"), "down", "nobody listens yet");
    has_str(json_text(status, "why"), "No such file", "the reason is said");
    json_decref(status);

    server = console_fix_server(path);
    machine = accept(server, NULL, NULL);
    ok(machine >= 0, "it connects as soon as somebody does");
    console_fix_say(machine, "123", 3);
    ok(console_fix_reached("away", 3), "and reads");
    close(machine);
    machine = accept(server, NULL, NULL);
    ok(machine >= 0, "it connects again");
    console_fix_say(machine, "456", 3);
    ok(console_fix_reached("away", 6), "and reads on");
    has_str(console_fix_text("away", "events"),
            "offset 3: disconnected: closed by the other side: what comes "
            "until the next connect is missing", "what is missing is said");
    close(machine);
    close(server);

    console_fix_list(&fix, "consoles:\n  away: { driver: unix }\n");
    not_ok_fault(console_client_reload(client, &why), &why, FAULT_CONFIG,
                 "list.yaml:2: console driver unix needs a path",
                 "a wrong list names file and line");
    ok(console_client_status(client, "h3", &status, &why),
       "and changes nothing");
    json_decref(status);
    console_client_close(client);
    buf_free(&list);
}

/* A database that does not answer stops nobody: the list is asked for by a
 * helper. */
static void
test_no_database(void)
{
    const char *argv[] = { "assay-console", NULL };
    struct console_client *client;
    struct proc_spec spec = PROC_SPEC_INIT;
    json_t *status = NULL;
    char path[128], text[160];
    int server;

    (void)snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", fix.dir);
    server = console_fix_server(path);
    (void)snprintf(text, sizeof(text), "host=%s user=nobody", fix.dir);
    (void)setenv("ASSAY_DB", text, 1);
    spec.argv = argv;
    spec.die_with_parent = true;
    if (!proc_start(&spec, &fix.pid, &why))
        tap_bail("%s", why.text);
    client = console_fix_client();
    ok_fault(console_client_status(client, NULL, &status, &why), &why,
             "it serves while the database is silent");
    is_int((int64_t)json_array_size(status), 0, "no host yet");
    json_decref(status);
    console_client_close(client);
    ok(console_fix_stop(&fix), "it ends well although the helper waits");
    close(server);
}

int
main(void)
{
    static const char *const rotate[] = { "--file-bytes", "100000", NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct buf out = BUF_INIT;
    const char *argv[] = { "assay-console", NULL };

    console_fix_init(&fix, 4);
    console_fix_start(&fix, false, rotate);
    test_bytes();
    test_writers();
    test_expect();
    test_breaks();
    test_connects();
    spec.argv = argv;
    not_ok_fault(proc_run_spec(&spec, NULL, 0, 10000, &out, NULL, &why),
                 &why, FAULT_PEER, "exited with status 1",
                 "a second assay-console leaves");
    has_str(why.detail, "another assay-console serves", "and says why");
    buf_free(&out);
    ok(console_fix_stop(&fix), "assay-console ends well");
    test_no_database();
    console_fix_end(&fix, tap.failed > 0);
    return tap_done();
}
