/* recipes/recipe.c - loads a recipe; see the header for the schema. */
#include <config.h>

#include "recipes/recipe.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/step_record.h"
#include "harness/strv.h"
#include "harness/yaml.h"

#define NAME_MAX_BYTES 100      /* as the database's domain "name" */
#define DEADLINE_MAX_MS (24 * 60 * 60 * 1000)
#define POWER_OFF_PROGRAM "host-power-off"
#define POWER_OFF_DEADLINE_MS 60000
#define CHECK_PROGRAM "host-reuse"
#define CHECK_DEADLINE_MS 60000
#define USES_MAX 1000

/* The file as libcyaml fills it. */
struct raw_when {
    char **arch, **runvar;
    unsigned arch_count, runvar_count;
    char *why_not;
};
struct raw_step {
    char *testid, *run, *deadline;
    char **args, **each, **cases;
    unsigned args_count, each_count, cases_count;
    enum recipe_iffail iffail;
    bool go_on;
    struct raw_when *when;
};
struct raw_prepared {
    char **steps, **runvars;
    unsigned steps_count, runvars_count;
    char *check;
    int64_t uses;
};
struct raw_recipe {
    char *recipe, *description;
    char **roles;
    unsigned roles_count;
    struct raw_step *steps, *finally;
    unsigned steps_count, finally_count;
    bool *power_off;
    struct raw_prepared *prepared;
};

static const cyaml_strval_t iffail_words[] = {
    {"fail", RECIPE_IFFAIL_FAIL},
    {"broken", RECIPE_IFFAIL_BROKEN},
};

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, \
                           CYAML_UNLIMITED)
#define TEXT_OPTIONAL(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 1, CYAML_UNLIMITED)
#define TEXTS_OPTIONAL(key, type, member) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         type, member, &yaml_text_schema, 0, CYAML_UNLIMITED)

static const cyaml_schema_field_t when_fields[] = {
    TEXTS_OPTIONAL("arch", struct raw_when, arch),
    TEXTS_OPTIONAL("runvar", struct raw_when, runvar),
    TEXT("else", struct raw_when, why_not),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t step_fields[] = {
    TEXT("testid", struct raw_step, testid),
    TEXT("run", struct raw_step, run),
    TEXTS_OPTIONAL("args", struct raw_step, args),
    TEXTS_OPTIONAL("each", struct raw_step, each),
    TEXT_OPTIONAL("deadline", struct raw_step, deadline),
    CYAML_FIELD_ENUM("iffail", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
                     struct raw_step, iffail, iffail_words,
                     CYAML_ARRAY_LEN(iffail_words)),
    CYAML_FIELD_BOOL("continue", CYAML_FLAG_OPTIONAL, struct raw_step,
                     go_on),
    TEXTS_OPTIONAL("cases", struct raw_step, cases),
    CYAML_FIELD_MAPPING_PTR("when",
                            CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct raw_step, when, when_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t step_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_step, step_fields),
};
static const cyaml_schema_field_t prepared_fields[] = {
    CYAML_FIELD_SEQUENCE("steps", CYAML_FLAG_POINTER, struct raw_prepared,
                         steps, &yaml_text_schema, 1, CYAML_UNLIMITED),
    TEXTS_OPTIONAL("runvars", struct raw_prepared, runvars),
    TEXT_OPTIONAL("check", struct raw_prepared, check),
    CYAML_FIELD_INT("uses", CYAML_FLAG_OPTIONAL, struct raw_prepared, uses),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t recipe_fields[] = {
    TEXT("recipe", struct raw_recipe, recipe),
    TEXT_OPTIONAL("description", struct raw_recipe, description),
    CYAML_FIELD_SEQUENCE("roles", CYAML_FLAG_POINTER, struct raw_recipe,
                         roles, &yaml_text_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("steps", CYAML_FLAG_POINTER, struct raw_recipe,
                         steps, &step_schema, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("finally", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct raw_recipe, finally, &step_schema, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_BOOL_PTR("power_off",
                         CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct raw_recipe, power_off),
    CYAML_FIELD_MAPPING_PTR("prepared",
                            CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct raw_recipe, prepared, prepared_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t recipe_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_recipe,
                        recipe_fields),
};

/* One load: all errors are told, the first one as the fault's text. */
struct load {
    const char *path;
    char *dir;                  /* of the file */
    const struct raw_recipe *raw;
    struct recipe *recipe;
    char **testids;             /* expanded, to find a second one */
    bool failed;
    struct buf more;            /* errors after the first */
    struct fault *why;
};

static PRINTF_LIKE(3, 4) void
error_at(struct load *load, const char *node, const char *fmt, ...)
{
    struct fault fault = FAULT_INIT;
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    (void)yaml_fault(&fault, load->path, node, "%s", buf_text(&text));
    if (!load->failed)
        *load->why = fault;
    else
        buf_addf(&load->more, "%s%s", load->more.len > 0 ? "\n" : "",
                 fault.text);
    load->failed = true;
    buf_free(&text);
}

static char **
texts(char **list, unsigned count)
{
    char **copy = xcalloc((size_t)count + 1, sizeof(*copy));
    unsigned i;

    for (i = 0; i < count; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

/* steps/NAME beside the file, else among the shipped ones; a path with '/' is
 * relative to the file. */
static bool
find_program(const struct load *load, const char *run, char **program_out)
{
    struct arena arena = ARENA_INIT;
    struct fault ignored = FAULT_INIT;
    char *try[2] = {NULL, NULL}, *shipped = NULL, *rel;
    bool found = false;
    struct stat st;
    size_t i;

    if (run[0] == '/') {
        try[0] = xstrdup(run);
    } else if (strchr(run, '/') != NULL) {
        try[0] = xasprintf("%s/%s", load->dir, run);
    } else {
        try[0] = xasprintf("%s/steps/%s", load->dir, run);
        rel = arena_printf(&arena, "recipes/steps/%s", run);
        if (home_data(&arena, rel, &shipped, &ignored))
            try[1] = xstrdup(shipped);
    }
    for (i = 0; i < 2 && !found; i++) {
        if (try[i] == NULL || stat(try[i], &st) != 0 ||
            !S_ISREG(st.st_mode) || access(try[i], X_OK) != 0)
            continue;
        *program_out = xstrdup(try[i]);
        found = true;
    }
    free(try[0]);
    free(try[1]);
    arena_free(&arena);
    return found;
}

static bool
testid_is_valid(const char *testid)
{
    const char *at;

    if (!step_case_id_is_valid(testid) || strlen(testid) > NAME_MAX_BYTES)
        return false;
    for (at = strchr(testid, '/'); at != NULL; at = strchr(at + 1, '/'))
        if (at[1] == '/' || at[1] == '\0')
            return false;
    return true;
}

static void
add_testid(struct load *load, const char *node, const char *testid,
           const char *role)
{
    char *full = role == NULL ? xstrdup(testid)
                              : xasprintf("%s/%s", testid, role);

    if (strv_has(load->testids, full))
        error_at(load, node, "testid %s is there twice", full);
    else
        strv_add(&load->testids, full);
    free(full);
}

static void
check_each(struct load *load, const struct recipe_step *step,
           const char *node)
{
    char path[128];
    size_t i;

    for (i = 0; step->each[i] != NULL; i++) {
        (void)snprintf(path, sizeof(path), "%s/each/%zu", node, i);
        if (!recipe_has_role(load->recipe, step->each[i]))
            error_at(load, path, "role %s is not among the roles",
                     step->each[i]);
        else
            add_testid(load, path, step->testid, step->each[i]);
    }
    (void)snprintf(path, sizeof(path), "%s/testid", node);
    if (i == 0)
        add_testid(load, path, step->testid, NULL);
}

static void
check_cases(struct load *load, const struct recipe_step *step,
            const char *node)
{
    char path[128];
    size_t i, k;

    for (i = 0; step->cases[i] != NULL; i++) {
        (void)snprintf(path, sizeof(path), "%s/cases/%zu", node, i);
        if (!step_case_id_is_valid(step->cases[i]))
            error_at(load, path, "case \"%s\" is no valid id",
                     step->cases[i]);
        for (k = 0; k < i; k++)
            if (strcmp(step->cases[k], step->cases[i]) == 0)
                error_at(load, path, "case %s is there twice",
                         step->cases[i]);
    }
}

static void
check_when(struct load *load, const struct recipe_step *step,
           const char *node)
{
    static const char *const ARCHS[] = {"amd64", "arm64", "armhf"};
    char path[128];
    size_t i, k;

    (void)snprintf(path, sizeof(path), "%s/when", node);
    if (step->when_arch[0] == NULL && step->when_runvar[0] == NULL)
        error_at(load, path, "when: says neither arch nor runvar");
    for (i = 0; step->when_arch[i] != NULL; i++) {
        for (k = 0; k < ARRAY_LEN(ARCHS); k++)
            if (strcmp(step->when_arch[i], ARCHS[k]) == 0)
                break;
        (void)snprintf(path, sizeof(path), "%s/when/arch/%zu", node, i);
        if (k == ARRAY_LEN(ARCHS))
            error_at(load, path, "arch %s is not known (amd64, arm64, armhf)",
                     step->when_arch[i]);
    }
    for (i = 0; step->when_runvar[i] != NULL; i++) {
        (void)snprintf(path, sizeof(path), "%s/when/runvar/%zu", node, i);
        if (strchr(step->when_runvar[i], '=') == NULL)
            error_at(load, path, "runvar: \"%s\" is not NAME=VALUE",
                     step->when_runvar[i]);
    }
}

static void
take_step(struct load *load, const struct raw_step *raw, const char *node,
          struct recipe_step *step)
{
    static const struct raw_when ALWAYS = {.why_not = NULL};
    const struct raw_when *when = raw->when != NULL ? raw->when : &ALWAYS;
    char path[128];

    *step = (struct recipe_step){
        .testid = xstrdup(raw->testid),
        .run = xstrdup(raw->run),
        .args = texts(raw->args, raw->args_count),
        .each = texts(raw->each, raw->each_count),
        .cases = texts(raw->cases, raw->cases_count),
        .when_arch = texts(when->arch, when->arch_count),
        .when_runvar = texts(when->runvar, when->runvar_count),
        .when_else = when->why_not != NULL ? xstrdup(when->why_not) : NULL,
        .deadline_ms = RECIPE_DEADLINE_MS,
        .iffail = raw->iffail,
        .go_on = raw->go_on,
        .line = yaml_line_of(load->path, node),
    };
    (void)snprintf(path, sizeof(path), "%s/testid", node);
    if (!testid_is_valid(step->testid))
        error_at(load, path, "testid \"%s\" is no valid name", step->testid);
    (void)snprintf(path, sizeof(path), "%s/run", node);
    if (!find_program(load, step->run, &step->program))
        error_at(load, path, "%s is no program (looked in %s/steps and in "
                 "the shipped recipes/steps)", step->run, load->dir);
    (void)snprintf(path, sizeof(path), "%s/deadline", node);
    if (raw->deadline != NULL &&
        (!parse_duration_ms(raw->deadline, &step->deadline_ms) ||
         step->deadline_ms <= 0 || step->deadline_ms > DEADLINE_MAX_MS))
        error_at(load, path, "deadline \"%s\" is no time up to a day "
                 "(240s, 5m)", raw->deadline);
    check_each(load, step, node);
    check_cases(load, step, node);
    if (raw->when != NULL)
        check_when(load, step, node);
}

/* A step that no file names. */
static void
imply(struct load *load, struct recipe_step *step, const char *testid,
      const char *run, char **each, int64_t deadline_ms, const char *node)
{
    *step = (struct recipe_step){
        .testid = xstrdup(testid),
        .run = xstrdup(run),
        .args = xcalloc(1, sizeof(char *)),
        .each = each,
        .cases = xcalloc(1, sizeof(char *)),
        .when_arch = xcalloc(1, sizeof(char *)),
        .when_runvar = xcalloc(1, sizeof(char *)),
        .deadline_ms = deadline_ms,
        .iffail = RECIPE_IFFAIL_BROKEN,
    };
    if (!find_program(load, step->run, &step->program))
        error_at(load, node, "%s is no program (looked in %s/steps and in "
                 "the shipped recipes/steps)", step->run, load->dir);
    check_each(load, step, node);
}

/* The very last thing, whatever happened: a host that nobody uses is off. */
static void
add_power_off(struct load *load, struct recipe_step *step)
{
    imply(load, step, RECIPE_POWER_OFF_TESTID, POWER_OFF_PROGRAM,
          strv_copy(strv_const(load->recipe->roles)), POWER_OFF_DEADLINE_MS,
          "power_off");
}

/* What may be there already is run for all or not at all, and has to pass. */
static void
take_prepared(struct load *load)
{
    const struct raw_prepared *raw = load->raw->prepared;
    struct recipe *recipe = load->recipe;
    char path[64];
    unsigned i;

    recipe->prepare_runvars = texts(raw->runvars, raw->runvars_count);
    recipe->uses = raw->uses != 0 ? (int)raw->uses : RECIPE_USES;
    if (raw->uses < 0 || raw->uses > USES_MAX)
        error_at(load, "prepared/uses", "uses: not from 1 to %d", USES_MAX);
    if (strv_count(recipe->roles) != 1)
        error_at(load, "prepared", "prepared: only a recipe of one role "
                 "shares its host");
    for (i = 0; i < raw->steps_count; i++) {
        const struct recipe_step *step = &recipe->steps[i];

        (void)snprintf(path, sizeof(path), "prepared/steps/%u", i);
        if (i == recipe->step_count ||
            strcmp(step->testid, raw->steps[i]) != 0) {
            error_at(load, path, "%s is not step %u of the recipe",
                     raw->steps[i], i + 1);
            break;
        }
        if (step->each[0] != NULL || step->go_on || step->when_else != NULL)
            error_at(load, path, "%s prepares: it has no each, when or "
                     "continue", step->testid);
    }
    recipe->prepare_count = i;
    recipe->check = xcalloc(1, sizeof(*recipe->check));
    imply(load, recipe->check, RECIPE_CHECK_TESTID,
          raw->check != NULL ? raw->check : CHECK_PROGRAM,
          xcalloc(1, sizeof(char *)), CHECK_DEADLINE_MS, "prepared/check");
}

static void
take_roles(struct load *load)
{
    char path[64];
    size_t i, k;

    load->recipe->roles = texts(load->raw->roles, load->raw->roles_count);
    for (i = 0; load->recipe->roles[i] != NULL; i++) {
        (void)snprintf(path, sizeof(path), "roles/%zu", i);
        if (!name_is_safe(load->recipe->roles[i], NAME_MAX_BYTES))
            error_at(load, path, "role \"%s\" is no valid name",
                     load->recipe->roles[i]);
        for (k = 0; k < i; k++)
            if (strcmp(load->recipe->roles[k], load->recipe->roles[i]) == 0)
                error_at(load, path, "role %s is there twice",
                         load->recipe->roles[i]);
    }
}

static void
take_recipe(struct load *load)
{
    const struct raw_recipe *raw = load->raw;
    struct recipe *recipe = load->recipe;
    const char *base = strrchr(load->path, '/');
    char node[64];
    unsigned i;

    base = base != NULL ? base + 1 : load->path;
    recipe->name = xstrdup(raw->recipe);
    recipe->description =
        xstrdup(raw->description != NULL ? raw->description : "");
    if (!name_is_safe(recipe->name, NAME_MAX_BYTES))
        error_at(load, "recipe", "recipe \"%s\" is no valid name",
                 recipe->name);
    else if (strncmp(base, recipe->name, strlen(recipe->name)) != 0 ||
             strcmp(base + strlen(recipe->name), ".yaml") != 0)
        error_at(load, "recipe", "recipe %s must be in a file %s.yaml",
                 recipe->name, recipe->name);
    take_roles(load);
    recipe->steps = xcalloc(raw->steps_count + 1u, sizeof(*recipe->steps));
    for (i = 0; i < raw->steps_count; i++) {
        (void)snprintf(node, sizeof(node), "steps/%u", i);
        take_step(load, &raw->steps[i], node,
                  &recipe->steps[recipe->step_count++]);
    }
    if (raw->prepared != NULL)
        take_prepared(load);
    else
        recipe->prepare_runvars = xcalloc(1, sizeof(char *));
    recipe->finally =
        xcalloc(raw->finally_count + 2u, sizeof(*recipe->finally));
    for (i = 0; i < raw->finally_count; i++) {
        (void)snprintf(node, sizeof(node), "finally/%u", i);
        take_step(load, &raw->finally[i], node,
                  &recipe->finally[recipe->finally_count++]);
    }
    if (recipe->roles[0] != NULL && !load->failed &&
        (raw->power_off == NULL || *raw->power_off))
        add_power_off(load, &recipe->finally[recipe->finally_count++]);
}

static bool
find_file(const char *name, char **path_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    size_t len = strlen(name);
    char real[PATH_MAX], *path = NULL, *rel;
    bool ok;

    if (strchr(name, '/') != NULL ||
        (len > 5 && strcmp(name + len - 5, ".yaml") == 0)) {
        ok = realpath(name, real) != NULL;
        if (!ok)
            fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_SYSTEM,
                        "recipe %s", name);
        goto out;
    }
    ok = name_is_safe(name, NAME_MAX_BYTES);
    if (!ok) {
        fault_set(why, FAULT_NOT_FOUND, "\"%s\" is no name of a recipe",
                  name);
        goto out;
    }
    rel = arena_printf(&arena, "recipes/%s.yaml", name);
    ok = home_data(&arena, rel, &path, why);
    if (!ok) {
        fault_context(why, "recipe %s", name);
        goto out;
    }
    ok = realpath(path, real) != NULL;
    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "recipe %s", path);
out:
    if (ok)
        *path_out = xstrdup(real);
    arena_free(&arena);
    return ok;
}

bool
recipe_load(const char *name, struct recipe **out, struct fault *why)
{
    struct load load = {.more = BUF_INIT, .why = why};
    struct raw_recipe *raw = NULL;
    char *path = NULL;
    void *value = NULL;
    bool ok;

    ok = find_file(name, &path, why) &&
         yaml_load_file(path, &recipe_schema, &value, why);
    if (!ok)
        goto out;
    raw = value;
    load.path = path;
    load.dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    load.raw = raw;
    load.recipe = xcalloc(1, sizeof(*load.recipe));
    load.recipe->path = xstrdup(path);
    take_recipe(&load);
    ok = !load.failed;
    if (!ok) {
        fault_detail(why, buf_text(&load.more), load.more.len);
        goto out;
    }
    *out = load.recipe;
    load.recipe = NULL;
out:
    yaml_unload(&recipe_schema, raw);
    recipe_free(load.recipe);
    strv_free(load.testids);
    buf_free(&load.more);
    free(load.dir);
    free(path);
    return ok;
}

static void
steps_free(struct recipe_step *steps, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        free(steps[i].testid);
        free(steps[i].run);
        free(steps[i].program);
        strv_free(steps[i].args);
        strv_free(steps[i].each);
        strv_free(steps[i].cases);
        strv_free(steps[i].when_arch);
        strv_free(steps[i].when_runvar);
        free(steps[i].when_else);
    }
    free(steps);
}

void
recipe_free(struct recipe *recipe)
{
    if (recipe == NULL)
        return;
    steps_free(recipe->steps, recipe->step_count);
    steps_free(recipe->finally, recipe->finally_count);
    steps_free(recipe->check, recipe->check != NULL ? 1 : 0);
    strv_free(recipe->prepare_runvars);
    strv_free(recipe->roles);
    free(recipe->name);
    free(recipe->description);
    free(recipe->path);
    free(recipe);
}

bool
recipe_has_role(const struct recipe *recipe, const char *role)
{
    return strv_has(recipe->roles, role);
}
