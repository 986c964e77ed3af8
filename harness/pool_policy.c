/* harness/pool_policy.c - see pool_policy.h. */
#include <config.h>

#include "harness/pool_policy.h"

#include <fnmatch.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/pool_policy_yaml.h"
#include "harness/yaml.h"
#include "harness/yaml_errors.h"

/* The file as libcyaml fills it. */
struct raw_group {
    char *name;
    char **branches;
    unsigned branches_count;
    struct pool_raw_group raw;
};
struct raw_policy {
    char *pool, *description;
    struct pool_raw raw;
    struct raw_group *groups;
    unsigned groups_count;
};

static const cyaml_schema_field_t group_fields[] = {
    CYAML_FIELD_STRING_PTR("group", CYAML_FLAG_POINTER, struct raw_group,
                           name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("branches", CYAML_FLAG_POINTER, struct raw_group,
                         branches, &yaml_text_schema, 1, CYAML_UNLIMITED),
    POOL_GROUP_FIELDS(struct raw_group, raw),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t group_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_group, group_fields),
};
static const cyaml_schema_field_t policy_fields[] = {
    CYAML_FIELD_STRING_PTR("pool", CYAML_FLAG_POINTER, struct raw_policy,
                           pool, 1, CYAML_UNLIMITED),
    POOL_TEXT_FIELD("description", struct raw_policy, description),
    POOL_FIELDS(struct raw_policy, raw),
    CYAML_FIELD_SEQUENCE("groups", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct raw_policy, groups, &group_schema, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t policy_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_policy,
                        policy_fields),
};

void
pool_policy_default(struct pool_policy *out)
{
    *out = (struct pool_policy){
        .patience_ms = INT64_C(7200000), .starvation_ms = INT64_C(3600000),
        .fair_ms = INT64_C(604800000), .failed_ms = INT64_C(7200000),
        .alike_ms = INT64_C(3600000), .rotate_ms = INT64_C(60000),
        .gain_ms = INT64_C(600000), .gives_max = 3,
    };
}

static void
read_time(struct yaml_errors *errors, const char *key, const char *text,
          int64_t least_ms, int64_t *out_ms)
{
    int64_t ms;

    if (text == NULL)
        return;
    if (!parse_duration_ms(text, &ms) || ms < least_ms)
        yaml_error(errors, key, "%s '%s' is no time like 30s, 90m or 7d",
                   key, text);
    else
        *out_ms = ms;
}

static enum pool_say
said(const bool *raw)
{
    return raw == NULL ? POOL_UNSAID : *raw ? POOL_YES : POOL_NO;
}

void
pool_policy_read_group(struct yaml_errors *errors, const char *path,
                       const struct pool_raw_group *raw,
                       struct pool_group *out)
{
    out->share = raw->share != NULL ? *raw->share : 1;
    out->hosts_max = raw->hosts;
    out->percent_max = raw->percent;
    out->sticky = raw->sticky == NULL || *raw->sticky;
    out->gives_way = said(raw->gives_way);
    out->preempts = said(raw->preempts);
    if (out->share < 1 || out->share > 1000000)
        yaml_error(errors, path, "share is a number from 1 on");
    if (raw->hosts < 0)
        yaml_error(errors, path, "hosts_max is a number from 1 on");
    if (out->gives_way == POOL_YES && out->preempts == POOL_YES)
        yaml_error(errors, path, "a group either gives_way or preempts");
    if (raw->percent < 0 || raw->percent > 100)
        yaml_error(errors, path, "percent_max is a number from 1 to 100");
}

void
pool_policy_read(struct yaml_errors *errors, const struct pool_raw *raw,
                 struct pool_policy *out)
{
    read_time(errors, "patience", raw->patience, 0, &out->patience_ms);
    read_time(errors, "starvation", raw->starvation, 1000,
              &out->starvation_ms);
    read_time(errors, "fair", raw->fair, 1000, &out->fair_ms);
    read_time(errors, "failed", raw->failed, 0, &out->failed_ms);
    read_time(errors, "alike", raw->alike, 0, &out->alike_ms);
    read_time(errors, "rotate", raw->rotate, 0, &out->rotate_ms);
    read_time(errors, "gain", raw->gain, 0, &out->gain_ms);
    if (raw->gives_max == NULL)
        return;
    out->gives_max = *raw->gives_max;
    if (out->gives_max < 0 || out->gives_max > 1000)
        yaml_error(errors, "gives_max",
                   "gives_max is a number from 0 to 1000");
}

static void
read_group(struct yaml_errors *errors, struct arena *arena,
           const struct raw_group *raw, unsigned index,
           struct pool_group *out)
{
    const char *path = arena_printf(arena, "groups/%u", index);
    const char **branches = arena_alloc(arena, (raw->branches_count + 1)
                                               * sizeof *branches);

    for (unsigned i = 0; i < raw->branches_count; i++)
        branches[i] = arena_strdup(arena, raw->branches[i]);
    *out = (struct pool_group){
        .name = arena_strdup(arena, raw->name), .branches = branches,
    };
    if (!name_is_safe(raw->name, 100))
        yaml_error(errors, path, "group '%s': letters, digits and . _ - only",
                   raw->name);
    pool_policy_read_group(errors, path, &raw->raw, out);
}

static void
read_groups(struct yaml_errors *errors, struct arena *arena,
            const struct raw_policy *raw, struct pool_policy *out)
{
    out->group_count = (int)raw->groups_count;
    out->groups = arena_alloc(arena, (raw->groups_count + 1)
                                     * sizeof *out->groups);
    for (unsigned i = 0; i < raw->groups_count; i++) {
        read_group(errors, arena, &raw->groups[i], i, &out->groups[i]);
        for (unsigned k = 0; k < i; k++)
            if (strcmp(out->groups[k].name, out->groups[i].name) == 0)
                yaml_error(errors, arena_printf(arena, "groups/%u", i),
                           "group '%s' is given twice", out->groups[i].name);
    }
}

bool
pool_policy_parse(const char *name, const char *text, struct arena *arena,
                  struct pool_policy *out, struct fault *why)
{
    const struct raw_policy *raw;
    struct yaml_errors errors;

    pool_policy_default(out);
    if (!yaml_errors_begin(&errors, arena, name, text, strlen(text),
                           &policy_schema, why))
        return false;
    raw = errors.value;
    pool_policy_read(&errors, &raw->raw, out);
    read_groups(&errors, arena, raw, out);
    return yaml_errors_end(&errors, why);
}

bool
pool_policy_preempts(const struct pool_policy *policy, const char *branch,
                     int priority)
{
    int g = pool_policy_group(policy, branch);
    enum pool_say say = g < 0 ? POOL_UNSAID : policy->groups[g].preempts;

    return say == POOL_UNSAID ? priority < 0 : say == POOL_YES;
}

bool
pool_policy_gives_way(const struct pool_policy *policy, const char *branch,
                      int priority, bool says)
{
    int g = pool_policy_group(policy, branch);
    enum pool_say say = g < 0 ? POOL_UNSAID : policy->groups[g].gives_way;

    return (say == POOL_UNSAID ? says : say == POOL_YES)
        && !pool_policy_preempts(policy, branch, priority);
}

int
pool_policy_group(const struct pool_policy *policy, const char *branch)
{
    for (int g = 0; g < policy->group_count; g++)
        for (const char *const *p = policy->groups[g].branches; *p != NULL;
             p++)
            if (fnmatch(*p, branch, 0) == 0)
                return g;
    return -1;
}
