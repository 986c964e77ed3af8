/* harness/pattern.c - reads the library of patterns; see the header. */
#include <config.h>

#include "harness/pattern.h"

#include <dirent.h>
#include <errno.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/strv.h"
#include "harness/yaml.h"

#define FILE_BYTES (1u << 20)
#define WEIGHT_MAX 100
#define WEIGHT_FATAL 90
#define WEIGHT_ERROR 30

/* A file as libcyaml fills it. */
struct raw_pattern {
    char *name, *regex, *sign, *component, *lane;
    char **matches, **misses;
    unsigned matches_count, misses_count;
    enum pattern_kind kind;
    int *weight;
};
struct raw_file {
    struct raw_pattern *patterns;
    unsigned patterns_count;
};

static const cyaml_strval_t kind_words[] = {
    { "fatal", PATTERN_FATAL }, { "error", PATTERN_ERROR },
    { "noise", PATTERN_NOISE }, { "start", PATTERN_START },
    { "end", PATTERN_END },
};
static const char *const COMPONENTS[] = {
    "xen", "linux", "qemu", "firmware", "installer", "network", "harness",
};

#define TEXT(key, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, struct raw_pattern, \
                           member, 1, CYAML_UNLIMITED)

static const cyaml_schema_field_t pattern_fields[] = {
    TEXT("name", name),
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct raw_pattern, kind,
                     kind_words, CYAML_ARRAY_LEN(kind_words)),
    CYAML_FIELD_STRING_PTR("lane", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                           struct raw_pattern, lane, 1, CYAML_UNLIMITED),
    TEXT("component", component),
    TEXT("sign", sign),
    CYAML_FIELD_INT_PTR("weight", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                        struct raw_pattern, weight),
    TEXT("regex", regex),
    CYAML_FIELD_SEQUENCE("matches", CYAML_FLAG_POINTER, struct raw_pattern,
                         matches, &yaml_text_schema, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("misses", CYAML_FLAG_POINTER, struct raw_pattern,
                         misses, &yaml_text_schema, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t pattern_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_pattern,
                        pattern_fields),
};
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_SEQUENCE("patterns", CYAML_FLAG_POINTER, struct raw_file,
                         patterns, &pattern_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_file, file_fields),
};

struct pattern_set {
    struct arena arena;
    struct pattern *list;
    size_t count, cap;
};

const char *
pattern_kind_name(enum pattern_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kind_words); i++)
        if (kind_words[i].val == (int64_t)kind)
            return kind_words[i].str;
    return "none";
}

size_t
pattern_count(const struct pattern_set *set)
{
    return set->count;
}

const struct pattern *
pattern_at(const struct pattern_set *set, size_t i)
{
    must(i < set->count);
    return &set->list[i];
}

static struct pattern *
find(const struct pattern_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->list[i].name, name) == 0)
            return &set->list[i];
    return NULL;
}

const struct pattern *
pattern_find(const struct pattern_set *set, const char *name)
{
    return find(set, name);
}

static const char *const *
copy_list(struct pattern_set *set, char *const *list, unsigned count)
{
    const char **copy = arena_alloc(&set->arena,
                                    (count + 1) * sizeof(*copy));

    for (unsigned i = 0; i < count; i++)
        copy[i] = arena_strdup(&set->arena, list[i]);
    return copy;
}

static bool
is_component(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(COMPONENTS); i++)
        if (strcmp(word, COMPONENTS[i]) == 0)
            return true;
    return false;
}

/* What libcyaml's schema cannot say. */
static bool
check(const struct raw_pattern *raw, const char *file, const char *node,
      struct fault *why)
{
    bool judges = raw->kind == PATTERN_FATAL || raw->kind == PATTERN_ERROR;

    if (!name_is_safe(raw->name, 100))
        return yaml_fault(why, file, node, "'%s' is no name of a pattern",
                          raw->name);
    if (!is_component(raw->component))
        return yaml_fault(why, file, node, "pattern %s: there is no component "
                          "'%s' (xen, linux, qemu, firmware, installer, "
                          "network, harness)", raw->name, raw->component);
    if (judges != (raw->lane != NULL))
        return yaml_fault(why, file, node, "pattern %s: %s", raw->name,
                          judges ? "fatal and error need a lane"
                                 : "only fatal and error have a lane");
    if (judges && lane_parse(raw->lane) == LANE_NONE)
        return yaml_fault(why, file, node, "pattern %s: there is no lane "
                          "'%s'", raw->name, raw->lane);
    if (raw->weight != NULL && (*raw->weight < 0 || *raw->weight > WEIGHT_MAX))
        return yaml_fault(why, file, node, "pattern %s: a weight is 0 to %d",
                          raw->name, WEIGHT_MAX);
    return true;
}

static bool
add(struct pattern_set *set, const struct raw_pattern *raw, const char *file,
    bool site, const char *node, struct fault *why)
{
    struct pattern *to;

    if (!check(raw, file, node, why))
        return false;
    to = find(set, raw->name);
    if (to != NULL && (!site || strcmp(to->file, file) == 0))
        return yaml_fault(why, file, node, "pattern %s is in %s already",
                          raw->name, to->file);
    if (to == NULL) {
        set->list = xgrow(set->list, &set->cap, set->count,
                          sizeof(*set->list));
        to = &set->list[set->count++];
    }
    *to = (struct pattern){
        .name = arena_strdup(&set->arena, raw->name),
        .regex = arena_strdup(&set->arena, raw->regex),
        .sign = arena_strdup(&set->arena, raw->sign),
        .component = arena_strdup(&set->arena, raw->component),
        .file = arena_strdup(&set->arena, file),
        .kind = raw->kind,
        .lane = lane_parse(raw->lane),
        .weight = raw->weight != NULL ? *raw->weight
            : raw->kind == PATTERN_FATAL ? WEIGHT_FATAL
            : raw->kind == PATTERN_ERROR ? WEIGHT_ERROR : 0,
        .matches = copy_list(set, raw->matches, raw->matches_count),
        .misses = copy_list(set, raw->misses, raw->misses_count),
    };
    return true;
}

/* Nothing but blanks and comments. */
static bool
is_empty(const char *text)
{
    while (*text != '\0') {
        text += strspn(text, " \t\r\n");
        if (*text == '#')
            text += strcspn(text, "\n");
        else if (*text != '\0')
            return false;
    }
    return true;
}

static bool
read_file(struct pattern_set *set, const char *path, bool site,
          struct fault *why)
{
    struct raw_file *raw = NULL;
    struct buf text = BUF_INIT;
    void *loaded = NULL;
    bool ok;

    ok = fs_read_file(path, FILE_BYTES, &text, why);
    if (!ok || is_empty(buf_text(&text)))
        goto out;
    ok = yaml_load_data(path, text.data, text.len, &file_schema, &loaded,
                        why);
    if (!ok)
        goto out;
    raw = loaded;
    for (unsigned i = 0; ok && i < raw->patterns_count; i++) {
        char node[32];

        (void)snprintf(node, sizeof(node), "patterns/%u", i);
        ok = add(set, &raw->patterns[i], path, site, node, why);
    }
    yaml_unload(&file_schema, raw);
out:
    buf_free(&text);
    return ok;
}

static int
is_yaml(const struct dirent *entry)
{
    size_t bytes = strlen(entry->d_name);

    return entry->d_name[0] != '.' && bytes > 5
        && strcmp(entry->d_name + bytes - 5, ".yaml") == 0;
}

/* The files of 'dir', those that 'instead' (or NULL) has too left out. */
static bool
read_dir(struct pattern_set *set, const char *dir, const char *instead,
         bool site, struct fault *why)
{
    struct dirent **list = NULL;
    int count = scandir(dir, &list, is_yaml, alphasort);
    struct arena arena = ARENA_INIT;
    bool ok = count >= 0 || (site && errno == ENOENT);

    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "patterns in %s", dir);
    for (int i = 0; i < count; i++) {
        if (ok && (instead == NULL
                   || !fs_exists(arena_printf(&arena, "%s/%s", instead,
                                              list[i]->d_name))))
            ok = read_file(set, arena_printf(&arena, "%s/%s", dir,
                                             list[i]->d_name), site, why);
        free(list[i]);
    }
    free(list);
    arena_free(&arena);
    return ok;
}

bool
pattern_set_load_from(const char *shipped, const char *site,
                      struct pattern_set **set_out, struct fault *why)
{
    struct pattern_set *set = xcalloc(1, sizeof(*set));

    if (!read_dir(set, shipped, site, false, why)
        || (site != NULL && !read_dir(set, site, NULL, true, why))) {
        pattern_set_free(set);
        return false;
    }
    *set_out = set;
    return true;
}

bool
pattern_set_load(struct pattern_set **set_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *home;
    char *shipped = NULL;
    bool ok;

    ok = home_get(&home, why)
        && home_data(&arena, "results/patterns", &shipped, why)
        && pattern_set_load_from(shipped, home_path(&arena, "patterns"),
                                 set_out, why);
    arena_free(&arena);
    return ok;
}

void
pattern_set_free(struct pattern_set *set)
{
    if (set == NULL)
        return;
    arena_free(&set->arena);
    free(set->list);
    free(set);
}
