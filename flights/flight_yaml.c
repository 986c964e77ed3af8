/* flights/flight_yaml.c - see flight_yaml.h.
 *
 * The file is read into plain structs (flight_file.h), every job is expanded
 * over its matrix, then each expanded job is checked by itself (expand_*) and
 * all of them together (check_*). Errors are collected; none is fatal for the
 * ones after it. */
#include <config.h>

#include "flights/flight_yaml.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "flights/flight_file.h"
#include "flights/matrix.h"
#include "flights/plan.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/yaml.h"
#include "harness/yaml_tree.h"
#include "recipes/recipe.h"

#define AXES_MAX 16
#define ERRORS_MAX 20
#define RECIPES_MAX 200

/* Work in progress -------------------------------------------------------- */

struct known_recipe {
    char *path;
    struct recipe *recipe;      /* NULL: it is no good, and that was said */
};

struct work {
    const char *file;
    const struct yaml_node *tree;       /* for lines */
    struct arena *arena;
    const struct file_flight *flight;
    struct plan *plan;
    size_t cap;                 /* of plan->jobs */

    struct known_recipe recipes[RECIPES_MAX];
    size_t recipe_count;

    char first[sizeof((struct fault *)0)->text];
    struct buf more;
    int errors;

    /* The job and cell at hand. */
    unsigned index;             /* of the job in the file */
    int line, needs_line, candidate_line;
    struct matrix_pair pairs[AXES_MAX];
    size_t pair_count;
};

static PRINTF_LIKE(3, 0) void
add_error(struct work *w, int line, const char *fmt, va_list ap)
{
    struct buf text = BUF_INIT;

    w->errors++;
    if (w->errors > ERRORS_MAX)
        return;
    buf_addf(&text, "%s:%d: ", w->file, line);
    buf_addv(&text, fmt, ap);
    if (w->errors == 1)
        snprintf(w->first, sizeof w->first, "%s", buf_text(&text));
    else
        buf_addf(&w->more, "%s\n", buf_text(&text));
    buf_free(&text);
}

static int
line_of(const struct work *w, const char *path)
{
    return yaml_tree_find(w->tree, path)->line;
}

/* 'path' in the file, as yaml_tree_find() wants it. */
static PRINTF_LIKE(3, 4) void
error_at(struct work *w, const char *path, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_error(w, line_of(w, path), fmt, ap);
    va_end(ap);
}

static PRINTF_LIKE(3, 4) void
error_line(struct work *w, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_error(w, line, fmt, ap);
    va_end(ap);
}

/* Path of the present job's node 'rest' ("" for the job itself). */
static const char *
job_path(struct work *w, const char *rest)
{
    return arena_printf(w->arena, "jobs/%u%s%s", w->index,
                        rest[0] == '\0' ? "" : "/", rest);
}

/* 'text' of the present job with its cell's values; NULL stays NULL, and an
 * error is said and gives NULL. */
static const char *
filled(struct work *w, const char *text, const char *where)
{
    const char *out = NULL, *bad = NULL;

    if (text == NULL)
        return NULL;
    if (matrix_replace(w->arena, text, w->pairs, w->pair_count, &out, &bad))
        return out;
    if (bad[0] == '{')
        error_at(w, job_path(w, where), "no closing brace in '%s'", text);
    else
        error_at(w, job_path(w, where),
                 "'{%s}' is no key of the matrix", bad);
    return NULL;
}

/* Words that become names in paths, rows and cells. */
static bool
good_name(struct work *w, const char *name, const char *what,
          const char *path)
{
    if (name_is_safe(name, 100))
        return true;
    error_at(w, path, "%s '%s': letters, digits and . _ - only, 100 at most",
             what, name);
    return false;
}

/* One job ----------------------------------------------------------------- */

/* A path in the file is relative to the file. */
static const char *
recipe_path(struct work *w, const char *name)
{
    const char *slash = strrchr(w->plan->source, '/');

    if (name[0] == '/' ||
        (strchr(name, '/') == NULL && strstr(name, ".yaml") == NULL))
        return name;
    return arena_printf(w->arena, "%.*s/%s",
                        (int)(slash - w->plan->source), w->plan->source,
                        name);
}

static const struct recipe *
known_recipe(struct work *w, const char *path)
{
    struct fault why = FAULT_INIT;
    struct known_recipe *known;

    for (size_t i = 0; i < w->recipe_count; i++)
        if (strcmp(w->recipes[i].path, path) == 0)
            return w->recipes[i].recipe;
    if (w->recipe_count == RECIPES_MAX) {
        error_at(w, job_path(w, "recipe"), "more than %d recipes",
                 RECIPES_MAX);
        return NULL;
    }
    known = &w->recipes[w->recipe_count++];
    known->path = arena_strdup(w->arena, path);
    if (recipe_load(path, &known->recipe, &why))
        return known->recipe;
    known->recipe = NULL;
    error_at(w, job_path(w, "recipe"), "%s", why.text);
    return NULL;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
expand_flags(struct work *w, const struct file_role *from,
             struct plan_role *role, const char *where)
{
    size_t count = 0;

    role->flags = arena_alloc(w->arena,
                              (from->flags_count + 1) * sizeof *role->flags);
    for (unsigned i = 0; i < from->flags_count; i++) {
        const char *flag = filled(w, from->flags[i], where);

        if (flag != NULL && good_name(w, flag, "flag", job_path(w, where)))
            role->flags[count++] = flag;
    }
    if (count == 0)
        return;
    qsort(role->flags, count, sizeof *role->flags, compare_texts);
    for (size_t i = 1; i < count; i++)
        if (strcmp(role->flags[i - 1], role->flags[i]) == 0)
            error_at(w, job_path(w, where), "flag '%s' is given twice",
                     role->flags[i]);
}

/* "NAME=VALUE", or "NAME>=VALUE" for a value that begins with >=. */
static void
expand_wants(struct work *w, const struct file_role *from,
             struct plan_role *role, const char *where)
{
    size_t count = 0;

    role->wants = arena_alloc(w->arena, (from->properties_count + 1)
                                        * sizeof *role->wants);
    for (unsigned i = 0; i < from->properties_count; i++) {
        const struct yaml_pair *pair = &from->properties[i];
        const char *value = filled(w, pair->value, where);
        bool least = value != NULL && strncmp(value, ">=", 2) == 0;

        if (value == NULL ||
            !good_name(w, pair->key, "property", job_path(w, where)))
            continue;
        if (least)
            value += 2 + strspn(value + 2, " ");
        if (value[0] == '\0' || strcspn(value, "<>\037") != strlen(value)) {
            error_at(w, job_path(w, where), "property '%s' wants a value, or "
                     ">= and a value", pair->key);
            continue;
        }
        role->wants[count++] = arena_printf(w->arena, "%s%s%s", pair->key,
                                            least ? ">=" : "=", value);
    }
    if (count > 0)
        qsort(role->wants, count, sizeof *role->wants, compare_texts);
}

static bool
known_arch(struct work *w, const char *arch, const char *where)
{
    static const char *const known[] = { "amd64", "arm64", "armhf" };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], arch) == 0)
            return true;
    error_at(w, job_path(w, where), "arch '%s' is none of amd64, arm64, "
             "armhf", arch);
    return false;
}

static void
expand_role(struct work *w, const struct file_role *from,
            struct plan_role *role, const char *job_arch)
{
    const char *where = arena_printf(w->arena, "hosts/%s", from->role);

    role->role = arena_strdup(w->arena, from->role);
    role->preset = filled(w, from->host, where);
    role->same_class = from->same_class;
    if (from->same_class < 0)
        error_at(w, job_path(w, where), "class is a positive number");
    role->arch = filled(w, from->arch, where);
    if (role->arch == NULL)
        role->arch = job_arch;
    if (role->arch != NULL)
        (void)known_arch(w, role->arch, where);
    else if (from->arch == NULL)
        error_at(w, job_path(w, where), "role '%s' has no arch",
                 from->role);
    expand_flags(w, from, role, where);
    expand_wants(w, from, role, where);
}

static const struct file_role *
role_of(const struct file_job *from, const char *name)
{
    for (unsigned i = 0; i < from->hosts_count; i++)
        if (strcmp(from->hosts[i].role, name) == 0)
            return &from->hosts[i];
    return NULL;
}

/* Exactly the recipe's roles, in its order. */
static void
expand_roles(struct work *w, const struct file_job *from,
             struct plan_job *job)
{
    const struct recipe *recipe =
        known_recipe(w, recipe_path(w, job->recipe));
    struct plan_role *roles =
        arena_alloc(w->arena, from->hosts_count * sizeof *roles + 1);

    job->roles = roles;
    if (recipe == NULL)
        return;
    for (unsigned i = 0; i < from->hosts_count; i++)
        if (!recipe_has_role(recipe, from->hosts[i].role))
            error_at(w, job_path(w, arena_printf(w->arena, "hosts/%s",
                                                 from->hosts[i].role)),
                     "recipe '%s' has no role '%s'", recipe->name,
                     from->hosts[i].role);
    for (char **name = recipe->roles; *name != NULL; name++) {
        const struct file_role *role = role_of(from, *name);

        if (role != NULL)
            expand_role(w, role, &roles[job->role_count++], job->arch);
        else
            error_at(w, job_path(w, from->hosts_count > 0 ? "hosts" : ""),
                     "recipe '%s' needs a host for role '%s'", recipe->name,
                     *name);
    }
}

static int
compare_runvars(const void *a, const void *b)
{
    const struct plan_runvar *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Those of the flight, then those of the job over them. */
static void
expand_runvars(struct work *w, const struct file_job *from,
               struct plan_job *job)
{
    size_t max = w->flight->runvars_count + from->runvars_count, count = 0;
    struct plan_runvar *vars = arena_alloc(w->arena, max * sizeof *vars + 1);

    for (unsigned i = 0; i < w->flight->runvars_count; i++) {
        vars[count].name = arena_strdup(w->arena,
                                        w->flight->runvars[i].key);
        vars[count++].value = arena_strdup(w->arena,
                                           w->flight->runvars[i].value);
    }
    for (unsigned i = 0; i < from->runvars_count; i++) {
        const struct yaml_pair *pair = &from->runvars[i];
        const char *where = arena_printf(w->arena, "runvars/%s", pair->key);
        const char *value = filled(w, pair->value, where);
        size_t at = 0;

        if (value == NULL ||
            !good_name(w, pair->key, "runvar", job_path(w, where)))
            continue;
        while (at < count && strcmp(vars[at].name, pair->key) != 0)
            at++;
        vars[at].name = arena_strdup(w->arena, pair->key);
        vars[at].value = value;
        if (at == count)
            count++;
    }
    if (count > 0)
        qsort(vars, count, sizeof *vars, compare_runvars);
    job->runvars = vars;
    job->runvar_count = count;
}

static int
compare_needs(const void *a, const void *b)
{
    const struct plan_need *x = a, *y = b;

    if (x->flight != y->flight)
        return x->flight < y->flight ? -1 : 1;
    return strcmp(x->job, y->job);
}

static void
expand_needs(struct work *w, const struct file_job *from,
             struct plan_job *job)
{
    struct plan_need *needs =
        arena_alloc(w->arena, from->needs_count * sizeof *needs + 1);
    size_t count = 0;

    for (unsigned i = 0; i < from->needs_count; i++) {
        const char *where = arena_printf(w->arena, "needs/%u", i);
        const char *text = filled(w, from->needs[i], where), *dot;
        int64_t number;

        if (text == NULL)
            continue;
        needs[count] = (struct plan_need){ .flight = 0, .job = text };
        dot = strchr(text, '.');
        if (dot != NULL &&
            parse_int64(arena_printf(w->arena, "%.*s", (int)(dot - text),
                                     text), 1, INT64_MAX, &number))
            needs[count] = (struct plan_need){ .flight = number,
                                               .job = dot + 1 };
        count++;
    }
    if (count > 0)
        qsort(needs, count, sizeof *needs, compare_needs);
    for (size_t i = 1; i < count; i++)
        if (compare_needs(&needs[i - 1], &needs[i]) == 0)
            error_at(w, job_path(w, "needs"), "'%s' is needed twice",
                     needs[i].job);
    job->needs = needs;
    job->need_count = count;
}

static struct plan_job *
add_job(struct work *w)
{
    struct plan *plan = w->plan;

    if (plan->job_count == w->cap) {
        size_t cap = w->cap == 0 ? 16 : 2 * w->cap;
        struct plan_job *jobs = arena_alloc(w->arena, cap * sizeof *jobs);

        if (plan->job_count > 0)
            memcpy(jobs, plan->jobs, plan->job_count * sizeof *jobs);
        plan->jobs = jobs;
        w->cap = cap;
    }
    return &plan->jobs[plan->job_count++];
}

static void
expand_cell(struct work *w, const struct file_job *from)
{
    const char *name = filled(w, from->job, "job");
    const char *recipe = filled(w, from->recipe, "recipe");
    struct plan_job *job;

    if (name == NULL || recipe == NULL ||
        !good_name(w, name, "job", job_path(w, "job")))
        return;
    for (size_t i = 0; i < w->plan->job_count; i++) {
        if (strcmp(w->plan->jobs[i].job, name) == 0) {
            error_at(w, job_path(w, "job"),
                     "job '%s' is given twice, first on line %d%s", name,
                     w->plan->jobs[i].line,
                     w->pair_count > 0 ? " (is every key of the matrix in "
                                         "its name?)" : "");
            return;
        }
    }
    if (w->plan->job_count == PLAN_JOBS_MAX)
        return;                 /* said once, at the end */
    job = add_job(w);
    job->job = name;
    job->recipe = recipe;
    job->line = w->line;
    job->needs_line = w->needs_line;
    job->candidate_line = w->candidate_line;
    job->arch = filled(w, from->arch, "arch");
    if (job->arch != NULL && !known_arch(w, job->arch, "arch"))
        job->arch = NULL;
    if (from->candidate != NULL)
        job->candidate = filled(w, from->candidate, "candidate");
    else if (w->flight->candidate != NULL)
        job->candidate = arena_strdup(w->arena, w->flight->candidate);
    if (from->diverse != NULL) {
        job->diverse = filled(w, from->diverse, "diverse");
        if (job->diverse != NULL)
            (void)good_name(w, job->diverse, "diverse",
                            job_path(w, "diverse"));
    }
    job->preemptable = from->preemptable;
    expand_roles(w, from, job);
    job->recipe = recipe_path(w, recipe);
    if (job->arch == NULL && job->role_count > 0)
        job->arch = job->roles[0].arch;
    if (job->arch == NULL && from->arch == NULL && from->hosts_count == 0)
        error_at(w, job_path(w, ""), "job '%s' has neither hosts nor arch",
                 name);
    expand_runvars(w, from, job);
    expand_needs(w, from, job);
}

/* The rules that leave the present cell out; 'used' marks them. */
static bool
excluded(struct work *w, const struct file_job *from, bool *used)
{
    bool any = false;

    for (unsigned i = 0; i < from->exclude_count; i++) {
        const char *bad = NULL;
        bool hit = false;

        if (!matrix_excludes(w->arena, from->exclude[i], w->pairs,
                             w->pair_count, &hit, &bad)) {
            if (!used[i])
                error_at(w, job_path(w, arena_printf(w->arena, "exclude/%u",
                                                     i)),
                         "'%s' does not name a key of the matrix and a value"
                         " (key=value)", bad);
            hit = true;         /* and say no more of it */
        }
        used[i] = used[i] || hit;
        any = any || hit;
    }
    return any;
}

static void
expand_job(struct work *w, unsigned index)
{
    const struct file_job *from = &w->flight->jobs[index];
    struct matrix_axis axes[AXES_MAX];
    bool *used = arena_alloc(w->arena, from->exclude_count + 1);
    size_t size;

    w->index = index;
    w->line = line_of(w, job_path(w, ""));
    w->needs_line = line_of(w, job_path(w, "needs"));
    w->candidate_line = line_of(
        w, from->candidate != NULL ? job_path(w, "candidate")
                                   : "candidate");
    if (from->matrix_count > AXES_MAX) {
        error_at(w, job_path(w, "matrix"), "more than %d keys", AXES_MAX);
        return;
    }
    for (unsigned i = 0; i < from->matrix_count; i++) {
        axes[i].key = from->matrix[i].key;
        axes[i].values = (const char *const *)from->matrix[i].values;
        axes[i].count = from->matrix[i].values_count;
        if (axes[i].count == 0)
            error_at(w, job_path(w, arena_printf(w->arena, "matrix/%s",
                                                 axes[i].key)),
                     "'%s' has no values", axes[i].key);
    }
    size = matrix_size(axes, from->matrix_count, PLAN_JOBS_MAX);
    if (size > PLAN_JOBS_MAX) {
        error_at(w, job_path(w, "matrix"), "more than %d jobs",
                 PLAN_JOBS_MAX);
        return;
    }
    w->pair_count = from->matrix_count;
    for (size_t cell = 0; cell < size; cell++) {
        matrix_cell(axes, from->matrix_count, cell, w->pairs);
        if (!excluded(w, from, used))
            expand_cell(w, from);
    }
    for (unsigned i = 0; i < from->exclude_count; i++)
        if (!used[i])
            error_at(w, job_path(w, arena_printf(w->arena, "exclude/%u", i)),
                     "'%s' leaves nothing out", from->exclude[i]);
}

/* All jobs ---------------------------------------------------------------- */

/* Takes away the jobs whose needs are all taken away, until nothing changes:
 * what is left is on a cycle, or behind one. */
static void
check_cycles(struct work *w)
{
    const struct plan *plan = w->plan;
    bool *done = arena_alloc(w->arena, plan->job_count + 1);
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < plan->job_count; i++) {
            const struct plan_job *job = &plan->jobs[i];
            bool free_now = !done[i];

            for (size_t k = 0; k < job->need_count && free_now; k++) {
                const struct plan_job *need =
                    plan_job_named(plan, job->needs[k].job);

                if (job->needs[k].flight == 0 && need != NULL)
                    free_now = done[need - plan->jobs];
            }
            done[i] = done[i] || free_now;
            changed = changed || free_now;
        }
    }
    for (size_t i = 0; i < plan->job_count; i++) {
        if (!done[i]) {
            error_line(w, plan->jobs[i].needs_line,
                       "job '%s' needs itself, through its needs",
                       plan->jobs[i].job);
            return;
        }
    }
}

static void
check_needs(struct work *w)
{
    const struct plan *plan = w->plan;

    for (size_t i = 0; i < plan->job_count; i++) {
        const struct plan_job *job = &plan->jobs[i];

        for (size_t k = 0; k < job->need_count; k++)
            if (job->needs[k].flight == 0 &&
                plan_job_named(plan, job->needs[k].job) == NULL)
                error_line(w, job->needs_line,
                           "job '%s' needs '%s', which does not exist",
                           job->job, job->needs[k].job);
    }
    check_cycles(w);
}

static void
expand_flight(struct work *w)
{
    const struct file_flight *f = w->flight;
    struct plan *plan = w->plan;

    plan->flight = arena_strdup(w->arena, f->flight);
    plan->branch = arena_strdup(w->arena, f->branch != NULL ? f->branch
                                                            : f->flight);
    plan->intended = arena_strdup(w->arena, f->intended);
    plan->priority = f->priority;
    plan->supersede = f->supersede;
    plan->reuse = f->reuse;
    if (f->deadline != NULL &&
        (!parse_duration_ms(f->deadline, &plan->deadline_ms) ||
         plan->deadline_ms <= 0))
        error_at(w, "deadline", "deadline '%s' is no time like 90m or 2d",
                 f->deadline);
    (void)good_name(w, plan->flight, "flight", "flight");
    if (f->branch != NULL)
        (void)good_name(w, plan->branch, "branch", "branch");
    (void)good_name(w, plan->intended, "intended blessing", "intended");
    if (f->priority < INT_MIN || f->priority > INT_MAX)
        error_at(w, "priority", "priority is out of range");
    for (unsigned i = 0; i < f->runvars_count; i++)
        (void)good_name(w, f->runvars[i].key, "runvar",
                        arena_printf(w->arena, "runvars/%s",
                                     f->runvars[i].key));
    if (f->jobs_count == 0)
        error_at(w, "jobs", "a flight has at least one job");
    for (unsigned i = 0; i < f->jobs_count; i++)
        expand_job(w, i);
    if (plan->job_count == PLAN_JOBS_MAX)
        error_at(w, "jobs", "%d jobs or more", PLAN_JOBS_MAX);
    if (w->errors == 0 && plan->job_count == 0)
        error_at(w, "jobs", "every cell of the matrix is excluded");
    /* Jobs that could not be expanded would be missed by those after them. */
    if (w->errors == 0)
        check_needs(w);
}

bool
flight_yaml_parse(const char *file, const char *source, const void *data,
                  size_t bytes, struct arena *arena, struct plan *out,
                  struct fault *why)
{
    struct work w = { .file = file, .arena = arena, .plan = out,
                      .more = BUF_INIT };
    struct yaml_node *tree = NULL;
    void *value = NULL;
    bool ok;

    *out = (struct plan){ .file = arena_strdup(arena, file),
                          .source = arena_strdup(arena, source) };
    ok = yaml_load_data(file, data, bytes, &flight_file_schema, &value,
                        why) &&
         yaml_tree_parse(arena, file, data, bytes, &tree, why);
    if (!ok)
        goto out;
    out->definition = arena_printf(arena, "%.*s", (int)bytes,
                                   (const char *)data);
    w.tree = tree;
    w.flight = value;
    expand_flight(&w);
    ok = w.errors == 0;
    if (!ok) {
        fault_set(why, FAULT_CONFIG, "%s", w.first);
        if (w.errors > ERRORS_MAX)
            buf_addf(&w.more, "and %d more\n", w.errors - ERRORS_MAX);
        fault_detail(why, buf_text(&w.more), w.more.len);
    }
out:
    for (size_t i = 0; i < w.recipe_count; i++)
        recipe_free(w.recipes[i].recipe);
    if (value != NULL)
        yaml_unload(&flight_file_schema, value);
    buf_free(&w.more);
    return ok;
}

bool
flight_yaml_load(const char *file, struct arena *arena, struct plan *out,
                 struct fault *why)
{
    struct buf text = BUF_INIT;
    char *real = realpath(file, NULL);
    bool ok;

    ok = real != NULL;
    if (!ok) {
        fault_errno(why, FAULT_NOT_FOUND, "open %s", file);
        goto out;
    }
    ok = fs_read_file(file, YAML_MAX_BYTES, &text, why) &&
         flight_yaml_parse(file, real, buf_text(&text), text.len, arena, out,
                           why);
out:
    buf_free(&text);
    free(real);
    return ok;
}
