/* flights/branch.c - see branch.h. */
#include <config.h>

#include "flights/branch.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "flights/matrix.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "harness/home.h"
#include "harness/yaml.h"
#include "harness/yaml_errors.h"

#define MAKE_LIMIT "2h"

/* The file as libcyaml fills it. */
struct raw_tree {
    char *name, *url, *input, *output, *push;
};
struct raw_candidate {
    char *name, *limit;
    char **make;
    unsigned make_count;
};
struct raw_branch {
    char *branch, *description, *varies, *flight, *smoke, *baseline, *policy;
    struct raw_tree *trees;
    unsigned trees_count;
    struct raw_candidate *candidate;
    char **allow;
    unsigned allow_count;
    bool *retest;
    bool always, rewind;
};

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, \
                           CYAML_UNLIMITED)
#define TEXT_OPT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 1, CYAML_UNLIMITED)
#define TEXTS_OPT(key, type, member, min) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         type, member, &yaml_text_schema, min, \
                         CYAML_UNLIMITED)

static const cyaml_schema_field_t tree_fields[] = {
    TEXT(YAML_KEY, struct raw_tree, name),
    TEXT("url", struct raw_tree, url),
    TEXT_OPT("input", struct raw_tree, input),
    TEXT("output", struct raw_tree, output),
    TEXT_OPT("push", struct raw_tree, push),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t tree_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_tree, tree_fields),
};

static const cyaml_schema_field_t candidate_fields[] = {
    TEXT("name", struct raw_candidate, name),
    TEXTS_OPT("make", struct raw_candidate, make, 1),
    TEXT_OPT("limit", struct raw_candidate, limit),
    CYAML_FIELD_END
};

static const cyaml_schema_field_t branch_fields[] = {
    TEXT("branch", struct raw_branch, branch),
    TEXT_OPT("description", struct raw_branch, description),
    CYAML_FIELD_SEQUENCE("trees", CYAML_FLAG_POINTER, struct raw_branch,
                         trees, &tree_schema, 1, CYAML_UNLIMITED),
    TEXT_OPT("varies", struct raw_branch, varies),
    TEXT("flight", struct raw_branch, flight),
    TEXT_OPT("smoke", struct raw_branch, smoke),
    CYAML_FIELD_MAPPING_PTR("candidate",
                            CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct raw_branch, candidate, candidate_fields),
    TEXT_OPT("baseline", struct raw_branch, baseline),
    TEXTS_OPT("allow", struct raw_branch, allow, 0),
    TEXT_OPT("policy", struct raw_branch, policy),
    CYAML_FIELD_BOOL_PTR("retest", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct raw_branch, retest),
    CYAML_FIELD_BOOL("always", CYAML_FLAG_OPTIONAL, struct raw_branch,
                     always),
    CYAML_FIELD_BOOL("rewind", CYAML_FLAG_OPTIONAL, struct raw_branch,
                     rewind),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t branch_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_branch,
                        branch_fields),
};

struct work {
    struct yaml_errors errors;
    struct arena *arena;
    const struct raw_branch *raw;
    struct branch *branch;
};

static const char *
copy(struct work *w, const char *text)
{
    return text == NULL ? NULL : arena_strdup(w->arena, text);
}

/* Whether 'text' names a file rather than something shipped. */
static bool
is_path(const char *text)
{
    size_t len = strlen(text);

    return strchr(text, '/') != NULL ||
           (len > 5 && strcmp(text + len - 5, ".yaml") == 0);
}

/* 'text' as it is meant in this file: beside it. */
static const char *
beside(struct work *w, const char *text)
{
    const char *source = w->branch->source;
    const char *slash = strrchr(source, '/');

    if (text[0] == '/' || slash == NULL)
        return copy(w, text);
    return arena_printf(w->arena, "%.*s/%s", (int)(slash - source), source,
                        text);
}

static const char *
file_or_shipped(struct work *w, const char *text, const char *folder,
                const char *path)
{
    struct fault why = FAULT_INIT;
    char *shipped = NULL;

    if (is_path(text))
        return beside(w, text);
    if (!home_data(w->arena, arena_printf(w->arena, "%s/%s.yaml", folder,
                                          text), &shipped, &why))
        yaml_error(&w->errors, path, "%s", why.text);
    return shipped;
}

/* Trees ------------------------------------------------------------------- */

static void
check_ref(struct work *w, const char *ref, const char *path)
{
    if (ref != NULL && !git_is_ref(ref))
        yaml_error(&w->errors, path, "'%s' is no whole name of a ref "
                   "(refs/heads/NAME)", ref);
}

/* A word that git would take for an option, or for a program to run. */
static void
check_url(struct work *w, const char *url, const char *path)
{
    if (url != NULL && (url[0] == '-' || strstr(url, "::") != NULL))
        yaml_error(&w->errors, path, "'%s' is no address of a repository",
                   url);
}

static void
read_tree(struct work *w, unsigned index, struct branch_tree *tree)
{
    const struct raw_tree *raw = &w->raw->trees[index];
    const char *path = arena_printf(w->arena, "trees/%s", raw->name);

    *tree = (struct branch_tree){
        .name = copy(w, raw->name), .url = copy(w, raw->url),
        .input = copy(w, raw->input), .output = copy(w, raw->output),
        .push = copy(w, raw->push != NULL ? raw->push : raw->url),
    };
    if (!name_is_safe(raw->name, 100))
        yaml_error(&w->errors, path, "tree '%s': letters, digits and . _ - "
                   "only", raw->name);
    check_url(w, raw->url, arena_printf(w->arena, "%s/url", path));
    check_url(w, raw->push, arena_printf(w->arena, "%s/push", path));
    check_ref(w, raw->input, arena_printf(w->arena, "%s/input", path));
    check_ref(w, raw->output, arena_printf(w->arena, "%s/output", path));
    if (raw->input == NULL && raw->push != NULL)
        yaml_error(&w->errors, arena_printf(w->arena, "%s/push", path),
                   "a tree without input is never pushed");
}

static void
read_trees(struct work *w)
{
    struct branch_tree *trees =
        arena_alloc(w->arena, w->raw->trees_count * sizeof *trees);
    const struct branch_tree *varies = NULL;
    int inputs = 0;

    for (unsigned i = 0; i < w->raw->trees_count; i++) {
        read_tree(w, i, &trees[i]);
        if (trees[i].input != NULL) {
            varies = &trees[i];
            inputs++;
        }
    }
    w->branch->trees = trees;
    w->branch->tree_count = w->raw->trees_count;
    w->branch->varies = varies;
    if (inputs != 1)
        yaml_error(&w->errors, "trees", "%d trees have an input: exactly one "
                   "varies, so that a failure can only be its fault", inputs);
    else if (w->raw->varies != NULL &&
             strcmp(w->raw->varies, varies->name) != 0)
        yaml_error(&w->errors, "varies", "'%s' does not vary: the tree with "
                   "an input is '%s'", w->raw->varies, varies->name);
}

/* The rest ---------------------------------------------------------------- */

static const struct matrix_pair *
fill_pairs(const struct branch *branch, struct arena *arena,
           const char *revision, const char *candidate, size_t *count_out)
{
    struct matrix_pair *pairs = arena_alloc(arena, 5 * sizeof *pairs);

    pairs[0] = (struct matrix_pair){ "branch", branch->name };
    pairs[1] = (struct matrix_pair){ "tree", branch->varies->name };
    pairs[2] = (struct matrix_pair){ "revision", revision };
    pairs[3] = (struct matrix_pair){
        "short", arena_printf(arena, "%.12s", revision) };
    pairs[4] = (struct matrix_pair){ "candidate", candidate };
    *count_out = candidate != NULL ? 5 : 4;
    return pairs;
}

static void
check_fill(struct work *w, const char *text, bool with_candidate,
           const char *path)
{
    const char *out = NULL, *bad = NULL;
    const struct matrix_pair *pairs;
    size_t count;

    if (w->branch->varies == NULL)
        return;                 /* said elsewhere */
    pairs = fill_pairs(w->branch, w->arena, "0",
                       with_candidate ? "c" : NULL, &count);
    if (!matrix_replace(w->arena, text, pairs, count, &out, &bad))
        yaml_error(&w->errors, path, "'%s' is none of {branch}, {tree}, "
                   "{revision}, {short}%s", bad,
                   with_candidate ? ", {candidate}" : "");
}

static void
read_candidate(struct work *w)
{
    const struct raw_candidate *raw = w->raw->candidate;
    const char **make;

    if (raw == NULL)
        return;
    w->branch->candidate = copy(w, raw->name);
    check_fill(w, raw->name, false, "candidate/name");
    if (!parse_duration_ms(raw->limit != NULL ? raw->limit : MAKE_LIMIT,
                           &w->branch->make_limit_ms) ||
        w->branch->make_limit_ms <= 0)
        yaml_error(&w->errors, "candidate/limit", "'%s' is no duration "
                   "(30m, 2h)", raw->limit);
    if (raw->make_count == 0)
        return;
    make = arena_alloc(w->arena, (raw->make_count + 1) * sizeof *make);
    for (unsigned i = 0; i < raw->make_count; i++) {
        make[i] = copy(w, raw->make[i]);
        check_fill(w, raw->make[i], true,
                   arena_printf(w->arena, "candidate/make/%u", i));
    }
    if (strchr(make[0], '/') != NULL)
        make[0] = beside(w, make[0]);
    w->branch->make = make;
}

static void
read_baseline(struct work *w)
{
    static const char on[] = "tested-on ";
    const char *text = w->raw->baseline;

    if (text == NULL || strcmp(text, "output") == 0)
        return;
    if (strncmp(text, on, sizeof on - 1) != 0 ||
        !name_is_safe(text + sizeof on - 1, 100))
        yaml_error(&w->errors, "baseline", "'%s' is neither 'output' nor "
                   "'tested-on BRANCH'", text);
    else
        w->branch->tested_on = copy(w, text + sizeof on - 1);
}

static void
read_branch(struct work *w)
{
    const struct raw_branch *raw = w->raw;
    const char **allow =
        arena_alloc(w->arena, (raw->allow_count + 1) * sizeof *allow);
    const char *policy = raw->policy != NULL ? raw->policy : "default";

    w->branch->name = copy(w, raw->branch);
    w->branch->description = copy(w, raw->description != NULL
                                         ? raw->description : "");
    if (!name_is_safe(raw->branch, 100))
        yaml_error(&w->errors, "branch", "branch '%s': letters, digits and "
                   ". _ - only", raw->branch);
    read_trees(w);
    w->branch->flight = file_or_shipped(w, raw->flight, "flights", "flight");
    if (raw->smoke != NULL)
        w->branch->smoke = file_or_shipped(w, raw->smoke, "flights", "smoke");
    read_candidate(w);
    read_baseline(w);
    for (unsigned i = 0; i < raw->allow_count; i++)
        allow[i] = beside(w, raw->allow[i]);
    w->branch->allow = allow;
    w->branch->policy = file_or_shipped(w, policy, "results/policies",
                                        "policy");
    w->branch->retest = raw->retest == NULL || *raw->retest;
    w->branch->always = raw->always;
    w->branch->rewind = raw->rewind;
}

bool
branch_parse(const char *source, const char *text, size_t bytes,
             struct arena *arena, struct branch *out, struct fault *why)
{
    struct work w = { .arena = arena, .branch = out };

    *out = (struct branch){ .source = arena_strdup(arena, source) };
    if (!yaml_errors_begin(&w.errors, arena, source, text, bytes,
                           &branch_schema, why))
        return false;
    out->definition = arena_printf(arena, "%.*s", (int)bytes, text);
    w.raw = w.errors.value;
    read_branch(&w);
    return yaml_errors_end(&w.errors, why);
}

/* Where they are ---------------------------------------------------------- */

static bool
find(struct arena *arena, const char *name, char **path_out,
     struct fault *why)
{
    const char *home = NULL;

    if (is_path(name)) {
        *path_out = arena_strdup(arena, name);
        return true;
    }
    if (!home_get(&home, why))
        return false;
    if (!name_is_safe(name, 100))
        return fault_set(why, FAULT_USAGE, "'%s' is no name of a branch",
                         name);
    *path_out = home_path(arena, "branches/%s.yaml", name);
    if (fs_exists(*path_out))
        return true;
    if (home_data(arena, arena_printf(arena, "flights/branches/%s.yaml",
                                      name), path_out, why))
        return true;
    if (why->kind == FAULT_NOT_FOUND) {
        fault_set(why, FAULT_NOT_FOUND, "there is no branch '%s'", name);
        fault_hint(why, "its file is %s/branches/%s.yaml; assay-branch(5) "
                   "says what is in it", home, name);
    }
    return false;
}

bool
branch_load(const char *name, struct arena *arena, struct branch *out,
            struct fault *why)
{
    struct buf text = BUF_INIT;
    char *path = NULL, *real = NULL;
    bool ok = find(arena, name, &path, why);

    if (!ok)
        return false;
    real = realpath(path, NULL);
    ok = real != NULL;
    if (!ok) {
        fault_errno(why, FAULT_NOT_FOUND, "open %s", path);
        goto out;
    }
    ok = fs_read_file(real, YAML_MAX_BYTES, &text, why) &&
         branch_parse(real, buf_text(&text), text.len, arena, out, why);
    /* By its name it will be found again. */
    if (ok && !is_path(name) && strcmp(out->name, name) != 0)
        ok = yaml_fault(why, real, "branch", "branch '%s' is in a file of "
                        "another name", out->name);
out:
    buf_free(&text);
    free(real);
    return ok;
}

bool
branch_list(struct arena *arena, char ***names_out, struct fault *why)
{
    const char *home = NULL;
    glob_t found = { 0 };
    char **names;
    int status;

    if (!home_get(&home, why))
        return false;
    status = glob(home_path(arena, "branches/*.yaml"), 0, NULL, &found);
    if (status != 0 && status != GLOB_NOMATCH)
        return fault_set(why, FAULT_SYSTEM, "cannot read %s/branches", home);
    names = arena_alloc(arena, (found.gl_pathc + 1) * sizeof *names);
    for (size_t i = 0; status == 0 && i < found.gl_pathc; i++) {
        const char *base = strrchr(found.gl_pathv[i], '/') + 1;

        names[i] = arena_printf(arena, "%.*s", (int)(strlen(base) - 5), base);
    }
    globfree(&found);
    *names_out = names;
    return true;
}

const char *
branch_fill(const struct branch *branch, struct arena *arena,
            const char *text, const char *revision, const char *candidate)
{
    const char *out = NULL, *bad = NULL;
    const struct matrix_pair *pairs;
    size_t count;

    pairs = fill_pairs(branch, arena, revision, candidate, &count);
    must(matrix_replace(arena, text, pairs, count, &out, &bad));
    return out;
}
