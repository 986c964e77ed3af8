/* hypervisor/manifest.c - what an image consists of. */
#include <config.h>

#include "hypervisor/manifest.h"

#include <fnmatch.h>

#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/yaml.h"
#include "hypervisor/tree.h"

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define TEXT(key, type, member, flags) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, \
                           0, CYAML_UNLIMITED)
#define TEXTS(key, type, member, flags) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | (flags), type, member, \
                         &yaml_text_schema, 0, CYAML_UNLIMITED)

static const cyaml_schema_field_t files_fields[] = {
    TEXT("package", struct manifest_files, package, 0),
    TEXTS("include", struct manifest_files, include, 0),
    TEXTS("exclude", struct manifest_files, exclude, OPTIONAL),
    CYAML_FIELD_BOOL("optional", OPTIONAL, struct manifest_files, optional),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t files_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct manifest_files,
                        files_fields),
};
static const cyaml_schema_field_t own_fields[] = {
    TEXT("path", struct manifest_own, path, 0),
    TEXT("source", struct manifest_own, source, 0),
    TEXT("mode", struct manifest_own, mode, OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t own_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct manifest_own, own_fields),
};
static const cyaml_schema_field_t text_fields[] = {
    TEXT("path", struct manifest_text, path, 0),
    TEXT("text", struct manifest_text, text, 0),
    TEXT("mode", struct manifest_text, mode, OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct manifest_text,
                        text_fields),
};
static const cyaml_schema_field_t link_fields[] = {
    TEXT("path", struct manifest_link, path, 0),
    TEXT("target", struct manifest_link, target, OPTIONAL),
    TEXT("glob", struct manifest_link, glob, OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t link_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct manifest_link,
                        link_fields),
};
static const cyaml_schema_field_t dir_fields[] = {
    TEXT("path", struct manifest_dir, path, 0),
    TEXT("mode", struct manifest_dir, mode, OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t dir_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct manifest_dir, dir_fields),
};
static const cyaml_schema_field_t modules_fields[] = {
    TEXT("package", struct manifest_modules, package, 0),
    TEXTS("load", struct manifest_modules, load, OPTIONAL),
    TEXTS("have", struct manifest_modules, have, OPTIONAL),
    TEXTS("optional", struct manifest_modules, optional, OPTIONAL),
    CYAML_FIELD_END,
};
#define ROWS(key, member, schema) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | OPTIONAL, \
                         struct manifest, member, &(schema), 0, \
                         CYAML_UNLIMITED)
static const cyaml_schema_field_t manifest_fields[] = {
    TEXT("image", struct manifest, image, 0),
    TEXTS("packages", struct manifest, packages, OPTIONAL),
    TEXTS("libraries_from", struct manifest, libraries_from, OPTIONAL),
    TEXTS("libraries", struct manifest, libraries, OPTIONAL),
    ROWS("files", files, files_schema),
    ROWS("own", own, own_schema),
    ROWS("texts", texts, text_schema),
    ROWS("links", links, link_schema),
    ROWS("directories", directories, dir_schema),
    CYAML_FIELD_MAPPING_PTR("modules", CYAML_FLAG_POINTER | OPTIONAL,
                            struct manifest, modules, modules_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t manifest_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct manifest, manifest_fields),
};

static bool
parse_mode(const char *text, mode_t *out)
{
    mode_t mode = 0;
    const char *p;

    if (strlen(text) < 3 || strlen(text) > 5)
        return false;
    for (p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '7')
            return false;
        mode = mode * 8 + (mode_t)(*p - '0');
    }
    *out = mode;
    return mode <= 07777;
}

mode_t
manifest_mode(const char *text, mode_t missing)
{
    mode_t mode = missing;

    must(text == NULL || parse_mode(text, &mode));
    return mode;
}

static bool
path_is_normal(const char *path)
{
    char *normal = tree_normal(path);
    bool same = path[0] != '\0' && strcmp(normal, path) == 0;

    free(normal);
    return same;
}

/* One row of the list 'list'. */
static bool
check_row(const char *file, const char *list, unsigned int i,
          const char *path, const char *mode, struct fault *why)
{
    char at[64];
    mode_t bits;

    snprintf(at, sizeof(at), "%s/%u/path", list, i);
    if (!path_is_normal(path))
        return yaml_fault(why, file, at, "path '%s' must be relative, plain, "
                          "and below usr/ for bin, sbin and lib", path);
    snprintf(at, sizeof(at), "%s/%u/mode", list, i);
    if (mode != NULL && !parse_mode(mode, &bits))
        return yaml_fault(why, file, at, "mode '%s' is not octal, such as "
                          "\"0755\"", mode);
    return true;
}

static bool
check_link(const char *file, unsigned int i, const struct manifest_link *row,
           struct fault *why)
{
    size_t len = strlen(row->path);
    char at[64];

    snprintf(at, sizeof(at), "links/%u", i);
    if ((row->target == NULL) == (row->glob == NULL))
        return yaml_fault(why, file, at,
                          "a link has either a target or a glob");
    if (row->glob != NULL && (len == 0 || row->path[len - 1] != '/'))
        return yaml_fault(why, file, at, "the path of links by glob is a "
                          "directory and ends in '/'");
    return row->glob != NULL
        || check_row(file, "links", i, row->path, NULL, why);
}

static bool
check(const char *file, const struct manifest *m, struct fault *why)
{
    unsigned int i;
    char at[64];

    for (i = 0; i < m->own_count; i++) {
        if (!check_row(file, "own", i, m->own[i].path, m->own[i].mode, why))
            return false;
        snprintf(at, sizeof(at), "own/%u/source", i);
        if (!path_is_normal(m->own[i].source))
            return yaml_fault(why, file, at, "source '%s' must be relative "
                              "and plain", m->own[i].source);
    }
    for (i = 0; i < m->texts_count; i++)
        if (!check_row(file, "texts", i, m->texts[i].path, m->texts[i].mode,
                       why))
            return false;
    for (i = 0; i < m->directories_count; i++)
        if (!check_row(file, "directories", i, m->directories[i].path,
                       m->directories[i].mode, why))
            return false;
    for (i = 0; i < m->links_count; i++)
        if (!check_link(file, i, &m->links[i], why))
            return false;
    return true;
}

bool
manifest_load(const char *file, struct manifest **out, struct fault *why)
{
    void *value = NULL;

    if (!yaml_load_file(file, &manifest_schema, &value, why))
        return false;
    if (!check(file, value, why)) {
        manifest_free(value);
        return false;
    }
    *out = value;
    return true;
}

void
manifest_free(struct manifest *manifest)
{
    if (manifest != NULL)
        yaml_unload(&manifest_schema, manifest);
}

bool
manifest_wants_package(const struct manifest *manifest, const char *package)
{
    unsigned int i;

    for (i = 0; i < manifest->files_count; i++)
        if (fnmatch(manifest->files[i].package, package, 0) == 0)
            return true;
    for (i = 0; i < manifest->libraries_from_count; i++)
        if (fnmatch(manifest->libraries_from[i], package, 0) == 0)
            return true;
    return manifest->modules != NULL
        && fnmatch(manifest->modules->package, package, 0) == 0;
}
