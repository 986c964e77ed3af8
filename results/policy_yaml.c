/* results/policy_yaml.c - a policy's file. */
#include <config.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/yaml.h"
#include "harness/yaml_errors.h"
#include "results/policy.h"

struct raw_on {
    char *failed, *missing, *errored, *untested, *excused;
};
struct raw_rule {
    char *rule, *valid_since, *valid_until;
    char **branches, **jobs, **testids, **require;
    unsigned branches_count, jobs_count, testids_count, require_count;
    struct raw_on *on;
};
struct raw_policy {
    char *policy, *description;
    int64_t version;
    struct raw_rule *rules;
    unsigned rules_count;
};

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, \
                           CYAML_UNLIMITED)
#define TEXT_OPT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 1, CYAML_UNLIMITED)
#define TEXTS_OPT(key, member) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         struct raw_rule, member, &yaml_text_schema, 1, \
                         CYAML_UNLIMITED)

static const cyaml_schema_field_t on_fields[] = {
    TEXT_OPT("failed", struct raw_on, failed),
    TEXT_OPT("missing", struct raw_on, missing),
    TEXT_OPT("errored", struct raw_on, errored),
    TEXT_OPT("untested", struct raw_on, untested),
    TEXT_OPT("excused", struct raw_on, excused),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t rule_fields[] = {
    TEXT("rule", struct raw_rule, rule),
    TEXT_OPT("valid_since", struct raw_rule, valid_since),
    TEXT_OPT("valid_until", struct raw_rule, valid_until),
    TEXTS_OPT("branches", branches),
    TEXTS_OPT("jobs", jobs),
    TEXTS_OPT("testids", testids),
    TEXTS_OPT("require", require),
    CYAML_FIELD_MAPPING_PTR("on", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct raw_rule, on, on_fields),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_rule, rule_fields),
};
static const cyaml_schema_field_t policy_fields[] = {
    TEXT("policy", struct raw_policy, policy),
    CYAML_FIELD_INT("version", CYAML_FLAG_DEFAULT, struct raw_policy,
                    version),
    TEXT_OPT("description", struct raw_policy, description),
    CYAML_FIELD_SEQUENCE("rules", CYAML_FLAG_POINTER, struct raw_policy,
                         rules, &rule_schema, 1, CYAML_UNLIMITED),
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

static const char *const *
texts(struct work *w, char *const *from, unsigned count)
{
    const char **out = arena_alloc(w->arena, (count + 1) * sizeof *out);

    for (unsigned i = 0; i < count; i++)
        out[i] = arena_strdup(w->arena, from[i]);
    return out;
}

/* "2026-12-01" or "2026-12-01T09:30:00Z", in UTC. */
static int64_t
moment(struct work *w, const char *text, int64_t missing, const char *path)
{
    static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ" };

    if (text == NULL)
        return missing;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct tm tm = { 0 };
        const char *end = strptime(text, forms[i], &tm);
        int day = tm.tm_mday;
        time_t when;

        if (end == NULL || *end != '\0')
            continue;
        when = timegm(&tm);
        if (tm.tm_mday == day)  /* else: the 31st of February */
            return (int64_t)when * 1000;
    }
    yaml_error(&w->errors, path, "'%s' is no moment (2026-12-01 or "
               "2026-12-01T09:30:00Z)", text);
    return missing;
}

static enum policy_effect
effect(struct work *w, const char *word, const char *path, const char *key)
{
    if (word == NULL)
        return POLICY_SILENT;
    if (strcmp(word, "block") == 0)
        return POLICY_BLOCK;
    if (strcmp(word, "note") != 0)
        yaml_error(&w->errors, arena_printf(w->arena, "%s/on/%s", path, key),
                   "'%s' is neither block nor note", word);
    return POLICY_NOTE;
}

static void
read_rule(struct work *w, const struct raw_rule *raw, unsigned index,
          struct policy_rule *rule)
{
    const char *path = arena_printf(w->arena, "rules/%u", index);

    *rule = (struct policy_rule){
        .name = arena_strdup(w->arena, raw->rule),
        .since_ms = moment(w, raw->valid_since, INT64_MIN,
                           arena_printf(w->arena, "%s/valid_since", path)),
        .until_ms = moment(w, raw->valid_until, INT64_MAX,
                           arena_printf(w->arena, "%s/valid_until", path)),
        .branches = texts(w, raw->branches, raw->branches_count),
        .jobs = texts(w, raw->jobs, raw->jobs_count),
        .testids = texts(w, raw->testids, raw->testids_count),
        .require = texts(w, raw->require, raw->require_count),
    };
    if (rule->since_ms >= rule->until_ms)
        yaml_error(&w->errors, path, "rule '%s' ends before it begins",
                   raw->rule);
    if (raw->on == NULL) {
        if (raw->require_count == 0)
            yaml_error(&w->errors, path, "rule '%s' has neither 'on' nor "
                       "'require'", raw->rule);
        return;
    }
    rule->on[POLICY_FAILED] = effect(w, raw->on->failed, path, "failed");
    rule->on[POLICY_MISSING] = effect(w, raw->on->missing, path, "missing");
    rule->on[POLICY_ERRORED] = effect(w, raw->on->errored, path, "errored");
    rule->on[POLICY_UNTESTED] = effect(w, raw->on->untested, path,
                                       "untested");
    rule->on[POLICY_EXCUSED] = effect(w, raw->on->excused, path, "excused");
}

static void
read_policy(struct work *w, const struct raw_policy *raw, struct policy *out)
{
    struct policy_rule *rules =
        arena_alloc(w->arena, raw->rules_count * sizeof *rules);

    *out = (struct policy){
        .name = arena_strdup(w->arena, raw->policy),
        .description = arena_strdup(w->arena, raw->description != NULL
                                                  ? raw->description : ""),
        .version = raw->version,
        .rules = rules,
        .rule_count = raw->rules_count,
    };
    if (!name_is_safe(raw->policy, 100))
        yaml_error(&w->errors, "policy", "policy '%s': letters, digits and "
                   ". _ - only", raw->policy);
    if (raw->version < 1)
        yaml_error(&w->errors, "version", "versions count from 1");
    for (unsigned i = 0; i < raw->rules_count; i++) {
        read_rule(w, &raw->rules[i], i, &rules[i]);
        for (unsigned k = 0; k < i; k++)
            if (strcmp(rules[k].name, rules[i].name) == 0)
                yaml_error(&w->errors,
                           arena_printf(w->arena, "rules/%u/rule", i),
                           "rule '%s' is given twice", rules[i].name);
    }
}

bool
policy_parse(const char *file, const char *text, size_t bytes,
             struct arena *arena, struct policy *out, struct fault *why)
{
    struct work w = { .arena = arena };

    if (!yaml_errors_begin(&w.errors, arena, file, text, bytes,
                           &policy_schema, why))
        return false;
    read_policy(&w, w.errors.value, out);
    return yaml_errors_end(&w.errors, why);
}
