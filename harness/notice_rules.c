/* harness/notice_rules.c - see notice_rules.h. */
#include <config.h>

#include "harness/notice_rules.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/notice.h"
#include "harness/yaml.h"
#include "harness/yaml_errors.h"
#include "harness/yaml_tree.h"

#define LIMIT_MS 60000
#define STALE_MS (3 * INT64_C(86400000))

/* The file as libcyaml fills it. */
struct raw_rule {
    char **on, **to;
    unsigned on_count, to_count;
    char *branch, *confidence;
    bool people;
};
struct raw_rules {
    char *from, *limit, *stale, *url;
    char **sendmail;
    unsigned sendmail_count;
    struct raw_rule *rules;
    unsigned rules_count;
};

#define TEXT_OPT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 1, CYAML_UNLIMITED)

static const cyaml_schema_field_t rule_fields[] = {
    CYAML_FIELD_SEQUENCE("on", CYAML_FLAG_POINTER, struct raw_rule, on,
                         &yaml_text_schema, 1, CYAML_UNLIMITED),
    TEXT_OPT("branch", struct raw_rule, branch),
    TEXT_OPT("confidence", struct raw_rule, confidence),
    CYAML_FIELD_SEQUENCE("to", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct raw_rule, to, &yaml_text_schema, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_BOOL("people", CYAML_FLAG_OPTIONAL, struct raw_rule, people),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_rule, rule_fields),
};

static const cyaml_schema_field_t rules_fields[] = {
    CYAML_FIELD_STRING_PTR("from", CYAML_FLAG_POINTER, struct raw_rules, from,
                           1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("sendmail", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct raw_rules, sendmail, &yaml_text_schema, 1,
                         CYAML_UNLIMITED),
    TEXT_OPT("limit", struct raw_rules, limit),
    TEXT_OPT("stale", struct raw_rules, stale),
    TEXT_OPT("url", struct raw_rules, url),
    CYAML_FIELD_SEQUENCE("rules", CYAML_FLAG_POINTER, struct raw_rules, rules,
                         &rule_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t rules_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_rules, rules_fields),
};

struct work {
    struct yaml_errors errors;
    struct arena *arena;
    const struct raw_rules *raw;
};

static struct message_person
person(struct work *w, const char *text, const char *path)
{
    struct message_person out = { "", "" };
    struct fault why = FAULT_INIT;

    if (!message_person_parse(text, w->arena, &out, &why))
        yaml_error(&w->errors, path, "%s", why.text);
    return out;
}

static int64_t
duration(struct work *w, const char *text, const char *path, int64_t dflt)
{
    int64_t ms = dflt;

    if (text != NULL && (!parse_duration_ms(text, &ms) || ms <= 0))
        yaml_error(&w->errors, path, "'%s' is no time like 30s, 5m, 2h or 3d",
                   text);
    return ms;
}

static const char *const *
texts(struct work *w, char *const *list, unsigned count)
{
    const char **out = arena_alloc(w->arena, (count + 1) * sizeof *out);

    for (unsigned i = 0; i < count; i++)
        out[i] = arena_strdup(w->arena, list[i]);
    return out;
}

static const char *const *
sendmail(struct work *w)
{
    static const char *const DEFAULT[] = { "/usr/sbin/sendmail", "-oi", NULL };

    if (w->raw->sendmail == NULL)
        return DEFAULT;
    if (w->raw->sendmail[0][0] != '/')
        yaml_error(&w->errors, "sendmail/0", "'%s' is no absolute path of a "
                   "program", w->raw->sendmail[0]);
    return texts(w, w->raw->sendmail, w->raw->sendmail_count);
}

static bool
is_kind(const char *word)
{
    for (int i = 0; notice_kinds[i] != NULL; i++)
        if (strcmp(notice_kinds[i], word) == 0)
            return true;
    return false;
}

static void
check_kinds(struct work *w, const struct raw_rule *raw, unsigned index)
{
    struct buf words = BUF_INIT;

    for (int i = 0; notice_kinds[i] != NULL; i++)
        buf_addf(&words, "%s%s", i == 0 ? "" : ", ", notice_kinds[i]);
    for (unsigned i = 0; i < raw->on_count; i++)
        if (!is_kind(raw->on[i]))
            yaml_error(&w->errors, arena_printf(w->arena, "rules/%u/on/%u",
                                                index, i),
                       "there are no notices of kind '%s' (%s)", raw->on[i],
                       buf_text(&words));
    buf_free(&words);
}

static bool
names_culprit(const struct raw_rule *raw)
{
    for (unsigned i = 0; i < raw->on_count; i++)
        if (strcmp(raw->on[i], "culprit") == 0)
            return true;
    return false;
}

static void
read_rule(struct work *w, unsigned index, struct notice_rule *rule)
{
    const struct raw_rule *raw = &w->raw->rules[index];
    const char *path = arena_printf(w->arena, "rules/%u", index);
    struct message_person *to =
        arena_alloc(w->arena, raw->to_count * sizeof *to + 1);

    for (unsigned i = 0; i < raw->to_count; i++)
        to[i] = person(w, raw->to[i], arena_printf(w->arena, "%s/to/%u", path,
                                                   i));
    *rule = (struct notice_rule){
        .on = texts(w, raw->on, raw->on_count), .to = to,
        .branch = raw->branch == NULL ? NULL
                                      : arena_strdup(w->arena, raw->branch),
        .to_count = raw->to_count, .people = raw->people,
        .line = yaml_tree_find(w->errors.tree, path)->line,
    };
    check_kinds(w, raw, index);
    if (raw->to_count == 0 && !raw->people)
        yaml_error(&w->errors, path, "the rule tells nobody: it has neither "
                   "'to' nor 'people: true'");
    if (raw->confidence == NULL)
        return;
    path = arena_printf(w->arena, "%s/confidence", path);
    if (!parse_double(raw->confidence, &rule->confidence)
        || !(rule->confidence > 0 && rule->confidence <= 1))
        yaml_error(&w->errors, path, "'%s' is no confidence: above 0, at "
                   "most 1", raw->confidence);
    if (!names_culprit(raw))
        yaml_error(&w->errors, path, "only notices of kind 'culprit' have a "
                   "confidence");
}

static void
read_rules(struct work *w, struct notice_rules *out)
{
    struct notice_rule *rules =
        arena_alloc(w->arena, w->raw->rules_count * sizeof *rules + 1);

    out->from = person(w, w->raw->from, "from");
    out->sendmail = sendmail(w);
    out->limit_ms = duration(w, w->raw->limit, "limit", LIMIT_MS);
    out->stale_ms = duration(w, w->raw->stale, "stale", STALE_MS);
    if (w->raw->url != NULL && !pages_url_is_good(w->raw->url))
        yaml_error(&w->errors, "url", "'%s' is no address like "
                   "https://lab.example.org:8077", w->raw->url);
    else if (w->raw->url != NULL)
        out->url = arena_strdup(w->arena, w->raw->url);
    for (unsigned i = 0; i < w->raw->rules_count; i++)
        read_rule(w, i, &rules[i]);
    out->rules = rules;
    out->count = w->raw->rules_count;
}

bool
notice_rules_parse(const char *file, const char *text, size_t bytes,
                   struct arena *arena, struct notice_rules *out,
                   struct fault *why)
{
    struct work w = { .arena = arena };

    *out = (struct notice_rules){ .file = arena_strdup(arena, file) };
    if (!yaml_errors_begin(&w.errors, arena, file, text, bytes, &rules_schema,
                           why))
        return false;
    w.raw = w.errors.value;
    read_rules(&w, out);
    return yaml_errors_end(&w.errors, why);
}

bool
notice_rules_load(struct arena *arena, struct notice_rules *out,
                  struct fault *why)
{
    struct buf text = BUF_INIT;
    const char *home = NULL, *path;
    bool ok;

    if (!home_get(&home, why))
        return false;
    path = home_path(arena, "notify.yaml");
    if (!fs_exists(path)) {
        fault_set(why, FAULT_NOT_FOUND, "there are no rules: %s", path);
        return fault_hint(why, "nobody is told anything before there are; "
                          "assay-notify(5) says what is in them");
    }
    ok = fs_read_file(path, YAML_MAX_BYTES, &text, why)
        && notice_rules_parse(path, buf_text(&text), text.len, arena, out,
                              why);
    buf_free(&text);
    return ok;
}

static bool
applies(const struct notice_rule *rule, const struct notice_facts *facts)
{
    bool named = false;

    for (size_t i = 0; rule->on[i] != NULL; i++)
        named = named || strcmp(rule->on[i], facts->kind) == 0;
    return named && facts->confidence >= rule->confidence
        && (rule->branch == NULL
            || (facts->branch != NULL
                && fnmatch(rule->branch, facts->branch, 0) == 0));
}

/* The bounds are those of the caller's array. */
static void
add_once(const struct message_person *list, size_t count,
         struct message_person *out, size_t *out_count)
{
    for (size_t i = 0; i < count; i++) {
        bool known = false;

        for (size_t k = 0; k < *out_count && !known; k++)
            known = strcasecmp(out[k].address, list[i].address) == 0;
        if (!known)
            out[(*out_count)++] = list[i];
    }
}

void
notice_rules_match(const struct notice_rules *rules,
                   const struct notice_facts *facts, struct arena *arena,
                   struct message_person **out, size_t *count_out)
{
    size_t max = facts->people_count;

    for (size_t i = 0; i < rules->count; i++)
        max += rules->rules[i].to_count;
    *out = arena_alloc(arena, (max + 1) * sizeof **out);
    *count_out = 0;
    for (size_t i = 0; i < rules->count; i++) {
        const struct notice_rule *rule = &rules->rules[i];

        if (!applies(rule, facts))
            continue;
        add_once(rule->to, rule->to_count, *out, count_out);
        if (rule->people)
            add_once(facts->people, facts->people_count, *out, count_out);
    }
}
