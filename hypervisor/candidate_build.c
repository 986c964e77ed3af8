/* hypervisor/candidate_build.c - a candidate from a build: what was built
 * replaces the same parts of another candidate. */
#include <config.h>

#include "hypervisor/candidate.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "hypervisor/build_db.h"
#include "hypervisor/candidate_db.h"
#include "hypervisor/candidate_part.h"
#include "hypervisor/source.h"

#define PART_MAX_BYTES ((size_t)2 << 30)

/* What a candidate says of its parts is true only with them. */
static const struct {
    const char *part, *property;
} part_properties[] = {
    { "xen", "xen_version" }, { "xen", "xen_buildid" },
    { "xen.efi", "xen_efi_buildid" }, { "kernel", "kernel_version" },
};

static const struct build_part *
part_of(const struct build *build, const char *part)
{
    size_t i;

    for (i = 0; i < build->part_count; i++)
        if (strcmp(build->parts[i].part, part) == 0)
            return &build->parts[i];
    return NULL;
}

/* The hypervisor for UEFI and the other one are of one build, or one of them
 * is not there. */
static bool
replaced(const struct build *build, const char *part)
{
    return part_of(build, part) != NULL
        || (strcmp(part, "xen.efi") == 0 && part_of(build, "xen") != NULL);
}

static bool
keep_property(const struct build *build, const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(part_properties); i++)
        if (strcmp(part_properties[i].property, name) == 0
            && replaced(build, part_properties[i].part))
            return false;
    return strcmp(name, "packages") != 0 || part_of(build, "kernel") == NULL;
}

static void
copy_base(struct candidate *candidate, const struct candidate *base,
          const struct build *build)
{
    const char *version;
    size_t i;

    for (i = 0; i < base->part_count; i++)
        if (strcmp(base->parts[i].arch, build->arch) == 0
            && !replaced(build, base->parts[i].part))
            candidate_add_part(candidate, build->arch, base->parts[i].part,
                               base->parts[i].sha256, base->parts[i].bytes);
    for (i = 0; i < base->property_count; i++)
        if (strcmp(base->properties[i].arch, build->arch) == 0
            && keep_property(build, base->properties[i].name))
            candidate_add_property(candidate, build->arch,
                                   base->properties[i].name,
                                   base->properties[i].value);
    version = candidate_find_property(base, build->arch, "xen_version");
    candidate_add_property(candidate, build->arch, "base", base->name);
    candidate_add_property(candidate, build->arch, "tools_version",
                           version == NULL ? "unknown" : version);
}

static bool
put_built(struct candidate *candidate, const struct build *build,
          struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf data = BUF_INIT, names = BUF_INIT;
    size_t i;
    bool ok = true;

    for (i = 0; ok && i < build->part_count; i++) {
        const struct build_part *part = &build->parts[i];

        buf_reset(&data);
        ok = artefact_verify(part->sha256, NULL, why)
            && fs_read_file(artefact_path(&arena, part->sha256),
                            PART_MAX_BYTES, &data, why)
            && candidate_part_put(candidate, build->arch, part->part,
                                  data.data, data.len, why);
        buf_addf(&names, "%s%s", i > 0 ? " " : "", part->part);
    }
    candidate_add_property(candidate, build->arch, "built_parts",
                           buf_text(&names));
    buf_free(&names);
    buf_free(&data);
    arena_free(&arena);
    return ok;
}

/* Where it came from, so that another revision can be built the same way. */
static bool
say_build(struct candidate *candidate, const struct build *build,
          struct fault *why)
{
    const json_t *trees = json_object_get(build->inputs, "trees");
    struct arena arena = ARENA_INIT;
    struct source source;
    const char *tree;
    json_t *commit;
    bool ok = true;

    candidate_add_property(candidate, build->arch, "build",
                           arena_printf(&arena, "%" PRId64, build->build));
    candidate_add_property(candidate, build->arch, "build_key", build->key);
    json_object_foreach((json_t *)(uintptr_t)trees, tree, commit) {
        ok = ok && source_find(&arena, tree, &source, why);
        if (!ok)
            break;
        candidate_add_property(candidate, build->arch,
                               arena_printf(&arena, "tree_%s", tree),
                               source.url);
        candidate_add_property(candidate, build->arch,
                               arena_printf(&arena, "revision_%s", tree),
                               json_string_value(commit));
    }
    arena_free(&arena);
    return ok;
}

bool
candidate_from_build(const char *name, const struct build *build,
                     const struct candidate *base, struct candidate **out,
                     struct fault *why)
{
    struct candidate *candidate;
    struct buf source = BUF_INIT;
    size_t i;
    bool ok;

    if (!build->pass)
        return fault_set(why, FAULT_CONFLICT, "build %" PRId64 " failed: %s",
                         build->build, build->reason);
    buf_addf(&source, "build %" PRId64 " on %s", build->build, base->name);
    candidate = candidate_new(name, buf_text(&source));
    copy_base(candidate, base, build);
    ok = put_built(candidate, build, why) && say_build(candidate, build, why);
    for (i = 0; ok && i < candidate_part_kind_count; i++)
        if (candidate_part_kinds[i].required
            && candidate_find_part(candidate, build->arch,
                                   candidate_part_kinds[i].part) == NULL)
            ok = fault_set(why, FAULT_CONFIG, "neither build %" PRId64 " nor "
                           "candidate %s has a part '%s' for %s",
                           build->build, base->name,
                           candidate_part_kinds[i].part, build->arch);
    buf_free(&source);
    if (ok)
        *out = candidate;
    else
        candidate_free(candidate);
    return ok;
}
