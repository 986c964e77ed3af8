/* hypervisor/build_recipe.c - see build_recipe.h. */
#include <config.h>

#include "hypervisor/build_recipe.h"

#include <ctype.h>
#include <stdlib.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/strv.h"
#include "hypervisor/candidate.h"
#include "hypervisor/candidate_part.h"

#define LIMIT "1h"

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, \
                           CYAML_UNLIMITED)
#define TEXT_OPT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 1, CYAML_UNLIMITED)
#define LIST(key, type, member, entry) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER, type, member, entry, 1, \
                         CYAML_UNLIMITED)
#define LIST_OPT(key, type, member, entry) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         type, member, entry, 0, CYAML_UNLIMITED)

static const cyaml_schema_field_t step_fields[] = {
    TEXT("step", struct build_step, step),
    LIST_OPT("run", struct build_step, run, &yaml_text_schema),
    TEXT_OPT("sh", struct build_step, sh),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t step_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct build_step, step_fields),
};

static const cyaml_schema_field_t output_fields[] = {
    TEXT("part", struct build_output, part),
    TEXT("path", struct build_output, path),
    CYAML_FIELD_BOOL("optional", CYAML_FLAG_OPTIONAL, struct build_output,
                     optional),
    LIST_OPT("arch", struct build_output, arch, &yaml_text_schema),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t output_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct build_output,
                        output_fields),
};

static const cyaml_schema_field_t arch_fields[] = {
    TEXT(YAML_KEY, struct build_arch, arch),
    LIST_OPT(YAML_VALUE, struct build_arch, environment, &yaml_pair_schema),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t arch_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct build_arch, arch_fields),
};

static const cyaml_schema_field_t short_fields[] = {
    TEXT("word", struct build_short, word),
    LIST("options", struct build_short, options, &yaml_text_schema),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t short_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct build_short, short_fields),
};

static const cyaml_schema_field_t recipe_fields[] = {
    TEXT("build", struct build_recipe, name),
    TEXT("description", struct build_recipe, description),
    LIST("trees", struct build_recipe, trees, &yaml_text_schema),
    LIST("tools", struct build_recipe, tools, &yaml_text_schema),
    LIST_OPT("packages", struct build_recipe, packages, &yaml_text_schema),
    LIST_OPT("environment", struct build_recipe, environment,
             &yaml_pair_schema),
    LIST_OPT("arch", struct build_recipe, archs, &arch_schema),
    TEXT_OPT("kconfig", struct build_recipe, kconfig),
    LIST_OPT("short", struct build_recipe, shorts, &short_schema),
    LIST("steps", struct build_recipe, steps, &step_schema),
    LIST("outputs", struct build_recipe, outputs, &output_schema),
    TEXT_OPT("limit", struct build_recipe, limit),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t recipe_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct build_recipe,
                        recipe_fields),
};

/* CONFIG_ is added by us: "debug=y" or "DEBUG=y". */
static bool
is_option(const char *text)
{
    const char *equals = strchr(text, '=');
    const char *p;

    if (equals == NULL || equals == text || equals[1] == '\0')
        return false;
    for (p = text; *p != '\0'; p++)
        if (p < equals ? !isalnum((unsigned char)*p) && *p != '_'
                       : *p <= ' ' || *p >= 0x7f)
            return false;
    return true;
}

static bool
is_inside(const char *path)
{
    return path[0] != '/' && path[0] != '\0' && strcmp(path, "..") != 0
        && strncmp(path, "../", 3) != 0 && strstr(path, "/../") == NULL;
}

static bool
part_is_known(const char *part)
{
    size_t i;

    for (i = 0; i < candidate_part_kind_count; i++)
        if (strcmp(candidate_part_kinds[i].part, part) == 0)
            return true;
    return strcmp(part, CANDIDATE_TOOLS) == 0;
}

static bool
arch_is_known(const char *arch)
{
    size_t i;

    for (i = 0; candidate_archs[i] != NULL; i++)
        if (strcmp(candidate_archs[i], arch) == 0)
            return true;
    return false;
}

/* What the schema cannot say: where it is wrong, and what. */
static const char *
find_error(const struct build_recipe *recipe, struct buf *at)
{
    unsigned i, k;

    for (i = 0; i < recipe->trees_count; i++)
        if (!name_is_safe(recipe->trees[i], 60)) {
            buf_addf(at, "trees/%u", i);
            return "not a name of a tree";
        }
    for (i = 0; i < recipe->archs_count; i++)
        if (!arch_is_known(recipe->archs[i].arch)) {
            buf_addf(at, "arch/%s", recipe->archs[i].arch);
            return "neither amd64 nor arm64";
        }
    for (i = 0; i < recipe->shorts_count; i++)
        for (k = 0; k < recipe->shorts[i].options_count; k++)
            if (!is_option(recipe->shorts[i].options[k])) {
                buf_addf(at, "short/%u/options/%u", i, k);
                return "not NAME=VALUE";
            }
    for (i = 0; i < recipe->steps_count; i++)
        if ((recipe->steps[i].run_count == 0)
            == (recipe->steps[i].sh == NULL)) {
            buf_addf(at, "steps/%u", i);
            return "a step has either run or sh";
        }
    for (i = 0; i < recipe->outputs_count; i++) {
        buf_reset(at);
        buf_addf(at, "outputs/%u", i);
        if (!part_is_known(recipe->outputs[i].part))
            return "no part of a candidate";
        if (!is_inside(recipe->outputs[i].path))
            return "a path that leaves the worktree";
    }
    buf_reset(at);
    buf_adds(at, "kconfig");
    return recipe->kconfig != NULL && !is_inside(recipe->kconfig)
        ? "a path that leaves the worktree" : NULL;
}

bool
build_recipe_parse(const char *file, const void *data, size_t bytes,
                   struct build_recipe **out, struct fault *why)
{
    struct build_recipe *recipe;
    struct buf at = BUF_INIT;
    const char *error;
    void *value = NULL;
    bool ok;

    if (!yaml_load_data(file, data, bytes, &recipe_schema, &value, why))
        return false;
    recipe = value;
    error = find_error(recipe, &at);
    ok = error == NULL || yaml_fault(why, file, buf_text(&at), "%s", error);
    if (ok && !parse_duration_ms(recipe->limit == NULL ? LIMIT
                                 : recipe->limit, &recipe->limit_ms))
        ok = yaml_fault(why, file, "limit", "'%s' is no time (90s, 10m, 1h)",
                        recipe->limit);
    sha256_hex(data, bytes, recipe->sha256);
    buf_free(&at);
    if (ok)
        *out = recipe;
    else
        build_recipe_free(recipe);
    return ok;
}

bool
build_recipe_load(const char *name, struct build_recipe **out,
                  struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    char *path = NULL;
    bool ok = true;

    if (strchr(name, '/') != NULL || strstr(name, ".yaml") != NULL)
        path = arena_strdup(&arena, name);
    else
        ok = home_data(&arena, arena_printf(&arena,
                                            "hypervisor/builds/%s.yaml",
                                            name), &path, why)
            || fault_context(why, "build '%s'", name);
    ok = ok && fs_read_file(path, YAML_MAX_BYTES, &text, why)
        && build_recipe_parse(path, buf_text(&text), text.len, out, why);
    buf_free(&text);
    arena_free(&arena);
    return ok;
}

void
build_recipe_free(struct build_recipe *recipe)
{
    if (recipe != NULL)
        yaml_unload(&recipe_schema, recipe);
}

const struct build_arch *
build_recipe_arch(const struct build_recipe *recipe, const char *arch)
{
    unsigned i;

    for (i = 0; i < recipe->archs_count; i++)
        if (strcmp(recipe->archs[i].arch, arch) == 0)
            return &recipe->archs[i];
    return NULL;
}

bool
build_output_is_for(const struct build_output *output, const char *arch)
{
    unsigned i;

    for (i = 0; i < output->arch_count; i++)
        if (strcmp(output->arch[i], arch) == 0)
            return true;
    return output->arch_count == 0;
}

/* Kconfig ----------------------------------------------------------------- */

static void
put_option(char ***list, const char *option)
{
    size_t len = (size_t)(strchr(option, '=') - option), i;
    char *line = xasprintf("CONFIG_%s", option), *p;

    len += strlen("CONFIG_");
    for (p = line; *p != '='; p++)
        *p = (char)toupper((unsigned char)*p);
    for (i = 0; (*list)[i] != NULL; i++)
        if (strncmp((*list)[i], line, len + 1) == 0)
            break;
    if ((*list)[i] != NULL) {
        free((*list)[i]);
        (*list)[i] = xstrdup(line);
    } else {
        strv_add(list, line);
    }
    free(line);
}

static const struct build_short *
find_short(const struct build_recipe *recipe, const char *word)
{
    unsigned i;

    for (i = 0; i < recipe->shorts_count; i++)
        if (strcmp(recipe->shorts[i].word, word) == 0)
            return &recipe->shorts[i];
    return NULL;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool
build_recipe_kconfig(const struct build_recipe *recipe, const char *text,
                     char ***out, struct fault *why)
{
    char *copy = xstrdup(text), *save = NULL, *word;
    char **list = strv_copy(NULL);
    const struct build_short *many;
    unsigned i;
    bool ok = true;

    for (word = strtok_r(copy, ",", &save); ok && word != NULL;
         word = strtok_r(NULL, ",", &save)) {
        many = find_short(recipe, word);
        for (i = 0; many != NULL && i < many->options_count; i++)
            put_option(&list, many->options[i]);
        if (many == NULL && is_option(word))
            put_option(&list, word);
        else if (many == NULL)
            ok = fault_set(why, FAULT_USAGE, "--kconfig: '%s' is not "
                           "NAME=VALUE", word);
    }
    if (ok && strv_count(list) > 0 && recipe->kconfig == NULL)
        ok = fault_set(why, FAULT_USAGE, "build '%s' knows no --kconfig",
                       recipe->name);
    free(copy);
    if (ok) {
        qsort(list, strv_count(list), sizeof(*list), compare_texts);
        *out = list;
    } else {
        strv_free(list);
    }
    return ok;
}
