/* tests/results/world_db.h - the histories of decide_world.h in a database.
 *
 * A flight of this version has tree xen at revision "this-BRANCH", one of the
 * baseline's at "that-BRANCH", any other at one of its own. */
#ifndef TESTS_RESULTS_WORLD_DB_H
#define TESTS_RESULTS_WORLD_DB_H

#include "tests/pgfix.h"
#include "tests/results/decide_world.h"

/* Only statuses that have ended; lanes where there must be one. */
static UNUSED void
world_store_job(struct buf *sql, int64_t flight, const struct decide_job *job)
{
    buf_addf(sql, "insert into assay.job (flight, job, recipe, arch, status,"
             " lane, started_at, finished_at) values (%" PRId64 ", '%s', 'r',"
             " 'amd64', '%s', 'unknown', '2026-01-01',"
             " timestamptz '2026-01-01' + %" PRId64
             " * interval '1 ms');\n", flight, job->name,
             outcome_name(job->status), job->estimate_ms);
    for (size_t i = 0; i < job->step_count; i++) {
        const struct decide_step *step = &job->steps[i];
        const char *slash = strchr(step->testid, '/');
        bool is_case = i > 0 && slash != NULL
            && (size_t)(slash - step->testid)
                   == strlen(job->steps[i - 1].testid)
            && strncmp(step->testid, job->steps[i - 1].testid,
                       strlen(job->steps[i - 1].testid)) == 0;

        if (is_case && (step->status == OUTCOME_PASS
                        || step->status == OUTCOME_FAIL
                        || step->status == OUTCOME_SKIP
                        || step->status == OUTCOME_MISSING))
            buf_addf(sql, "insert into assay.step_case (flight, job, step,"
                     " id, status) values (%" PRId64 ", '%s', %zu, '%s',"
                     " '%s');\n", flight, job->name, i, slash + 1,
                     outcome_name(step->status));
        else
            buf_addf(sql, "insert into assay.step (flight, job, step,"
                     " program, testid, status, lane, exit_code, harness,"
                     " finished_at) values (%" PRId64 ", '%s', %zu, 'p',"
                     " '%s', '%s', 'unknown', %d, 'h', now());\n", flight,
                     job->name, i + 1, step->testid,
                     outcome_name(step->status),
                     step->status == OUTCOME_SKIP ? 77 : 0);
    }
}

static UNUSED void
world_store_flight(struct buf *sql, const char *branch,
                   const struct decide_flight *flight)
{
    enum outcome parts[WORLD_LIST_MAX];

    buf_addf(sql, "insert into assay.flight (flight, branch, intended,"
             " harness, blessing, outcome) overriding system value values"
             " (%" PRId64 ", '%s', '%s', 'h', 'running', 'running');\n"
             "insert into assay.flight_tree values (%" PRId64 ", 'xen',"
             " '%s-%s%s');\n", flight->flight, branch, flight->blessing,
             flight->flight,
             (flight->versions & DECIDE_THIS) != 0 ? "this"
             : (flight->versions & DECIDE_THAT) != 0 ? "that" : "other",
             branch, flight->versions == 0 ? "-" : "");
    for (size_t i = 0; i < flight->job_count; i++) {
        world_store_job(sql, flight->flight, &flight->jobs[i]);
        parts[i] = flight->jobs[i].status;
    }
    buf_addf(sql, "update assay.flight set blessing = intended, outcome ="
             " '%s', started_at = now(), finished_at = now()"
             " where flight = %" PRId64 ";\n",
             outcome_name(outcome_combine(parts, flight->job_count)),
             flight->flight);
}

/* A history from its text; numbers must be new. */
static UNUSED void
world_store(const char *branch, const char *text)
{
    struct arena arena = ARENA_INIT;
    struct buf sql = BUF_INIT;
    const char *p = text, *line;

    while ((line = world_word(&arena, &p, "\n")) != NULL) {
        struct decide_flight flight = world_flight(&arena, line);

        world_store_flight(&sql, branch, &flight);
    }
    pgfix_script(buf_text(&sql));
    buf_free(&sql);
    arena_free(&arena);
}

#endif
