/* tests/flights/progress-test.c - a flight in words: events, and a table that
 * fits its terminal. */
#include <config.h>

#include "flights/progress.h"

#include "flights/flight_state_db.h"
#include "harness/buf.h"
#include "tests/tap.h"

static struct flight_job_state jobs[4];
static const struct flight_state state = {
    .flight = 7, .branch = "b", .blessing = "running", .abort_reason = "",
    .outcome = OUTCOME_RUNNING, .elapsed_ms = 65000, .jobs = jobs,
    .job_count = ARRAY_LEN(jobs),
};

static struct flight_job_state *
set_job(size_t index, const char *name, enum outcome status,
        int64_t elapsed_ms)
{
    jobs[index] = (struct flight_job_state){
        .job = name, .status = status, .reason = "", .waits_for = "",
        .testid = "", .progress = "", .elapsed_ms = elapsed_ms,
        .step_elapsed_ms = -1,
    };
    return &jobs[index];
}

static void
set_jobs(void)
{
    struct flight_job_state *job;

    set_job(0, "done", OUTCOME_PASS, 61000)->passed = 3;
    set_job(1, "waiting", OUTCOME_QUEUED, -1)->waits_for =
        "a host: amd64 xen";
    job = set_job(2, "red", OUTCOME_FAIL, 1000);
    job->lane = LANE_PRODUCT;
    job->reason = "two\033[2J failed";
    job = set_job(3, "busy", OUTCOME_RUNNING, 5000);
    job->passed = 2;
    job->running = 2;
    job->testid = "guest-start/pvh";
    job->step_elapsed_ms = 1200;
    job->progress = "1/3 \xe2\x82\xac";
}

static int
line_count(const char *text)
{
    int count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void
tables(void)
{
    struct buf out = BUF_INIT;
    int lines = 0;

    progress_table(&state, 24, 200, false, &out, &lines);
    is_int(line_count(buf_text(&out)), lines, "it says how long it is");
    is_int(lines, 5, "a line a job, and the headline");
    has_str(buf_text(&out), "flight 7 b, 1 min 05 s: 1 queued, 1 running, "
            "1 pass, 1 fail\n", "the headline counts");
    has_str(buf_text(&out), "3 guest-start/pvh +1 (1.2 s) 1/3 \xe2\x82\xac",
            "what runs");
    has_str(buf_text(&out), "waits for a host: amd64 xen", "what waits");
    ok(strchr(buf_text(&out), '\033') == NULL,
       "outside bytes do not reach the terminal");
    buf_reset(&out);
    progress_table(&state, 4, 200, false, &out, &lines);
    is_int(line_count(buf_text(&out)), lines, "a low terminal");
    ok(lines <= 4, "is not left");
    has_str(buf_text(&out), "  busy ", "what runs comes first");
    has_str(buf_text(&out), "  red ", "then what failed");
    has_str(buf_text(&out), "and 2 more", "the rest is counted");
    buf_reset(&out);
    progress_table(&state, 24, 60, false, &out, &lines);
    for (const char *line = buf_text(&out); *line != '\0';) {
        size_t len = strcspn(line, "\n");

        ok(len <= 62, "a narrow terminal: '%.*s'", (int)len, line);
        line += len + 1;
    }
    buf_free(&out);
}

static void
events(void)
{
    struct flight_job_state before = jobs[3], now = jobs[3];
    struct flight_step_end step = {
        .step = 4, .testid = "t", .reason = "why\n", .elapsed_ms = 1500,
        .status = OUTCOME_BROKEN, .lane = LANE_HOST,
    };
    struct buf out = BUF_INIT;

    progress_events(&before, &now, &out);
    is_str(buf_text(&out), "", "nothing happened");
    progress_events(NULL, &jobs[1], &out);
    is_str(buf_text(&out), "", "a job that is queued at first is no event");
    before.status = OUTCOME_PREPARING;
    progress_events(&before, &now, &out);
    is_str(buf_text(&out), "busy: running\n", "it runs");
    buf_reset(&out);
    progress_events(&before, &jobs[2], &out);
    is_str(buf_text(&out), "red: fail after 1.0 s (product): "
           "two\\x1b[2J failed\n", "it ended, whose fault, and why");
    buf_reset(&out);
    before = now = jobs[1];
    now.waits_for = "jobs: a";
    progress_events(&before, &now, &out);
    is_str(buf_text(&out), "waiting: waits for jobs: a\n",
           "it waits for something else");
    buf_reset(&out);
    progress_step("j", &step, &out);
    is_str(buf_text(&out), "j: 4 t: broken (1.5 s): why\\x0a\n", "a step");
    buf_free(&out);
}

int
main(void)
{
    set_jobs();
    tables();
    events();
    return tap_done();
}
