/* tests/recipes/recipe-test.c - recipes: errors with their lines, the shipped
 * ones, and the plan of a job. */
#include <config.h>

#include "tests/tap.h"

#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/job_plan.h"
#include "harness/json.h"
#include "harness/strv.h"
#include "recipes/recipe.h"
#include "recipes/recipe_plan.h"

static char top[] = "/tmp/assay-recipe-XXXXXX";

#define HEAD "recipe: t\nroles: [host, peer]\nsteps:\n"
#define ONE "recipe: t\nroles: [host]\nsteps:\n"
#define STEP "  - {testid: a, run: prog}\n"

/* All errors, the first one in the text, the others in the detail. */
static const struct {
    const char *what, *yaml, *text, *detail;
} BAD[] = {
    {"an unknown key", HEAD STEP "colour: red\n",
     "t.yaml:5: unknown key 'colour'", ""},
    {"an unknown key of a step", HEAD "  - {testid: a, run: prog, tset: 1}\n",
     "t.yaml:4: unknown key 'tset'", ""},
    {"no steps", "recipe: t\nroles: []\n", "'steps'", ""},
    {"an empty list of steps", "recipe: t\nroles: []\nsteps: []\n",
     "t.yaml:3:", ""},
    {"no testid", HEAD "  - {run: prog}\n", "'testid'", ""},
    {"a name that is not the file's", "recipe: u\nroles: []\nsteps:\n" STEP,
     "t.yaml:1: recipe u must be in a file u.yaml", ""},
    {"a testid twice", HEAD STEP STEP, "t.yaml:5: testid a is there twice",
     ""},
    {"a testid twice by its role",
     HEAD "  - {testid: a, run: prog, each: [peer]}\n"
          "  - {testid: a/peer, run: prog}\n",
     "t.yaml:5: testid a/peer is there twice", ""},
    {"a testid twice in finally", HEAD STEP "finally:\n" STEP,
     "t.yaml:6: testid a is there twice", ""},
    {"a testid that is no name", HEAD "  - {testid: a b, run: prog}\n",
     "t.yaml:4: testid \"a b\" is no valid name", ""},
    {"a testid with an empty part", HEAD "  - {testid: a//b, run: prog}\n",
     "is no valid name", ""},
    {"an unknown role in each",
     HEAD "  - {testid: a, run: prog, each: [host, guest]}\n",
     "t.yaml:4: role guest is not among the roles", ""},
    {"a role twice", "recipe: t\nroles: [h, h]\nsteps:\n" STEP,
     "t.yaml:2: role h is there twice", ""},
    {"a role that is no name", "recipe: t\nroles: [../x]\nsteps:\n" STEP,
     "t.yaml:2: role \"../x\" is no valid name", ""},
    {"a missing program", HEAD "  - {testid: a, run: nothing}\n",
     "t.yaml:4: nothing is no program", ""},
    {"a program that cannot be executed",
     HEAD "  - {testid: a, run: steps/data}\n", "t.yaml:4: steps/data", ""},
    {"a directory as program", HEAD "  - {testid: a, run: ./steps}\n",
     "t.yaml:4: ./steps is no program", ""},
    {"a deadline that is none",
     HEAD "  - {testid: a, run: prog, deadline: soon}\n",
     "t.yaml:4: deadline \"soon\"", ""},
    {"a deadline of nothing",
     HEAD "  - {testid: a, run: prog, deadline: 0s}\n", "deadline \"0s\"",
     ""},
    {"an iffail that is none",
     HEAD "  - {testid: a, run: prog, iffail: maybe}\n",
     "'maybe' is none of fail, broken", ""},
    {"a case twice", HEAD "  - {testid: a, run: prog, cases: [x, y, x]}\n",
     "case x is there twice", ""},
    {"a case that is no id", HEAD "  - {testid: a, run: prog, cases: [-]}\n",
     "case \"-\" is no valid id", ""},
    {"a when without a reason",
     HEAD "  - {testid: a, run: prog, when: {arch: [amd64]}}\n", "'else'",
     ""},
    {"a when without a condition",
     HEAD "  - {testid: a, run: prog, when: {else: why}}\n",
     "when: says neither arch nor runvar", ""},
    {"an arch that is none",
     HEAD "  - {testid: a, run: prog, when: {arch: [vax], else: no}}\n",
     "arch vax is not known", ""},
    {"a runvar that is no pair",
     HEAD "  - {testid: a, run: prog, when: {runvar: [x], else: no}}\n",
     "runvar: \"x\" is not NAME=VALUE", ""},
    {"prepared by what is not the first step",
     ONE "  - {testid: a, run: prog}\n  - {testid: b, run: prog}\n"
     "prepared: {steps: [b], check: prog}\n",
     "t.yaml:6: b is not step 1 of the recipe", ""},
    {"prepared by more than there is", ONE STEP
     "prepared: {steps: [a, b], check: prog}\n", "b is not step 2", ""},
    {"prepared, perhaps",
     ONE "  - {testid: a, run: prog, continue: true}\n"
     "prepared: {steps: [a], check: prog}\n", "a prepares: it has no", ""},
    {"used up at once", ONE STEP
     "prepared: {steps: [a], check: prog, uses: 1001}\n",
     "t.yaml:5: uses: not from 1 to 1000", ""},
    {"a check that is no program", ONE STEP
     "prepared: {steps: [a], check: none}\n", "none is no program", ""},
    {"two hosts prepared", HEAD STEP "prepared: {steps: [a], check: prog}\n",
     "t.yaml:5: prepared: only a recipe of one role", ""},
    {"many at once",
     HEAD "  - {testid: a, run: no1}\n  - {testid: b, run: no2}\n",
     "t.yaml:4: no1 is no program", "t.yaml:5: no2 is no program"},
    {"no YAML at all", "recipe: [", "t.yaml:", ""},
};

static void
put(const char *name, mode_t mode, const char *text)
{
    struct fault why = FAULT_INIT;
    char path[300];

    snprintf(path, sizeof(path), "%s/%s", top, name);
    if (!fs_write_file(path, mode, text, strlen(text), &why))
        tap_bail("write: %s", why.text);
}

static bool
load(const char *name, struct recipe **out, struct fault *why)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/%s", top, name);
    return recipe_load(path, out, why);
}

static void
test_bad(void)
{
    struct recipe *recipe;
    struct fault why;
    size_t i;

    for (i = 0; i < ARRAY_LEN(BAD); i++) {
        put("t.yaml", 0644, BAD[i].yaml);
        why = (struct fault)FAULT_INIT;
        recipe = NULL;
        not_ok_fault(load("t.yaml", &recipe, &why), &why, FAULT_CONFIG,
                     BAD[i].text, "%s", BAD[i].what);
        has_str(why.detail, BAD[i].detail, "%s: the rest", BAD[i].what);
        ok(recipe == NULL, "and nothing is loaded");
    }
    why = (struct fault)FAULT_INIT;
    not_ok_fault(recipe_load("no-such-recipe", &recipe, &why), &why,
                 FAULT_NOT_FOUND, "no-such-recipe", "no such recipe");
    why = (struct fault)FAULT_INIT;
    not_ok_fault(recipe_load("./nowhere.yaml", &recipe, &why), &why,
                 FAULT_NOT_FOUND, "nowhere.yaml", "no such file");
    why = (struct fault)FAULT_INIT;
    not_ok_fault(recipe_load("..", &recipe, &why), &why, FAULT_NOT_FOUND,
                 "..", "a name that is no name");
}

/* testid:role:batch:flags ... */
static void
plan_text(const struct job_plan *plan, struct buf *out)
{
    size_t i;

    for (i = 0; i < plan->count; i++) {
        const struct job_step *s = &plan->steps[i];

        buf_addf(out, "%s%s", i > 0 ? " " : "", s->testid);
        if (s->role != NULL)
            buf_addf(out, "@%s", s->role);
        buf_addf(out, ":%d", s->batch);
        if (s->finally)
            buf_adds(out, ":finally");
        if (s->go_on)
            buf_adds(out, ":continue");
        if (s->fail_is_broken)
            buf_adds(out, ":broken");
        buf_adds(out, s->checks ? ":checks" : s->prepares ? ":prepares"
                 : s->powers_off ? ":off" : "");
        if (s->skip_reason != NULL)
            buf_addf(out, ":skip(%s)", s->skip_reason);
    }
}

static void
test_plan(void)
{
    struct job_plan plan = {.steps = NULL};
    struct recipe *recipe = NULL;
    struct fault why = FAULT_INIT;
    struct buf text = BUF_INIT;
    json_t *runvars = json_object();

    put("good.yaml", 0644,
        "recipe: good\n"
        "roles: [host, peer]\n"
        "steps:\n"
        "  - {testid: one, run: prog, args: [x, \"y z\"], cases: [c]}\n"
        "  - {testid: two, run: prog, each: [host, peer], deadline: 5m}\n"
        "  - {testid: arm, run: prog, when: {arch: [arm64], else: \"no\"}}\n"
        "  - {testid: big, run: prog,\n"
        "     when: {runvar: [size=big, mode=], else: \"small\"}}\n"
        "  - {testid: on, run: ./steps/prog, continue: true,\n"
        "     iffail: broken}\n"
        "finally:\n"
        "  - {testid: logs, run: prog}\n");
    ok_fault(load("good.yaml", &recipe, &why), &why, "a good recipe");
    if (recipe == NULL)
        return;
    is_int((int64_t)recipe->finally_count, 2, "the hosts are switched off");
    is_int(recipe->steps[1].line, 5, "steps know their lines");
    is_int(recipe->steps[0].deadline_ms, RECIPE_DEADLINE_MS,
           "the usual deadline");
    is_int(recipe->steps[1].deadline_ms, 300000, "a deadline");
    json_put_text(runvars, "size", "big");
    recipe_plan(recipe, "amd64", runvars, &plan);
    plan_text(&plan, &text);
    is_str(buf_text(&text),
           "one:0 two/host@host:1 two/peer@peer:1 arm:2:skip(no)"
           " big:3:skip(small) on:4:continue:broken logs:0:finally"
           " power-off/host@host:1:finally:broken:off"
           " power-off/peer@peer:1:finally:broken:off",
           "the plan");
    is_str(plan.steps[0].args[1], "y z", "arguments");
    is_str(plan.steps[0].cases[0], "c", "expected cases");
    job_plan_fini(&plan);
    buf_reset(&text);
    json_put_text(runvars, "mode", "");
    recipe_plan(recipe, "arm64", runvars, &plan);
    plan_text(&plan, &text);
    has_str(buf_text(&text), "arm:2 big:3 on", "conditions that hold");
    job_plan_fini(&plan);
    recipe_free(recipe);

    recipe = NULL;
    put("bare.yaml", 0644, "recipe: bare\nroles: []\nsteps:\n" STEP);
    ok_fault(load("bare.yaml", &recipe, &why), &why, "no roles");
    is_int(recipe != NULL ? (int64_t)recipe->finally_count : -1, 0,
           "nothing to switch off");
    recipe_free(recipe);
    recipe = NULL;
    put("keep.yaml", 0644,
        "recipe: keep\nroles: [h]\npower_off: false\nsteps:\n" STEP);
    ok_fault(load("keep.yaml", &recipe, &why), &why, "hosts stay on");
    is_int(recipe != NULL ? (int64_t)recipe->finally_count : -1, 0,
           "if the recipe says so");
    recipe_free(recipe);
    json_decref(runvars);
    buf_free(&text);
}

static const char SHARED[] =
    "recipe: shared\nroles: [host]\nsteps:\n"
    "  - {testid: boot, run: prog, args: [x]}\n"
    "  - {testid: work, run: prog}\n"
    "prepared: {steps: [boot], check: prog, runvars: [option]}\n";

/* The setup of the recipe, or bail. */
static void
setup_of(const char *name, const char *candidate, const char *option,
         const char *other, char hex[static 65])
{
    struct recipe *recipe = NULL;
    struct fault why = FAULT_INIT;
    json_t *runvars = json_object();

    json_put_text(runvars, "option", option);
    json_put_text(runvars, "other", other);
    if (!load(name, &recipe, &why) ||
        !recipe_setup(recipe, "amd64", candidate, runvars, hex, &why))
        tap_bail("%s", why.text);
    json_decref(runvars);
    recipe_free(recipe);
}

static void
test_prepared(void)
{
    struct job_plan plan = {.steps = NULL};
    struct recipe *recipe = NULL;
    struct fault why = FAULT_INIT;
    struct buf text = BUF_INIT;
    char first[65], second[65];

    put("shared.yaml", 0644, SHARED);
    ok_fault(load("shared.yaml", &recipe, &why), &why, "a shared host");
    if (recipe == NULL)
        return;
    recipe_plan(recipe, "amd64", NULL, &plan);
    plan_text(&plan, &text);
    is_str(buf_text(&text), "host-reuse:-1:broken:checks boot:0:prepares"
           " work:1 power-off/host@host:0:finally:broken:off",
           "it is checked first");
    is_int(recipe->uses, RECIPE_USES, "so often");
    job_plan_fini(&plan);
    recipe_free(recipe);
    buf_free(&text);

    setup_of("shared.yaml", "c", "o", "p", first);
    setup_of("shared.yaml", "c", "o", "q", second);
    is_str(second, first, "a setup knows only the runvars of its steps");
    setup_of("shared.yaml", "c", "x", "p", second);
    ok(strcmp(second, first) != 0, "these it does");
    setup_of("shared.yaml", "d", "o", "p", second);
    ok(strcmp(second, first) != 0, "and the candidate");
    put("steps/prog", 0755, "#!/bin/sh\n:\n");
    setup_of("shared.yaml", "c", "o", "p", second);
    ok(strcmp(second, first) != 0, "and the programs");
}

static void
test_shipped(void)
{
    const char *src = getenv("ASSAY_TOP_SRCDIR");
    struct recipe *recipe;
    struct dirent *entry;
    struct fault why;
    char path[300];
    int count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/recipes", src != NULL ? src : ".");
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len < 6 || strcmp(entry->d_name + len - 5, ".yaml") != 0)
            continue;
        entry->d_name[len - 5] = '\0';
        recipe = NULL;
        why = (struct fault)FAULT_INIT;
        ok_fault(recipe_load(entry->d_name, &recipe, &why), &why,
                 "shipped recipe %s", entry->d_name);
        recipe_free(recipe);
        count++;
    }
    if (dir != NULL)
        closedir(dir);
    ok(count > 0, "there are %d", count);
}

int
main(void)
{
    struct fault why = FAULT_INIT;
    char path[300];

    if (mkdtemp(top) == NULL)
        tap_bail("mkdtemp");
    snprintf(path, sizeof(path), "%s/steps", top);
    if (!fs_mkdirs(path, 0755, &why))
        tap_bail("%s", why.text);
    put("steps/prog", 0755, "#!/bin/sh\n");
    put("steps/data", 0644, "x\n");
    test_bad();
    test_plan();
    test_prepared();
    test_shipped();
    ok_fault(fs_remove_tree(top, &why), &why, "clean");
    return tap_done();
}
