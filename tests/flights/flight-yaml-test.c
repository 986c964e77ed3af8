/* tests/flights/flight-yaml-test.c - what is wrong with a flight's file is said
 * with its line, and nothing comes of such a file. */
#include <config.h>

#include "flights/flight_yaml.h"

#include <unistd.h>

#include "flights/plan.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "tests/tap.h"

static char dir[] = "/tmp/flight-yaml-test.XXXXXX";

#define HEAD "flight: t\nintended: play\njobs:\n"
#define SMOKE "  - job: a\n    recipe: smoke\n    hosts:\n" \
              "      host: { arch: amd64 }\n"

struct bad {
    const char *what, *text, *want;     /* want starts at the line */
    const char *also;                   /* in the detail, or NULL */
};

static const struct bad bads[] = {
    { "no jobs key", "flight: t\nintended: play\n",
      "1: key 'jobs' is missing", NULL },
    { "an empty list of jobs", "flight: t\nintended: play\njobs: []\n",
      "3: a flight has at least one job", NULL },
    { "an unknown key", "flight: t\nintended: play\ncolour: red\njobs:\n"
      SMOKE, "3: unknown key 'colour'", NULL },
    { "an unknown key of a job", HEAD SMOKE "    retries: 3\n",
      "8: unknown key 'retries'", NULL },
    { "an unknown key of a role", HEAD
      "  - job: a\n    recipe: smoke\n    hosts:\n"
      "      host: { arch: amd64, flag: xen }\n", "7: unknown key 'flag'",
      NULL },
    { "a job without recipe", HEAD "  - job: a\n",
      "4: key 'recipe' is missing", NULL },
    { "an unknown recipe", HEAD "  - job: a\n    recipe: smuke\n"
      "    arch: amd64\n", "5: ", NULL },
    { "a role that is missing", HEAD "  - job: a\n    recipe: pair\n"
      "    hosts:\n      src_host: { arch: amd64 }\n",
      "7: recipe 'pair' needs a host for role 'dst_host'", NULL },
    { "a role that the recipe does not have", HEAD SMOKE
      "      other: { arch: amd64 }\n",
      "8: recipe 'smoke' has no role 'other'", NULL },
    { "no hosts at all", HEAD "  - job: a\n    recipe: smoke\n",
      "4: recipe 'smoke' needs a host for role 'host'", NULL },
    { "a role without arch", HEAD "  - job: a\n    recipe: smoke\n"
      "    hosts:\n      host: { flags: [xen] }\n",
      "7: role 'host' has no arch", NULL },
    { "an unknown arch", HEAD "  - job: a\n    recipe: smoke\n"
      "    hosts:\n      host: { arch: vax }\n", "7: arch 'vax' is none of",
      NULL },
    { "a flag twice", HEAD "  - job: a\n    recipe: smoke\n"
      "    hosts:\n      host: { arch: amd64, flags: [xen, hap, xen] }\n",
      "7: flag 'xen' is given twice", NULL },
    { "a job twice", HEAD SMOKE SMOKE,
      "8: job 'a' is given twice, first on line 4", NULL },
    { "a matrix that is not in the name", HEAD
      "  - job: a\n    recipe: smoke\n"
      "    matrix: { arch: [amd64, arm64] }\n"
      "    hosts:\n      host: { arch: \"{arch}\" }\n",
      "4: job 'a' is given twice, first on line 4 (is every key of the "
      "matrix in its name?)", NULL },
    { "a key that no matrix has", HEAD "  - job: a-{arch}\n"
      "    recipe: smoke\n    hosts:\n      host: { arch: amd64 }\n",
      "4: '{arch}' is no key of the matrix", NULL },
    { "an open brace", HEAD SMOKE "    runvars: { x: \"{y\" }\n",
      "8: no closing brace in '{y'", NULL },
    { "an axis without values", HEAD "  - job: a-{arch}\n"
      "    recipe: smoke\n    matrix: { arch: [] }\n",
      "6: 'arch' has no values", NULL },
    { "a rule that names no key", HEAD "  - job: a-{arch}\n"
      "    recipe: smoke\n    matrix: { arch: [amd64] }\n"
      "    exclude: [\"cpu=x\"]\n    hosts:\n"
      "      host: { arch: \"{arch}\" }\n",
      "7: 'cpu=x' does not name a key", NULL },
    { "a rule that leaves nothing out", HEAD "  - job: a-{arch}\n"
      "    recipe: smoke\n    matrix: { arch: [amd64] }\n"
      "    exclude: [\"arch=arm64\"]\n    hosts:\n"
      "      host: { arch: \"{arch}\" }\n",
      "7: 'arch=arm64' leaves nothing out", NULL },
    { "rules that leave everything out", HEAD "  - job: a-{arch}\n"
      "    recipe: smoke\n    matrix: { arch: [amd64] }\n"
      "    exclude: [\"arch=amd64\"]\n", "4: every cell of the matrix is",
      NULL },
    { "a need that does not exist", HEAD SMOKE "    needs: [b]\n",
      "8: job 'a' needs 'b', which does not exist", NULL },
    { "a job that needs itself", HEAD SMOKE "    needs: [a]\n",
      "8: job 'a' needs itself", NULL },
    { "a circle of needs", HEAD SMOKE "    needs: [b]\n"
      "  - job: b\n    recipe: smoke\n    needs: [c]\n    hosts:\n"
      "      host: { arch: amd64 }\n"
      "  - job: c\n    recipe: smoke\n    needs: [a]\n    hosts:\n"
      "      host: { arch: amd64 }\n", "8: job 'a' needs itself, through",
      NULL },
    { "a need twice", HEAD SMOKE
      "    needs: [12.x, 12.x]\n", "8: 'x' is needed twice", NULL },
    { "a name that is no name", HEAD "  - job: a/b\n    recipe: smoke\n"
      "    hosts:\n      host: { arch: amd64 }\n", "4: job 'a/b': letters",
      NULL },
    { "a runvar that is no name", HEAD SMOKE "    runvars: { \"a b\": x }\n",
      "8: runvar 'a b': letters", NULL },
    { "a flight that is no name", "flight: ../t\nintended: play\njobs:\n"
      SMOKE, "1: flight '../t': letters", NULL },
    { "a class below zero", HEAD "  - job: a\n    recipe: smoke\n"
      "    hosts:\n      host: { arch: amd64, class: -1 }\n",
      "7: class is a positive number", NULL },
    { "several errors at once", HEAD SMOKE SMOKE
      "  - job: c/d\n    recipe: smoke\n",
      "8: job 'a' is given twice", "12: job 'c/d': letters" },
    { "a file that is cut", HEAD "  - job: [a\n", "", NULL },
};

static const char *
write_file(struct arena *arena, const char *name, const char *text)
{
    struct fault why = FAULT_INIT;
    const char *path = arena_printf(arena, "%s/%s", dir, name);

    if (!fs_write_file(path, 0644, text, strlen(text), &why))
        tap_bail("%s", why.text);
    return path;
}

static void
all_bad(struct arena *arena)
{
    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        struct fault why = FAULT_INIT;
        struct plan plan;
        const char *path = write_file(arena, "bad.yaml", bads[i].text);
        const char *want = arena_printf(arena, "%s:%s", path, bads[i].want);
        bool loaded = flight_yaml_load(path, arena, &plan, &why);

        ok(!loaded && why.kind == FAULT_CONFIG, "%s is refused",
           bads[i].what);
        ok(strncmp(why.text, want, strlen(want)) == 0, "with %s",
           bads[i].want);
        if (strncmp(why.text, want, strlen(want)) != 0)
            diag("it says '%s'", why.text);
        if (bads[i].also != NULL)
            has_str(why.detail, bads[i].also, "and the next one");
    }
}

/* Runs of blanks as one. */
static const char *
squeezed(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text), *to = copy;

    for (const char *p = copy; *p != '\0'; p++)
        if (*p != ' ' || p[1] != ' ')
            *to++ = *p;
    *to = '\0';
    return copy;
}

static void
good(struct arena *arena)
{
    static const char text[] =
        "flight: t\nbranch: b\nintended: real\ncandidate: c1\n"
        "priority: -3\nrunvars: { x: \"1\", z: \"0\" }\njobs:\n"
        "  - job: s-{arch}-{n}\n    recipe: smoke\n"
        "    matrix: { arch: [amd64, arm64], n: [1, 2] }\n"
        "    exclude: [\"arch=arm64 n=2\"]\n"
        "    hosts:\n      host: { arch: \"{arch}\", flags: [xen, hap] }\n"
        "    runvars: { x: \"n{n}\", y: \"{{a\" }\n"
        "  - job: p\n    recipe: pair\n    candidate: c2\n    hosts:\n"
        "      dst_host: { arch: amd64, class: 1 }\n"
        "      src_host: { arch: amd64, class: 1, host: lab-1 }\n"
        "    needs: [s-amd64-2, 7.build, s-amd64-1]\n";
    struct fault why = FAULT_INIT;
    struct plan plan;
    struct buf out = BUF_INIT;
    const char *path = write_file(arena, "good.yaml", text);

    ok_fault(flight_yaml_load(path, arena, &plan, &why), &why,
             "a good file");
    is_int((int64_t)plan.job_count, 4, "its jobs");
    is_int(plan.priority, -3, "its priority");
    is_str(plan.definition, text, "the file is kept verbatim");
    plan_dump(&plan, &out);
    is_str(squeezed(arena, buf_text(&out)),
           "p :arch amd64\n"
           "p :candidate c2\n"
           "p :needs s-amd64-1 s-amd64-2 7.build\n"
           "p :recipe pair\n"
           "p :src_host arch=amd64 class=1 host=lab-1\n"
           "p :dst_host arch=amd64 class=1\n"
           "p x 1\n"
           "p z 0\n"
           "s-amd64-1 :arch amd64\n"
           "s-amd64-1 :candidate c1\n"
           "s-amd64-1 :recipe smoke\n"
           "s-amd64-1 :host arch=amd64 flags=hap,xen\n"
           "s-amd64-1 x n1\n"
           "s-amd64-1 y {a\n"
           "s-amd64-1 z 0\n"
           "s-amd64-2 :arch amd64\n"
           "s-amd64-2 :candidate c1\n"
           "s-amd64-2 :recipe smoke\n"
           "s-amd64-2 :host arch=amd64 flags=hap,xen\n"
           "s-amd64-2 x n2\n"
           "s-amd64-2 y {a\n"
           "s-amd64-2 z 0\n"
           "s-arm64-1 :arch arm64\n"
           "s-arm64-1 :candidate c1\n"
           "s-arm64-1 :recipe smoke\n"
           "s-arm64-1 :host arch=arm64 flags=hap,xen\n"
           "s-arm64-1 x n1\n"
           "s-arm64-1 y {a\n"
           "s-arm64-1 z 0\n",
           "its dump");
    buf_free(&out);
}

static void
changes(struct arena *arena)
{
    static const char *const only_p[] = { "p", NULL };
    static const char *const nobody[] = { "q", NULL };
    struct fault why = FAULT_INIT;
    struct plan plan;
    const char *path = arena_printf(arena, "%s/good.yaml", dir);

    ok_fault(flight_yaml_load(path, arena, &plan, &why), &why, "once more");
    not_ok_fault(plan_select(&plan, arena, nobody, &why), &why, FAULT_USAGE,
                 "no job 'q'", "an unknown job is not chosen");
    ok_fault(plan_select(&plan, arena, only_p, &why), &why, "one job");
    is_int((int64_t)plan.job_count, 3, "comes with what it needs");
    ok(plan_job_named(&plan, "s-arm64-1") == NULL, "and nothing else");
    ok_fault(plan_set_runvar(&plan, arena, "p:x=a=b", &why), &why,
             "a runvar is set");
    is_str(plan_job_named(&plan, "p")->runvars[0].value, "a=b",
           "with all after the first =");
    ok_fault(plan_set_runvar(&plan, arena, ".:new=1", &why), &why,
             "one of all jobs");
    is_int((int64_t)plan_job_named(&plan, "p")->runvar_count, 3, "is added");
    not_ok_fault(plan_set_runvar(&plan, arena, "q:x=1", &why), &why,
                 FAULT_USAGE, "no job 'q'", "of an unknown job");
    not_ok_fault(plan_set_runvar(&plan, arena, "p:x", &why), &why,
                 FAULT_USAGE, "JOB:NAME=VALUE", "without a value");
    not_ok_fault(plan_set_runvar(&plan, arena, "p=x:1", &why), &why,
                 FAULT_USAGE, "JOB:NAME=VALUE", "the other way round");
    ok(plan_set_candidate(&plan, "c9", &why), "another candidate");
    is_str(plan_job_named(&plan, "p")->candidate, "c9", "is set");
    for (size_t i = 0; i < plan.job_count; i++)
        plan.jobs[i].candidate = NULL;
    not_ok_fault(plan_set_candidate(&plan, "c9", &why), &why, FAULT_CONFIG,
                 "no job of the flight tests a candidate",
                 "a candidate that nothing would test");
}

static void
missing(struct arena *arena)
{
    struct fault why = FAULT_INIT;
    struct plan plan;

    not_ok_fault(flight_yaml_load("/nonexistent/x.yaml", arena, &plan, &why),
                 &why, FAULT_NOT_FOUND, "/nonexistent/x.yaml",
                 "a file that is not there");
}

int
main(void)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;

    if (mkdtemp(dir) == NULL)
        tap_bail("mkdtemp");
    all_bad(&arena);
    good(&arena);
    changes(&arena);
    missing(&arena);
    if (!fs_remove_tree(dir, &why))
        diag("%s", why.text);
    arena_free(&arena);
    return tap_done();
}
