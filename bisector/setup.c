/* bisector/setup.c - what a search is about: trees, ends and options. */
#include <config.h>

#include "bisector/setup.h"

#include <stdlib.h>
#include <string.h>

#include "bisector/history.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/strv.h"

#define FILE_BYTES (64u << 20)
#define PAST_MOST 1000000000
#define COST_LEAST 1e-3
#define COST_MOST 1e6

void
setup_fini(struct setup *setup)
{
    strv_free(setup->specs);
    strv_free(setup->paths);
    xfree_str(&setup->cost_file);
    xfree_str(&setup->past_file);
    xfree_str(&setup->metric);
    xfree_str(&setup->metric_file);
    free(setup->cost);
    graph_fini(&setup->graph);
    *setup = (struct setup)SETUP_INIT;
}

/* "COMMIT MINUTES": a full name or the start of one. */
static bool
cost_line(struct setup *setup, int number, char *line, struct fault *why)
{
    struct graph *g = &setup->graph;
    char hex[GRAPH_HEX_BYTES], *name, *text, *end;
    double minutes;
    size_t len;
    uint32_t i;

    line[strcspn(line, "#\r")] = '\0';
    name = line + strspn(line, " \t");
    len = strcspn(name, " \t");
    if (len == 0)
        return true;
    text = name + len + strspn(name + len, " \t");
    for (end = text + strlen(text); end > text
         && (end[-1] == ' ' || end[-1] == '\t'); end--)
        continue;
    *end = '\0';
    if (len < 7 || !parse_double(text, &minutes) || minutes < COST_LEAST
        || minutes > COST_MOST)
        return fault_set(why, FAULT_CONFIG, "%s:%d: not \"COMMIT MINUTES\"",
                         setup->cost_file, number);
    for (i = 0; i < g->count; i++) {
        graph_hex(g, graph_tree_of(g, i), i, hex);
        if (strncmp(hex, name, len) == 0)
            setup->cost[i] = minutes;
    }
    return true;
}

/* "good|bad FAILED RUNS". */
static bool
past_line(struct setup *setup, int number, char *line, struct fault *why)
{
    struct posterior_past *past = &setup->opts.past;
    char *words[3] = { NULL }, *word;
    int64_t failed = 0, runs = 0;
    size_t n = 0;
    bool good;

    line[strcspn(line, "#\r")] = '\0';
    while ((word = strsep(&line, " \t")) != NULL)
        if (word[0] != '\0' && n++ < ARRAY_LEN(words))
            words[n - 1] = word;
    if (n == 0)
        return true;
    good = words[0] != NULL && strcmp(words[0], "good") == 0;
    if (n != ARRAY_LEN(words) || (!good && strcmp(words[0], "bad") != 0)
        || !parse_int64(words[1], 0, PAST_MOST, &failed)
        || !parse_int64(words[2], failed, PAST_MOST, &runs))
        return fault_set(why, FAULT_CONFIG, "%s:%d: not \"good FAILED RUNS\" "
                         "or \"bad FAILED RUNS\"", setup->past_file, number);
    if (good) {
        past->good_fails += (uint32_t)failed;
        past->good_runs += (uint32_t)runs;
    } else {
        past->bad_fails += (uint32_t)failed;
        past->bad_runs += (uint32_t)runs;
    }
    return true;
}

/* Calls 'take' with each line of a file that the user named. */
static bool
lines_load(struct setup *setup, const char *path,
           bool (*take)(struct setup *setup, int number, char *line,
                        struct fault *why),
           struct fault *why)
{
    struct buf text = BUF_INIT;
    char *rest, *line;
    int number = 0;
    bool ok;

    ok = fs_read_file(path, FILE_BYTES, &text, why);
    if (!ok && why->kind == FAULT_SYSTEM)
        why->kind = FAULT_USAGE;
    for (rest = text.data; ok && (line = strsep(&rest, "\n")) != NULL;)
        ok = take(setup, ++number, line, why);
    buf_free(&text);
    return ok;
}

static bool
files_load(struct setup *setup, struct fault *why)
{
    size_t i;

    if (setup->past_file != NULL) {
        setup->opts.past = (struct posterior_past){ 0 };
        if (!lines_load(setup, setup->past_file, past_line, why))
            return false;
    }
    if (setup->cost_file == NULL)
        return true;
    setup->cost = xcalloc(setup->graph.count + 1, sizeof(*setup->cost));
    for (i = 0; i < setup->graph.count; i++)
        setup->cost[i] = 1;
    setup->opts.cost = setup->cost;
    return lines_load(setup, setup->cost_file, cost_line, why);
}

bool
setup_load(struct setup *setup, struct fault *why)
{
    struct history_opts opts = { .first_parent = setup->first_parent,
                                 .paths = strv_const(setup->paths) };
    size_t i;

    if (strv_count(setup->specs) == 0)
        return fault_set(why, FAULT_USAGE, "no tree: give --tree "
                         "[NAME=]DIR:GOOD..BAD");
    graph_init(&setup->graph);
    for (i = 0; i < strv_count(setup->specs); i++)
        if (!history_tree_add(&setup->graph, setup->specs[i], &opts, why))
            return false;
    if (setup->graph.suspect_count == 0) {
        fault_set(why, FAULT_CONFIG, "there is no commit between good and "
                  "bad%s", setup->paths != NULL ? " that touches the paths"
                                                : "");
        return fault_hint(why, "they may be the same commit");
    }
    return files_load(setup, why);
}

static json_t *
list_json(char *const *list)
{
    json_t *array = json_array();
    size_t i;

    for (i = 0; i < strv_count(list); i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

/* Without a file of it, that is all there is of what was before. */
static json_t *
past_json(const struct posterior_past *past)
{
    return json_pack("{s:i, s:i, s:i, s:i}", "good-fails",
                     (int)past->good_fails, "good-runs",
                     (int)past->good_runs, "bad-fails", (int)past->bad_fails,
                     "bad-runs", (int)past->bad_runs);
}

static uint32_t
past_count(const json_t *json, const char *key)
{
    int64_t count = json_int(json, key, 0);

    return count < 0 || count > PAST_MOST ? 0 : (uint32_t)count;
}

static void
past_take(const json_t *json, struct posterior_past *out)
{
    *out = (struct posterior_past){
        past_count(json, "good-fails"), past_count(json, "good-runs"),
        past_count(json, "bad-fails"), past_count(json, "bad-runs"),
    };
}

json_t *
setup_json(const struct setup *setup)
{
    const struct graph *g = &setup->graph;
    json_t *trees = json_array();
    size_t i;

    for (i = 0; i < g->tree_count; i++)
        json_array_append_new(trees, json_pack(
            "{s:s, s:s, s:s, s:s}", "name", g->trees[i].name, "dir",
            g->trees[i].dir, "good", g->trees[i].good, "bad",
            g->trees[i].bad));
    return json_pack("{s:i, s:o, s:b, s:o, s:f, s:f, s:f, s:f, s:f, s:b, "
                     "s:I, s:I, s:s?, s:s?, s:b, s:s?, s:s?, s:b, s:o}",
                     "assay-bisect", 1, "trees", trees,
                     "first-parent", setup->first_parent,
                     "paths", list_json(setup->paths),
                     "confidence", setup->opts.confidence,
                     "flake-good", setup->opts.flake_good,
                     "flake-bad", setup->opts.flake_bad,
                     "none", setup->opts.none,
                     "already", setup->opts.already,
                     "trust-ends", setup->opts.trust_ends,
                     "max-runs", (json_int_t)setup->opts.max_runs,
                     "seed", (json_int_t)setup->opts.seed,
                     "cost", setup->cost_file,
                     "history", setup->past_file,
                     "fixed", setup->opts.fixed,
                     "metric", setup->metric,
                     "metric-file", setup->metric_file,
                     "lower-is-worse", setup->lower_is_worse,
                     "past", past_json(&setup->opts.past));
}

static double
real(const json_t *json, const char *key, double missing)
{
    const json_t *value = json_object_get(json, key);

    return json_is_number(value) ? json_number_value(value) : missing;
}

static void
text_take(const json_t *json, const char *key, char **out)
{
    if (json_text(json, key) != NULL)
        *out = xstrdup(json_text(json, key));
}

bool
setup_from_json(const json_t *json, struct setup *setup, struct fault *why)
{
    struct search_opts missing = SEARCH_OPTS_INIT;
    const json_t *tree, *path;
    char *spec;
    size_t i;

    if (json_int(json, "assay-bisect", 0) != 1)
        return fault_set(why, FAULT_DATA, "not the journal of a search");
    json_array_foreach(json_object_get(json, "trees"), i, tree) {
        if (json_text(tree, "name") == NULL || json_text(tree, "dir") == NULL
            || json_text(tree, "good") == NULL
            || json_text(tree, "bad") == NULL)
            return fault_set(why, FAULT_DATA, "tree %zu is not whole", i + 1);
        spec = xasprintf("%s=%s:%s..%s", json_text(tree, "name"),
                         json_text(tree, "dir"), json_text(tree, "good"),
                         json_text(tree, "bad"));
        strv_add(&setup->specs, spec);
        xfree_str(&spec);
    }
    json_array_foreach(json_object_get(json, "paths"), i, path)
        strv_add(&setup->paths, json_string_value(path));
    setup->first_parent = json_flag(json, "first-parent", false);
    text_take(json, "cost", &setup->cost_file);
    text_take(json, "history", &setup->past_file);
    text_take(json, "metric", &setup->metric);
    text_take(json, "metric-file", &setup->metric_file);
    setup->lower_is_worse = json_flag(json, "lower-is-worse", false);
    setup->opts.fixed = json_flag(json, "fixed", false);
    setup->opts.confidence = real(json, "confidence", missing.confidence);
    setup->opts.flake_good = real(json, "flake-good", missing.flake_good);
    setup->opts.flake_bad = real(json, "flake-bad", missing.flake_bad);
    setup->opts.none = real(json, "none", missing.none);
    setup->opts.already = real(json, "already", missing.already);
    setup->opts.trust_ends = json_flag(json, "trust-ends", false);
    setup->opts.max_runs = json_int(json, "max-runs", 0);
    setup->opts.seed = (uint64_t)json_int(json, "seed", 0);
    past_take(json_object_get(json, "past"), &setup->opts.past);
    return true;
}
