/* tests/results/decide-model-test.c - the decision against a slow and obvious
 * second one, on 10,000 random histories.
 *
 * The model is written from the rows of decide.h with nothing but loops over
 * the input: no index, no order of work but the one that the rows state. */
#include <config.h>

#include "harness/buf.h"
#include "results/decide.h"
#include "tests/tap.h"
#include "tests/results/decide_random.h"

#define HISTORIES 10000
#define FAILURES_MAX 1024

/* The model ---------------------------------------------------------------- */

struct model_failure {
    const struct decide_flight *flight;
    const char *job, *testid;
    enum outcome status;
    char summary[120];
    bool allowed, untested, repeated;
    const struct decide_flight *excuse;         /* of row 7 */
    const char *blocker;
};

struct model {
    const struct decide_input *input;
    struct model_failure list[FAILURES_MAX];
    int count;
};

static const struct decide_job *
model_job(const struct decide_flight *flight, const char *name)
{
    for (size_t i = 0; i < flight->job_count; i++)
        if (strcmp(flight->jobs[i].name, name) == 0)
            return &flight->jobs[i];
    return NULL;
}

/* False: no such cell. */
static bool
model_status(const struct decide_flight *flight, const char *job,
             const char *testid, enum outcome *out)
{
    const struct decide_job *j = model_job(flight, job);

    if (j != NULL && testid[0] == '\0') {
        *out = j->status;
        return true;
    }
    for (size_t i = 0; j != NULL && i < j->step_count; i++)
        if (strcmp(j->steps[i].testid, testid) == 0) {
            *out = j->steps[i].status;
            return true;
        }
    return false;
}

static bool
model_passed_in(const struct decide_flight *flight, const char *job,
                const char *testid)
{
    enum outcome status = OUTCOME_NONE;

    return model_status(flight, job, testid, &status)
        && status == OUTCOME_PASS;
}

static void
model_label(char out[static 40], const struct decide_flight *flight)
{
    snprintf(out, 40, "%" PRId64 "%s", flight->flight,
             strcmp(flight->blessing, "real-retest") == 0 ? "-retest" : "");
}

static bool
model_ever_passed(const struct decide_input *input, const char *job,
                  const char *testid)
{
    for (size_t i = 0; i < input->passed_count; i++)
        if (strcmp(input->passed[i].job, job) == 0
            && strcmp(input->passed[i].testid, testid) == 0)
            return true;
    for (size_t i = 0; i < input->history_count; i++)
        if (model_passed_in(&input->history[i], job, testid))
            return true;
    return false;
}

/* Row 6. Returns the priority. */
static int
model_compare(const struct decide_input *input, struct model_failure *f)
{
    bool build = strncmp(f->job, "build", 5) == 0;
    int best = 10;

    snprintf(f->summary, sizeof f->summary, "baseline untested");
    f->blocker = "free";
    for (size_t i = 0; i < input->history_count; i++) {
        const struct decide_flight *flight = &input->history[i];
        enum outcome there = OUTCOME_NONE;
        char label[40], text[120];
        const char *blocker = "free";
        int priority;

        if (!(flight->versions & DECIDE_THAT)
            || flight->flight == f->flight->flight
            || model_job(flight, f->job) == NULL)
            continue;
        model_label(label, flight);
        if (!model_status(flight, f->job, f->testid, &there)) {
            priority = 50;
            snprintf(text, sizeof text, "blocked in %s", label);
        } else if (there == OUTCOME_PASS) {
            priority = build ? 600 : 100;
            blocker = f->status == OUTCOME_BROKEN ? "broken" : "regression";
            snprintf(text, sizeof text, "REGR. vs. %s", label);
        } else if (there == f->status) {
            priority = 190;
            snprintf(text, sizeof text, "like %s", label);
        } else if (there == OUTCOME_FAIL && f->status == OUTCOME_BROKEN) {
            priority = 180;
            snprintf(text, sizeof text, "failed in %s", label);
        } else {
            priority = 170;
            snprintf(text, sizeof text, "%s in %s", outcome_name(there),
                     label);
        }
        if (priority > best) {
            best = priority;
            f->blocker = blocker;
            snprintf(f->summary, sizeof f->summary, "%s", text);
        }
    }
    f->untested = best == 10;
    return best;
}

static void
model_judge(struct model *model, const struct decide_flight *flight,
            const char *job, const char *testid, enum outcome status,
            bool follows)
{
    const struct decide_input *input = model->input;
    struct model_failure f = { .flight = flight, .job = job,
                               .testid = testid, .status = status };
    bool build = strncmp(job, "build", 5) == 0;
    bool unfinished = false;
    int priority = 0;

    if (status == OUTCOME_BLOCKED || status == OUTCOME_STARVED || follows) {
        f.blocker = "free";
        snprintf(f.summary, sizeof f.summary, "n/a");
    } else if (status == OUTCOME_QUEUED || status == OUTCOME_PREPARING
               || status == OUTCOME_RUNNING) {
        f.blocker = "unfinished";
        unfinished = true;
    } else if (testid[0] == '\0') {
        f.blocker = "broken";
    } else if (status != OUTCOME_FAIL && status != OUTCOME_BROKEN) {
        f.blocker = "broken";
        snprintf(f.summary, sizeof f.summary, "[st=%s!]",
                 outcome_name(status));
    } else if (!model_ever_passed(input, job, testid)) {
        f.blocker = build ? "build" : "free";
        snprintf(f.summary, sizeof f.summary, "never pass");
    } else {
        priority = model_compare(input, &f);
        if (build && strcmp(f.blocker, "free") == 0)
            f.blocker = "build";
    }
    for (size_t i = 0; i < input->history_count
         && strcmp(f.blocker, "free") != 0 && !unfinished && !build
         && priority < 500; i++) {
        const struct decide_flight *other = &input->history[i];

        if ((other->versions & DECIDE_THIS)
            && other->flight != flight->flight
            && model_passed_in(other, job, testid)) {
            char label[40];

            model_label(label, other);
            snprintf(f.summary, sizeof f.summary, "pass in %s", label);
            f.blocker = "free";
            f.excuse = other;
        }
    }
    for (size_t i = 0; i < input->allow_count
         && strcmp(f.blocker, "free") != 0 && !unfinished; i++) {
        if (strcmp(input->allow[i].job, job) == 0) {
            f.blocker = "free";
            f.allowed = true;
        }
    }
    if (model->count == FAILURES_MAX)
        tap_bail("too many failures for the model");
    model->list[model->count++] = f;
}

static void
model_flight(struct model *model, const struct decide_flight *flight)
{
    bool done[WORLD_LIST_MAX] = { false };

    for (size_t n = 0; n < flight->job_count; n++) {
        const struct decide_job *job;
        bool accounted = false, over;
        size_t which = 0;

        /* The next: the shortest, then the first by name. */
        while (done[which])
            which++;
        for (size_t i = which + 1; i < flight->job_count; i++) {
            const struct decide_job *one = &flight->jobs[i];

            job = &flight->jobs[which];
            if (!done[i] && (one->estimate_ms < job->estimate_ms
                             || (one->estimate_ms == job->estimate_ms
                                 && strcmp(one->name, job->name) < 0)))
                which = i;
        }
        job = &flight->jobs[which];
        done[which] = true;
        over = job->status != OUTCOME_QUEUED && job->status
            != OUTCOME_PREPARING && job->status != OUTCOME_RUNNING;
        for (size_t i = 0; i < job->step_count; i++) {
            enum outcome status = job->steps[i].status;
            bool waits = status == OUTCOME_QUEUED || status
                == OUTCOME_PREPARING || status == OUTCOME_RUNNING;
            bool mild = status == OUTCOME_BLOCKED
                || status == OUTCOME_STARVED;
            bool follows = false;

            if (status == OUTCOME_PASS || status == OUTCOME_SKIP)
                continue;
            /* The only testid with a case is "boot". */
            if (status == OUTCOME_MISSING
                && strcmp(job->steps[i].testid, "boot/x") == 0)
                for (size_t j = 0; j < job->step_count; j++)
                    if (strcmp(job->steps[j].testid, "boot") == 0
                        && job->steps[j].status != OUTCOME_PASS
                        && job->steps[j].status != OUTCOME_SKIP
                        && job->steps[j].status != OUTCOME_MISSING)
                        follows = true;
            model_judge(model, flight, job->name, job->steps[i].testid,
                        status, follows);
            if (follows)
                continue;
            if (!over)
                accounted = accounted || waits;
            else if (job->status == OUTCOME_BLOCKED
                     || job->status == OUTCOME_STARVED)
                accounted = true;
            else
                accounted = accounted || !mild;
        }
        if (!accounted && job->status != OUTCOME_PASS
            && job->status != OUTCOME_SKIP)
            model_judge(model, flight, job->name, "", job->status, false);
    }
}

static int
model_category(const struct model_failure *f)
{
    if (strcmp(f->blocker, "free") != 0)
        return 0;
    return f->excuse != NULL ? 1 : f->allowed ? 2 : 3;
}

static const char *
model_result(const struct model *model)
{
    const struct decide_input *input = model->input;
    bool regression = false, blocks = false, untested = false, tested = false;
    bool passed = false;

    for (int i = 0; i < model->count; i++) {
        const struct model_failure *f = &model->list[i];

        regression = regression || strcmp(f->blocker, "regression") == 0;
        blocks = blocks || strcmp(f->blocker, "free") != 0;
        untested = untested || (f->untested && !f->allowed);
    }
    for (size_t i = 0; i < input->history_count; i++)
        tested = tested || ((input->history[i].versions & DECIDE_THAT)
                            && input->history[i].flight
                               != input->flight.flight);
    for (size_t i = 0; i < input->flight.job_count; i++)
        for (size_t j = 0; j < input->flight.jobs[i].step_count; j++)
            passed = passed || input->flight.jobs[i].steps[j].status
                == OUTCOME_PASS;
    if (regression)
        return "regressions";
    if (blocks)
        return "problems";
    if (!passed)
        return "empty";
    if (untested && !tested)
        return "untested";
    return model->count > 0 ? "tolerable" : "perfect";
}

static void
model_answer(const struct model *model, struct buf *out)
{
    static const char *const CATEGORIES[] = { "blocking", "heisenbug",
                                              "allowable", "nonblocking" };

    buf_addf(out, "%s\n", model_result(model));
    for (int category = 0; category < 4; category++) {
        for (int i = 0; i < model->count; i++) {
            const struct model_failure *f = &model->list[i];
            bool other = f->flight->flight != model->input->flight.flight;
            bool repeated = false;
            char label[40];

            if (model_category(f) != category)
                continue;
            for (int j = 0; j < model->count; j++) {
                const struct model_failure *g = &model->list[j];
                int before = model_category(g);

                if (strcmp(f->job, g->job) == 0
                    && strcmp(f->testid, g->testid) == 0
                    && (before < category || (before == category && j < i)))
                    repeated = true;
            }
            model_label(label, f->flight);
            buf_addf(out, "%s %s | ", f->job, f->testid[0] == '\0'
                     ? "<job status>" : f->testid);
            if (other)
                buf_addf(out, "%s in %s%s", outcome_name(f->status), label,
                         f->summary[0] != '\0' ? " " : "");
            buf_addf(out, "%s | %s %s%s\n", f->summary, f->blocker,
                     CATEGORIES[category], repeated ? " repeated" : "");
        }
    }
}

static void
model_decide(const struct decide_input *input, struct buf *out)
{
    static struct model model;
    const struct decide_flight *judged[WORLD_LIST_MAX];
    int judged_count = 0, next = 0;

    model.input = input;
    model.count = 0;
    judged[judged_count++] = &input->flight;
    for (int flight = 0; flight < judged_count; flight++) {
        model_flight(&model, judged[flight]);
        for (; next < model.count; next++) {
            const struct decide_flight *excuse = model.list[next].excuse;
            bool known = excuse == NULL;

            for (int i = 0; i < judged_count; i++)
                known = known || judged[i]->flight == excuse->flight;
            if (!known)
                judged[judged_count++] = excuse;
        }
    }
    model_answer(&model, out);
}

/* The histories are worth something: how often each result came, and whether
 * a flight that was used as an excuse was ever judged. */
struct tally {
    int results[DECIDE_RESULT_COUNT], recursions, wrong;
};

static void
compare_once(struct tally *tally, int number)
{
    struct arena arena = ARENA_INIT;
    struct buf real = BUF_INIT, model = BUF_INIT;
    struct decide_input input;
    struct decision decision;

    input = random_input(&arena);
    decide(&input, &arena, &decision);
    world_answer(&decision, &real);
    model_decide(&input, &model);
    tally->results[decision.result]++;
    tally->recursions += decision.flight_count > 2;
    if (strcmp(buf_text(&real), buf_text(&model)) != 0
        && tally->wrong++ < 3)
        diag("history %d\n%s\nmodel:\n%s", number, buf_text(&real),
             buf_text(&model));
    buf_free(&real);
    buf_free(&model);
    arena_free(&arena);
}

int
main(void)
{
    struct tally tally = { .wrong = 0 };

    random_state = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < HISTORIES; i++)
        compare_once(&tally, i);
    is_int(tally.wrong, 0, "%d random histories: decided as the model does",
           HISTORIES);
    for (int i = DECIDE_RESULT_NONE + 1; i < DECIDE_RESULT_COUNT; i++)
        ok(tally.results[i] >= HISTORIES / 1000, "%s came %d times",
           decide_result_name((enum decide_result)i), tally.results[i]);
    ok(tally.recursions >= HISTORIES / 20, "%d times an excuse needed "
       "another", tally.recursions);
    return tap_done();
}
