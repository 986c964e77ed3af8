/* flights/gate_judge.c - what a run of the gate lays before its policy. */
#include <config.h>

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
#include "results/decide.h"
#include "results/decide_db.h"
#include "results/evidence.h"
#include "results/evidence_db.h"
#include "results/perf_db.h"
#include "results/ruling.h"

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
    *out = NULL;
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

static bool
read_evidence(struct gate *gate, const struct branch *branch,
              const struct gate_run *run, int64_t flight,
              struct arena *arena, struct ruling_input *out,
              struct fault *why)
{
    struct decide_request request = { .blessings = NULL };
    struct decide_cell *expected = NULL;
    const char **blessings = arena_alloc(arena, 3 * sizeof *blessings);
    struct evidence evidence;
    struct perf *perfs = NULL;
    int64_t baseline = 0;
    size_t perf_count = 0;

    fill_request(run, arena, &request);
    if (!read_allow(branch, arena, &request.allow, &request.allow_count,
                    why) ||
        !evidence_read(gate->db, flight, arena, &evidence, why))
        return false;
    /* What the flight is meant to be worth is what its like are worth. */
    if (strcmp(evidence.intended, "real") != 0) {
        blessings[0] = evidence.intended;
        blessings[1] = arena_printf(arena, "%s-retest", evidence.intended);
        request.blessings = blessings;
    }
    if (!decide_read(gate->db, &evidence, &request, arena, &out->evidence,
                     &baseline, why) ||
        !perf_read(gate->db, flight, arena, &out->evidence, &perfs,
                   &perf_count, why))
        return false;
    if (run->purpose != POLICY_BASELINE &&
        !gate_db_expected(gate->db, flight, run->tree, run->baseline, arena,
                          &expected, &out->expected_count, why))
        return false;
    out->expected = expected;
    return true;
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
