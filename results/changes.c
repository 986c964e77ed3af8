/* results/changes.c - what is different between two flights. */
#include <config.h>

#include "results/changes.h"

#include <assert.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/git.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "results/evidence.h"
#include "results/repo.h"

#define GIT_LIMIT_MS 20000
#define JOBS_NAMED 4

static const char *const KINDS[] = {
    [CHANGE_NONE] = "none",       [CHANGE_TREE] = "tree",
    [CHANGE_VERSION] = "version", [CHANGE_PACKAGE] = "package",
    [CHANGE_HARNESS] = "harness", [CHANGE_JOB] = "job",
    [CHANGE_HOST] = "host",       [CHANGE_FIRMWARE] = "firmware",
    [CHANGE_RUNVAR] = "runvar",
};
static_assert(ARRAY_LEN(KINDS) == CHANGE_KIND_COUNT, "a name for each");

const char *
change_kind_name(enum change_kind kind)
{
    return KINDS[(unsigned)kind < CHANGE_KIND_COUNT ? kind : 0];
}

struct listing {
    struct arena *arena;
    struct change *list;
    size_t count, cap;
};

/* 'from' and 'to' may be NULL; nothing is added when they are the same. */
static void
add(struct listing *listing, enum change_kind kind, const char *what,
    const char *from, const char *to)
{
    if (from == NULL)
        from = "";
    if (to == NULL)
        to = "";
    if (strcmp(from, to) == 0)
        return;
    listing->list = xgrow(listing->list, &listing->cap, listing->count,
                          sizeof *listing->list);
    listing->list[listing->count++] = (struct change){
        .kind = kind, .what = what, .from = from, .to = to, .jobs = "",
        .note = "",
    };
}

/* The same of several jobs is one change. */
static void
add_of_job(struct listing *listing, enum change_kind kind, const char *job,
           const char *what, const char *from, const char *to)
{
    struct change *change = NULL;

    for (size_t i = 0; i < listing->count && change == NULL; i++) {
        if (listing->list[i].kind == kind
            && strcmp(listing->list[i].what, what) == 0
            && strcmp(listing->list[i].from, from) == 0
            && strcmp(listing->list[i].to, to) == 0)
            change = &listing->list[i];
    }
    if (change == NULL) {
        size_t before = listing->count;

        add(listing, kind, what, from, to);
        if (listing->count == before)
            return;
        change = &listing->list[before];
    }
    if (++change->job_count <= JOBS_NAMED)
        change->jobs = arena_printf(listing->arena, "%s%s%s", change->jobs,
                                    change->job_count == 1 ? "" : ", ", job);
}

/* Two lists of names and values. */
static void
add_pairs(struct listing *listing, enum change_kind kind, const char *suffix,
          const struct evidence_pair *before, size_t before_count,
          const struct evidence_pair *after, size_t after_count)
{
    for (size_t i = 0; i < before_count; i++)
        add(listing, kind, arena_printf(listing->arena, "%s%s",
                                        before[i].name, suffix),
            before[i].value,
            evidence_pair_get(after, after_count, before[i].name));
    for (size_t i = 0; i < after_count; i++) {
        if (evidence_pair_get(before, before_count, after[i].name) == NULL)
            add(listing, kind, arena_printf(listing->arena, "%s%s",
                                            after[i].name, suffix),
                NULL, after[i].value);
    }
}

/* Packages ----------------------------------------------------------------- */

/* "packages" is a JSON list of "NAME=VERSION DIGEST". */
static void
packages_of(const struct evidence_build *build, struct arena *arena,
            struct evidence_pair **out, size_t *count_out)
{
    const char *text = evidence_pair_get(build->properties,
                                         build->property_count, "packages");
    struct fault why = FAULT_INIT;
    struct evidence_pair *pairs;
    json_t *list = NULL, *item;
    size_t i, count = 0;

    *count_out = 0;
    *out = NULL;
    if (text == NULL || !json_parse(text, strlen(text), &list, &why))
        return;
    pairs = arena_alloc(arena, json_array_size(list) * sizeof *pairs + 1);
    json_array_foreach(list, i, item) {
        const char *entry = json_string_value(item);
        size_t name = entry == NULL ? 0 : strcspn(entry, "=");

        if (name == 0 || entry[name] != '=')
            continue;
        pairs[count].name = arena_printf(arena, "%.*s", (int)name, entry);
        entry += name + 1;
        pairs[count++].value = arena_printf(arena, "%.*s",
                                            (int)strcspn(entry, " "), entry);
    }
    json_decref(list);
    *out = pairs;
    *count_out = count;
}

static void
add_build(struct listing *listing, const struct evidence_build *before,
          const struct evidence_build *after)
{
    const char *suffix = arena_printf(listing->arena, " (%s)", after->arch);
    struct evidence_pair *old, *new;
    size_t old_count, new_count;

    add(listing, CHANGE_VERSION, arena_printf(listing->arena, "candidate%s",
                                              suffix),
        before->name, after->name);
    for (size_t i = 0; i < after->property_count; i++) {
        const struct evidence_pair *pair = &after->properties[i];

        if (strcmp(pair->name, "packages") != 0)
            add(listing, CHANGE_VERSION,
                arena_printf(listing->arena, "%s%s", pair->name, suffix),
                evidence_pair_get(before->properties, before->property_count,
                                  pair->name), pair->value);
    }
    packages_of(before, listing->arena, &old, &old_count);
    packages_of(after, listing->arena, &new, &new_count);
    add_pairs(listing, CHANGE_PACKAGE, suffix, old, old_count, new,
              new_count);
}

static void
add_builds(struct listing *listing, const struct evidence *before,
           const struct evidence *after)
{
    for (size_t i = 0; i < after->build_count; i++) {
        for (size_t j = 0; j < before->build_count; j++) {
            if (strcmp(before->builds[j].arch, after->builds[i].arch) == 0) {
                add_build(listing, &before->builds[j], &after->builds[i]);
                break;
            }
        }
    }
}

/* Jobs --------------------------------------------------------------------- */

static const char *
firmware_of(const struct evidence *evidence, const char *host)
{
    for (size_t i = 0; i < evidence->host_count; i++) {
        if (strcmp(evidence->hosts[i].name, host) == 0)
            return evidence->hosts[i].firmware;
    }
    return "";
}

/* What the host said in its last boot of the job; NULL: nothing. */
static const char *
said_by(const struct evidence_job *job, const char *host, const char *source)
{
    const char *said = NULL;

    for (size_t i = 0; i < job->firmware_count; i++) {
        const struct evidence_firmware *row = &job->firmware[i];

        if (strcmp(row->host, host) == 0 && strcmp(row->source, source) == 0)
            said = row->said;
    }
    return said;
}

/* What is not known of both is no difference. */
static void
add_firmware(struct listing *listing, const struct evidence_job *old,
             const char *was, const struct evidence_job *new, const char *is,
             const char *role)
{
    static const char *const SOURCES[] = { "console", "smbios" };

    for (size_t i = 0; i < ARRAY_LEN(SOURCES); i++) {
        const char *before = said_by(old, was, SOURCES[i]);
        const char *after = said_by(new, is, SOURCES[i]);
        const char *what = strcmp(was, is) == 0 ? is : role;

        if (before != NULL && after != NULL)
            add_of_job(listing, CHANGE_FIRMWARE, new->name,
                       arena_printf(listing->arena, "%s, by its %s", what,
                                    SOURCES[i]), before, after);
    }
}

static void
add_job(struct listing *listing, const struct evidence *before,
        const struct evidence_job *old, const struct evidence *after,
        const struct evidence_job *new)
{
    for (size_t i = 0; i < new->role_count && i < old->role_count; i++) {
        const char *was = old->roles[i].host, *is = new->roles[i].host;
        const char *what = new->roles[i].role;

        if (was[0] == '\0' || is[0] == '\0')
            continue;
        add_of_job(listing, CHANGE_HOST, new->name, what, was, is);
        add_of_job(listing, CHANGE_FIRMWARE, new->name, what,
                   firmware_of(before, was), firmware_of(after, is));
        add_firmware(listing, old, was, new, is, what);
    }
    for (size_t i = 0; i < new->runvar_count; i++) {
        const struct evidence_runvar *runvar = &new->runvars[i];
        const char *was = "";

        for (size_t j = 0; j < old->runvar_count; j++) {
            if (strcmp(old->runvars[j].name, runvar->name) == 0)
                was = old->runvars[j].value;
        }
        if (!runvar->result)
            add_of_job(listing, CHANGE_RUNVAR, new->name, runvar->name, was,
                       runvar->value);
    }
}

/* Both lists are sorted by name. */
static void
add_jobs(struct listing *listing, const struct evidence *before,
         const struct evidence *after)
{
    size_t i = 0, j = 0;

    while (i < before->job_count || j < after->job_count) {
        int order = i == before->job_count ? 1 : j == after->job_count ? -1
            : strcmp(before->jobs[i].name, after->jobs[j].name);

        if (order == 0)
            add_job(listing, before, &before->jobs[i], after,
                    &after->jobs[j]);
        else if (order < 0)
            add(listing, CHANGE_JOB, before->jobs[i].name, "there", NULL);
        else
            add(listing, CHANGE_JOB, after->jobs[j].name, NULL, "there");
        i += order <= 0;
        j += order >= 0;
    }
}

static int
compare(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    int order = (int)x->kind - (int)y->kind;

    return order != 0 ? order : strcmp(x->what, y->what);
}

void
changes_between(const struct evidence *before, const struct evidence *after,
                struct arena *arena, struct changes *out)
{
    struct listing listing = { .arena = arena };
    struct change *list;

    add_pairs(&listing, CHANGE_TREE, "", before->trees, before->tree_count,
              after->trees, after->tree_count);
    add(&listing, CHANGE_HARNESS, "assay", before->harness, after->harness);
    add_builds(&listing, before, after);
    add_jobs(&listing, before, after);
    for (size_t i = 0; i < listing.count; i++) {
        struct change *change = &listing.list[i];

        if (change->job_count > JOBS_NAMED)
            change->jobs = arena_printf(arena, "%s and %zu more",
                                        change->jobs,
                                        change->job_count - JOBS_NAMED);
    }
    list = arena_alloc(arena, listing.count * sizeof *list + 1);
    if (listing.count > 0) {
        qsort(listing.list, listing.count, sizeof *list, compare);
        memcpy(list, listing.list, listing.count * sizeof *list);
    }
    free(listing.list);
    *out = (struct changes){
        .since = before->flight, .since_ms = before->finished_ms,
        .list = list, .count = listing.count,
    };
}

/* Commits ------------------------------------------------------------------ */

/* The line at '*p', in the arena; moves past its end. */
static const char *
take_line(const char **p, const char *end, struct arena *arena)
{
    const char *nl = memchr(*p, '\n', (size_t)(end - *p));
    size_t bytes = (size_t)((nl == NULL ? end : nl) - *p);
    char *line = arena_alloc(arena, bytes + 1);

    memcpy(line, *p, bytes);
    *p = nl == NULL ? end : nl + 1;
    return line;
}

static void
take_commits(const struct buf *log, struct arena *arena,
             struct change *change)
{
    struct change_commit *commits
        = arena_alloc(arena, CHANGES_COMMITS * sizeof *commits);
    const char *p = buf_text(log), *end = p + log->len;

    while (p < end && change->commit_count < CHANGES_COMMITS) {
        struct change_commit *commit = &commits[change->commit_count++];
        const char *stop = memchr(p, '\0', (size_t)(end - p));

        if (stop == NULL)
            stop = end;
        commit->revision = take_line(&p, stop, arena);
        commit->author = take_line(&p, stop, arena);
        commit->email = take_line(&p, stop, arena);
        commit->subject = take_line(&p, stop, arena);
        p = stop < end ? stop + 1 : end;
    }
    change->commits = commits;
}

static bool
read_commits(const char *repo, struct change *change, struct arena *arena,
             struct fault *why)
{
    const char *range = arena_printf(arena, "%s..%s", change->from,
                                     change->to);
    const char *limit = arena_printf(arena, "-n%d", CHANGES_COMMITS);
    struct buf log = BUF_INIT, count = BUF_INIT;
    int64_t total = 0;
    bool ok;

    ok = git_run(repo, GIT_ARGS("rev-list", "--count", "--end-of-options",
                                range, "--"), GIT_LIMIT_MS, &count, NULL,
                 why)
        && git_run(repo, GIT_ARGS("log", "-z", limit,
                                  "--format=%H%n%an%n%ae%n%s",
                                  "--end-of-options", range, "--"),
                   GIT_LIMIT_MS, &log, NULL, why);
    if (ok && count.len > 0 && count.data[count.len - 1] == '\n')
        count.data[--count.len] = '\0';
    if (ok && parse_int64(buf_text(&count), 0, INT64_MAX, &total)) {
        take_commits(&log, arena, change);
        change->commit_total = (size_t)total;
    }
    buf_free(&log);
    buf_free(&count);
    return ok;
}

void
changes_add_commits(struct changes *changes, const char *root,
                    struct arena *arena)
{
    /* They are ours alone: changes_between() made them. */
    struct change *list = (struct change *)(uintptr_t)changes->list;

    for (size_t i = 0; i < changes->count; i++) {
        struct change *change = &list[i];
        const char *ends[] = { change->from, change->to };
        struct fault why = FAULT_INIT;
        const char *repo = NULL;

        if (change->kind != CHANGE_TREE
            || !git_is_revision(change->from) || !git_is_revision(change->to))
            continue;
        if (!repo_find(root, change->what, ends, ARRAY_LEN(ends), arena,
                       &repo, &why)
            || !read_commits(repo, change, arena, &why))
            change->note = arena_strdup(arena, why.text);
    }
}
