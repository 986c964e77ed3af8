/* flights/plan.c - changes to a plan, and its dump: see plan.h. */
#include <config.h>

#include "flights/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"

const struct plan_job *
plan_job_named(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->job_count; i++)
        if (strcmp(plan->jobs[i].job, name) == 0)
            return &plan->jobs[i];
    return NULL;
}

/* Marks 'job' and what it needs; needs form no cycle. */
static void
mark(const struct plan *plan, const struct plan_job *job, bool *keep)
{
    if (keep[job - plan->jobs])
        return;
    keep[job - plan->jobs] = true;
    for (size_t i = 0; i < job->need_count; i++)
        if (job->needs[i].flight == 0)
            mark(plan, plan_job_named(plan, job->needs[i].job), keep);
}

bool
plan_select(struct plan *plan, struct arena *arena,
            const char *const *names, struct fault *why)
{
    bool *keep = arena_alloc(arena, plan->job_count + 1);
    size_t kept = 0;

    for (size_t i = 0; names[i] != NULL; i++) {
        const struct plan_job *job = plan_job_named(plan, names[i]);

        if (job == NULL) {
            fault_set(why, FAULT_USAGE, "%s has no job '%s'", plan->file,
                      names[i]);
            fault_hint(why, "'assay flight dump %s' lists its jobs",
                       plan->file);
            return false;
        }
        mark(plan, job, keep);
    }
    for (size_t i = 0; i < plan->job_count; i++)
        if (keep[i])
            plan->jobs[kept++] = plan->jobs[i];
    plan->job_count = kept;
    return true;
}

static void
set_runvar(struct plan_job *job, struct arena *arena, const char *name,
           const char *value)
{
    struct plan_runvar *vars =
        arena_alloc(arena, (job->runvar_count + 1) * sizeof *vars);
    size_t at = 0, count = 0;

    while (at < job->runvar_count &&
           strcmp(job->runvars[at].name, name) < 0)
        vars[count++] = job->runvars[at++];
    vars[count++] = (struct plan_runvar){ .name = name, .value = value };
    if (at < job->runvar_count && strcmp(job->runvars[at].name, name) == 0)
        at++;
    while (at < job->runvar_count)
        vars[count++] = job->runvars[at++];
    job->runvars = vars;
    job->runvar_count = count;
}

bool
plan_set_runvar(struct plan *plan, struct arena *arena, const char *text,
                struct fault *why)
{
    char *copy = arena_strdup(arena, text);
    char *name = strchr(copy, ':'), *value = NULL;
    bool any = false;

    if (name != NULL) {
        *name++ = '\0';
        value = strchr(name, '=');
    }
    if (value == NULL)
        return fault_set(why, FAULT_USAGE,
                         "a runvar is JOB:NAME=VALUE, not '%s'", text);
    *value++ = '\0';
    if (!name_is_safe(name, 100))
        return fault_set(why, FAULT_USAGE, "'%s' cannot name a runvar",
                         name);
    for (size_t i = 0; i < plan->job_count; i++) {
        if (strcmp(copy, ".") != 0 && strcmp(copy, plan->jobs[i].job) != 0)
            continue;
        set_runvar(&plan->jobs[i], arena, name, value);
        any = true;
    }
    if (!any)
        return fault_set(why, FAULT_USAGE, "there is no job '%s'", copy);
    return true;
}

bool
plan_set_candidate(struct plan *plan, const char *name, struct fault *why)
{
    bool taken = false;

    for (size_t i = 0; i < plan->job_count; i++) {
        if (plan->jobs[i].candidate != NULL) {
            plan->jobs[i].candidate = name;
            taken = true;
        }
    }
    if (!taken) {
        fault_set(why, FAULT_CONFIG, "no job of the flight tests a candidate:"
                  " it would not test %s", name);
        fault_hint(why, "in the flight's file, 'candidate: %s', or that of a "
                   "job", name);
    }
    return taken;
}

void
plan_set_tree(struct plan *plan, struct arena *arena, const char *tree,
              const char *url, const char *revision)
{
    struct plan_tree *trees =
        arena_alloc(arena, (plan->tree_count + 1) * sizeof *trees);

    if (plan->tree_count > 0)
        memcpy(trees, plan->trees, plan->tree_count * sizeof *trees);
    trees[plan->tree_count++] = (struct plan_tree){ tree, revision };
    plan->trees = trees;
    for (size_t i = 0; i < plan->job_count; i++) {
        set_runvar(&plan->jobs[i], arena,
                   arena_printf(arena, "revision_%s", tree), revision);
        set_runvar(&plan->jobs[i], arena, arena_printf(arena, "tree_%s",
                                                       tree), url);
    }
}

/* Builds of other flights ------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The next runvar that is part of the definition; the count past the end. */
static size_t
next_defined(const struct plan_job *job, size_t at)
{
    while (at < job->runvar_count && job->runvars[at].result)
        at++;
    return at;
}

static bool
same_runvars(const struct plan_job *a, const struct plan_job *b)
{
    size_t i = next_defined(a, 0), k = next_defined(b, 0);

    while (i < a->runvar_count && k < b->runvar_count) {
        if (strcmp(a->runvars[i].name, b->runvars[k].name) != 0 ||
            strcmp(a->runvars[i].value, b->runvars[k].value) != 0)
            return false;
        i = next_defined(a, i + 1);
        k = next_defined(b, k + 1);
    }
    return i == a->runvar_count && k == b->runvar_count;
}

static bool
same_needs(const struct plan_job *a, const struct plan_job *b)
{
    if (a->need_count != b->need_count)
        return false;
    for (size_t i = 0; i < a->need_count; i++)
        if (a->needs[i].flight != b->needs[i].flight ||
            strcmp(a->needs[i].job, b->needs[i].job) != 0)
            return false;
    return true;
}

static bool
is_reusable(const struct plan_job *job, const struct plan *done,
            const char *const *passed)
{
    const struct plan_job *there = plan_job_named(done, job->job);
    bool pass = false;

    for (size_t i = 0; passed[i] != NULL && !pass; i++)
        pass = strcmp(passed[i], job->job) == 0;
    return pass && there != NULL && strncmp(job->job, "build-", 6) == 0 &&
           same_text(job->recipe, there->recipe) &&
           same_text(job->arch, there->arch) &&
           same_text(job->candidate, there->candidate) &&
           same_runvars(job, there) && same_needs(job, there);
}

static int
compare_need_flights(const void *a, const void *b)
{
    const struct plan_need *x = a, *y = b;

    if (x->flight != y->flight)
        return x->flight < y->flight ? -1 : 1;
    return strcmp(x->job, y->job);
}

static void
need_of_flight(struct plan *plan, struct arena *arena, const char *build,
               int64_t flight)
{
    for (size_t i = 0; i < plan->job_count; i++) {
        struct plan_job *job = &plan->jobs[i];
        struct plan_need *needs =
            arena_alloc(arena, job->need_count * sizeof *needs + 1);

        if (job->need_count == 0)
            continue;
        memcpy(needs, job->needs, job->need_count * sizeof *needs);
        for (size_t k = 0; k < job->need_count; k++)
            if (needs[k].flight == 0 && strcmp(needs[k].job, build) == 0)
                needs[k].flight = flight;
        qsort(needs, job->need_count, sizeof *needs, compare_need_flights);
        job->needs = needs;
    }
}

size_t
plan_reuse_builds(struct plan *plan, struct arena *arena,
                  const struct plan *done, int64_t flight,
                  const char *const *passed)
{
    size_t count = plan->job_count, kept = 0;
    bool *reuse = arena_alloc(arena, count + 1);

    for (size_t i = 0; i < count; i++)
        reuse[i] = is_reusable(&plan->jobs[i], done, passed);
    for (size_t i = 0; i < count; i++)
        if (reuse[i])
            need_of_flight(plan, arena, plan->jobs[i].job, flight);
    for (size_t i = 0; i < count; i++)
        if (!reuse[i])
            plan->jobs[kept++] = plan->jobs[i];
    plan->job_count = kept;
    return count - kept;
}

/* Retests ----------------------------------------------------------------- */

static bool
is_one_of(const char *const *jobs, const char *job)
{
    for (size_t i = 0; jobs[i] != NULL; i++)
        if (strcmp(jobs[i], job) == 0)
            return true;
    return false;
}

static void
drop_results(struct plan_job *job, struct arena *arena)
{
    struct plan_runvar *vars =
        arena_alloc(arena, job->runvar_count * sizeof *vars + 1);
    size_t kept = 0;

    for (size_t i = 0; i < job->runvar_count; i++)
        if (!job->runvars[i].result)
            vars[kept++] = job->runvars[i];
    job->runvars = vars;
    job->runvar_count = kept;
}

bool
plan_retest(struct plan *plan, struct arena *arena, int64_t flight,
            const char *const *jobs, struct fault *why)
{
    size_t count = plan->job_count, kept = 0;

    for (size_t i = 0; jobs[i] != NULL; i++)
        if (plan_job_named(plan, jobs[i]) == NULL)
            return fault_set(why, FAULT_USAGE, "flight %" PRId64 " has no job"
                             " '%s'", flight, jobs[i]);
    for (size_t i = 0; i < count; i++)
        if (!is_one_of(jobs, plan->jobs[i].job))
            need_of_flight(plan, arena, plan->jobs[i].job, flight);
    for (size_t i = 0; i < count; i++)
        if (is_one_of(jobs, plan->jobs[i].job))
            plan->jobs[kept++] = plan->jobs[i];
    plan->job_count = kept;
    for (size_t i = 0; i < kept; i++)
        drop_results(&plan->jobs[i], arena);
    plan->intended = arena_printf(arena, "%s-retest", plan->intended);
    plan->source = arena_printf(arena, "retest of flight %" PRId64, flight);
    return true;
}

/* Dump -------------------------------------------------------------------- */

static int
compare_jobs(const void *a, const void *b)
{
    const struct plan_job *const *x = a, *const *y = b;

    return strcmp((*x)->job, (*y)->job);
}

static void
dump_line(struct buf *out, const char *job, const char *name,
          const char *value)
{
    buf_addf(out, "%-24s %-28s ", job, name);
    buf_add_escaped(out, value, strlen(value));
    buf_addc(out, '\n');
}

static void
dump_role(struct buf *out, const char *job, const struct plan_role *role)
{
    struct buf name = BUF_INIT, value = BUF_INIT;

    buf_addf(&name, ":%s", role->role);
    buf_addf(&value, "arch=%s", role->arch);
    if (role->same_class > 0)
        buf_addf(&value, " class=%d", role->same_class);
    if (role->flags != NULL && role->flags[0] != NULL) {
        buf_adds(&value, " flags=");
        for (size_t i = 0; role->flags[i] != NULL; i++)
            buf_addf(&value, "%s%s", i == 0 ? "" : ",", role->flags[i]);
    }
    for (size_t i = 0; role->wants != NULL && role->wants[i] != NULL; i++)
        buf_addf(&value, " %s", role->wants[i]);
    if (role->preset != NULL)
        buf_addf(&value, " host=%s", role->preset);
    dump_line(out, job, buf_text(&name), buf_text(&value));
    buf_free(&name);
    buf_free(&value);
}

static void
dump_job(struct buf *out, const struct plan_job *job)
{
    struct buf text = BUF_INIT;

    dump_line(out, job->job, ":arch", job->arch);
    if (job->candidate != NULL)
        dump_line(out, job->job, ":candidate", job->candidate);
    if (job->diverse != NULL)
        dump_line(out, job->job, ":diverse", job->diverse);
    for (size_t i = 0; i < job->need_count; i++) {
        if (job->needs[i].flight != 0)
            buf_addf(&text, "%" PRId64 ".", job->needs[i].flight);
        buf_addf(&text, "%s%s", job->needs[i].job,
                 i + 1 < job->need_count ? " " : "");
    }
    if (text.len > 0)
        dump_line(out, job->job, ":needs", buf_text(&text));
    if (job->preemptable)
        dump_line(out, job->job, ":preemptable", "true");
    dump_line(out, job->job, ":recipe", job->recipe);
    for (size_t i = 0; i < job->role_count; i++)
        dump_role(out, job->job, &job->roles[i]);
    for (size_t i = 0; i < job->runvar_count; i++) {
        buf_reset(&text);
        buf_addf(&text, "%s%s", job->runvars[i].result ? "~" : "",
                 job->runvars[i].name);
        dump_line(out, job->job, buf_text(&text), job->runvars[i].value);
    }
    buf_free(&text);
}

void
plan_dump(const struct plan *plan, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    const struct plan_job **jobs =
        arena_alloc(&arena, plan->job_count * sizeof *jobs + 1);

    for (size_t i = 0; i < plan->job_count; i++)
        jobs[i] = &plan->jobs[i];
    if (plan->job_count > 0)
        qsort(jobs, plan->job_count, sizeof *jobs, compare_jobs);
    for (size_t i = 0; i < plan->job_count; i++)
        dump_job(out, jobs[i]);
    arena_free(&arena);
}
