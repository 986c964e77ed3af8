/* harness/replay_policy.c - see replay_policy.h. */
#include <config.h>

#include "harness/replay_policy.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/pool_policy.h"
#include "harness/replay.h"
#include "harness/yaml.h"
#include "harness/yaml_errors.h"

#define PATIENCE_MS INT64_C(7200000)
#define MORE_MAX 1000
#define ROUNDS_MAX 1000

struct raw_branch {
    char *branch;
    int64_t *priority;
    double share;
    int64_t hosts_max, percent_max;
};
struct raw_more {
    char *like;
    int64_t count;
};
struct raw_policy {
    char *policy, *description, *order, *patience, *lengths;
    int64_t rounds;
    struct raw_branch *branches;
    char **without;
    struct raw_more *more;
    unsigned branches_count, without_count, more_count;
};

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, \
                           CYAML_UNLIMITED)
#define TEXT_OPT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 1, CYAML_UNLIMITED)
#define LIST_OPT(key, member, schema) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         struct raw_policy, member, schema, 1, \
                         CYAML_UNLIMITED)

static const cyaml_schema_field_t branch_fields[] = {
    TEXT("branch", struct raw_branch, branch),
    CYAML_FIELD_INT_PTR("priority",
                        CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                        struct raw_branch, priority),
    CYAML_FIELD_FLOAT("share", CYAML_FLAG_OPTIONAL, struct raw_branch,
                      share),
    CYAML_FIELD_INT("hosts_max", CYAML_FLAG_OPTIONAL, struct raw_branch,
                    hosts_max),
    CYAML_FIELD_INT("percent_max", CYAML_FLAG_OPTIONAL, struct raw_branch,
                    percent_max),
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
    TEXT_OPT("description", struct raw_policy, description),
    TEXT_OPT("order", struct raw_policy, order),
    TEXT_OPT("patience", struct raw_policy, patience),
    TEXT_OPT("lengths", struct raw_policy, lengths),
    CYAML_FIELD_INT("rounds", CYAML_FLAG_OPTIONAL, struct raw_policy,
                    rounds),
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
replay_policy_default(struct replay_policy *out)
{
    static const char *const none[] = { NULL };

    *out = (struct replay_policy){
        .name = "assay", .without = none,
        .planner = { .patience_ms = PATIENCE_MS },
    };
}

void
replay_policy_of_pool(const char *name, const struct pool_policy *pool,
                      struct arena *arena, struct replay_policy *out)
{
    struct replay_branch *branches;
    int count = 0;

    for (int g = 0; g < pool->group_count; g++)
        for (int k = 0; pool->groups[g].branches[k] != NULL; k++)
            count++;
    branches = arena_alloc(arena, ((size_t)count + 1) * sizeof *branches);
    replay_policy_default(out);
    out->name = name;
    out->planner.patience_ms = pool->patience_ms;
    out->starvation_ms = pool->starvation_ms;
    out->fair_ms = pool->fair_ms;
    out->charges_all = true;
    for (int g = 0; g < pool->group_count; g++) {
        const struct pool_group *group = &pool->groups[g];
        int first = out->branch_count;

        for (int k = 0; group->branches[k] != NULL; k++)
            branches[out->branch_count++] = (struct replay_branch){
                .pattern = group->branches[k], .share = group->share,
                .hosts_max = group->hosts_max,
                .percent_max = group->percent_max, .as = first,
            };
    }
    out->branches = branches;
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

static void
read_branch(struct work *w, const struct raw_branch *raw, unsigned index,
            struct replay_branch *branch)
{
    const char *path = arena_printf(w->arena, "branches/%u", index);

    *branch = (struct replay_branch){
        .pattern = arena_strdup(w->arena, raw->branch),
        .has_priority = raw->priority != NULL, .as = (int)index,
        .priority = raw->priority != NULL ? (int)*raw->priority : 0,
        .share = raw->share, .hosts_max = (int)raw->hosts_max,
        .percent_max = (int)raw->percent_max,
    };
    if (raw->priority != NULL && (*raw->priority < -1000000
                                  || *raw->priority > 1000000))
        yaml_error(&w->errors, path, "priority: at most a million");
    if (!(raw->share >= 0 && raw->share <= 1e6))
        yaml_error(&w->errors, path, "share: from 0 to a million");
    if (raw->hosts_max < 0 || raw->hosts_max > 1000000)
        yaml_error(&w->errors, path, "hosts_max: from 1 to a million");
    if (raw->percent_max < 0 || raw->percent_max > 100)
        yaml_error(&w->errors, path, "percent_max: from 1 to 100");
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
    struct replay_branch *branches = arena_alloc(w->arena,
        (raw->branches_count + 1) * sizeof *branches);
    struct replay_more *more = arena_alloc(w->arena,
        (raw->more_count + 1) * sizeof *more);
    const char **without = arena_alloc(w->arena, (raw->without_count + 1)
                                                 * sizeof *without);

    replay_policy_default(out);
    out->name = arena_strdup(w->arena, raw->policy);
    if (!name_is_safe(raw->policy, 100))
        yaml_error(&w->errors, "policy", "policy '%s': letters, digits and "
                   ". _ - only", raw->policy);
    if (second(w, "order", raw->order, "assay", "fcfs"))
        out->planner.order = PLANNER_ORDER_FCFS;
    out->exact = second(w, "lengths", raw->lengths, "history", "exact");
    if (raw->patience != NULL
        && !parse_duration_ms(raw->patience, &out->planner.patience_ms))
        yaml_error(&w->errors, "patience", "'%s' is no length of time (2h, "
                   "90m)", raw->patience);
    if (raw->rounds < 0 || raw->rounds > ROUNDS_MAX)
        yaml_error(&w->errors, "rounds", "from 0 to %d", ROUNDS_MAX);
    out->planner.rounds = (int)raw->rounds;
    for (unsigned i = 0; i < raw->branches_count; i++)
        read_branch(w, &raw->branches[i], i, &branches[i]);
    for (unsigned i = 0; i < raw->without_count; i++)
        without[i] = arena_strdup(w->arena, raw->without[i]);
    for (unsigned i = 0; i < raw->more_count; i++)
        read_more(w, &raw->more[i], i, &more[i]);
    out->branches = branches;
    out->branch_count = (int)raw->branches_count;
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
