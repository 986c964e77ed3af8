/* flights/retest.c - see retest.h. */
#include <config.h>

#include "flights/retest.h"

#include <inttypes.h>
#include <stdarg.h>

#include "flights/flight_db.h"
#include "flights/flight_state_db.h"
#include "flights/plan.h"
#include "flights/retest_db.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "results/cause.h"
#include "results/evidence_db.h"
#include "results/excerpt.h"
#include "results/failure.h"

struct retest {
    struct db *db;
    const struct retest_options *options;
    struct retest_state *state;
    struct arena arena;
    struct pattern_code *code;          /* NULL: none */
    struct evidence evidence;
    struct causes causes;
};

/* One failure at work. */
struct look {
    struct retest *retest;
    struct retest_case it;
    const struct evidence_job *job;
    struct retest_past past;
    const char **same, **sibling;       /* hosts by role; sibling NULL: none */
    struct retest_run *runs;
    size_t run_count;
    struct blame_facts facts;
    struct blame_judgement judgement;
};

static PRINTF_LIKE(2, 3) void
say(const struct look *look, const char *fmt, ...)
{
    const struct retest_options *options = look->retest->options;
    struct buf text = BUF_INIT;
    va_list ap;

    if (options->say == NULL)
        return;
    buf_addf(&text, "%s%s%s: ", look->it.job,
             look->it.testid[0] == '\0' ? "" : "/", look->it.testid);
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    options->say(options->owner, buf_text(&text));
    buf_free(&text);
}

/* Hosts ------------------------------------------------------------------- */

/* Whom each role could have in place of the host that it had: hosts of the
 * same class that none of the roles had, each once. */
static bool
find_hosts(struct look *look, struct fault *why)
{
    const struct evidence_job *job = look->job;
    struct arena *arena = &look->retest->arena;
    size_t bytes = (job->role_count + 1) * sizeof(char *);

    look->same = arena_alloc(arena, bytes);
    look->sibling = arena_alloc(arena, bytes);
    for (size_t i = 0; i < job->role_count; i++) {
        const char *const *list = NULL;
        bool taken = true;

        look->same[i] = job->roles[i].host;
        if (!retest_db_siblings(look->retest->db, job->roles[i].host, arena,
                                &list, why))
            return false;
        for (; *list != NULL && taken; list++) {
            taken = false;
            for (size_t k = 0; k < job->role_count; k++)
                taken = taken || strcmp(job->roles[k].host, *list) == 0
                    || (k < i && strcmp(look->sibling[k], *list) == 0);
            if (!taken)
                look->sibling[i] = *list;
        }
        if (taken) {
            look->sibling = NULL;
            return true;
        }
    }
    if (job->role_count == 0)
        look->sibling = NULL;
    return true;
}

static const char *
join(struct look *look, const char *const *hosts)
{
    struct arena *arena = &look->retest->arena;
    const char *text = "";

    for (size_t i = 0; i < look->job->role_count; i++)
        text = arena_printf(arena, "%s%s%s", text, i > 0 ? " " : "",
                            hosts[i]);
    return text;
}

/* Facts ------------------------------------------------------------------- */

static void
add_run(const struct retest_run *run, struct blame_facts *facts)
{
    struct blame_count *count = &facts->cells[run->cell];

    if (strcmp(run->source, "retest") == 0) {
        facts->runs++;
        facts->host_ms += run->host_ms;
    }
    /* That the good version passed once is in the history of the test. */
    if (strcmp(run->source, "history") == 0
        || !outcome_is_final(run->status))
        return;
    if (run->status == OUTCOME_PASS)
        count->pass++;
    else if (run->alike)
        count->fail++;
    else if (run->status == OUTCOME_FAIL)
        count->other++;
    else
        count->broken++;
    if (run->starved && (run->cell == BLAME_NEW_SIBLING
                         || run->cell == BLAME_GOOD_SIBLING))
        facts->sibling = false;         /* nobody can take it */
}

static void
find_facts(struct look *look)
{
    const struct causes *causes = &look->retest->causes;
    const struct cause *cause = causes_find(causes, look->it.job,
                                            look->it.testid);
    const struct cause_group *group = &causes->groups[cause->group];
    const struct pattern *pattern = look->retest->code == NULL ? NULL
        : pattern_find(pattern_code_set(look->retest->code), group->pattern);
    struct blame_facts *facts = &look->facts;

    *facts = (struct blame_facts){
        .lane = cause->lane, .seen_before = look->past.seen_before,
        .other_version = look->past.good_flight > 0,
        .sibling = look->sibling != NULL,
        .flake_fails = look->past.fails, .flake_runs = look->past.runs,
    };
    if (look->job->finished_ms >= 0 && look->job->started_ms >= 0)
        facts->cost_ms = (look->job->finished_ms - look->job->started_ms)
            * (int64_t)(look->job->role_count > 0 ? look->job->role_count
                                                  : 1);
    /* Weak signs are in good runs too, and tell no lane. */
    if (pattern != NULL && pattern->weight >= EXCERPT_STRONG
        && pattern->lane != LANE_UNKNOWN) {
        facts->lane = pattern->lane;
        facts->certain = pattern->kind == PATTERN_FATAL;
    }
    for (size_t i = 0; i < look->run_count; i++)
        add_run(&look->runs[i], facts);
}

/* What it was found to be, for people. */
static const char *
reason_of(struct look *look, bool open)
{
    struct arena *arena = &look->retest->arena;
    const char *text = "";

    for (int c = 0; c < BLAME_CELL_COUNT; c++) {
        const struct blame_count *count = &look->facts.cells[c];
        int failed = count->fail + count->other + count->broken;

        if (failed + count->pass > 0)
            text = arena_printf(arena, "%s%s%s: %d of %d failed", text,
                                text[0] == '\0' ? "" : ", ",
                                blame_cell_name((enum blame_cell)c), failed,
                                failed + count->pass);
    }
    if (text[0] == '\0')
        text = "nothing was run";
    if (open)
        return arena_printf(arena, "%s; %s is next", text,
                            blame_cell_name(look->judgement.next));
    if (look->judgement.end == BLAME_END_BUDGET)
        return arena_printf(arena, "%s; the budget is spent", text);
    if (look->judgement.end == BLAME_END_NO_CELL)
        return arena_printf(arena, "%s; nothing more can be run", text);
    return text;
}

/* Runs -------------------------------------------------------------------- */

struct creation {
    struct look *look;
    struct plan plan;
    struct retest_run run;
    int64_t flight;
};

static bool
create(struct db *db, void *arg, struct fault *why)
{
    struct creation *c = arg;

    if (!flight_db_create(db, &c->plan, &c->flight, why))
        return false;
    c->run.run_flight = c->flight;
    return retest_db_add_run(db, &c->look->it, &c->run, why);
}

/* The job alone, as it was defined in 'from', on 'hosts'; what it needed it
 * takes from there. */
static bool
plan_run(struct look *look, int64_t from, bool good,
         const char *const *hosts, struct plan *plan, struct fault *why)
{
    struct arena *arena = &look->retest->arena;
    struct plan_job *job;
    struct plan_role *roles;
    struct plan_runvar *runvars;
    struct plan_need *needs;
    size_t kept = 0;

    if (!flight_plan_read(look->retest->db, from, arena, plan, why))
        return false;
    job = NULL;
    for (size_t i = 0; i < plan->job_count; i++)
        if (strcmp(plan->jobs[i].job, look->it.job) == 0)
            job = &plan->jobs[i];
    if (job == NULL)
        return fault_set(why, FAULT_NOT_FOUND, "flight %" PRId64 " has no "
                         "job %s", from, look->it.job);
    roles = arena_alloc(arena, job->role_count * sizeof *roles + 1);
    for (size_t i = 0; i < job->role_count; i++) {
        roles[i] = job->roles[i];
        if (i < look->job->role_count && hosts[i][0] != '\0')
            roles[i].preset = hosts[i];
    }
    runvars = arena_alloc(arena, job->runvar_count * sizeof *runvars + 1);
    for (size_t i = 0; i < job->runvar_count; i++)
        if (!job->runvars[i].result)
            runvars[kept++] = job->runvars[i];
    needs = arena_alloc(arena, job->need_count * sizeof *needs + 1);
    for (size_t i = 0; i < job->need_count; i++) {
        needs[i] = job->needs[i];
        if (needs[i].flight == 0)
            needs[i].flight = from;
    }
    job->roles = roles;
    job->runvars = runvars;
    job->runvar_count = kept;
    job->needs = needs;
    plan->jobs = job;
    plan->job_count = 1;
    plan->intended = arena_printf(arena, "%s-%s",
                                  look->retest->evidence.intended,
                                  good ? "counterfactual" : "retest");
    plan->source = arena_printf(arena, "retest of %" PRId64 "/%s",
                                look->it.flight, look->it.job);
    return true;
}

static bool
start_run(struct look *look, struct fault *why)
{
    enum blame_cell cell = look->judgement.next;
    bool good = cell == BLAME_GOOD_SAME || cell == BLAME_GOOD_SIBLING;
    bool same = cell == BLAME_NEW_SAME || cell == BLAME_GOOD_SAME;
    const char *const *hosts = (const char *const *)
        (same ? look->same : look->sibling);
    int64_t from = good ? look->past.good_flight : look->it.flight;
    struct creation c = {
        .look = look,
        .run = { .cell = cell, .source = "retest", .run_job = look->it.job,
                 .host = join(look, hosts), .status = OUTCOME_QUEUED },
    };

    if (!plan_run(look, from, good, hosts, &c.plan, why)
        || !db_transact(look->retest->db, create, &c, why)
        || !flight_db_start(look->retest->db, c.flight, why))
        return false;
    say(look, "%s on %s: flight %" PRId64, good ? "the last good version"
        : "again", c.run.host[0] == '\0' ? "no host" : c.run.host, c.flight);
    look->retest->state->wait_flight = c.flight;
    return true;
}

/* One failure ------------------------------------------------------------- */

/* What was known before anything is run: written once. */
static bool
keep_known(struct look *look, struct fault *why)
{
    const struct retest_past *past = &look->past;
    struct retest_run run = { .status = OUTCOME_PASS };
    struct db *db = look->retest->db;

    if (look->run_count > 0)
        return true;
    if (past->good_flight > 0) {
        run.cell = strcmp(past->good_hosts, join(look, look->same)) == 0
            ? BLAME_GOOD_SAME : BLAME_GOOD_SIBLING;
        run.source = "history";
        run.run_flight = past->good_flight;
        run.run_job = look->it.job;
        run.host = past->good_hosts;
        if (!retest_db_add_run(db, &look->it, &run, why))
            return false;
    }
    if (past->other_job != NULL) {
        run.cell = BLAME_NEW_SIBLING;
        run.source = "flight";
        run.run_flight = look->it.flight;
        run.run_job = past->other_job;
        run.host = past->other_host;
        run.status = past->other_status;
        run.alike = true;
        if (!retest_db_add_run(db, &look->it, &run, why))
            return false;
    }
    return retest_db_runs(db, &look->it, &look->retest->arena, &look->runs,
                          &look->run_count, why);
}

static bool
take_ended(struct look *look, struct fault *why)
{
    struct retest *retest = look->retest;
    int64_t *ended = NULL;
    size_t count = 0;

    if (!retest_db_ended(retest->db, &look->it, &retest->arena, &ended,
                         &count, why))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!failure_record(retest->db, ended[i], NULL, retest->code, NULL,
                            why))
            return false;
    return (count == 0 || retest_db_take(retest->db, &look->it, why))
        && retest_db_runs(retest->db, &look->it, &retest->arena, &look->runs,
                          &look->run_count, why);
}

static bool
keep(struct look *look, bool open, struct fault *why)
{
    const struct retest_result result = {
        .open = open, .judgement = look->judgement,
        .good_flight = look->past.good_flight,
        .host_ms = look->facts.host_ms, .runs = look->facts.runs,
        .reason = reason_of(look, open),
    };

    return retest_db_keep(look->retest->db, &look->it, &result, why);
}

static bool
decided(struct look *look, struct fault *why)
{
    enum blame_cause cause = look->judgement.cause;
    struct retest *retest = look->retest;

    retest->state->causes[cause]++;
    say(look, "%s: product %.1f %%, host %.1f %%, flake %.1f %%, harness "
        "%.1f %%", cause == BLAME_NONE ? "open" : blame_cause_name(cause),
        100 * look->judgement.split[BLAME_PRODUCT],
        100 * look->judgement.split[BLAME_HOST],
        100 * look->judgement.split[BLAME_FLAKE],
        100 * look->judgement.split[BLAME_HARNESS]);
    if (!keep(look, false, why))
        return false;
    for (size_t i = 0; cause == BLAME_HOST && i < look->job->role_count; i++)
        if (!retest_db_mark(retest->db, look->job->roles[i].host,
                            look->it.flight, look->it.job,
                            reason_of(look, false), why))
            return false;
    return true;
}

/* The run that is under way; NULL: none. */
static const struct retest_run *
running(const struct look *look)
{
    for (size_t i = 0; i < look->run_count; i++)
        if (!outcome_is_final(look->runs[i].status))
            return &look->runs[i];
    return NULL;
}

static bool
look_on(struct look *look, struct fault *why)
{
    struct retest *retest = look->retest;
    const struct retest_run *run;

    if (!retest_db_past(retest->db, &look->it, &retest->arena, &look->past,
                        why)
        || !find_hosts(look, why) || !take_ended(look, why))
        return false;
    run = running(look);
    if (run != NULL) {
        retest->state->running++;
        retest->state->wait_flight = run->run_flight;
        /* Made by somebody who died before handing it over. */
        return !run->unstarted
            || flight_db_start(retest->db, run->run_flight, why);
    }
    find_facts(look);
    blame_judge(&look->facts, &retest->options->budget, &look->judgement);
    if (!keep(look, true, why) || !keep_known(look, why))
        return false;
    find_facts(look);
    blame_judge(&look->facts, &retest->options->budget, &look->judgement);
    if (look->judgement.end != BLAME_END_NONE)
        return decided(look, why);
    retest->state->running++;
    return keep(look, true, why) && start_run(look, why);
}

static bool
look_at(struct retest *retest, const struct cause *cause, struct fault *why)
{
    struct look look = {
        .retest = retest,
        .it = { .flight = retest->evidence.flight, .job = cause->job,
                .testid = cause->testid,
                .signature = retest->causes.groups[cause->group].signature,
                .branch = retest->evidence.branch },
    };
    enum blame_cause known = BLAME_NONE;
    bool over = false;

    for (size_t i = 0; i < retest->evidence.job_count; i++)
        if (strcmp(retest->evidence.jobs[i].name, cause->job) == 0)
            look.job = &retest->evidence.jobs[i];
    if (look.job == NULL)
        return true;
    retest->state->failures++;
    if (!retest_db_decided(retest->db, &look.it, &over, &known, why))
        return false;
    if (over) {
        retest->state->causes[known]++;
        return true;
    }
    return look_on(&look, why);
}

/* All of them ------------------------------------------------------------- */

static bool
is_wanted(const struct retest_options *options, const char *job)
{
    for (size_t i = 0; options->jobs != NULL && options->jobs[i] != NULL; i++)
        if (strcmp(options->jobs[i], job) == 0)
            return true;
    return options->jobs == NULL;
}

static bool
is_build(const char *job)
{
    return strncmp(job, "build", 5) == 0;
}

/* Jobs that failed, other than builds. */
static size_t
failing_jobs(const struct causes *causes)
{
    size_t count = 0;

    for (size_t i = 0; i < causes->count; i++)
        count += !is_build(causes->list[i].job)
            && (i == 0 || strcmp(causes->list[i].job,
                                 causes->list[i - 1].job) != 0);
    return count;
}

/* The failure that stands for its signature: the first one that is wanted; of
 * a job that failed in several ways, the first step. */
static bool
stands_for_group(const struct retest *retest, size_t at)
{
    const struct cause *list = retest->causes.list;

    if (is_build(list[at].job)
        || !is_wanted(retest->options, list[at].job))
        return false;
    for (size_t i = 0; i < at; i++) {
        if (is_build(list[i].job)
            || !is_wanted(retest->options, list[i].job))
            continue;
        if (list[i].group == list[at].group
            || strcmp(list[i].job, list[at].job) == 0)
            return false;
    }
    return true;
}

static bool
advance(struct retest *retest, struct fault *why)
{
    const struct causes *causes = &retest->causes;
    size_t failing = failing_jobs(causes);

    if (retest->options->jobs == NULL && failing > 1
        && failing * 100 > retest->evidence.job_count
                           * RETEST_SHARE_PERCENT) {
        retest->state->too_many = true;
        return true;
    }
    for (size_t i = 0; i < causes->count; i++)
        if (stands_for_group(retest, i)
            && !look_at(retest, &causes->list[i], why))
            return false;
    return true;
}

bool
retest_advance(struct db *db, int64_t flight,
               const struct retest_options *options,
               struct retest_state *state_out, struct fault *why)
{
    struct retest retest = {
        .db = db, .options = options, .state = state_out,
        .arena = ARENA_INIT,
    };
    bool ok;

    *state_out = (struct retest_state){ .failures = 0 };
    retest.code = pattern_code_try();
    ok = evidence_read(db, flight, &retest.arena, &retest.evidence, why);
    if (ok && retest.evidence.finished_ms < 0)
        ok = fault_set(why, FAULT_CONFLICT, "flight %" PRId64 " has not "
                       "ended", flight);
    ok = ok && failure_record(db, flight, NULL, retest.code, NULL, why)
        && causes_read(db, flight, &retest.arena, &retest.causes, why)
        && advance(&retest, why);
    pattern_code_free(retest.code);
    arena_free(&retest.arena);
    return ok;
}
