/* tests/results/policy-test.c - what a policy says of findings, what levers
 * make of that, and what is wrong with a policy's file. */
#include <config.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "results/policy.h"
#include "tests/tap.h"

#define DAY (24LL * 60 * 60 * 1000)
#define NOW (20000 * DAY)               /* 2024-10-04 */
#define REV "1111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222"

static const char strict[] =
    "policy: p\nversion: 1\nrules:\n"
    "  - rule: all\n"
    "    on: {failed: block, errored: block, missing: block,"
    " untested: block, excused: note}\n";

static struct arena arena;

static struct policy
policy_of(const char *text)
{
    struct fault why = FAULT_INIT;
    struct policy policy;

    if (!policy_parse("p.yaml", text, strlen(text), &arena, &policy, &why))
        tap_bail("%s", why.text);
    return policy;
}

static const struct policy_finding good[1];
static const struct policy_finding failed[] = {
    { POLICY_FAILED, "test-amd64-pair", "migrate", "REGR. vs. 7" },
};
static const struct policy_finding mixed[] = {
    { POLICY_EXCUSED, "test-amd64-pair", "save", "like 7" },
    { POLICY_FAILED, "test-amd64-pair", "migrate", "REGR. vs. 7" },
    { POLICY_ERRORED, "test-arm64-xl", "xen-boot", "broken" },
    { POLICY_MISSING, "test-arm64-pair", "", "starved" },
};
static const struct policy_finding untested[] = {
    { POLICY_UNTESTED, "", "", "no run of the baseline is known" },
};

#define LEVER .author = "ann", .reason = "why", .revision = "", .job = "", \
              .testid = "", .until_rc = ""
static const struct policy_lever force = { 1, POLICY_FORCE, LEVER };
static const struct policy_lever hold = { 2, POLICY_HOLD, LEVER };

static struct policy_lever
force_rev(const char *revision)
{
    struct policy_lever lever = { 3, POLICY_FORCE_REV, LEVER };

    lever.revision = revision;
    return lever;
}

static struct policy_lever
waive(const char *job, const char *testid)
{
    struct policy_lever lever = { 4, POLICY_WAIVE, LEVER };

    lever.job = job;
    lever.testid = testid;
    lever.until_rc = "4.17.0-rc3";
    return lever;
}

static struct policy_answer
judge(const char *text, const struct policy_finding *findings, size_t count,
      const struct policy_lever *levers, size_t lever_count)
{
    static const char *const ran[] = { "test-amd64-pair", NULL };
    struct policy policy = policy_of(text);
    struct policy *kept = arena_alloc(&arena, sizeof *kept);
    struct policy_facts *facts = arena_alloc(&arena, sizeof *facts);
    struct policy_answer answer;

    *kept = policy;
    *facts = (struct policy_facts){
        .branch = "xen-unstable", .revision = REV,
        .purpose = POLICY_CANDIDATE, .now_ms = NOW, .findings = findings,
        .finding_count = count, .ran = ran, .levers = levers,
        .lever_count = lever_count,
    };
    policy_judge(kept, facts, &arena, &answer);
    return answer;
}

static void
findings(void)
{
    struct policy_answer a = judge(strict, good, 0, NULL, 0);

    is_int(a.verdict, POLICY_PUSH, "nothing found: push");
    is_str(a.text, "nothing blocks", "and says so");
    a = judge(strict, mixed, ARRAY_LEN(mixed), NULL, 0);
    is_int(a.verdict, POLICY_HELD, "findings that block: hold");
    is_str(a.text, "1 failed, 1 missing, 1 errored", "each by its kind");
    is_int((int64_t)a.reason_count, 4, "every finding has its reason");
    is_str(a.reasons[0].testid, "migrate", "what blocks comes first");
    is_int(a.reasons[3].kind, POLICY_EXCUSED, "what does not comes last");
    is_int(a.reasons[3].effect, POLICY_NOTE, "as a note");
    is_str(a.reasons[0].rule, "all", "and names its rule");
    a = judge(strict, mixed, 1, NULL, 0);
    is_int(a.verdict, POLICY_PUSH, "an excused failure alone: push");
    a = judge(strict, untested, 1, NULL, 0);
    is_int(a.verdict, POLICY_HELD, "an untested baseline: hold");
}

static void
rules(void)
{
    static const char first[] =
        "policy: p\nversion: 1\nrules:\n"
        "  - {rule: arm, jobs: ['test-arm64-@@'], on: {errored: note}}\n"
        "  - {rule: rest, on: {failed: note, errored: block,"
        " missing: block}}\n";
    static const char silent[] =
        "policy: p\nversion: 1\nrules:\n"
        "  - {rule: some, on: {missing: note}}\n";
    static const char elsewhere[] =
        "policy: p\nversion: 1\nrules:\n"
        "  - {rule: b, branches: ['linux-@@'], on: {failed: note}}\n";
    static const char cell[] =
        "policy: p\nversion: 1\nrules:\n"
        "  - {rule: c, testids: [migrate], on: {failed: note}}\n";
    struct policy_answer a = judge(first, mixed + 1, 3, NULL, 0);

    is_str(a.text, "1 missing", "the first rule with a word decides");
    a = judge(silent, failed, 1, NULL, 0);
    is_int(a.verdict, POLICY_HELD, "what no rule speaks of blocks");
    is_str(a.reasons[0].rule, "", "and no rule is named");
    a = judge(elsewhere, failed, 1, NULL, 0);
    is_int(a.verdict, POLICY_HELD, "a rule of another branch has no word");
    a = judge(cell, failed, 1, NULL, 0);
    is_int(a.verdict, POLICY_PUSH, "a rule may name its testids");
}

static void
dates(void)
{
    static const char since[] =
        "policy: p\nversion: 1\nrules:\n"
        "  - {rule: new, valid_since: 2024-10-05, on: {failed: block}}\n"
        "  - {rule: old, on: {failed: note}}\n";
    static const char today[] =
        "policy: p\nversion: 1\nrules:\n"
        "  - {rule: new, valid_since: 2024-10-04, on: {failed: block}}\n"
        "  - {rule: old, on: {failed: note}}\n";
    static const char until[] =
        "policy: p\nversion: 1\nrules:\n"
        "  - {rule: new, valid_until: '2024-10-04T00:00:00Z',"
        " on: {failed: block}}\n"
        "  - {rule: old, on: {failed: note}}\n";

    is_int(judge(since, failed, 1, NULL, 0).verdict, POLICY_PUSH,
           "a rule of tomorrow does not judge today");
    is_int(judge(today, failed, 1, NULL, 0).verdict, POLICY_HELD,
           "from its first moment on it does");
    is_int(judge(until, failed, 1, NULL, 0).verdict, POLICY_PUSH,
           "and at its last not any more");
}

static void
required(void)
{
    static const char arm[] =
        "policy: p\nversion: 1\nrules:\n"
        "  - {rule: arm, require: ['test-arm64-@@']}\n"
        "  - {rule: x86, require: ['test-amd64-@@']}\n";
    struct policy_lever w = waive("test-arm64-@@", "");
    struct policy_answer a = judge(arm, good, 0, NULL, 0);

    is_str(a.text, "1 missing", "a required job that did not run is missing");
    is_str(a.reasons[0].rule, "arm", "by the rule that requires it");
    a = judge(arm, good, 0, &w, 1);
    is_str(a.text, "1 waived, nothing blocks", "and can be waived");
}

static void
waivers(void)
{
    struct policy_lever w = waive("test-@@", "migrate");
    struct policy_answer a = judge(strict, mixed + 1, 3, &w, 1);

    is_str(a.text, "1 missing, 1 errored, 1 waived",
           "a waiver takes its cells only");
    is_int(a.reasons[2].kind, POLICY_WAIVED, "they are named last");
    is_int(a.reasons[2].was, POLICY_FAILED, "with what they would be");
    is_int(a.reasons[2].lever, 4, "and the lever");
    a = judge(strict, failed, 1, &w, 1);
    is_int(a.verdict, POLICY_PUSH, "all waived: push");
    ok(a.clean && a.decisive == NULL, "by nobody's force");
    is_int((int64_t)a.used_count, 1, "the waiver was used");
    w.rc_is_cut = true;
    a = judge(strict, failed, 1, &w, 1);
    is_int(a.verdict, POLICY_HELD, "its release candidate ends a waiver");
    w = waive("@@", "");
    w.until_rc = "";
    w.passes_max = 3;
    w.passes = 2;
    is_int(judge(strict, failed, 1, &w, 1).verdict, POLICY_PUSH,
           "after 2 passes of 3 it holds");
    w.passes = 3;
    is_int(judge(strict, failed, 1, &w, 1).verdict, POLICY_HELD,
           "the third pass ends it");
    w.passes_max = w.passes = 0;
    w.issue = 5;
    is_int(judge(strict, failed, 1, &w, 1).verdict, POLICY_PUSH,
           "an open issue keeps it");
    w.issue_is_closed = true;
    is_int(judge(strict, failed, 1, &w, 1).verdict, POLICY_HELD,
           "a closed one ends it");
    w.issue_is_closed = false;
    is_int(judge(strict, untested, 1, &w, 1).verdict, POLICY_HELD,
           "an untested baseline cannot be waived");
}

static void
forces(void)
{
    struct policy_lever levers[2] = { force, hold };
    struct policy_lever rev = force_rev(REV), other = force_rev(OTHER);
    struct policy_answer a = judge(strict, failed, 1, &force, 1);
    struct policy policy = policy_of(strict);
    struct policy_facts facts = {
        .branch = "b", .revision = REV, .purpose = POLICY_BASELINE,
        .now_ms = NOW, .ran = (const char *const[]){ NULL },
        .levers = &force, .lever_count = 1,
    };

    is_int(a.verdict, POLICY_PUSH, "force pushes");
    ok(!a.clean, "which does not make it clean");
    is_str(a.text, "1 failed; forced by lever 1 of ann", "and is told");
    a = judge(strict, good, 0, &force, 1);
    ok(a.verdict == POLICY_PUSH && a.decisive == NULL,
       "what is clean needs no force");
    is_int((int64_t)a.used_count, 1, "but it is used up all the same");
    a = judge(strict, failed, 1, &rev, 1);
    is_int(a.verdict, POLICY_PUSH, "force-rev pushes its revision");
    a = judge(strict, failed, 1, &other, 1);
    is_int(a.verdict, POLICY_HELD, "and no other");
    is_int((int64_t)a.used_count, 0, "and is not used then");
    a = judge(strict, good, 0, &hold, 1);
    is_int(a.verdict, POLICY_HELD, "block holds what is clean");
    is_str(a.text, "nothing blocks; blocked by lever 2 of ann", "and says "
           "who");
    a = judge(strict, failed, 1, levers, 2);
    is_int(a.verdict, POLICY_HELD, "and is stronger than a force");
    is_int((int64_t)a.used_count, 1, "which is kept for later");
    policy_judge(&policy, &facts, &arena, &a);
    is_int(a.verdict, POLICY_TESTED, "a baseline is pushed by nothing");
    is_int((int64_t)a.used_count, 0, "and uses nothing up");
}

static void
wrong(const char *text, const char *what, const char *name)
{
    struct fault why = FAULT_INIT;
    struct policy policy;

    not_ok_fault(policy_parse("p.yaml", text, strlen(text), &arena, &policy,
                              &why), &why, FAULT_CONFIG, what, "%s", name);
}

static void
files(void)
{
    struct fault why = FAULT_INIT;
    struct policy policy;
    static const char two[] =
        "policy: p\nversion: 0\nrules:\n  - rule: a\n    on: {failed: x}\n";

    wrong("policy: p\nversion: 1\nrules:\n  - rule: a\n",
          "p.yaml:4: rule 'a' has neither", "a rule without a word");
    wrong("policy: p\nversion: 1\nrules:\n  - {rule: a, on: {failed: no}}\n",
          "p.yaml:4: 'no' is neither block nor note", "another word");
    wrong("policy: p\nversion: 1\nrules:\n  - {rule: a, on: {faild: note}}\n",
          "p.yaml:4: ", "an unknown reason");
    wrong("policy: p\nversion: 1\nrules:\n  - rule: a\n"
          "    valid_since: 2024-02-31\n    on: {failed: note}\n",
          "p.yaml:5: '2024-02-31' is no moment", "a day that there is not");
    wrong("policy: p\nversion: 1\nrules:\n"
          "  - {rule: a, on: {failed: note}}\n"
          "  - {rule: a, on: {failed: note}}\n",
          "p.yaml:5: rule 'a' is given twice", "a rule twice");
    wrong("policy: p\nversion: 1\nrules: []\n", "p.yaml:3: ", "no rules");
    ok(!policy_parse("p.yaml", two, strlen(two), &arena, &policy, &why),
       "two errors");
    has_str(why.text, "p.yaml:2: versions count from 1", "the first");
    has_str(why.detail, "p.yaml:5: 'x' is neither", "and the second");
}

static void
shipped(void)
{
    const char *top = getenv("ASSAY_TOP_SRCDIR");
    struct fault why = FAULT_INIT;
    struct buf text = BUF_INIT;
    struct policy policy;
    char *path = arena_printf(&arena, "%s/results/policies/default.yaml",
                              top != NULL ? top : ".");

    if (!fs_read_file(path, 1 << 20, &text, &why))
        tap_bail("%s", why.text);
    ok_fault(policy_parse(path, buf_text(&text), text.len, &arena, &policy,
                          &why), &why, "the shipped policy");
    is_int(judge(buf_text(&text), mixed, ARRAY_LEN(mixed), NULL, 0).verdict,
           POLICY_HELD, "holds what it is to hold");
    is_int(judge(buf_text(&text), mixed, 1, NULL, 0).verdict, POLICY_PUSH,
           "and nothing else");
    buf_free(&text);
}

int
main(void)
{
    findings();
    rules();
    dates();
    required();
    waivers();
    forces();
    files();
    shipped();
    arena_free(&arena);
    return tap_done();
}
