/* flights/progress.c - see progress.h. */
#include <config.h>

#include "flights/progress.h"

#include <inttypes.h>
#include <string.h>

#include "flights/flight_state_db.h"
#include "harness/buf.h"
#include "harness/clock.h"

#define NAME_MAX_CELLS 32
#define SUMMARY_COLUMNS 160

static void
human(char out[static 32], int64_t ms)
{
    if (ms < 0)
        out[0] = '\0';
    else
        clock_human(ms, out);
}

static const char *
color_of(enum outcome status)
{
    switch (status) {
    case OUTCOME_PASS:
        return "\033[32m";
    case OUTCOME_FAIL:
        return "\033[31m";
    case OUTCOME_BROKEN:
    case OUTCOME_ABORTED:
    case OUTCOME_MISSING:
    case OUTCOME_NONE:
        return "\033[35m";
    case OUTCOME_PREPARING:
    case OUTCOME_RUNNING:
        return "\033[36m";
    case OUTCOME_BLOCKED:
    case OUTCOME_SKIP:
    case OUTCOME_REUSED:
    case OUTCOME_STARVED:
    case OUTCOME_TRUNCATED:
        return "\033[33m";
    case OUTCOME_QUEUED:
    case OUTCOME_COUNT:
    default:
        return "";
    }
}

/* "2 pass, 1 running": in the order of the words. */
static void
add_counts(const struct flight_state *state, struct buf *out)
{
    const char *between = "";

    for (int word = 0; word < OUTCOME_COUNT; word++) {
        int count = 0;

        for (size_t i = 0; i < state->job_count; i++)
            count += (int)state->jobs[i].status == word;
        if (count == 0)
            continue;
        buf_addf(out, "%s%d %s", between, count,
                 outcome_name((enum outcome)word));
        between = ", ";
    }
}

static void
add_booking(const struct flight_job_state *job, struct buf *out)
{
    if (job->booking.known && out->len > 0)
        buf_adds(out, "; ");
    booking_words(&job->booking, out);
}

/* What a job is about, beside its status. */
static void
add_news(const struct flight_job_state *job, struct buf *out)
{
    char since[32];

    if (outcome_is_final(job->status)) {
        int ended = job->passed + job->failed + job->other;

        if (job->reason[0] != '\0' && job->status != OUTCOME_PASS)
            buf_add_escaped(out, job->reason, strlen(job->reason));
        else if (ended > 0)
            buf_addf(out, "%d of %d steps passed", job->passed, ended);
        return;
    }
    if (job->status == OUTCOME_QUEUED || job->status == OUTCOME_PREPARING) {
        if (job->waits_for[0] != '\0') {
            buf_adds(out, "waits for ");
            buf_add_escaped(out, job->waits_for, strlen(job->waits_for));
        }
        add_booking(job, out);
        return;
    }
    if (job->testid[0] == '\0') {
        buf_adds(out, "between steps");
        return;
    }
    human(since, job->step_elapsed_ms);
    buf_addf(out, "%d ", job->passed + job->failed + job->other + 1);
    buf_add_escaped(out, job->testid, strlen(job->testid));
    if (job->running > 1)
        buf_addf(out, " +%d", job->running - 1);
    buf_addf(out, " (%s)", since);
    if (job->progress[0] != '\0') {
        buf_addc(out, ' ');
        buf_add_escaped(out, job->progress, strlen(job->progress));
    }
    add_booking(job, out);
}

/* 'text' cut to 'cells', UTF-8 kept whole (one cell a character). */
static void
add_cut(struct buf *out, const char *text, int cells)
{
    while (*text != '\0' && cells > 0) {
        size_t bytes = 1;

        while (((unsigned char)text[bytes] & 0xc0) == 0x80)
            bytes++;
        buf_add(out, text, bytes);
        text += bytes;
        cells--;
    }
}

static void
add_row(const struct flight_job_state *job, int name_cells, int columns,
        bool color, struct buf *out)
{
    struct buf news = BUF_INIT;
    char since[32];
    int left = columns - name_cells - 2 - 11 - 14;

    human(since, job->elapsed_ms);
    add_news(job, &news);
    buf_addf(out, "  %-*.*s ", name_cells, name_cells, job->job);
    buf_addf(out, "%s%-10s%s ", color ? color_of(job->status) : "",
             outcome_name(job->status), color ? "\033[0m" : "");
    buf_addf(out, "%12s  ", since);
    add_cut(out, buf_text(&news), left > 0 ? left : 0);
    buf_addc(out, '\n');
    buf_free(&news);
}

static int
rank(const struct flight_job_state *job)
{
    if (job->status == OUTCOME_RUNNING || job->status == OUTCOME_PREPARING)
        return 0;
    if (outcome_is_final(job->status) && job->status != OUTCOME_PASS &&
        job->status != OUTCOME_SKIP)
        return 1;
    return job->status == OUTCOME_QUEUED ? 2 : 3;
}

void
progress_table(const struct flight_state *state, int rows, int columns,
               bool color, struct buf *out, int *lines_out)
{
    size_t room = rows > 3 ? (size_t)rows - 2 : 1, shown = 0;
    bool all = state->job_count <= room;
    struct buf head = BUF_INIT;
    int name_cells = 8;
    char since[32];

    for (size_t i = 0; i < state->job_count; i++) {
        int len = (int)strlen(state->jobs[i].job);

        if (len > name_cells)
            name_cells = len > NAME_MAX_CELLS ? NAME_MAX_CELLS : len;
    }
    human(since, state->elapsed_ms);
    buf_addf(&head, "flight %" PRId64 " %s, %s: ", state->flight,
             state->branch, since);
    add_counts(state, &head);
    if (state->abort_reason[0] != '\0' && !state->finished)
        buf_adds(&head, " (aborting)");
    add_cut(out, buf_text(&head), columns);
    buf_addc(out, '\n');
    buf_free(&head);
    for (int want = all ? 3 : 0; want < 4 && shown < room; want++) {
        for (size_t i = 0; i < state->job_count && shown < room; i++) {
            if (!all && rank(&state->jobs[i]) != want)
                continue;
            add_row(&state->jobs[i], name_cells, columns, color, out);
            shown++;
        }
    }
    *lines_out = (int)shown + 1;
    if (shown < state->job_count) {
        buf_addf(out, "  and %zu more\n", state->job_count - shown);
        (*lines_out)++;
    }
}

void
progress_summary(const struct flight_state *state, struct buf *out)
{
    int name_cells = 8;

    for (size_t i = 0; i < state->job_count; i++) {
        int len = (int)strlen(state->jobs[i].job);

        if (len > name_cells)
            name_cells = len;
    }
    for (size_t i = 0; i < state->job_count; i++)
        add_row(&state->jobs[i], name_cells, SUMMARY_COLUMNS, false, out);
}

void
progress_events(const struct flight_job_state *before,
                const struct flight_job_state *now, struct buf *out)
{
    char since[32];

    if (before != NULL && before->status == now->status) {
        if (now->status == OUTCOME_QUEUED && now->waits_for[0] != '\0' &&
            strcmp(before->waits_for, now->waits_for) != 0) {
            buf_addf(out, "%s: waits for ", now->job);
            buf_add_escaped(out, now->waits_for, strlen(now->waits_for));
            buf_addc(out, '\n');
        }
        return;
    }
    if (before == NULL && now->status == OUTCOME_QUEUED)
        return;
    buf_addf(out, "%s: %s", now->job, outcome_name(now->status));
    if (outcome_is_final(now->status)) {
        human(since, now->elapsed_ms);
        if (since[0] != '\0')
            buf_addf(out, " after %s", since);
        if (now->status != OUTCOME_PASS && now->lane != LANE_NONE)
            buf_addf(out, " (%s)", lane_name(now->lane));
        if (now->reason[0] != '\0') {
            buf_adds(out, ": ");
            buf_add_escaped(out, now->reason, strlen(now->reason));
        }
    }
    buf_addc(out, '\n');
}

void
progress_step(const char *job, const struct flight_step_end *step,
              struct buf *out)
{
    char since[32];

    human(since, step->elapsed_ms);
    buf_addf(out, "%s: %d ", job, step->step);
    buf_add_escaped(out, step->testid, strlen(step->testid));
    buf_addf(out, ": %s", outcome_name(step->status));
    if (since[0] != '\0')
        buf_addf(out, " (%s)", since);
    if (step->status != OUTCOME_PASS && step->reason[0] != '\0') {
        buf_adds(out, ": ");
        buf_add_escaped(out, step->reason, strlen(step->reason));
    }
    buf_addc(out, '\n');
}
