/* flights/gate_judge.c - what a run of the gate lays before its policy. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "flights/branch.h"
#include "flights/gate.h"
#include "flights/gate_db.h"
#include "flights/lever_db.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/yaml.h"
#include "results/coverage.h"
#include "results/decide.h"
#include "results/decide_db.h"
#include "results/evidence.h"
#include "results/ruling.h"
#include "results/verdict.h"
#include "results/verdict_db.h"

static bool
read_text(const char *path, struct arena *arena, const char **out,
          size_t *bytes_out, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok = fs_read_file(path, YAML_MAX_BYTES, &text, why);

    if (ok) {
        *out = arena_strdup(arena, buf_text(&text));
        *bytes_out = strlen(*out);
        if (*bytes_out != text.len)
            ok = fault_set(why, FAULT_CONFIG, "%s:1: it has a NUL", path);
    }
    buf_free(&text);
    return ok;
}

static bool
read_allow(const struct branch *branch, struct arena *arena,
           const struct decide_allow **out, size_t *count_out,
           struct fault *why)
{
    static const struct decide_allow none[1];

    *out = none;
    *count_out = 0;
    for (size_t i = 0; branch->allow[i] != NULL; i++) {
        const char *text = NULL;
        size_t bytes = 0;

        if (!read_text(branch->allow[i], arena, &text, &bytes, why) ||
            !decide_allow_parse(text, bytes, branch->allow[i], arena, out,
                                count_out, why))
            return false;
    }
    return true;
}

bool
gate_check_files(const struct branch *branch, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const struct decide_allow *allow;
    const char *text = NULL;
    struct policy policy;
    size_t bytes = 0, count;
    bool ok;

    ok = read_allow(branch, &arena, &allow, &count, why) &&
         read_text(branch->policy, &arena, &text, &bytes, why) &&
         policy_parse(branch->policy, text, bytes, &arena, &policy, why);
    arena_free(&arena);
    return ok;
}

bool
gate_levers(struct gate *gate, const struct branch *branch,
            struct arena *arena, struct policy_lever **out,
            size_t *count_out, struct fault *why)
{
    if (!lever_db_active(gate->db, branch->name, arena, out, count_out, why))
        return false;
    for (size_t i = 0; i < *count_out; i++) {
        struct policy_lever *lever = &(*out)[i];
        char *found = NULL;

        if (lever->until_rc[0] == '\0')
            continue;
        if (!git_remote_ref(branch->varies->url,
                            arena_printf(arena, "refs/tags/%s",
                                         lever->until_rc), &found, why))
            return false;
        lever->rc_is_cut = found != NULL;
        xfree_str(&found);
    }
    return true;
}

/* The baseline is not compared with itself, but with what passed last. */
static void
fill_request(const struct gate_run *run, struct arena *arena,
             struct decide_request *out)
{
    struct decide_version *versions = arena_alloc(arena,
                                                  2 * sizeof *versions);

    versions[0] = (struct decide_version){ run->tree, run->revision };
    versions[1] = (struct decide_version){ run->tree, run->baseline };
    out->this_version = &versions[0];
    out->this_count = 1;
    if (run->purpose != POLICY_BASELINE) {
        out->that_version = &versions[1];
        out->that_count = 1;
    }
}

static void
take_facts(const struct verdict *verdict, struct arena *arena,
           struct ruling_input *out)
{
    size_t count = verdict->facts != NULL ? verdict->decision.failure_count
                                          : 0;
    struct ruling_fact *facts = arena_alloc(arena, count * sizeof *facts + 1);

    for (size_t i = 0; i < count; i++) {
        const struct decide_failure *failure = &verdict->decision.failures[i];
        const struct verdict_fact *fact = &verdict->facts[i];
        const struct evidence_pointer *at = &fact->pointer;

        facts[i] = (struct ruling_fact){
            .flight = failure->flight, .job = failure->job,
            .testid = failure->testid,
            .text = at->text[0] != '\0' ? at->text : fact->reason,
            .where = at->file[0] == '\0' ? "" : at->line > 0
                ? arena_printf(arena, "%s:%" PRId64, at->file, at->line)
                : at->file,
        };
    }
    out->facts = facts;
    out->fact_count = count;
}

/* The verdict is the one that everybody gets. */
static bool
read_verdict(struct db *db, int64_t flight,
             const struct decide_request *request, struct arena *arena,
             struct ruling_input *out, struct fault *why)
{
    struct evidence evidence;
    struct verdict verdict;

    if (!verdict_read(db, flight, request, arena, &evidence, &verdict, why))
        return false;
    must(verdict.basis != NULL);
    out->evidence = verdict.basis->input;
    take_facts(&verdict, arena, out);
    return true;
}

/* What passed, and is to have run again: of the same file, with the baseline
 * or before it. */
static bool
read_expected(struct db *db, int64_t flight, const char *tree,
              const char *revision, struct arena *arena,
              struct ruling_input *out, struct fault *why)
{
    struct coverage_baseline covered;
    struct ruling_cell *expected;
    int64_t baseline = 0;

    if (!gate_db_baseline(db, flight, tree, revision, &baseline, why) ||
        !coverage_read(db, baseline, flight, arena, &covered, why))
        return false;
    expected = arena_alloc(arena, covered.cell_count * sizeof *expected + 1);
    for (size_t i = 0; i < covered.cell_count; i++) {
        const struct coverage_cell *cell = &covered.cells[i];

        if (cell->passed)
            expected[out->expected_count++] = (struct ruling_cell){
                cell->job, cell->testid,
                cell->flight == baseline ? 0 : cell->flight
            };
    }
    out->expected = expected;
    return true;
}

static bool
read_evidence(struct gate *gate, const struct branch *branch,
              const struct gate_run *run, int64_t flight,
              struct arena *arena, struct ruling_input *out,
              struct fault *why)
{
    struct decide_request request = { .blessings = NULL };
    const char **blessings = arena_alloc(arena, 3 * sizeof *blessings);

    fill_request(run, arena, &request);
    if (!read_allow(branch, arena, &request.allow, &request.allow_count,
                    why) ||
        !gate_db_intended(gate->db, flight, arena, &blessings[0], why))
        return false;
    /* What the flight is meant to be worth is what its like are worth. */
    if (strcmp(blessings[0], "real") != 0) {
        blessings[1] = arena_printf(arena, "%s-retest", blessings[0]);
        request.blessings = blessings;
    }
    if (!read_verdict(gate->db, flight, &request, arena, out, why))
        return false;
    return run->purpose == POLICY_BASELINE ||
        read_expected(gate->db, flight, run->tree, run->baseline, arena, out,
                      why);
}

bool
gate_judge(struct gate *gate, const struct branch *branch,
           const struct gate_run *run, enum gate_stage stage,
           struct arena *arena, struct ruling_input *input,
           struct ruling *ruling, struct fault *why)
{
    int64_t flight = stage == GATE_STAGE_SMOKE ? run->smoke_flight
                                               : run->flight;
    struct policy_lever *levers = NULL;
    size_t bytes = 0;

    *input = (struct ruling_input){
        .about = {
            .branch = branch->name, .tree = run->tree,
            .url = branch->varies->push, .output = branch->varies->output,
            .revision = run->revision, .old = run->old,
            .baseline = run->baseline,
            .stage = stage == GATE_STAGE_SMOKE ? "smoke" : "full",
            .harness = harness_revision(), .purpose = run->purpose,
            .run = run->run, .flight = flight,
            .at_ms = clock_wall_ms(gate->clock),
        },
        .branch_text = run->definition,
        .policy_file = branch->policy,
    };
    if (!read_evidence(gate, branch, run, flight, arena, input, why) ||
        !gate_levers(gate, branch, arena, &levers, &input->lever_count,
                     why) ||
        !read_text(branch->policy, arena, &input->policy_text, &bytes, why))
        return false;
    input->levers = levers;
    return ruling_make(input, arena, ruling, why);
}

/* The first tree that both versions name, or else the first of this one. */
static const struct decide_version *
compared(const struct decide_input *evidence, const char **baseline_out)
{
    *baseline_out = "";
    for (size_t i = 0; i < evidence->this_count; i++)
        for (size_t k = 0; k < evidence->that_count; k++)
            if (strcmp(evidence->this_version[i].tree,
                       evidence->that_version[k].tree) == 0) {
                *baseline_out = evidence->that_version[k].revision;
                return &evidence->this_version[i];
            }
    return evidence->this_count > 0 ? &evidence->this_version[0] : NULL;
}

bool
gate_flight_input(struct db *db, struct clock *clock, int64_t flight,
                  struct arena *arena, struct ruling_input *out,
                  struct fault *why)
{
    const struct decide_version *this_version;
    const char *baseline = "";

    *out = (struct ruling_input){ .branch_text = "", .policy_text = "",
                                  .policy_file = "" };
    if (!read_verdict(db, flight, NULL, arena, out, why))
        return false;
    this_version = compared(&out->evidence, &baseline);
    if (this_version == NULL)
        return fault_set(why, FAULT_CONFLICT, "flight %" PRId64 " names no "
                         "version of anything", flight);
    out->about = (struct ruling_about){
        .branch = out->evidence.branch, .tree = this_version->tree,
        .url = "", .output = "", .revision = this_version->revision,
        .old = baseline, .baseline = baseline, .stage = "full",
        .harness = harness_revision(),
        .purpose = baseline[0] != '\0' ? POLICY_CANDIDATE : POLICY_BASELINE,
        .flight = flight, .at_ms = clock_wall_ms(clock),
    };
    return baseline[0] == '\0' ||
        read_expected(db, flight, this_version->tree, baseline, arena, out,
                      why);
}
