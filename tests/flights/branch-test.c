/* tests/flights/branch-test.c - a branch's file, and what is wrong with it. */
#include <config.h>

#include "flights/branch.h"

#include "flights/plan.h"
#include "harness/arena.h"
#include "tests/tap.h"

#define REV "0123456789abcdef0123456789abcdef01234567"

static struct arena arena;

static const char whole[] =
    "branch: xen-unstable\n"
    "description: what becomes the next release\n"
    "trees:\n"
    "  linux:\n"
    "    url: /srv/linux.git\n"
    "    output: refs/heads/tested\n"
    "  xen:\n"
    "    url: /srv/xen.git\n"
    "    input: refs/heads/staging\n"
    "    output: refs/heads/master\n"
    "    push: ssh://gate@example.org/xen.git\n"
    "varies: xen\n"
    "flight: xen-lab\n"
    "smoke: ./smoke.yaml\n"
    "candidate:\n"
    "  name: xen-{short}\n"
    "  make: [./build, --out, '{candidate}', '{revision}']\n"
    "  limit: 90m\n"
    "baseline: tested-on xen-smoke\n"
    "allow: [allow.all, /etc/allow.more]\n"
    "policy: strict.yaml\n"
    "always: true\n";

static void
reads(void)
{
    struct fault why = FAULT_INIT;
    struct branch b;

    if (!ok_fault(branch_parse("/site/b.yaml", whole, strlen(whole), &arena,
                               &b, &why), &why, "a branch"))
        tap_bail("%s", why.detail);
    is_str(b.name, "xen-unstable", "its name");
    is_int((int64_t)b.tree_count, 2, "its trees");
    is_str(b.varies->name, "xen", "the one that varies");
    is_str(b.varies->push, "ssh://gate@example.org/xen.git", "is pushed so");
    is_str(b.trees[0].push, "/srv/linux.git", "by default to where it is");
    ok(b.trees[0].input == NULL, "the other has no input");
    has_str(b.flight, "/flights/xen-lab.yaml", "a shipped flight");
    is_str(b.smoke, "/site/./smoke.yaml", "a flight beside the file");
    is_str(b.make[0], "/site/./build", "a program beside the file");
    is_int(b.make_limit_ms, 90 * 60000, "its limit");
    is_str(b.tested_on, "xen-smoke", "another branch's baseline");
    is_str(b.allow[0], "/site/allow.all", "an allow file beside the file");
    is_str(b.allow[1], "/etc/allow.more", "and one elsewhere");
    is_str(b.policy, "/site/strict.yaml", "a policy beside the file");
    ok(b.always && !b.rewind && b.retest, "the flags");
    is_str(branch_fill(&b, &arena, b.candidate, REV, NULL),
           "xen-0123456789ab", "the name of a candidate");
    is_str(branch_fill(&b, &arena, "{branch}/{tree} {candidate} {revision}",
                       REV, "c"), "xen-unstable/xen c " REV, "all words");
    is_str(b.definition, whole, "the text is kept");
}

#define HEAD "branch: b\ntrees:\n  xen: {url: /x, input: refs/heads/i, " \
             "output: refs/heads/o}\n"

static void
wrong(const char *text, const char *what, const char *name)
{
    struct fault why = FAULT_INIT;
    struct branch b;

    not_ok_fault(branch_parse("b.yaml", text, strlen(text), &arena, &b,
                              &why), &why, FAULT_CONFIG, what, "%s", name);
}

static void
refuses(void)
{
    struct fault why = FAULT_INIT;
    struct branch b;
    static const char two[] =
        "branch: b c\ntrees:\n  xen: {url: /x, input: master, "
        "output: refs/heads/o}\nflight: xen-lab\n";

    wrong(HEAD, "b.yaml:1: ", "no flight");
    wrong(HEAD "flight: xen-lab\nflihgt: x\n", "b.yaml:5: ", "another key");
    wrong(HEAD "flight: no-such\n", "b.yaml:4: ", "no such shipped flight");
    wrong(HEAD "flight: xen-lab\nvaries: linux\n",
          "b.yaml:5: 'linux' does not vary", "another tree varies");
    wrong(HEAD "  q: {url: /q, input: refs/heads/i, output: refs/heads/o}\n"
          "flight: xen-lab\n", "b.yaml:3: 2 trees have an input",
          "two trees vary");
    wrong("branch: b\ntrees:\n  xen: {url: /x, output: refs/heads/o}\n"
          "flight: xen-lab\n", "0 trees have an input", "none varies");
    wrong("branch: b\ntrees:\n  xen: {url: 'ext::sh x', "
          "input: refs/heads/i, output: refs/heads/o}\nflight: xen-lab\n",
          "b.yaml:3: 'ext::sh x' is no address", "a program as address");
    wrong("branch: b\ntrees:\n  xen: {url: -x, "
          "input: refs/heads/i, output: refs/heads/o}\nflight: xen-lab\n",
          "b.yaml:3: '-x' is no address", "an option as address");
    wrong(HEAD "flight: xen-lab\ncandidate: {name: 'x-{revsion}'}\n",
          "b.yaml:5: 'revsion' is none of", "another word in braces");
    wrong(HEAD "flight: xen-lab\ncandidate: {name: 'x-{candidate}'}\n",
          "b.yaml:5: 'candidate' is none of", "a name made of itself");
    wrong(HEAD "flight: xen-lab\ncandidate: {name: x, limit: soon}\n",
          "b.yaml:5: 'soon' is no duration", "no duration");
    wrong(HEAD "flight: xen-lab\nbaseline: input\n",
          "b.yaml:5: 'input' is neither", "another baseline");
    ok(!branch_parse("b.yaml", two, strlen(two), &arena, &b, &why),
       "two errors");
    has_str(why.text, "b.yaml:1: branch 'b c'", "the first");
    has_str(why.detail, "b.yaml:3: 'master' is no whole name", "the second");
}

static void
finds(void)
{
    struct fault why = FAULT_INIT;
    struct branch b;
    char **names = NULL;

    if (setenv("ASSAY_HOME", tap_dir(), 1) != 0 ||
        !fs_mkdirs(arena_printf(&arena, "%s/branches", tap_dir()), 0755,
                   &why) ||
        !fs_write_file(arena_printf(&arena, "%s/branches/b.yaml", tap_dir()),
                       0644, HEAD "flight: xen-lab\n",
                       strlen(HEAD "flight: xen-lab\n"), &why) ||
        !fs_write_file(arena_printf(&arena, "%s/branches/a.yaml", tap_dir()),
                       0644, HEAD "flight: xen-lab\n",
                       strlen(HEAD "flight: xen-lab\n"), &why))
        tap_bail("%s", why.text);
    ok_fault(branch_list(&arena, &names, &why), &why, "the site's branches");
    ok(names[0] != NULL && names[1] != NULL && names[2] == NULL, "are two");
    is_str(names[0], "a", "by name");
    ok_fault(branch_load("b", &arena, &b, &why), &why, "one of them");
    not_ok_fault(branch_load("a", &arena, &b, &why), &why, FAULT_CONFIG,
                 "is in a file of another name", "one under a wrong name");
    not_ok_fault(branch_load("c", &arena, &b, &why), &why, FAULT_NOT_FOUND,
                 "there is no branch 'c'", "one that is not there");
    ok_fault(branch_load("xen-unstable", &arena, &b, &why), &why,
             "a shipped one");
    is_str(b.varies->output, "refs/heads/master", "with its output");
    ok_fault(branch_load("xen-unstable-smoke", &arena, &b, &why), &why,
             "and the one before it");
    not_ok_fault(branch_load("/c/d.yaml", &arena, &b, &why), &why,
                 FAULT_NOT_FOUND, "/c/d.yaml", "a file that is not there");
}

/* Builds by reference ------------------------------------------------------ */

static const struct plan_runvar r1[] = { { "revision_xen", REV, false } };
static const struct plan_runvar r2[] = { { "revision_xen", "x", false } };
static const struct plan_runvar done_r1[] = {
    { "built_revision_xen", REV, true }, { "revision_xen", REV, false },
};
static const struct plan_need on_builds[] = { { 0, "build-arm" },
                                              { 0, "build-x86" } };

static struct plan_job
job(const char *name, const struct plan_runvar *vars, size_t count,
    const struct plan_need *needs, size_t need_count)
{
    return (struct plan_job){
        .job = name, .recipe = "r", .arch = "amd64", .runvars = vars,
        .runvar_count = count, .needs = needs, .need_count = need_count,
    };
}

static void
reuses(void)
{
    struct plan_job done_jobs[] = { job("build-x86", done_r1, 2, NULL, 0),
                                    job("build-arm", done_r1, 2, NULL, 0),
                                    job("smoke", r1, 1, NULL, 0) };
    struct plan_job jobs[] = { job("build-x86", r1, 1, NULL, 0),
                               job("build-arm", r1, 1, NULL, 0),
                               job("smoke", r1, 1, on_builds, 2) };
    struct plan done = { .jobs = done_jobs, .job_count = 3 };
    struct plan plan = { .jobs = jobs, .job_count = 3 };

    is_int((int64_t)plan_reuse_builds(
               &plan, &arena, &done, 7,
               (const char *const[]){ "smoke", "build-x86", NULL }), 1,
           "a build that passed is used again");
    is_int((int64_t)plan.job_count, 2, "and not made anew");
    is_str(plan.jobs[0].job, "build-arm", "one that did not pass is");
    is_int(plan.jobs[1].needs[0].flight, 0, "a need of the plan's own");
    is_int(plan.jobs[1].needs[1].flight, 7, "and one of the other flight");
    is_str(plan.jobs[1].needs[1].job, "build-x86", "of that job");

    jobs[0] = job("build-x86", r2, 1, NULL, 0);
    plan = (struct plan){ .jobs = jobs, .job_count = 1 };
    is_int((int64_t)plan_reuse_builds(
               &plan, &arena, &done, 7,
               (const char *const[]){ "build-x86", NULL }), 0,
           "a build of another revision is not");
}

static void
trees(void)
{
    struct plan_job jobs[] = { job("a", NULL, 0, NULL, 0) };
    struct plan plan = { .jobs = jobs, .job_count = 1 };

    plan_set_tree(&plan, &arena, "xen", "/x.git", REV);
    plan_set_tree(&plan, &arena, "linux", "/l.git", "2");
    is_int((int64_t)plan.tree_count, 2, "a plan has its trees");
    is_str(plan.trees[0].revision, REV, "with revisions");
    is_int((int64_t)plan.jobs[0].runvar_count, 4, "and jobs know them");
    is_str(plan.jobs[0].runvars[1].name, "revision_xen", "by name");
    is_str(plan.jobs[0].runvars[3].value, "/x.git", "with where they are");
}

static void
retests(void)
{
    static const struct plan_need on_smoke[] = { { 0, "build-x86" },
                                                 { 0, "smoke" } };
    struct plan_job jobs[] = { job("build-x86", done_r1, 2, NULL, 0),
                               job("smoke", done_r1, 2, on_builds, 2),
                               job("pair", r1, 1, on_smoke, 2) };
    struct plan plan = { .jobs = jobs, .job_count = 3, .intended = "real" };
    struct fault why = FAULT_INIT;

    not_ok_fault(plan_retest(&plan, &arena, 7,
                             (const char *const[]){ "x", NULL }, &why), &why,
                 FAULT_USAGE, "flight 7 has no job 'x'", "no such job");
    ok_fault(plan_retest(&plan, &arena, 7,
                         (const char *const[]){ "pair", "smoke", NULL },
                         &why), &why, "two jobs once more");
    is_int((int64_t)plan.job_count, 2, "and no others");
    is_int((int64_t)plan.jobs[0].runvar_count, 1, "without old results");
    is_int(plan.jobs[1].needs[0].flight, 0, "a need of both is here");
    is_int(plan.jobs[1].needs[1].flight, 7, "another is of the old flight");
    is_str(plan.intended, "real-retest", "it is worth a retest");
    is_str(plan.source, "retest of flight 7", "and says of what");
}

int
main(void)
{
    reads();
    refuses();
    finds();
    reuses();
    trees();
    retests();
    arena_free(&arena);
    return tap_done();
}
