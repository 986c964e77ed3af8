/* results/policy.c - see policy.h. */
#include <config.h>

#include "results/policy.h"

#include <inttypes.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "results/decide.h"

static const char *const kind_names[] = {
    [POLICY_KIND_NONE] = "none", [POLICY_FAILED] = "failed",
    [POLICY_MISSING] = "missing", [POLICY_ERRORED] = "errored",
    [POLICY_UNTESTED] = "untested", [POLICY_EXCUSED] = "excused",
    [POLICY_WAIVED] = "waived",
};
static_assert(ARRAY_LEN(kind_names) == POLICY_KIND_COUNT, "a name each");

const char *
policy_kind_name(enum policy_kind kind)
{
    return kind < POLICY_KIND_COUNT ? kind_names[kind] : "none";
}

enum policy_kind
policy_kind_parse(const char *word)
{
    for (int i = 1; word != NULL && i < POLICY_KIND_COUNT; i++)
        if (strcmp(kind_names[i], word) == 0)
            return (enum policy_kind)i;
    return POLICY_KIND_NONE;
}

const char *
policy_verdict_name(enum policy_verdict verdict)
{
    switch (verdict) {
    case POLICY_PUSH:
        return "push";
    case POLICY_HELD:
        return "hold";
    case POLICY_TESTED:
        return "tested";
    case POLICY_VERDICT_NONE:
        break;
    }
    return "none";
}

/* Levers ------------------------------------------------------------------ */

const char *
policy_lever_ended(const struct policy_lever *lever)
{
    if (lever->kind != POLICY_WAIVE)
        return NULL;
    if (lever->until_rc[0] != '\0' && lever->rc_is_cut)
        return "its release candidate is out";
    if (lever->passes_max > 0 && lever->passes >= lever->passes_max)
        return "it has passed often enough";
    if (lever->issue != 0 && lever->issue_is_closed)
        return "its issue is closed";
    return NULL;
}

static bool
waives(const struct policy_lever *lever, const struct policy_finding *finding)
{
    return lever->kind == POLICY_WAIVE &&
           policy_lever_ended(lever) == NULL &&
           decide_pattern_matches(lever->job, finding->job) &&
           (lever->testid[0] == '\0' ||
            decide_pattern_matches(lever->testid, finding->testid));
}

/* What concerns the flight as a whole is nobody's cell. */
static const struct policy_lever *
waiver_of(const struct policy_facts *facts,
          const struct policy_finding *finding)
{
    if (finding->job[0] == '\0')
        return NULL;
    for (size_t i = 0; i < facts->lever_count; i++)
        if (waives(&facts->levers[i], finding))
            return &facts->levers[i];
    return NULL;
}

/* Rules ------------------------------------------------------------------- */

static bool
any_matches(const char *const *patterns, const char *text)
{
    if (patterns[0] == NULL)
        return true;
    for (size_t i = 0; patterns[i] != NULL; i++)
        if (decide_pattern_matches(patterns[i], text))
            return true;
    return false;
}

static bool
rule_is_valid(const struct policy_rule *rule, const struct policy_facts *facts)
{
    return facts->now_ms >= rule->since_ms &&
           facts->now_ms < rule->until_ms &&
           any_matches(rule->branches, facts->branch);
}

static const struct policy_rule *
rule_of(const struct policy *policy, const struct policy_facts *facts,
        const struct policy_finding *finding)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];

        if (rule_is_valid(rule, facts) &&
            rule->on[finding->kind] != POLICY_SILENT &&
            any_matches(rule->jobs, finding->job) &&
            any_matches(rule->testids, finding->testid))
            return rule;
    }
    return NULL;
}

/* The judgement ----------------------------------------------------------- */

struct judge {
    const struct policy *policy;
    const struct policy_facts *facts;
    struct arena *arena;
    struct policy_answer *out;
    struct policy_reason *reasons;
    size_t count, cap;
    int64_t *used;
    size_t used_count;
};

static void
use(struct judge *j, int64_t lever)
{
    for (size_t i = 0; i < j->used_count; i++)
        if (j->used[i] == lever)
            return;
    j->used[j->used_count++] = lever;
}

static void
add_reason(struct judge *j, const struct policy_finding *finding,
           enum policy_effect effect, const char *rule)
{
    const struct policy_lever *waiver =
        effect == POLICY_BLOCK ? waiver_of(j->facts, finding) : NULL;
    struct policy_reason *reason;

    if (j->count == j->cap) {
        size_t cap = j->cap == 0 ? 16 : 2 * j->cap;
        struct policy_reason *more = arena_alloc(j->arena,
                                                 cap * sizeof *more);

        if (j->count > 0)
            memcpy(more, j->reasons, j->count * sizeof *more);
        j->reasons = more;
        j->cap = cap;
    }
    reason = &j->reasons[j->count++];
    *reason = (struct policy_reason){
        .kind = finding->kind, .was = finding->kind, .effect = effect,
        .job = finding->job, .testid = finding->testid,
        .text = finding->text, .rule = rule,
    };
    if (waiver != NULL) {
        reason->kind = POLICY_WAIVED;
        reason->effect = POLICY_NOTE;
        reason->lever = waiver->id;
        use(j, waiver->id);
    }
    if (reason->effect == POLICY_BLOCK || reason->kind == POLICY_WAIVED)
        j->out->counts[reason->kind]++;
}

static void
judge_findings(struct judge *j)
{
    for (size_t i = 0; i < j->facts->finding_count; i++) {
        const struct policy_finding *finding = &j->facts->findings[i];
        const struct policy_rule *rule = rule_of(j->policy, j->facts,
                                                 finding);

        add_reason(j, finding,
                   rule != NULL ? rule->on[finding->kind] : POLICY_BLOCK,
                   rule != NULL ? rule->name : "");
    }
}

static void
judge_required(struct judge *j)
{
    for (size_t i = 0; i < j->policy->rule_count; i++) {
        const struct policy_rule *rule = &j->policy->rules[i];

        if (!rule_is_valid(rule, j->facts))
            continue;
        for (size_t k = 0; rule->require[k] != NULL; k++) {
            struct policy_finding finding = {
                .kind = POLICY_MISSING, .job = rule->require[k],
                .testid = "", .text = "required, and no such job ran",
            };
            bool ran = false;

            for (size_t r = 0; j->facts->ran[r] != NULL && !ran; r++)
                ran = decide_pattern_matches(rule->require[k],
                                             j->facts->ran[r]);
            if (!ran)
                add_reason(j, &finding, POLICY_BLOCK, rule->name);
        }
    }
}

/* What blocks, then the rest, each in the order of the findings. */
static void
sort_reasons(struct judge *j)
{
    struct policy_reason *sorted =
        arena_alloc(j->arena, j->count * sizeof *sorted + 1);
    size_t count = 0;

    for (int blocks = 1; blocks >= 0; blocks--)
        for (size_t i = 0; i < j->count; i++)
            if ((j->reasons[i].effect == POLICY_BLOCK) == (blocks == 1))
                sorted[count++] = j->reasons[i];
    j->out->reasons = sorted;
    j->out->reason_count = count;
}

static const struct policy_lever *
lever_of(const struct policy_facts *facts, enum policy_lever_kind kind)
{
    for (size_t i = 0; i < facts->lever_count; i++) {
        const struct policy_lever *lever = &facts->levers[i];

        if (lever->kind == kind &&
            (kind != POLICY_FORCE_REV ||
             strcmp(lever->revision, facts->revision) == 0))
            return lever;
    }
    return NULL;
}

/* A hold is stronger than a force: it is the brake. */
static void
pull_levers(struct judge *j)
{
    struct policy_answer *out = j->out;
    const struct policy_lever *force =
        lever_of(j->facts, POLICY_FORCE_REV);
    const struct policy_lever *hold = lever_of(j->facts, POLICY_HOLD);

    if (force == NULL)
        force = lever_of(j->facts, POLICY_FORCE);
    out->verdict = out->clean ? POLICY_PUSH : POLICY_HELD;
    if (j->facts->purpose != POLICY_CANDIDATE) {
        out->verdict = POLICY_TESTED;
    } else if (hold != NULL) {
        out->verdict = POLICY_HELD;
        out->decisive = hold;
    } else if (force != NULL && !out->clean) {
        out->verdict = POLICY_PUSH;
        out->decisive = force;
    }
    if (out->decisive != NULL)
        use(j, out->decisive->id);
    /* "The next one" is pushed, whether or not it had to be forced. */
    if (out->verdict == POLICY_PUSH && force != NULL)
        use(j, force->id);
}

static const char *
summary(struct judge *j)
{
    const struct policy_answer *out = j->out;
    const char *text, *sep = "";
    struct buf buf = BUF_INIT;

    for (int i = 1; i < POLICY_KIND_COUNT; i++) {
        if (out->counts[i] == 0)
            continue;
        buf_addf(&buf, "%s%zu %s", sep, out->counts[i],
                 policy_kind_name((enum policy_kind)i));
        sep = ", ";
    }
    if (out->clean)
        buf_addf(&buf, "%snothing blocks", sep);
    if (out->decisive != NULL)
        buf_addf(&buf, "; %s by lever %" PRId64 " of %s",
                 out->verdict == POLICY_PUSH ? "forced" : "blocked",
                 out->decisive->id, out->decisive->author);
    text = arena_strdup(j->arena, buf_text(&buf));
    buf_free(&buf);
    return text;
}

void
policy_judge(const struct policy *policy, const struct policy_facts *facts,
             struct arena *arena, struct policy_answer *out)
{
    struct judge j = { .policy = policy, .facts = facts, .arena = arena,
                       .out = out };

    must(facts->purpose != POLICY_PURPOSE_NONE);
    *out = (struct policy_answer){ .clean = true };
    j.used = arena_alloc(arena, (facts->lever_count + 1) * sizeof *j.used);
    judge_findings(&j);
    judge_required(&j);
    sort_reasons(&j);
    for (size_t i = 0; i < out->reason_count; i++)
        out->clean = out->clean && out->reasons[i].effect != POLICY_BLOCK;
    pull_levers(&j);
    out->used = j.used;
    out->used_count = j.used_count;
    out->text = summary(&j);
}
