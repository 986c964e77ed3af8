/* recipes/recipes_cmds.c - assay recipe list|show|check. */
#include <config.h>

#include "recipes/recipes_cmds.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/strv.h"
#include "harness/table.h"
#include "recipes/recipe.h"

static void
add_joined(struct buf *out, char *const *list, const char *between)
{
    size_t i;

    for (i = 0; list[i] != NULL; i++)
        buf_addf(out, "%s%s", i > 0 ? between : "", list[i]);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the shipped recipes, sorted. */
static bool
shipped_names(char ***names_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char *path = NULL, *name;
    struct dirent *entry;
    DIR *dir = NULL;
    size_t len;
    bool ok;

    ok = home_data(&arena, "recipes", &path, why);
    if (!ok)
        goto out;
    dir = opendir(path);
    ok = dir != NULL;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "read %s", path);
        goto out;
    }
    *names_out = xcalloc(1, sizeof(**names_out));
    while ((entry = readdir(dir)) != NULL) {
        len = strlen(entry->d_name);
        if (len <= 5 || strcmp(entry->d_name + len - 5, ".yaml") != 0)
            continue;
        name = xstrndup(entry->d_name, len - 5);
        strv_add(names_out, name);
        free(name);
    }
    qsort(*names_out, strv_count(*names_out), sizeof(**names_out), by_name);
out:
    if (dir != NULL)
        (void)closedir(dir);
    arena_free(&arena);
    return ok;
}

static json_t *
texts_json(char *const *list)
{
    json_t *array = json_array();
    size_t i;

    for (i = 0; list[i] != NULL; i++)
        must(json_array_append_new(array, json_string(list[i])) == 0);
    return array;
}

static void
set(json_t *object, const char *key, json_t *value)
{
    must(json_object_set_new(object, key, value) == 0);
}

static json_t *
steps_json(const struct recipe_step *steps, size_t count)
{
    json_t *array = json_array(), *row;
    size_t i;

    for (i = 0; i < count; i++) {
        row = json_object();
        json_put_text(row, "testid", steps[i].testid);
        json_put_text(row, "run", steps[i].run);
        json_put_text(row, "program", steps[i].program);
        set(row, "args", texts_json(steps[i].args));
        set(row, "each", texts_json(steps[i].each));
        set(row, "cases", texts_json(steps[i].cases));
        json_put_int(row, "deadline_ms", steps[i].deadline_ms);
        json_put_text(row, "iffail",
                      steps[i].iffail == RECIPE_IFFAIL_BROKEN ? "broken"
                                                              : "fail");
        set(row, "continue", json_boolean(steps[i].go_on));
        set(row, "when_arch", texts_json(steps[i].when_arch));
        set(row, "when_runvar", texts_json(steps[i].when_runvar));
        json_put_text(row, "when_else", steps[i].when_else);
        must(json_array_append_new(array, row) == 0);
    }
    return array;
}

static json_t *
recipe_json(const struct recipe *recipe)
{
    json_t *object = json_object();

    json_put_text(object, "recipe", recipe->name);
    json_put_text(object, "description", recipe->description);
    json_put_text(object, "path", recipe->path);
    set(object, "roles", texts_json(recipe->roles));
    set(object, "steps", steps_json(recipe->steps, recipe->step_count));
    set(object, "finally",
        steps_json(recipe->finally, recipe->finally_count));
    if (recipe->check != NULL) {
        json_t *prepared = json_object();

        json_put_int(prepared, "steps", (int64_t)recipe->prepare_count);
        json_put_text(prepared, "check", recipe->check->program);
        set(prepared, "runvars", texts_json(recipe->prepare_runvars));
        json_put_int(prepared, "uses", recipe->uses);
        set(object, "prepared", prepared);
    }
    return object;
}

static bool
recipe_list(struct cmd_call *call, struct fault *why)
{
    static const char *const NAMES[] = {"recipe", "roles", ">steps",
                                        "~description", NULL};
    struct table *table = table_new(NAMES);
    struct recipe *recipe = NULL;
    json_t *array = json_array();
    char **names = NULL, count[24];
    struct buf roles = BUF_INIT;
    size_t i;
    bool ok;

    ok = shipped_names(&names, why);
    for (i = 0; ok && names[i] != NULL; i++) {
        ok = recipe_load(names[i], &recipe, why);
        if (!ok)
            break;
        must(json_array_append_new(array, recipe_json(recipe)) == 0);
        add_joined(&roles, recipe->roles, " ");
        (void)snprintf(count, sizeof(count), "%zu",
                       recipe->step_count + recipe->finally_count);
        table_add(table,
                  (const char *const[]){recipe->name, buf_text(&roles), count,
                                        recipe->description});
        buf_reset(&roles);
        recipe_free(recipe);
        recipe = NULL;
    }
    if (ok)
        ok = cmd_json(call) ? json_print(array, stdout, why)
                            : table_print(table, stdout, why);
    buf_free(&roles);
    strv_free(names);
    json_decref(array);
    table_free(table);
    return ok;
}

static void
add_rows(struct table *table, const struct recipe_step *steps, size_t count,
         const char *kind)
{
    struct buf runs = BUF_INIT, notes = BUF_INIT;
    char limit[32];
    size_t i;

    for (i = 0; i < count; i++) {
        buf_adds(&runs, steps[i].run);
        if (steps[i].args[0] != NULL) {
            buf_addc(&runs, ' ');
            add_joined(&runs, steps[i].args, " ");
        }
        if (steps[i].each[0] != NULL) {
            buf_adds(&notes, "each of ");
            add_joined(&notes, steps[i].each, ", ");
        }
        if (steps[i].when_arch[0] != NULL) {
            buf_adds(&notes, notes.len > 0 ? "; on " : "on ");
            add_joined(&notes, steps[i].when_arch, ", ");
        }
        if (steps[i].when_runvar[0] != NULL) {
            buf_adds(&notes, notes.len > 0 ? "; if " : "if ");
            add_joined(&notes, steps[i].when_runvar, ", ");
        }
        clock_human(steps[i].deadline_ms, limit);
        table_add(table, (const char *const[]){kind, steps[i].testid,
                                               buf_text(&runs), limit,
                                               buf_text(&notes)});
        buf_reset(&runs);
        buf_reset(&notes);
    }
    buf_free(&runs);
    buf_free(&notes);
}

static bool
recipe_show(struct cmd_call *call, struct fault *why)
{
    static const char *const NAMES[] = {"", "testid", "run", ">deadline",
                                        "~notes", NULL};
    struct recipe *recipe = NULL;
    struct table *table = NULL;
    struct buf roles = BUF_INIT;
    json_t *object = NULL;
    bool ok;

    ok = recipe_load(cmd_arg(call, 0), &recipe, why);
    if (!ok)
        goto out;
    if (cmd_json(call)) {
        object = recipe_json(recipe);
        ok = json_print(object, stdout, why);
        goto out;
    }
    add_joined(&roles, recipe->roles, ", ");
    printf("%s: %s\nroles: %s\nfile: %s\n\n", recipe->name,
           recipe->description, roles.len > 0 ? buf_text(&roles) : "none",
           recipe->path);
    table = table_new(NAMES);
    add_rows(table, recipe->steps, recipe->step_count, "");
    add_rows(table, recipe->finally, recipe->finally_count, "finally");
    ok = table_print(table, stdout, why);
out:
    table_free(table);
    json_decref(object);
    buf_free(&roles);
    recipe_free(recipe);
    return ok;
}

static bool
recipe_check(struct cmd_call *call, struct fault *why)
{
    struct recipe *recipe = NULL;
    int i;

    for (i = 0; i < cmd_argc(call); i++) {
        if (!recipe_load(cmd_arg(call, i), &recipe, why))
            return false;
        printf("%s: %zu steps, no errors\n", recipe->path,
               recipe->step_count + recipe->finally_count);
        recipe_free(recipe);
        recipe = NULL;
    }
    return true;
}

const struct cmd recipes_cmds[] = {
    {"recipe check", "RECIPE...", 1, -1, CMD_READS, NULL, recipe_check,
     "look for errors in recipes",
     "RECIPE is the name of a shipped recipe or a path to a file. Errors are "
     "told as\nfile:line: what, and the exit status is 2."},
    {"recipe list", "", 0, 0, CMD_READS, NULL, recipe_list,
     "list the shipped recipes", NULL},
    {"recipe show", "RECIPE", 1, 1, CMD_READS, NULL, recipe_show,
     "show the steps of a recipe", NULL},
    {NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL},
};
