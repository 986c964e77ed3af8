/* hypervisor/candidate_dir.c - candidates from a directory with their parts. */
#include <config.h>

#include "hypervisor/candidate.h"

#include <limits.h>
#include <sys/stat.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/strv.h"
#include "harness/yaml.h"
#include "hypervisor/binary.h"
#include "hypervisor/candidate_db.h"
#include "hypervisor/candidate_part.h"
#include "hypervisor/debfile.h"

#define PART_MAX_BYTES ((size_t)2 << 30)

struct facts {
    struct yaml_pair *properties, *sha256;
    unsigned properties_count, sha256_count;
};

static const cyaml_schema_field_t facts_fields[] = {
    CYAML_FIELD_SEQUENCE("properties",
                         CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct facts, properties, &yaml_pair_schema, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("sha256", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct facts, sha256, &yaml_pair_schema, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t facts_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct facts, facts_fields),
};

static bool
is_part(const char *name)
{
    size_t i;

    for (i = 0; i < candidate_part_kind_count; i++)
        if (strcmp(candidate_part_kinds[i].part, name) == 0)
            return true;
    return false;
}

/* Without the file there are no facts, and that is fine. */
static bool
load_facts(const char *file, struct facts **out, struct fault *why)
{
    void *value = NULL;
    struct facts *facts;
    char at[128];
    unsigned int i;

    *out = NULL;
    if (!fs_exists(file))
        return true;
    if (!yaml_load_file(file, &facts_schema, &value, why))
        return false;
    facts = value;
    for (i = 0; i < facts->sha256_count; i++) {
        snprintf(at, sizeof(at), "sha256/%s", facts->sha256[i].key);
        if (!is_part(facts->sha256[i].key)) {
            yaml_fault(why, file, at, "'%s' is no part of a candidate",
                       facts->sha256[i].key);
            goto fail;
        }
        if (!artefact_name_is_valid(facts->sha256[i].value)) {
            yaml_fault(why, file, at, "'%s' is no SHA-256 in hex",
                       facts->sha256[i].value);
            goto fail;
        }
    }
    *out = facts;
    return true;
fail:
    yaml_unload(&facts_schema, value);
    return false;
}

static const char *
wanted_sha256(const struct facts *facts, const char *part)
{
    unsigned int i;

    for (i = 0; facts != NULL && i < facts->sha256_count; i++)
        if (strcmp(facts->sha256[i].key, part) == 0)
            return facts->sha256[i].value;
    return NULL;
}

/* Xen as it is installed is compressed; iPXE wants it plain. */
static bool
unpack(const char *arch, const char *part, const char *file,
       struct buf *data, struct fault *why)
{
    struct buf plain = BUF_INIT;

    if (strcmp(arch, "amd64") != 0 || strcmp(part, "xen") != 0
        || !binary_is_gzip(data->data, data->len))
        return true;
    if (!debfile_expand(file, data->data, data->len, &plain, why)) {
        buf_free(&plain);
        return false;
    }
    buf_free(data);
    *data = plain;
    return true;
}

static bool
add_part(struct candidate *candidate, const char *arch, const char *dir,
         const struct facts *facts, const struct candidate_part_kind *kind,
         struct fault *why)
{
    char *file = xasprintf("%s/%s", dir, kind->part);
    const char *want = wanted_sha256(facts, kind->part);
    struct buf data = BUF_INIT;
    char hex[65];
    bool ok;

    ok = fs_exists(file) || (!kind->required && want == NULL);
    if (!ok)
        fault_set(why, FAULT_CONFIG, "%s has no part '%s'", dir, kind->part);
    if (!ok || !fs_exists(file))
        goto out;
    ok = fs_read_file(file, PART_MAX_BYTES, &data, why);
    if (!ok)
        goto out;
    sha256_hex(buf_text(&data), data.len, hex);
    ok = data.len > 0 && (want == NULL || strcmp(want, hex) == 0);
    if (!ok) {
        if (data.len == 0)
            fault_set(why, FAULT_CONFIG, "%s is empty", file);
        else
            fault_set(why, FAULT_CONFIG, "the SHA-256 of %s is %s, not %s as "
                      "candidate.yaml says", file, hex, want);
        goto out;
    }
    ok = unpack(arch, kind->part, file, &data, why)
        && candidate_part_put(candidate, arch, kind->part, data.data,
                              data.len, why);
out:
    buf_free(&data);
    free(file);
    return ok;
}

static bool
add_arch(struct candidate *candidate, const char *arch, const char *dir,
         const struct candidate_options *options, struct fault *why)
{
    char *file = xasprintf("%s/candidate.yaml", dir);
    struct facts *facts = NULL;
    unsigned int p;
    size_t i;
    bool ok;

    ok = load_facts(file, &facts, why);
    for (i = 0; ok && i < candidate_part_kind_count; i++) {
        if (options->progress != NULL)
            options->progress(options->owner, arch,
                              candidate_part_kinds[i].part, 0, 0);
        ok = add_part(candidate, arch, dir, facts, &candidate_part_kinds[i],
                      why);
    }
    for (p = 0; ok && facts != NULL && p < facts->properties_count; p++)
        candidate_add_property(candidate, arch, facts->properties[p].key,
                               facts->properties[p].value);
    if (facts != NULL)
        yaml_unload(&facts_schema, facts);
    free(file);
    return ok;
}

static bool
is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The directory of one architecture's parts, in 'arena', or NULL. */
static char *
arch_dir(struct arena *arena, const struct candidate_options *options,
         const char *dir, const char *arch)
{
    char *path = arena_printf(arena, "%s/%s", dir, arch);

    if (is_dir(path))
        return path;
    return options->archs[0] != NULL && options->archs[1] == NULL
        ? arena_strdup(arena, dir) : NULL;
}

bool
candidate_from_dir(const struct candidate_options *options, const char *dir,
                   struct candidate **out, struct fault *why)
{
    const char *const *archs = options->archs[0] == NULL ? candidate_archs
                                                         : options->archs;
    struct arena arena = ARENA_INIT;
    struct candidate *candidate = NULL;
    char *whole, *path;
    size_t i;
    bool ok;

    whole = realpath(dir, NULL);
    ok = whole != NULL && is_dir(whole);
    if (!ok) {
        fault_set(why, FAULT_NOT_FOUND, "there is no directory %s", dir);
        goto out;
    }
    candidate = candidate_new(options->name,
                              arena_printf(&arena, "dir %s", whole));
    for (i = 0; ok && archs[i] != NULL; i++) {
        path = arch_dir(&arena, options, whole, archs[i]);
        if (path != NULL)
            ok = add_arch(candidate, archs[i], path, options, why);
        else if (archs == options->archs)
            ok = fault_set(why, FAULT_CONFIG, "%s has no directory '%s'",
                           whole, archs[i]);
    }
    if (ok && candidate->part_count == 0) {
        ok = fault_set(why, FAULT_CONFIG, "%s has no directory amd64 or "
                       "arm64 with parts", whole);
        fault_hint(why, "if the parts of one architecture are in %s itself, "
                   "say which: --arch amd64", dir);
    }
    if (ok) {
        *out = candidate;
        candidate = NULL;
    }
out:
    candidate_free(candidate);
    free(whole);
    arena_free(&arena);
    return ok;
}

bool
candidate_verify(const struct candidate *candidate, struct fault *why)
{
    size_t i;

    for (i = 0; i < candidate->part_count; i++)
        if (!artefact_verify(candidate->parts[i].sha256, NULL, why))
            return fault_context(why, "part %s of %s for %s",
                                 candidate->parts[i].part, candidate->name,
                                 candidate->parts[i].arch);
    return true;
}
