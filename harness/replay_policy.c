/* harness/replay_policy.c - see replay_policy.h. */
#include <config.h>

#include "harness/replay_policy.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/pool_policy.h"
#include "harness/pool_policy_yaml.h"
#include "harness/replay.h"
#include "harness/yaml.h"
#include "harness/yaml_errors.h"

#define MORE_MAX 1000
#define ROUNDS_MAX 1000

struct raw_branch {
    char *branch;
    int64_t *priority;
    struct pool_raw_group raw;
};
struct raw_more {
    char *like;
    int64_t count;
};
struct raw_policy {
    char *policy, *description, *order, *lengths;
    int64_t rounds;
    struct pool_raw raw;
    struct raw_branch *branches;
    char **without;
    struct raw_more *more;
    unsigned branches_count, without_count, more_count;
};

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, \
                           CYAML_UNLIMITED)
#define LIST_OPT(key, member, schema) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         struct raw_policy, member, schema, 1, \
                         CYAML_UNLIMITED)

static const cyaml_schema_field_t branch_fields[] = {
    TEXT("branch", struct raw_branch, branch),
    CYAML_FIELD_INT_PTR("priority",
                        CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                        struct raw_branch, priority),
    POOL_GROUP_FIELDS(struct raw_branch, raw),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t branch_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_branch,
                        branch_fields),
};
static const cyaml_schema_field_t more_fields[] = {
    TEXT("like", struct raw_more, like),
    CYAML_FIELD_INT("count", CYAML_FLAG_DEFAULT, struct raw_more, count),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t more_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_more, more_fields),
};
static const cyaml_schema_field_t policy_fields[] = {
    TEXT("policy", struct raw_policy, policy),
    POOL_TEXT_FIELD("description", struct raw_policy, description),
    POOL_TEXT_FIELD("order", struct raw_policy, order),
    POOL_TEXT_FIELD("lengths", struct raw_policy, lengths),
    CYAML_FIELD_INT("rounds", CYAML_FLAG_OPTIONAL, struct raw_policy,
                    rounds),
    POOL_FIELDS(struct raw_policy, raw),
    LIST_OPT("branches", branches, &branch_schema),
    LIST_OPT("without", without, &yaml_text_schema),
    LIST_OPT("more", more, &more_schema),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t policy_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_policy,
                        policy_fields),
};

struct work {
    struct yaml_errors errors;
    struct arena *arena;
};

void
replay_policy_of_pool(const char *name, const struct pool_policy *pool,
                      struct replay_policy *out)
{
    static const char *const none[] = { NULL };

    *out = (struct replay_policy){
        .name = name, .pool = *pool, .without = none,
    };
}

/* Whether 'word' is the second of the two; NULL is the first. */
static bool
second(struct work *w, const char *path, const char *word,
       const char *one, const char *two)
{
    if (word == NULL || strcmp(word, one) == 0)
        return false;
    if (strcmp(word, two) != 0)
        yaml_error(&w->errors, path, "'%s' is neither %s nor %s", word, one,
                   two);
    return true;
}

/* A branch is a group by itself. */
static void
read_branch(struct work *w, const struct raw_branch *raw, unsigned index,
            struct pool_group *group, struct replay_priority *priority)
{
    const char *path = arena_printf(w->arena, "branches/%u", index);
    const char **branches = arena_alloc(w->arena, 2 * sizeof *branches);

    branches[0] = arena_strdup(w->arena, raw->branch);
    *group = (struct pool_group){ .name = branches[0],
                                  .branches = branches };
    pool_policy_read_group(&w->errors, path, &raw->raw, group);
    *priority = (struct replay_priority){
        raw->priority != NULL,
        raw->priority != NULL ? (int)*raw->priority : 0,
    };
    if (raw->priority != NULL && (*raw->priority < -1000000
                                  || *raw->priority > 1000000))
        yaml_error(&w->errors, path, "priority: at most a million");
}

static void
read_branches(struct work *w, const struct raw_policy *raw,
              struct replay_policy *out)
{
    struct replay_priority *priorities = arena_alloc(w->arena,
        (raw->branches_count + 1) * sizeof *priorities);
    struct pool_group *groups = arena_alloc(w->arena,
        (raw->branches_count + 1) * sizeof *groups);

    for (unsigned i = 0; i < raw->branches_count; i++)
        read_branch(w, &raw->branches[i], i, &groups[i], &priorities[i]);
    out->pool.groups = groups;
    out->pool.group_count = (int)raw->branches_count;
    out->priorities = priorities;
}

static void
read_more(struct work *w, const struct raw_more *raw, unsigned index,
          struct replay_more *more)
{
    *more = (struct replay_more){
        arena_strdup(w->arena, raw->like), (int)raw->count,
    };
    if (raw->count < 1 || raw->count > MORE_MAX)
        yaml_error(&w->errors, arena_printf(w->arena, "more/%u", index),
                   "count: from 1 to %d", MORE_MAX);
}

static void
read_policy(struct work *w, const struct raw_policy *raw,
            struct replay_policy *out)
{
    struct replay_more *more = arena_alloc(w->arena,
        (raw->more_count + 1) * sizeof *more);
    const char **without = arena_alloc(w->arena, (raw->without_count + 1)
                                                 * sizeof *without);
    struct pool_policy pool;

    pool_policy_default(&pool);
    pool_policy_read(&w->errors, &raw->raw, &pool);
    replay_policy_of_pool("", &pool, out);
    out->name = arena_strdup(w->arena, raw->policy);
    if (!name_is_safe(raw->policy, 100))
        yaml_error(&w->errors, "policy", "policy '%s': letters, digits and "
                   ". _ - only", raw->policy);
    if (second(w, "order", raw->order, "assay", "fcfs"))
        out->order = PLANNER_ORDER_FCFS;
    out->exact = second(w, "lengths", raw->lengths, "history", "exact");
    if (raw->rounds < 0 || raw->rounds > ROUNDS_MAX)
        yaml_error(&w->errors, "rounds", "from 0 to %d", ROUNDS_MAX);
    out->rounds = (int)raw->rounds;
    read_branches(w, raw, out);
    for (unsigned i = 0; i < raw->without_count; i++)
        without[i] = arena_strdup(w->arena, raw->without[i]);
    for (unsigned i = 0; i < raw->more_count; i++)
        read_more(w, &raw->more[i], i, &more[i]);
    out->without = without;
    out->more = more;
    out->more_count = (int)raw->more_count;
}

bool
replay_policy_parse(const char *file, const char *text, size_t bytes,
                    struct arena *arena, struct replay_policy *out,
                    struct fault *why)
{
    struct work w = { .arena = arena };

    if (!yaml_errors_begin(&w.errors, arena, file, text, bytes,
                           &policy_schema, why))
        return false;
    read_policy(&w, w.errors.value, out);
    return yaml_errors_end(&w.errors, why);
}
