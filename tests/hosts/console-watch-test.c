/* tests/hosts/console-watch-test.c - a console is watched for patterns by a
 * loop: pieces, headlines and their reasons, lines that do not end, an
 * assay-console that goes away and comes back; and a job's hosts, whose last
 * words count only once they have come up. */
#include <config.h>

#include <inttypes.h>
#include <unistd.h>
#include <uv.h>

#include "harness/fault.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "hosts/console_watch.h"
#include "recipes/job_watch.h"
#include "tests/hosts/console_fix.h"
#include "tests/tap.h"

static struct console_fix fix;
static uv_loop_t *loop;
static struct buf told;

static void
on_pattern(void *owner UNUSED, const struct pattern *pattern,
           int64_t offset, const char *line)
{
    buf_addf(&told, "%s %" PRId64 ": %s|", pattern == NULL ? "lost"
             : pattern->name, offset, pattern == NULL ? "" : line);
}

static void
on_tick(uv_timer_t *timer UNUSED)
{
}

/* Turns the loop until 'text' was told. */
static void
await(const char *text, const char *what)
{
    uint64_t end;
    uv_timer_t tick;

    uv_timer_init(loop, &tick);
    uv_timer_start(&tick, on_tick, 20, 20);
    uv_update_time(loop);
    end = uv_now(loop) + CONSOLE_FIX_WAIT_MS;
    while (strcmp(buf_text(&told), text) != 0 && uv_now(loop) < end)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    is_str(buf_text(&told), text, "%s", what);
    buf_reset(&told);
}

static void
say(int machine, const char *text)
{
    console_fix_say(machine, text, strlen(text));
}

static void
test_watch(struct pattern_code *code)
{
    struct console_watch watch = { .host = NULL };
    int machine = console_fix_machine(&fix, "h0");

    ok(console_fix_state("h0", "up"), "a console");
    say(machine, "(XEN) Panic on CPU 7:\r\n");
    ok(console_fix_reached("h0", 23), "that said something before");
    console_watch_start(&watch, loop, "h0", "here", code, on_pattern, NULL);
    say(machine, "nothing\r\n(XEN) Xen version 4.17.5 (Debian)\r\n");
    await("xen-start 32: (XEN) Xen version 4.17.5 (Debian)|",
          "what comes from now on");
    say(machine, "(XEN) Panic on ");
    say(machine, "CPU 0:\r\n(XEN) ****\r\n(XEN) FATAL TRAP: vec 13\r\n");
    await("xen-panic 67: (XEN) Panic on CPU 0: FATAL TRAP: vec 13|"
          "xen-fatal-trap 102: (XEN) FATAL TRAP: vec 13|",
          "a headline has its reason");
    say(machine, "(XEN) Panic on CPU 1:\r\n");
    await("xen-panic 128: (XEN) Panic on CPU 1:|",
          "one without a reason is told all the same");
    say(machine, "Kernel panic - not syncing: x");
    await("linux-panic 151: Kernel panic - not syncing: x|",
          "so is a line that does not end");
    console_watch_stop(&watch);
    console_watch_stop(&watch);
    console_watch_start(&watch, loop, "no-such", NULL, code, on_pattern,
                        NULL);
    await("lost -1: |", "an unknown console is told at once");
    console_watch_start(&watch, loop, "h0", NULL, code, on_pattern, NULL);
    ok(console_fix_stop(&fix), "assay-console goes away");
    await("lost -1: |", "which is told");
    close(machine);
}

static void
on_dead(const char *host, const struct pattern *pattern,
        const struct job_watch_words *words)
{
    buf_addf(&told, "%s %s %s %s:%" PRId64 ":%" PRId64 "|", host,
             pattern->name, words->text, words->file, words->line,
             words->byte);
}

static void
test_job(void)
{
    static const char *const hosts[] = { "h0", "h1", NULL };
    static const char *const none[] = { NULL };
    struct job_watch watch = { .hosts = NULL };
    int machine;

    /* It is not there yet: the watch waits for it. */
    job_watch_start(&watch, loop, hosts, on_dead);
    console_fix_start(&fix, false, none);
    machine = console_fix_machine(&fix, "h0");
    ok(console_fix_state("h0", "up"), "assay-console is back");
    for (int i = 0; i < 1200 && (watch.hosts[0].watch.client == NULL
                                 || watch.hosts[1].watch.client == NULL); i++)
        uv_run(loop, UV_RUN_ONCE);
    say(machine, "(XEN) Panic on CPU 7: old\r\n");
    say(machine, "(XEN) Xen version 4.17.5\r\nassay-netboot: failed\r\n"
        "(XEN) Xen BUG at spinlock.c:48\r\n");
    await("h0 xen-bug (XEN) Xen BUG at spinlock.c:48 "
          "consoles/h0/000001.log:11:256|", "a host's death, after it came up");
    job_watch_stop(&watch);
    job_watch_stop(&watch);
    uv_run(loop, UV_RUN_NOWAIT);
    close(machine);
    for (size_t i = 0; i < watch.count; i++)
        free(watch.hosts[i].name);
    free(watch.hosts);
}

int
main(void)
{
    static const char *const none[] = { NULL };
    struct fault why = FAULT_INIT;
    struct pattern_code *code;

    console_fix_init(&fix, 2);
    console_fix_start(&fix, false, none);
    loop = uv_default_loop();
    code = pattern_code_load(&why);
    ok_fault(code != NULL, &why, "the library");
    if (code != NULL) {
        test_watch(code);
        test_job();
        ok(console_fix_stop(&fix), "assay-console ends well");
    }
    pattern_code_free(code);
    console_fix_end(&fix, tap.failed > 0);
    buf_free(&told);
    return tap_done();
}
