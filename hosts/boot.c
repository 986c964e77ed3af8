/* hosts/boot.c - see boot.h.
 *
 * One loop watches three witnesses of each boot: its row (what the host
 * fetched, and its call back), its console (what it said), and its power.
 * Orders to the power are helpers, because drivers block. */
#include <config.h>

#include "hosts/boot.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/pattern_scan.h"
#include "harness/proc.h"
#include "hosts/boot_db.h"
#include "hosts/boot_power.h"
#include "hosts/console_watch.h"
#include "hosts/firmware_db.h"
#include "hosts/host_db.h"

#define ROW_POLL_MS 500         /* notifications may be lost with a session */
#define POWER_POLL_MS 5000
#define MARK "boot"             /* on the console */

enum step { STEP_OFF = 0, STEP_ON, STEP_WATCH, STEP_OVER };

struct run;

/* One host. */
struct watch {
    struct run *run;
    const struct boot_host *boot_host;
    struct boot_armed armed;
    struct boot *row;           /* as last read */
    enum step step;
    struct boot_power power;
    uv_timer_t power_timer;
    struct console_watch console;
    int64_t started_ms, powered_ms;     /* mono */
    int64_t said_fetch_bytes;
    struct boot_facts facts;
    char *panic, *loader, *trouble, *refusal, *last_line, *power_text;
    struct boot_verdict verdict;
};

struct run {
    uv_loop_t loop;
    uv_timer_t row_timer, limit_timer;
    uv_poll_t db_poll;
    uv_signal_t term, intr, hup;
    struct db *db;
    const struct boot_job *job;
    struct clock *clock;
    struct arena arena;
    struct pattern_code *code;  /* NULL: consoles are not watched */
    char *program;              /* "assay" */
    struct watch *watches;
    size_t open_count;          /* not over */
    bool ending;
    struct fault fault;         /* what stopped us; FAULT_NONE: nothing */
};

static int64_t
now_ms(const struct run *run)
{
    return clock_mono_ms(run->clock);
}

static PRINTF_LIKE(2, 3) void
say(const struct watch *watch, const char *fmt, ...)
{
    const struct run *run = watch->run;
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    printf("%6.1f s  %s: %s\n",
           (double)(now_ms(run) - watch->started_ms) / 1000.0,
           watch->boot_host->host->name, buf_text(&text));
    fflush(stdout);
    buf_free(&text);
}

static PRINTF_LIKE(2, 3) void
record(const struct run *run, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    if (run->job->records_fd < 0)
        return;
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n' || text.data[i] == '\r')
            text.data[i] = ' ';
    }
    buf_addc(&text, '\n');
    /* Nobody reads: the step's own output still says it all. */
    if (write(run->job->records_fd, text.data, text.len) < 0)
        fprintf(stderr, "record lost: %s", text.data);
    buf_free(&text);
}

/* Stops everything; run->fault may say why. */
static void
end_run(struct run *run)
{
    if (run->ending)
        return;
    run->ending = true;
    uv_stop(&run->loop);
}

static void
metric(const struct watch *watch, const char *name, int64_t from, int64_t to)
{
    const struct run *run = watch->run;
    bool alone = run->job->host_count == 1;

    if (from < 0 || to < from)
        return;
    record(run, "metric %s%sboot_%s %.3f s lower",
           alone ? "" : watch->boot_host->label, alone ? "" : "_", name,
           (double)(to - from) / 1000.0);
}

/* Phases, all by the database's clock except what the console saw. */
static void
record_phases(const struct watch *watch)
{
    const struct boot *row = watch->row;
    int64_t ready = watch->facts.ready_ms < 0 ? -1
        : row->powered_ms + watch->facts.ready_ms;

    metric(watch, "power", row->power_ms, row->powered_ms);
    metric(watch, "firmware", row->powered_ms, row->script_ms);
    metric(watch, "fetch", row->script_ms, row->fetched_ms);
    metric(watch, "boot", row->fetched_ms, ready < 0 ? row->up_ms : ready);
    metric(watch, "confirm", ready, row->up_ms);
    metric(watch, "total", row->power_ms, row->up_ms);
}

/* The host's boot is decided, for good or bad. */
static void
finish(struct watch *watch)
{
    struct run *run = watch->run;
    const char *text;

    if (watch->step == STEP_OVER)
        return;
    watch->step = STEP_OVER;
    run->open_count--;
    uv_timer_stop(&watch->power_timer);
    console_watch_stop(&watch->console);
    boot_verdict_make(watch->boot_host->host->name, &watch->facts,
                      &watch->verdict);
    if (watch->verdict.end == BOOT_END_UP) {
        if (watch->armed.by_console)
            say(watch, "confirmed up: %s", watch->row->reason);
        else
            say(watch, "confirmed up by its own call from %s",
                watch->row->address);
        if (!watch->armed.by_console
            && !boot_prepare_target(&watch->armed, watch->row, &run->fault))
            end_run(run);
        record_phases(watch);
    } else {
        text = watch->verdict.text + strlen(watch->boot_host->host->name);
        say(watch, "%s", text + strspn(text, ": "));
        if (watch->verdict.blame != BOOT_BLAME_NONE)
            record(run, "blame %s %s", boot_blame_name(watch->verdict.blame),
                   watch->verdict.text);
    }
    /* One failure ends all: what the others would do has no meaning now. */
    if (watch->verdict.end != BOOT_END_UP || run->open_count == 0)
        end_run(run);
}

static void
consider(struct watch *watch)
{
    if (watch->step != STEP_OVER && boot_verdict_is_final(&watch->facts))
        finish(watch);
}

/* -- the row -------------------------------------------------------------- */

static int64_t
after_power(const struct boot *row, int64_t ms)
{
    int64_t base = row->powered_ms >= 0 ? row->powered_ms : row->power_ms;

    return ms < 0 ? -1 : base < 0 || ms < base ? 0 : ms - base;
}

static void
read_row(struct watch *watch)
{
    struct run *run = watch->run;
    struct boot_facts *facts = &watch->facts;
    struct boot *row = NULL;
    int64_t script_before = facts->script_ms;

    if (watch->step == STEP_OVER)
        return;
    if (!boot_get(run->db, watch->armed.nonce, &row, &run->fault)) {
        end_run(run);
        return;
    }
    if (row == NULL) {
        fault_set(&run->fault, FAULT_DATA, "boot %s has gone from the "
                  "database", watch->armed.nonce);
        end_run(run);
        return;
    }
    boot_free(watch->row);
    watch->row = row;
    facts->script_ms = after_power(row, row->script_ms);
    facts->fetched_ms = after_power(row, row->fetched_ms);
    facts->up_ms = row->status == BOOT_UP ? after_power(row, row->up_ms) : -1;
    if (script_before < 0 && facts->script_ms >= 0)
        say(watch, "fetched its netboot script");
    if (row->fetch_bytes > watch->said_fetch_bytes && facts->fetched_ms >= 0) {
        say(watch, "fetched %.1f MB in %" PRId64 " files",
            (double)row->fetch_bytes / 1e6, row->fetch_count);
        watch->said_fetch_bytes = row->fetch_bytes;
    }
    if (row->status == BOOT_FAILED || row->status == BOOT_SUPERSEDED) {
        facts->refused = true;
        free(watch->refusal);
        watch->refusal = xstrdup(row->reason);
        facts->refusal = watch->refusal;
    }
    consider(watch);
}

static void
read_rows(struct run *run)
{
    for (size_t i = 0; i < run->job->host_count && !run->ending; i++) {
        if (run->watches[i].step == STEP_WATCH)
            read_row(&run->watches[i]);
    }
}

static void
on_row_timer(uv_timer_t *timer)
{
    struct run *run = timer->data;

    if (!run->ending)
        read_rows(run);
}

static void
on_db(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    struct run *run = poll->data;
    char channel[64], payload[256];
    bool boots = false;

    if (run->ending)
        return;
    while (db_notified(run->db, channel, payload))
        boots = boots || strcmp(payload, "boot") == 0;
    if (!db_is_alive(run->db)) {
        fault_set(&run->fault, FAULT_LOST, "the database has gone");
        (void)uv_poll_stop(poll);
        end_run(run);
        return;
    }
    if (boots)
        read_rows(run);
}

/* -- the console ---------------------------------------------------------- */

static void
set_line(char **text, const char **fact, const char *line)
{
    free(*text);
    *text = xstrdup(line);
    *fact = *text;
}

static void
first_time(struct watch *watch, int64_t *when_ms, const char *text)
{
    if (*when_ms >= 0)
        return;
    *when_ms = watch->powered_ms > 0
        ? now_ms(watch->run) - watch->powered_ms : 0;
    say(watch, "%s", text);
}

/* A row that is up is read as any other. */
static void
up_by_console(struct watch *watch, const char *line)
{
    struct run *run = watch->run;
    enum boot_call call = BOOT_CALL_NONE;

    if (!watch->armed.by_console
        || strstr(line, watch->armed.nonce) == NULL)
        return;
    if (!boot_record_up_console(run->db, watch->armed.nonce, line, &call,
                                &run->fault)) {
        end_run(run);
        return;
    }
    read_row(watch);
}

/* What the machine says before anything of ours runs. */
static void
banner(struct watch *watch, const char *line)
{
    struct run *run = watch->run;
    struct buf text = BUF_INIT;

    firmware_text(line, &text);
    say(watch, "%s", buf_text(&text));
    buf_free(&text);
    if (!firmware_record(run->db, watch->armed.nonce, "console", line,
                         &run->fault))
        end_run(run);
}

static void
on_console(void *owner, const struct pattern *pattern,
           int64_t offset UNUSED, const char *line)
{
    struct watch *watch = owner;
    struct boot_facts *facts = &watch->facts;

    /* Without its console a boot is still confirmed by its call. */
    if (pattern == NULL) {
        say(watch, "the console is not watched: %s", line);
        return;
    }
    if (firmware_is_banner(pattern)) {
        banner(watch, line);
        return;
    }
    switch (boot_sign_of(pattern)) {
    case BOOT_SIGN_PANIC:
        set_line(&watch->panic, &facts->panic, line);
        break;
    case BOOT_SIGN_LOADER:
        set_line(&watch->loader, &facts->loader, line);
        break;
    case BOOT_SIGN_XEN:
        first_time(watch, &facts->xen_ms, line);
        break;
    case BOOT_SIGN_DOM0:
        first_time(watch, &facts->dom0_ms, "dom0's init runs");
        break;
    case BOOT_SIGN_READY:
        first_time(watch, &facts->ready_ms, "dom0 is up");
        break;
    case BOOT_SIGN_TROUBLE:
        say(watch, "%s", line);
        set_line(&watch->trouble, &facts->trouble, line);
        break;
    case BOOT_SIGN_UP:
        up_by_console(watch, line);
        return;
    case BOOT_SIGN_NONE:
        return;
    }
    consider(watch);
}

/* -- the power ------------------------------------------------------------ */

static void on_power(void *owner, struct proc_status status,
                     const char *out, const char *err);

static bool
order(struct watch *watch, const char *verb)
{
    struct run *run = watch->run;

    if (boot_power_order(&watch->power, &run->loop, run->program,
                         watch->boot_host->host->name, verb, run->job->force,
                         on_power, watch, &run->fault))
        return true;
    end_run(run);
    return false;
}

static void
on_power_timer(uv_timer_t *timer)
{
    struct watch *watch = timer->data;

    if (watch->step == STEP_WATCH && !boot_power_is_busy(&watch->power))
        (void)order(watch, "status");
}

/* It is off. From here on its console counts. */
static void
switch_on(struct watch *watch)
{
    struct run *run = watch->run;

    say(watch, "is off");
    watch->step = STEP_ON;
    if (run->code != NULL)
        console_watch_start(&watch->console, &run->loop,
                            watch->boot_host->host->name, MARK, run->code,
                            on_console, watch);
    if (!boot_record_power(run->db, watch->armed.nonce, &run->fault)) {
        end_run(run);
        return;
    }
    (void)order(watch, "on");
}

static void
watch_boot(struct watch *watch)
{
    struct run *run = watch->run;

    watch->step = STEP_WATCH;
    watch->powered_ms = now_ms(run);
    watch->facts.powered = true;
    if (!boot_record_powered(run->db, watch->armed.nonce, &run->fault)) {
        end_run(run);
        return;
    }
    say(watch, "is on");
    must(uv_timer_start(&watch->power_timer, on_power_timer, POWER_POLL_MS,
                        POWER_POLL_MS) == 0);
    read_row(watch);
}

/* The first line of what the helper said, without its name. */
static void
keep_power_text(struct watch *watch, struct proc_status status,
                const char *err)
{
    static const char prefix[] = "assay: ";
    const char *line = strstr(err, prefix);

    line = line == NULL ? err : line + sizeof(prefix) - 1;
    free(watch->power_text);
    watch->power_text = xstrndup(line, strcspn(line, "\n"));
    watch->facts.power_text = watch->power_text;
    /* 75: the host would not; the rest: we could not. */
    watch->facts.power_refused = status.end == PROC_END_EXIT
        && status.code == 75;
}

static void
on_power(void *owner, struct proc_status status, const char *out,
         const char *err)
{
    struct watch *watch = owner;
    bool ok = proc_status_ok(status);

    if (watch->step == STEP_OVER || watch->run->ending)
        return;
    if (watch->step == STEP_WATCH) {
        /* A status that could not be read is no news. */
        watch->facts.is_off = ok && strncmp(out, "off", 3) == 0;
        consider(watch);
        return;
    }
    (void)fputs(err, stderr);
    if (!ok) {
        keep_power_text(watch, status, err);
        finish(watch);
    } else if (watch->step == STEP_OFF) {
        switch_on(watch);
    } else {
        watch_boot(watch);
    }
}

/* -- all of it ------------------------------------------------------------ */

static void
keep_last_line(struct watch *watch)
{
    struct buf line = BUF_INIT;

    console_last_line(watch->boot_host->host->name, &line);
    set_line(&watch->last_line, &watch->facts.last_line, buf_text(&line));
    buf_free(&line);
}

static void
on_limit(uv_timer_t *timer)
{
    struct run *run = timer->data;

    for (size_t i = 0; i < run->job->host_count; i++) {
        struct watch *watch = &run->watches[i];

        if (watch->step == STEP_OVER)
            continue;
        if (watch->step == STEP_WATCH)
            read_row(watch);
        if (watch->step == STEP_OVER)
            continue;
        keep_last_line(watch);
        finish(watch);
    }
}

static void
on_signal(uv_signal_t *handle, int number)
{
    struct run *run = handle->data;

    fault_set(&run->fault, FAULT_CANCELLED, "stopped by signal %d", number);
    end_run(run);
}

static void
init_watch(struct run *run, size_t i)
{
    struct watch *watch = &run->watches[i];

    watch->run = run;
    watch->boot_host = &run->job->hosts[i];
    boot_power_init(&watch->power);
    watch->started_ms = now_ms(run);
    watch->facts = (struct boot_facts){
        .script_ms = -1, .fetched_ms = -1, .xen_ms = -1, .dom0_ms = -1,
        .ready_ms = -1, .up_ms = -1, .last_line = "",
        .limit_ms = run->job->limit_ms,
    };
    must(uv_timer_init(&run->loop, &watch->power_timer) == 0);
    watch->power_timer.data = watch;
}

static void
init_signal(struct run *run, uv_signal_t *handle, int number)
{
    must(uv_signal_init(&run->loop, handle) == 0);
    handle->data = run;
    must(uv_signal_start(handle, on_signal, number) == 0);
}

static bool
start(struct run *run, struct fault *why)
{
    const struct boot_job *job = run->job;

    for (size_t i = 0; i < job->host_count; i++) {
        const struct host *host = job->hosts[i].host;

        if ((!job->force && !host_check_ours(host, why))
            || !boot_prepare_check(run->db, host, &job->plan, why))
            return false;
    }
    if (!db_listen(run->db, "assay", why))
        return false;
    for (size_t i = 0; i < job->host_count; i++) {
        struct watch *watch = &run->watches[i];

        if (!boot_prepare(run->db, job->hosts[i].host, &job->plan,
                          &watch->armed, why))
            return false;
        watch->step = STEP_OFF;
        run->open_count++;
        say(watch, "boot %s is armed", watch->armed.nonce);
    }
    if (db_socket(run->db) < 0)
        return fault_set(why, FAULT_LOST, "the database has gone");
    return true;
}

static void
start_loop(struct run *run)
{
    must(uv_timer_init(&run->loop, &run->row_timer) == 0);
    must(uv_timer_init(&run->loop, &run->limit_timer) == 0);
    must(uv_poll_init(&run->loop, &run->db_poll, db_socket(run->db)) == 0);
    run->row_timer.data = run;
    run->limit_timer.data = run;
    run->db_poll.data = run;
    must(uv_timer_start(&run->row_timer, on_row_timer, ROW_POLL_MS,
                        ROW_POLL_MS) == 0);
    must(uv_timer_start(&run->limit_timer, on_limit,
                        (uint64_t)run->job->limit_ms, 0) == 0);
    must(uv_poll_start(&run->db_poll, UV_READABLE, on_db) == 0);
    init_signal(run, &run->term, SIGTERM);
    init_signal(run, &run->intr, SIGINT);
    init_signal(run, &run->hup, SIGHUP);
    for (size_t i = 0; i < run->job->host_count && !run->ending; i++)
        (void)order(&run->watches[i], "off");
}

/* The rows say what happened, also to those that we gave up. */
static void
close_rows(struct run *run, const char *reason)
{
    struct fault why = FAULT_INIT;

    for (size_t i = 0; i < run->job->host_count; i++) {
        struct watch *watch = &run->watches[i];
        const char *text = watch->verdict.text[0] != '\0'
            ? watch->verdict.text : reason;

        if (watch->armed.nonce[0] == '\0'
            || watch->verdict.end == BOOT_END_UP)
            continue;
        if (!db_is_alive(run->db)
            || !boot_fail(run->db, watch->armed.nonce, text, &why))
            fprintf(stderr, "boot %s stays open in the database: %s\n",
                    watch->armed.nonce, why.text);
    }
}

static bool
helpers_run(const struct run *run)
{
    for (size_t i = 0; i < run->job->host_count; i++) {
        if (boot_power_is_busy(&run->watches[i].power))
            return true;
    }
    return false;
}

static void
close_handle(uv_handle_t *handle, void *arg UNUSED)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Lets go of everything; helpers first, their ends are events too. */
static void
close_loop(struct run *run)
{
    for (size_t i = 0; i < run->job->host_count; i++) {
        console_watch_stop(&run->watches[i].console);
        boot_power_stop(&run->watches[i].power);
    }
    while (helpers_run(run))
        (void)uv_run(&run->loop, UV_RUN_ONCE);
    proc_watch_fini(&run->loop);
    uv_walk(&run->loop, close_handle, NULL);
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&run->loop) == 0);
}

static enum boot_end
sum(const struct run *run)
{
    enum boot_end end = BOOT_END_UP;

    for (size_t i = 0; i < run->job->host_count; i++) {
        enum boot_end one = run->watches[i].verdict.end;

        /* A proven failure of the product says more than a broken boot. */
        if (one == BOOT_END_FAIL)
            return one;
        if (one == BOOT_END_BROKEN || (one == BOOT_END_NONE
                                       && end == BOOT_END_UP))
            end = one;
    }
    return end == BOOT_END_NONE ? BOOT_END_BROKEN : end;
}

static void
free_watch(struct watch *watch)
{
    boot_armed_fini(&watch->armed);
    boot_free(watch->row);
    boot_power_fini(&watch->power);
    free(watch->panic);
    free(watch->loader);
    free(watch->trouble);
    free(watch->refusal);
    free(watch->last_line);
    free(watch->power_text);
}

bool
boot_run(struct db *db, const struct boot_job *job, enum boot_end *end_out,
         struct fault *why)
{
    struct run *run = xcalloc(1, sizeof(*run));
    bool ok;

    run->db = db;
    run->job = job;
    run->clock = clock_system();
    run->watches = xcalloc(job->host_count, sizeof(*run->watches));
    run->code = pattern_code_try();
    must(uv_loop_init(&run->loop) == 0);
    for (size_t i = 0; i < job->host_count; i++)
        init_watch(run, i);
    ok = proc_watch_init(&run->loop, why);
    must(ok);
    ok = home_program(&run->arena, "assay", &run->program, why)
        && start(run, why);
    if (ok) {
        start_loop(run);
        if (!run->ending)
            (void)uv_run(&run->loop, UV_RUN_DEFAULT);
        ok = run->fault.kind == FAULT_NONE;
        if (!ok)
            *why = run->fault;
    }
    close_rows(run, ok ? "given up because another host of the same boot "
                         "failed" : why->text);
    if (ok)
        *end_out = sum(run);
    close_loop(run);
    for (size_t i = 0; i < job->host_count; i++)
        free_watch(&run->watches[i]);
    pattern_code_free(run->code);
    arena_free(&run->arena);
    free(run->watches);
    free(run);
    return ok;
}
