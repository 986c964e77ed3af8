/* results/ruling.c - what a gate decides: from the evidence to findings, and
 * through the policy to an answer. */
#include <config.h>

#include "results/ruling.h"

#include <inttypes.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/plain.h"

#define TEXT_MAX 2000           /* bytes of an outside text, for people */

struct found {
    struct arena *arena;
    const struct ruling_input *input;
    struct policy_finding *list;
    size_t count, cap;
};

static void
add(struct found *f, enum policy_kind kind, const char *job,
    const char *testid, const char *text)
{
    if (f->count == f->cap) {
        size_t cap = f->cap == 0 ? 16 : 2 * f->cap;
        struct policy_finding *more = arena_alloc(f->arena,
                                                  cap * sizeof *more);

        if (f->count > 0)
            memcpy(more, f->list, f->count * sizeof *more);
        f->list = more;
        f->cap = cap;
    }
    f->list[f->count++] = (struct policy_finding){
        .kind = kind, .job = job, .testid = testid, .text = text,
    };
}

/* What failed -------------------------------------------------------------- */

static const struct ruling_fact *
fact_of(const struct ruling_input *input,
        const struct decide_failure *failure)
{
    for (size_t i = 0; i < input->fact_count; i++) {
        const struct ruling_fact *fact = &input->facts[i];

        if (fact->flight == failure->flight &&
            strcmp(fact->job, failure->job) == 0 &&
            strcmp(fact->testid, failure->testid) == 0 &&
            fact->text[0] != '\0')
            return fact;
    }
    return NULL;
}

/* "fail, REGR. vs. 12, product: Panic on CPU 0 (consoles/h/log:34)" */
static const char *
failure_text(struct found *f, const struct decide_failure *failure)
{
    const struct ruling_fact *fact = fact_of(f->input, failure);
    struct buf text = BUF_INIT;
    const char *copy;

    buf_adds(&text, outcome_name(failure->status));
    if (failure->summary[0] != '\0')
        buf_addf(&text, ", %s", failure->summary);
    if (failure->lane != LANE_NONE && failure->lane != LANE_UNKNOWN)
        buf_addf(&text, ", %s", lane_name(failure->lane));
    if (failure->passed_too != 0)
        buf_addf(&text, ", passed in %" PRId64, failure->passed_too);
    if (failure->allow != NULL)
        buf_addf(&text, ", allowed by %s", failure->allow->source);
    if (fact != NULL) {
        buf_adds(&text, ": ");
        buf_add_escaped(&text, fact->text, strlen(fact->text));
        if (fact->where[0] != '\0')
            buf_addf(&text, " (%s)", fact->where);
    }
    copy = arena_strdup(f->arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

/* What evidence lays at the door of the lab is not the product's failure; it
 * is no pass either. Nor is what broke as it broke with the baseline and passed
 * in no other run: of a lab that never boots anything, nothing is known. */
static enum policy_kind
failure_kind(const struct decide_failure *failure)
{
    switch (failure->blocker) {
    case DECIDE_BLOCKER_REGRESSION:
    case DECIDE_BLOCKER_BUILD:
        return failure->lane == LANE_HOST || failure->lane == LANE_HARNESS
                   ? POLICY_ERRORED : POLICY_FAILED;
    case DECIDE_BLOCKER_FREE:
        return failure->status == OUTCOME_BROKEN && failure->passed_in == 0
                   && failure->passed_too == 0 && failure->allow == NULL
                   ? POLICY_ERRORED : POLICY_EXCUSED;
    case DECIDE_BLOCKER_BROKEN:
    case DECIDE_BLOCKER_UNFINISHED:
    case DECIDE_BLOCKER_NONE:
    case DECIDE_BLOCKER_COUNT:
        break;
    }
    return POLICY_ERRORED;
}

static void
find_failures(struct found *f, const struct decision *decision)
{
    for (size_t i = 0; i < decision->failure_count; i++) {
        const struct decide_failure *failure = &decision->failures[i];

        /* What never ran is a matter of coverage. */
        if (!failure->repeated && failure->why != DECIDE_WHY_NOT_RUN)
            add(f, failure_kind(failure), failure->job, failure->testid,
                failure_text(f, failure));
    }
}

/* Not here, nor in a run of the same version that excuses what failed here. */
static bool
nothing_passed(const struct decision *decision)
{
    for (size_t i = 0; i < decision->failure_count; i++)
        if (decision->failures[i].passed_in != 0)
            return false;
    return decision->result == DECIDE_RESULT_EMPTY;
}

/* What did not run --------------------------------------------------------- */

static const struct decide_job *
job_named(const struct decide_flight *flight, const char *name)
{
    for (size_t i = 0; i < flight->job_count; i++)
        if (strcmp(flight->jobs[i].name, name) == 0)
            return &flight->jobs[i];
    return NULL;
}

/* A step that ended by its own, well or badly. */
static bool
tells(enum outcome status)
{
    switch (status) {
    case OUTCOME_PASS:
    case OUTCOME_FAIL:
    case OUTCOME_BROKEN:
    case OUTCOME_TRUNCATED:
    case OUTCOME_ABORTED:
    case OUTCOME_REUSED:       /* the pass that it stands for */
        return true;
    case OUTCOME_NONE:
    case OUTCOME_QUEUED:
    case OUTCOME_PREPARING:
    case OUTCOME_RUNNING:
    case OUTCOME_BLOCKED:
    case OUTCOME_SKIP:
    case OUTCOME_STARVED:
    case OUTCOME_MISSING:
    case OUTCOME_COUNT:
        break;
    }
    return false;
}

static bool
job_ran(const struct decide_job *job)
{
    for (size_t i = 0; i < job->step_count; i++)
        if (job->steps[i].status == OUTCOME_PASS ||
            job->steps[i].status == OUTCOME_FAIL)
            return true;
    return job->step_count == 0 && job->status == OUTCOME_PASS;
}

/* Another run of this version has the job's pass, as a retest of what was
 * starved would. */
static bool
ran_elsewhere(const struct decide_input *evidence, const char *job)
{
    for (size_t i = 0; i < evidence->history_count; i++) {
        const struct decide_flight *flight = &evidence->history[i];
        const struct decide_job *there = job_named(flight, job);

        if ((flight->versions & DECIDE_THIS) != 0 && there != NULL &&
            flight->flight != evidence->flight.flight &&
            there->status == OUTCOME_PASS)
            return true;
    }
    return false;
}

/* Steps behind a failure did not run because of it, and it is judged. */
static bool
failure_explains(const struct decide_job *job)
{
    return job->status == OUTCOME_FAIL || job->status == OUTCOME_BROKEN ||
           job->status == OUTCOME_TRUNCATED ||
           job->status == OUTCOME_ABORTED;
}

static const struct decide_step *
step_named(const struct decide_job *job, const char *testid)
{
    for (size_t i = 0; i < job->step_count; i++)
        if (strcmp(job->steps[i].testid, testid) == 0)
            return &job->steps[i];
    return NULL;
}

/* Who passed it before: "the baseline", "flight 7". */
static const char *
passer(struct found *f, int64_t flight)
{
    return flight == 0 ? "the baseline"
                       : arena_printf(f->arena, "flight %" PRId64, flight);
}

static void
find_missing_cell(struct found *f, const struct decide_job *job,
                  const struct ruling_cell *cell)
{
    const struct decide_step *step = step_named(job, cell->testid);

    if (step != NULL && tells(step->status))
        return;
    add(f, POLICY_MISSING, job->name, cell->testid,
        arena_printf(f->arena, "%s passed it; here it %s%s",
                     passer(f, cell->flight),
                     step == NULL ? "was not run" : "is ",
                     step == NULL ? "" : outcome_name(step->status)));
}

/* What the latest that passed something of a job passed of it: "the baseline
 * passed 2 steps of it". */
static const char *
passed_text(struct found *f, const struct ruling_cell *cells, size_t count)
{
    int64_t last = cells[0].flight;
    size_t passed = 0;

    for (size_t i = 1; i < count && last != 0; i++)
        if (cells[i].flight == 0 || cells[i].flight > last)
            last = cells[i].flight;
    for (size_t i = 0; i < count; i++)
        passed += cells[i].flight == last;
    return arena_printf(f->arena, "%s passed %zu step%s of it",
                        passer(f, last), passed, passed == 1 ? "" : "s");
}

/* All cells of one job, which stand together. */
static void
find_missing_in_job(struct found *f, const struct ruling_cell *cells,
                    size_t count)
{
    const struct decide_input *evidence = &f->input->evidence;
    const struct decide_job *job = job_named(&evidence->flight,
                                             cells[0].job);

    if (ran_elsewhere(evidence, cells[0].job))
        return;
    if (job == NULL || (!job_ran(job) && !failure_explains(job))) {
        add(f, POLICY_MISSING, cells[0].job, "",
            arena_printf(f->arena, "%s; here it %s%s",
                         passed_text(f, cells, count),
                         job == NULL ? "does not exist" : "is ",
                         job == NULL ? "" : outcome_name(job->status)));
        return;
    }
    if (failure_explains(job))
        return;
    for (size_t i = 0; i < count; i++)
        find_missing_cell(f, job, &cells[i]);
}

static void
find_missing(struct found *f)
{
    const struct ruling_cell *cells = f->input->expected;
    size_t count = f->input->expected_count;

    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count; next++)
            if (strcmp(cells[next].job, cells[i].job) != 0)
                break;
        find_missing_in_job(f, &cells[i], next - i);
    }
}

static const char *const *
jobs_that_ran(struct found *f)
{
    const struct decide_flight *flight = &f->input->evidence.flight;
    const char **ran = arena_alloc(f->arena, (flight->job_count + 1) *
                                                 sizeof *ran);
    size_t count = 0;

    for (size_t i = 0; i < flight->job_count; i++)
        if (job_ran(&flight->jobs[i]) ||
            ran_elsewhere(&f->input->evidence, flight->jobs[i].name))
            ran[count++] = flight->jobs[i].name;
    return ran;
}

/* The ruling --------------------------------------------------------------- */

static bool
names(const struct decide_version *versions, size_t count, const char *tree,
      const char *revision)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(versions[i].tree, tree) == 0)
            return strcmp(versions[i].revision, revision) == 0;
    return false;
}

/* That all parts speak of the same thing: a ruling on one revision must not
 * push another. */
static bool
check_input(const struct ruling_input *input, struct fault *why)
{
    const struct ruling_about *about = &input->about;
    const struct decide_input *evidence = &input->evidence;

    if (about->flight != evidence->flight.flight)
        return fault_set(why, FAULT_DATA, "the evidence is of flight %" PRId64
                         ", not %" PRId64, evidence->flight.flight,
                         about->flight);
    if (strcmp(about->branch, evidence->branch) != 0)
        return fault_set(why, FAULT_DATA, "the evidence is of branch %s, not "
                         "%s", evidence->branch, about->branch);
    if (!names(evidence->this_version, evidence->this_count, about->tree,
               about->revision) ||
        (evidence->flight.versions & DECIDE_THIS) == 0)
        return fault_set(why, FAULT_DATA, "flight %" PRId64 " did not test "
                         "%s %s", about->flight, about->tree,
                         about->revision);
    if (about->purpose == POLICY_CANDIDATE &&
        !names(evidence->that_version, evidence->that_count, about->tree,
               about->baseline))
        return fault_set(why, FAULT_DATA, "flight %" PRId64 " was not "
                         "compared with %s %s", about->flight, about->tree,
                         about->baseline);
    return true;
}

bool
ruling_make(const struct ruling_input *input, struct arena *arena,
            struct ruling *out, struct fault *why)
{
    struct found f = { .arena = arena, .input = input };
    struct policy_facts facts;

    if (!check_input(input, why) ||
        !policy_parse(input->policy_file, input->policy_text,
                      strlen(input->policy_text), arena, &out->policy, why))
        return false;
    decide(&input->evidence, arena, &out->decision);
    if (nothing_passed(&out->decision))
        add(&f, POLICY_MISSING, "", "", "nothing passed");
    if (!out->decision.baseline_tested &&
        input->about.purpose == POLICY_CANDIDATE)
        add(&f, POLICY_UNTESTED, "", "", "no run of the baseline is known");
    find_failures(&f, &out->decision);
    find_missing(&f);
    facts = (struct policy_facts){
        .branch = input->about.branch, .revision = input->about.revision,
        .purpose = input->about.purpose, .now_ms = input->about.at_ms,
        .findings = f.list, .finding_count = f.count,
        .ran = jobs_that_ran(&f),
        .levers = input->levers, .lever_count = input->lever_count,
    };
    policy_judge(&out->policy, &facts, arena, &out->answer);
    return true;
}

/* In words ----------------------------------------------------------------- */

/* A file may come from anywhere. */
static void
add_plain(struct buf *out, const char *text)
{
    plain_add(out, text, strlen(text), TEXT_MAX);
}

static void
reason_text(const struct policy_reason *reason, struct buf *out)
{
    buf_addf(out, "  %-8s ", policy_kind_name(reason->kind));
    if (reason->job[0] != '\0') {
        add_plain(out, reason->job);
        buf_addc(out, ' ');
        add_plain(out, decide_testid_text(reason->testid));
        buf_adds(out, "  ");
    }
    add_plain(out, reason->text);
    if (reason->kind == POLICY_WAIVED)
        buf_addf(out, "  [%s, waived by lever %" PRId64 "]",
                 policy_kind_name(reason->was), reason->lever);
    else if (reason->rule[0] != '\0') {
        buf_adds(out, "  [");
        add_plain(out, reason->rule);
        buf_addc(out, ']');
    }
    buf_addc(out, '\n');
}

void
ruling_text(const struct ruling_input *input, const struct ruling *ruling,
            struct buf *out)
{
    const struct ruling_about *about = &input->about;
    const struct policy_answer *answer = &ruling->answer;
    char at[32];

    clock_iso(about->at_ms, at);
    add_plain(out, about->branch);
    buf_addf(out, ": %s ", policy_verdict_name(answer->verdict));
    add_plain(out, about->tree);
    buf_addc(out, ' ');
    plain_add(out, about->revision, strnlen(about->revision, 12), TEXT_MAX);
    if (about->purpose == POLICY_CANDIDATE) {
        buf_adds(out, " in place of ");
        plain_add(out, about->old, strnlen(about->old, 12), TEXT_MAX);
    }
    buf_addc(out, '\n');
    add_plain(out, answer->text);
    buf_addc(out, '\n');
    add_plain(out, about->stage);
    buf_addf(out, " flight %" PRId64 ": %s; %s, policy ", about->flight,
             decide_result_name(ruling->decision.result), at);
    add_plain(out, ruling->policy.name);
    buf_addf(out, " version %" PRId64 "\n", ruling->policy.version);
    for (size_t i = 0; i < answer->reason_count; i++) {
        bool blocks = answer->reasons[i].effect == POLICY_BLOCK;

        if (i == 0 || blocks != (answer->reasons[i - 1].effect ==
                                 POLICY_BLOCK))
            buf_adds(out, blocks ? "blocks:\n" : "does not block:\n");
        reason_text(&answer->reasons[i], out);
    }
    for (size_t i = 0; i < input->lever_count; i++) {
        const struct policy_lever *lever = &input->levers[i];

        if (answer->decisive != lever)
            continue;
        buf_addf(out, "lever %" PRId64 " by ", lever->id);
        add_plain(out, lever->author);
        buf_adds(out, ": ");
        add_plain(out, lever->reason);
        buf_addc(out, '\n');
    }
}
