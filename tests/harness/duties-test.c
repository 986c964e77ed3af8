/* tests/harness/duties-test.c - what a site does by itself: when, on what,
 * never two of one at a time, and how it ends. Real programs. */
#include <config.h>

#include "harness/assayd_duties.h"

#include <uv.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/proc.h"
#include "tests/tap.h"

#define NEVER_MS 3600000

static uv_loop_t loop;
static struct arena arena = ARENA_INIT;
static struct assayd_duties *duties;

/* A program that adds 'mark' to the file of all runs after 'before'. */
static const char *const *
duty_argv(const char *before, const char *mark)
{
    const char **argv = arena_alloc(&arena, 4 * sizeof *argv);

    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = arena_printf(&arena, "%s; echo %s >>%s/runs", before, mark,
                           tap_dir());
    return argv;
}

static const char *
runs(void)
{
    struct buf text = BUF_INIT;
    struct fault why = FAULT_INIT;
    const char *copy;

    if (!fs_read_file(arena_printf(&arena, "%s/runs", tap_dir()), 4096, &text,
                      &why))
        return "";
    copy = arena_printf(&arena, "%.*s", (int)text.len, text.data);
    buf_free(&text);
    return copy;
}

static void
forget(void)
{
    (void)remove(arena_printf(&arena, "%s/runs", tap_dir()));
}

static void
woken(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Turns the loop until 'text' are the runs, or for 'ms'. */
static bool
until(const char *text, uint64_t ms)
{
    uv_timer_t timer;
    bool late = false, same = false;

    must(uv_timer_init(&loop, &timer) == 0);
    timer.data = &late;
    /* Again and again: a turn that begins late runs the timer before it waits,
     * and then waits for the next one. */
    must(uv_timer_start(&timer, woken, ms, 10) == 0);
    while (!late && !same) {
        (void)uv_run(&loop, UV_RUN_ONCE);
        same = strcmp(runs(), text) == 0;
    }
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    return same;
}

static void
test_when(void)
{
    ok(!until("often\n", 400), "nothing runs before the lead");
    assayd_duties_lead(duties, true);
    ok(until("often\n", 10000), "the first run is a period after the lead");
    ok(until("often\noften\n", 10000), "and the next after that one");
}

static void
test_events(void)
{
    assayd_duties_lead(duties, true);
    assayd_duties_lead(duties, false);
    assayd_duties_event(duties, "tick");
    ok(!until("event\n", 400), "a lost lead starts nothing");
    assayd_duties_lead(duties, true);
    assayd_duties_event(duties, "else");
    ok(!until("event\n", 400), "nor does another's event");
    assayd_duties_event(duties, "tick");
    ok(until("event\n", 10000), "its own does");
}

static size_t
events(void)
{
    size_t count = 0;

    for (const char *p = runs(); (p = strstr(p, "event")) != NULL; p++)
        count++;
    return count;
}

/* Turns the loop until so many have ended, and a little longer. */
static size_t
events_after(size_t want)
{
    for (int i = 0; i < 100 && events() < want; i++)
        until("never", 100);
    until("never", 300);
    return events();
}

static void
test_once(void)
{
    assayd_duties_lead(duties, true);
    for (int i = 0; i < 50; i++)
        assayd_duties_event(duties, "tick");
    ok(events_after(1) == 1, "fifty events are one run");
    assayd_duties_event(duties, "tick");
    while (!assayd_duties_run(duties))
        until("never", 10);
    assayd_duties_event(duties, "tick");
    assayd_duties_event(duties, "tick");
    ok(events_after(3) == 3, "what comes while it runs is one more run");
    ok(strstr(runs(), "twice") == NULL, "never two at a time");
}

static void
test_ends(void)
{
    assayd_duties_lead(duties, true);
    assayd_duties_event(duties, "hang");
    while (!assayd_duties_run(duties))
        until("never", 10);
    for (int i = 0; i < 100 && assayd_duties_run(duties); i++)
        until("never", 100);
    ok(!assayd_duties_run(duties) && strstr(runs(), "hung") == NULL,
       "one that hangs ends by its limit");
    assayd_duties_event(duties, "hang");
    until("never", 200);
    assayd_duties_stop(duties);
    while (assayd_duties_run(duties))
        (void)uv_run(&loop, UV_RUN_ONCE);
    forget();
    assayd_duties_event(duties, "tick");
    ok(!until("event\n", 300), "stopped is stopped");
}

/* With duties of its own. */
static void
with(const struct assayd_duty_spec *specs, size_t count, void (*test)(void))
{
    duties = assayd_duties_new(&loop, specs, count);
    test();
    assayd_duties_stop(duties);
    while (assayd_duties_run(duties))
        (void)uv_run(&loop, UV_RUN_ONCE);
    assayd_duties_close(duties);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    assayd_duties_free(duties);
    forget();
}

int
main(void)
{
    const struct assayd_duty_spec by_time[] = {
        { "often", duty_argv(":", "often"), 250, NULL, 5000 },
        { "missing", (const char *const[]){ "/no/such", NULL }, 500, NULL, 0 },
    };
    const struct assayd_duty_spec by_event[] = {
        { "event",
          duty_argv(arena_printf(&arena,
                                 "mkdir %s/lock || echo twice >>%s/runs; "
                                 "sleep .5; rmdir %s/lock",
                                 tap_dir(), tap_dir(), tap_dir()),
                    "event"),
          NEVER_MS, "tick", 5000 },
        { "hang", duty_argv("sleep 60", "hung"), NEVER_MS, "hang", 500 },
    };
    struct fault why = FAULT_INIT;

    must(uv_loop_init(&loop) == 0);
    if (!proc_watch_init(&loop, &why))
        tap_bail("%s", why.text);
    with(by_time, ARRAY_LEN(by_time), test_when);
    with(by_event, 1, test_events);
    with(by_event, 1, test_once);
    with(by_event, 2, test_ends);
    proc_watch_fini(&loop);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    ok(uv_loop_close(&loop) == 0, "nothing is left in the loop");
    arena_free(&arena);
    return tap_done();
}
