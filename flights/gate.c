/* flights/gate.c - the steps of a run of the gate: see gate.h. */
#include <config.h>

#include "flights/gate.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "flights/branch.h"
#include "flights/flight_db.h"
#include "flights/flight_state_db.h"
#include "flights/flight_yaml.h"
#include "flights/gate_db.h"
#include "flights/gate_make.h"
#include "flights/gate_news.h"
#include "flights/gate_point.h"
#include "flights/lever_db.h"
#include "flights/plan.h"
#include "flights/retest.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "results/gated_db.h"
#include "results/ruling.h"

#define RETEST_PART 10          /* at most one job in so many */

struct work {
    struct gate *gate;
    struct arena arena;
    struct branch branch;       /* as it was when the run began */
    struct gate_run run;
    enum gate_next next;
    int64_t flight;
};

static PRINTF_LIKE(2, 3) void
say(struct work *w, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    if (w->gate->say == NULL)
        return;
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    w->gate->say(w->gate->owner, w->run.branch, buf_text(&text));
    buf_free(&text);
}

/* "HOME/gate/BRANCH/RUN.SUFFIX", in a directory that is there. */
static bool
file_of(struct work *w, const char *suffix, const char **path_out,
        struct fault *why)
{
    const char *home = NULL;

    if (!home_get(&home, why) ||
        !fs_mkdirs(home_path(&w->arena, "gate/%s", w->run.branch), 0755,
                   why))
        return false;
    *path_out = home_path(&w->arena, "gate/%s/%" PRId64 ".%s", w->run.branch,
                          w->run.run, suffix);
    return true;
}

static bool
finish(struct work *w, enum gate_state state, const char *summary,
       struct fault *why)
{
    if (!gate_db_finish(w->gate->db, w->run.run, w->run.state, state,
                        summary, why))
        return false;
    say(w, "%s: %s", gate_state_name(state), summary);
    w->next = GATE_OVER;
    return true;
}

/* The candidate ------------------------------------------------------------ */

/* The branch's own program makes it; what it says is in a file. */
static bool
make_candidate(struct work *w, const char *name, bool *made_out,
               struct fault *why)
{
    const char *log = NULL;

    if (!file_of(w, "make.log", &log, why))
        return false;
    say(w, "making candidate %s (%s)", name, log);
    return gate_make(&w->branch, w->run.revision, w->run.trees, name, log,
                     &w->arena, made_out, why);
}

/* '*ready_out' false: the run has ended for want of one. */
static bool
find_candidate(struct work *w, bool *ready_out, struct fault *why)
{
    const char *name;
    int64_t candidate = 0;
    bool made = false;

    *ready_out = true;
    if (w->branch.candidate == NULL || w->run.candidate != 0)
        return true;
    name = branch_fill(&w->branch, &w->arena, w->branch.candidate,
                       w->run.revision, NULL);
    if (!gate_db_candidate(w->gate->db, name, &candidate, why))
        return false;
    if (candidate == 0 && w->branch.make != NULL) {
        struct fault end = FAULT_INIT;

        gate_point("before the candidate is made");
        if (!make_candidate(w, name, &made, &end)) {
            *why = end;
            return false;
        }
        gate_point("the candidate is made");
        if (!made) {
            *ready_out = false;
            return finish(w, GATE_FAILED,
                          arena_printf(&w->arena, "candidate %s was not "
                                       "made: %s (%s)", name, end.text,
                                       end.hint), why);
        }
        if (!gate_db_candidate(w->gate->db, name, &candidate, why))
            return false;
    }
    if (candidate == 0) {
        fault_set(why, FAULT_NOT_FOUND, "there is no candidate '%s' for %s "
                  "%.12s", name, w->run.tree, w->run.revision);
        return fault_hint(why, "'assay candidate add' makes one, and so does "
                          "'make' in %s; then run the gate again",
                          w->branch.source);
    }
    w->run.candidate = candidate;
    return gate_db_set_candidate(w->gate->db, w->run.run, candidate, why);
}

/* Flights ------------------------------------------------------------------ */

static bool
set_trees(struct work *w, struct plan *plan, struct fault *why)
{
    json_t *trees = NULL;
    bool ok = json_parse(w->run.trees, strlen(w->run.trees), &trees, why);

    for (size_t i = 0; i < w->branch.tree_count && ok; i++) {
        const struct branch_tree *tree = &w->branch.trees[i];
        const char *revision = json_text(trees, tree->name);

        ok = revision != NULL ||
             fault_set(why, FAULT_DATA, "run %" PRId64 " has no revision of "
                       "%s", w->run.run, tree->name);
        if (ok)
            plan_set_tree(plan, &w->arena, tree->name, tree->url,
                          arena_strdup(&w->arena, revision));
    }
    json_decref(trees);
    return ok;
}

static bool
reuse_builds(struct work *w, struct plan *plan, struct fault *why)
{
    struct flight_state state;
    struct plan done;
    const char **passed;
    size_t count = 0, reused;

    if (w->run.smoke_flight == 0)
        return true;
    if (!flight_plan_read(w->gate->db, w->run.smoke_flight, &w->arena, &done,
                          why) ||
        !flight_state_read(w->gate->db, w->run.smoke_flight, &w->arena,
                           &state, why))
        return false;
    passed = arena_alloc(&w->arena, (state.job_count + 1) * sizeof *passed);
    for (size_t i = 0; i < state.job_count; i++)
        if (state.jobs[i].status == OUTCOME_PASS)
            passed[count++] = state.jobs[i].job;
    reused = plan_reuse_builds(plan, &w->arena, &done, w->run.smoke_flight,
                               passed);
    if (reused > 0)
        say(w, "%zu build%s of flight %" PRId64 " reused", reused,
            reused == 1 ? "" : "s", w->run.smoke_flight);
    return true;
}

struct creation {
    struct work *w;
    const struct plan *plan;
    enum gate_state to;
    int64_t flight;
};

static bool
create(struct db *db, void *arg, struct fault *why)
{
    struct creation *c = arg;

    return flight_db_create(db, c->plan, &c->flight, why) &&
           gate_db_set_flight(db, c->w->run.run, c->w->run.state, c->to,
                              c->flight, why);
}

/* What has its name may be another one by now. */
static bool
check_candidate(struct work *w, const char *name, struct fault *why)
{
    int64_t candidate = 0;

    if (!gate_db_candidate(w->gate->db, name, &candidate, why))
        return false;
    return candidate == w->run.candidate ||
           fault_set(why, FAULT_CONFLICT, "candidate %s was replaced since "
                     "run %" PRId64 " began", name, w->run.run);
}

/* The flight and the run's knowledge of it come into being together. */
static bool
create_flight(struct work *w, const struct plan *plan, enum gate_state to,
              struct fault *why)
{
    struct creation c = { .w = w, .plan = plan, .to = to };

    if (!flight_db_check(w->gate->db, plan, why))
        return false;
    gate_point("before the flight is made");
    if (!db_transact(w->gate->db, create, &c, why))
        return false;
    gate_point("the flight is made");
    say(w, "%s: flight %" PRId64, gate_state_name(to), c.flight);
    w->next = GATE_GO_ON;
    return true;
}

static bool
make_flight(struct work *w, enum gate_stage stage, struct fault *why)
{
    bool smoke = stage == GATE_STAGE_SMOKE;
    struct plan plan;
    const char *name;

    if (!flight_yaml_load(smoke ? w->branch.smoke : w->branch.flight,
                          &w->arena, &plan, why))
        return false;
    plan.branch = w->branch.name;
    if (w->branch.candidate != NULL) {
        name = branch_fill(&w->branch, &w->arena, w->branch.candidate,
                           w->run.revision, NULL);
        if (!plan_set_candidate(&plan, name, why)
            || !check_candidate(w, name, why))
            return false;
    }
    return set_trees(w, &plan, why) && reuse_builds(w, &plan, why) &&
           plan_share(&plan, &w->arena, why) &&
           create_flight(w, &plan, smoke ? GATE_SMOKE : GATE_FULL, why);
}

/* Retests ------------------------------------------------------------------ */

/* The jobs that keep a revision from being pushed, NULL-ended; NULL when to run
 * them again would be no answer: it is not jobs, it is a build, or they are
 * too many to be by chance. */
static const char **
retest_jobs(struct work *w, const struct ruling_input *input,
            const struct ruling *ruling)
{
    const struct policy_answer *answer = &ruling->answer;
    size_t all = input->evidence.flight.job_count, count = 0;
    const char **jobs = arena_alloc(&w->arena, (answer->reason_count + 1) *
                                                   sizeof *jobs);

    for (size_t i = 0; i < answer->reason_count; i++) {
        const struct policy_reason *reason = &answer->reasons[i];
        bool known = false;

        /* That nothing passed at all is so because of these jobs. */
        if (reason->effect != POLICY_BLOCK ||
            (reason->kind == POLICY_MISSING && reason->job[0] == '\0'))
            continue;
        if ((reason->kind != POLICY_FAILED &&
             reason->kind != POLICY_ERRORED) || reason->job[0] == '\0' ||
            strncmp(reason->job, "build-", 6) == 0)
            return NULL;
        for (size_t k = 0; k < count && !known; k++)
            known = strcmp(jobs[k], reason->job) == 0;
        if (!known)
            jobs[count++] = reason->job;
    }
    return count == 1 || (count > 0 && count * RETEST_PART <= all) ? jobs
                                                                   : NULL;
}

static bool
wants_retest(const struct work *w, const struct ruling *ruling)
{
    return w->branch.retest && w->run.purpose == POLICY_CANDIDATE &&
           w->run.retest_flight == 0 && !ruling->answer.clean &&
           ruling->answer.verdict == POLICY_HELD;
}

static bool
make_retest(struct work *w, const char *const *jobs, struct fault *why)
{
    struct plan plan;

    return flight_plan_read(w->gate->db, w->run.flight, &w->arena, &plan,
                            why) &&
           plan_retest(&plan, &w->arena, w->run.flight, jobs, why) &&
           create_flight(w, &plan, GATE_RETEST, why);
}

/* Decisions ---------------------------------------------------------------- */

struct deciding {
    struct work *w;
    const struct ruling_input *input;
    const struct gate_decided *decided;
    struct gate_news news;
};

/* In the log it is to be seen that a waiver has died, and of what. */
static bool
decide_tx(struct db *db, void *arg, struct fault *why)
{
    const struct deciding *d = arg;

    for (size_t i = 0; i < d->input->lever_count; i++) {
        const struct policy_lever *lever = &d->input->levers[i];
        const char *ended = policy_lever_ended(lever);

        if (ended != NULL &&
            !lever_db_end(db, lever->id, d->w->run.run, "assay", ended,
                          why) && why->kind != FAULT_CONFLICT)
            return false;
    }
    return gate_db_decide(db, d->w->run.run, d->w->run.state, d->decided,
                          why) &&
           gate_news_add(db, d->w->run.run, &d->news, why);
}

static enum gate_state
state_of(enum policy_verdict verdict)
{
    switch (verdict) {
    case POLICY_PUSH:
        return GATE_DECIDED;
    case POLICY_TESTED:
        return GATE_TESTED;
    case POLICY_HELD:
    case POLICY_VERDICT_NONE:
        break;
    }
    return GATE_HELD;
}

static const char *
allow_text(struct work *w, const struct ruling_input *input)
{
    json_t *json = gated_allow_json(input->evidence.allow,
                                    input->evidence.allow_count);
    char *text = json_dumps(json, JSON_COMPACT);
    const char *copy;

    must(text != NULL);
    copy = arena_strdup(&w->arena, text);
    free(text);
    json_decref(json);
    return copy;
}

/* The file first: a decision that cannot be shown is none. */
static bool
write_decision(struct work *w, const struct ruling_input *input,
               const struct ruling *ruling, struct fault *why)
{
    struct gate_decided decided = {
        .state = state_of(ruling->answer.verdict),
        .result = decide_result_name(ruling->decision.result),
        .summary = ruling->answer.text,
        .allow = allow_text(w, input),
    };
    struct deciding d = { .w = w, .input = input, .decided = &decided };
    struct buf text = BUF_INIT;
    char hex[65];
    bool ok;

    ok = gate_news_decided(w->gate->db, &w->run, input, ruling, &w->arena,
                           &d.news, why) &&
         ruling_write(input, ruling, w->gate->sign_key, &text, why) &&
         file_of(w, "json", &decided.ruling, why) &&
         fs_write_file(decided.ruling, 0644, buf_text(&text), text.len, why);
    gate_point("the ruling is a file");
    if (ok) {
        sha256_hex(buf_text(&text), text.len, hex);
        decided.ruling_sha256 = hex;
        ok = db_transact(w->gate->db, decide_tx, &d, why);
    }
    buf_free(&text);
    if (!ok)
        return false;
    gate_point("it is decided");
    say(w, "%s: %s (%s%s)", policy_verdict_name(ruling->answer.verdict),
        ruling->answer.text, decided.ruling,
        w->gate->sign_key == NULL ? ", unsigned: the site has no key" : "");
    w->next = decided.state == GATE_DECIDED ? GATE_GO_ON : GATE_OVER;
    return true;
}

static void
say_retest(void *owner, const char *text)
{
    say(owner, "%s", text);
}

/* Whose fault is what failed twice: asked before it is called a regression.
 * What cannot be found out keeps nobody from deciding. True: it is being
 * found out. */
static bool
ask_whose_fault(struct work *w)
{
    const struct retest_options options = {
        .budget = BLAME_BUDGET_INIT, .say = say_retest, .owner = w,
    };
    struct retest_state state;
    struct fault minor = FAULT_INIT;

    if (!retest_advance(w->gate->db, w->run.flight, &options, &state,
                        &minor)) {
        log_fault(LOG_LEVEL_WARN, &minor, "cannot find out whose fault it "
                  "is");
        return false;
    }
    if (state.running == 0)
        return false;
    w->next = GATE_WAIT;
    w->flight = state.wait_flight;
    return true;
}

/* A smoke that is good, or whose outcome does not matter here, is followed by
 * the full flight; else it is the end. (A block keeps from pushing, not from
 * testing.) */
static bool
judge(struct work *w, enum gate_stage stage, struct fault *why)
{
    struct ruling_input input;
    struct ruling ruling;

    if (!gate_judge(w->gate, &w->branch, &w->run, stage, &w->arena, &input,
                    &ruling, why))
        return false;
    if (stage == GATE_STAGE_SMOKE &&
        (ruling.answer.clean || ruling.answer.verdict != POLICY_HELD)) {
        say(w, "smoke: %s", ruling.answer.text);
        return make_flight(w, GATE_STAGE_FULL, why);
    }
    if (stage == GATE_STAGE_FULL && wants_retest(w, &ruling)) {
        const char **jobs = retest_jobs(w, &input, &ruling);

        if (jobs != NULL)
            return make_retest(w, jobs, why);
    }
    if (stage == GATE_STAGE_FULL && w->run.retest_flight > 0 &&
        ruling.answer.verdict == POLICY_HELD && ask_whose_fault(w))
        return true;
    return write_decision(w, &input, &ruling, why);
}

/* The states --------------------------------------------------------------- */

static bool
do_begun(struct work *w, struct fault *why)
{
    bool ready = false;

    if (!find_candidate(w, &ready, why))
        return false;
    return !ready || make_flight(w, w->branch.smoke != NULL
                                        ? GATE_STAGE_SMOKE
                                        : GATE_STAGE_FULL, why);
}

/* Starts 'flight' if that was not done. '*ended_out' false: it runs. */
static bool
flight_ended(struct work *w, int64_t flight, struct flight_state *state,
             bool *ended_out, struct fault *why)
{
    if (!flight_state_read(w->gate->db, flight, &w->arena, state, why))
        return false;
    *ended_out = state->finished;
    if (state->finished)
        return true;
    w->next = GATE_WAIT;
    w->flight = flight;
    return flight_db_start(w->gate->db, flight, why) ||
           why->kind == FAULT_CONFLICT;         /* it has just ended */
}

static bool
do_flight(struct work *w, enum gate_stage stage, struct fault *why)
{
    int64_t flight = stage == GATE_STAGE_SMOKE ? w->run.smoke_flight
                                               : w->run.flight;
    struct flight_state state;
    bool ended = false;

    if (!flight_ended(w, flight, &state, &ended, why))
        return false;
    if (!ended)
        return true;
    if (state.outcome == OUTCOME_ABORTED)
        return finish(w, GATE_ABORTED,
                      arena_printf(&w->arena, "flight %" PRId64 " was "
                                   "aborted: %s", flight,
                                   state.abort_reason), why);
    return judge(w, stage, why);
}

static bool
do_smoke(struct work *w, struct fault *why)
{
    return do_flight(w, GATE_STAGE_SMOKE, why);
}

static bool
do_full(struct work *w, struct fault *why)
{
    return do_flight(w, GATE_STAGE_FULL, why);
}

/* However it ended, it is the flight that is judged. */
static bool
do_retest(struct work *w, struct fault *why)
{
    struct flight_state state;
    bool ended = false;

    if (!flight_ended(w, w->run.retest_flight, &state, &ended, why))
        return false;
    return !ended || judge(w, GATE_STAGE_FULL, why);
}

/* The push ----------------------------------------------------------------- */

/* The decision is what its file says, if it is still that file. */
static bool
read_decision(struct work *w, struct ruling_file *out, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok = fs_read_file(w->run.ruling, RULING_MAX_BYTES, &text, why) &&
              ruling_read(buf_text(&text), text.len, &w->arena, out, why);

    buf_free(&text);
    if (!ok)
        return fault_context(why, "the decision %s", w->run.ruling);
    if (strcmp(out->sha256, w->run.ruling_sha256) != 0 ||
        out->input.about.run != w->run.run ||
        strcmp(out->input.about.revision, w->run.revision) != 0)
        return fault_set(why, FAULT_DATA, "%s is not the decision of run %"
                         PRId64 ": nothing is pushed", w->run.ruling,
                         w->run.run);
    must(out->ruling.answer.verdict == POLICY_PUSH);
    return true;
}

/* A brake that was pulled after the decision still brakes. */
static bool
is_blocked(struct work *w, const struct policy_lever **block_out,
           struct fault *why)
{
    struct policy_lever *levers = NULL;
    size_t count = 0;

    *block_out = NULL;
    if (!lever_db_active(w->gate->db, w->run.branch, &w->arena, &levers,
                         &count, why))
        return false;
    for (size_t i = 0; i < count; i++)
        if (levers[i].kind == POLICY_HOLD)
            *block_out = &levers[i];
    return true;
}

struct pushed {
    struct work *w;
    const struct ruling_file *file;
    const char *summary;
    struct gate_news news;
};

/* A force is good for one push. */
static bool
pushed_tx(struct db *db, void *arg, struct fault *why)
{
    const struct pushed *p = arg;
    const struct policy_answer *answer = &p->file->ruling.answer;
    const struct ruling_input *input = &p->file->input;

    for (size_t i = 0; i < answer->used_count; i++) {
        for (size_t k = 0; k < input->lever_count; k++) {
            const struct policy_lever *lever = &input->levers[k];

            if (lever->id == answer->used[i] &&
                lever->kind != POLICY_WAIVE &&
                !lever_db_end(db, lever->id, p->w->run.run, "assay",
                              "used up by a push", why) &&
                why->kind != FAULT_CONFLICT)
                return false;
        }
    }
    return gate_db_finish(db, p->w->run.run, GATE_DECIDED, GATE_PUSHED,
                          p->summary, why) &&
           gate_news_add(db, p->w->run.run, &p->news, why);
}

static bool
after_push(struct work *w, const struct ruling_file *file, enum git_push how,
           const char *found, struct fault *why)
{
    const struct ruling_about *about = &file->input.about;
    struct pushed p = { .w = w, .file = file };

    if (how == GIT_PUSH_LOST)
        return finish(w, GATE_LOST,
                      arena_printf(&w->arena, "%s of %s is %.12s, not %.12s "
                                   "any more: somebody else pushed; nothing "
                                   "was changed", about->output, about->url,
                                   found != NULL ? found : "gone",
                                   about->old), why);
    p.summary = arena_printf(&w->arena, "%s%s", file->ruling.answer.text,
                             how == GIT_PUSH_ALREADY
                                 ? "; the output had it already" : "");
    if (!gate_news_pushed(w->gate->db, &w->run, &file->input, &file->ruling,
                          &w->arena, &p.news, why) ||
        !db_transact(w->gate->db, pushed_tx, &p, why))
        return false;
    say(w, "pushed: %s %.12s..%.12s", about->output, about->old,
        about->revision);
    w->next = GATE_OVER;
    return true;
}

static bool
do_decided(struct work *w, struct fault *why)
{
    const struct policy_lever *block = NULL;
    const struct ruling_about *about;
    enum git_push how = GIT_PUSH_NONE;
    const char *repository = NULL;
    struct ruling_file file;
    char *found = NULL;
    bool ok;

    if (!read_decision(w, &file, why) || !is_blocked(w, &block, why))
        return false;
    if (block != NULL)
        return finish(w, GATE_HELD,
                      arena_printf(&w->arena, "blocked by lever %" PRId64
                                   " of %s", block->id, block->author), why);
    about = &file.input.about;
    if (!gate_repository(w->branch.varies->url, &w->arena, &repository, why))
        return false;
    gate_point("before the push");
    ok = git_push(repository, about->url, about->output, about->old,
                  about->revision, &how, &found, why);
    gate_point("after the push");
    ok = ok && after_push(w, &file, how, found, why);
    xfree_str(&found);
    if (ok)
        gate_point("the push is recorded");
    return ok;
}

/* The life cycle ----------------------------------------------------------- */

typedef bool state_fn(struct work *w, struct fault *why);

/* What has no function is an end. */
static state_fn *const states[GATE_STATE_COUNT] = {
    [GATE_BEGUN] = do_begun, [GATE_SMOKE] = do_smoke, [GATE_FULL] = do_full,
    [GATE_RETEST] = do_retest, [GATE_DECIDED] = do_decided,
};

bool
gate_advance(struct gate *gate, int64_t run, enum gate_next *next_out,
             int64_t *flight_out, struct fault *why)
{
    struct work w = { .gate = gate, .arena = ARENA_INIT, .next = GATE_OVER };
    bool ok;

    ok = gate_db_read(gate->db, run, &w.arena, &w.run, why);
    if (ok && states[w.run.state] != NULL)
        ok = branch_parse(w.run.source, w.run.definition,
                          strlen(w.run.definition), &w.arena, &w.branch,
                          why) &&
             states[w.run.state](&w, why);
    *next_out = w.next;
    *flight_out = w.flight;
    arena_free(&w.arena);
    return ok;
}
