/* hypervisor/candidate_build.c - a candidate from a build: what was built
 * replaces the same parts of another candidate. Tools that were built are put
 * over its dom0 image as a second archive, as the overlay of a boot is. */
#include <config.h>

#include "hypervisor/candidate.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "hypervisor/build_db.h"
#include "hypervisor/candidate_db.h"
#include "hypervisor/candidate_part.h"
#include "hypervisor/debfile.h"
#include "hypervisor/image.h"
#include "hypervisor/source.h"
#include "hypervisor/tree.h"

#define PART_MAX_BYTES ((size_t)2 << 30)
#define INIT "hypervisor/dom0/init"

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
        || (strcmp(part, "xen.efi") == 0 && part_of(build, "xen") != NULL)
        || (strcmp(part, "initrd") == 0
            && part_of(build, CANDIDATE_TOOLS) != NULL);
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
    candidate_add_property(candidate, build->arch, "base", base->name);
}

/* Of the build as a whole, or those of the base. */
static void
say_tools(struct candidate *candidate, const struct candidate *base,
          const struct build *build)
{
    const char *version;
    bool built = part_of(build, CANDIDATE_TOOLS) != NULL;

    version = candidate_find_property(built ? candidate : base, build->arch,
                                      "xen_version");
    if (!built && candidate_find_property(base, build->arch,
                                          "tools_version") != NULL)
        version = candidate_find_property(base, build->arch,
                                          "tools_version");
    candidate_add_property(candidate, build->arch, "tools_version",
                           version == NULL ? "unknown" : version);
}

/* Tools ------------------------------------------------------------------- */

static enum debfile_want
want_all(void *owner UNUSED, const char *path UNUSED)
{
    return DEBFILE_TAKE;
}

struct links {
    struct tree *tree, *found;
};

static void
find_link(void *owner, const struct tree_node *node)
{
    struct links *links = owner;

    if (node->type == TREE_LINK)
        tree_put_link(links->found, node->path, node->target);
}

static void
replace_link(void *owner, const struct tree_node *link)
{
    struct links *links = owner;
    const struct tree_node *node = tree_follow(links->tree, link->path);

    if (node != NULL && node->type == TREE_FILE)
        tree_copy_file(links->tree, link->path, node->mode, node->data,
                       node->bytes);
}

/* The kernel leaves a link of the base alone where a second archive has one,
 * too; a file takes its place. */
static void
copy_links(struct tree *tree)
{
    struct links links = { .tree = tree, .found = tree_new() };

    tree_each(tree, find_link, &links);
    tree_each(links.found, replace_link, &links);
    tree_free(links.found);
}

/* Our own first process comes along: that of an older base may not know how
 * to start these tools. */
static bool
make_layer(struct arena *arena, const char *tools, struct buf *out,
           struct fault *why)
{
    struct tree *tree = tree_new();
    struct buf init = BUF_INIT;
    char *file = NULL;
    bool ok;

    ok = debfile_read_tar(tools, want_all, NULL, tree, why)
        && home_data(arena, INIT, &file, why)
        && fs_read_file(file, PART_MAX_BYTES, &init, why);
    if (ok) {
        tree_copy_file(tree, "init", 0755, init.data, init.len);
        copy_links(tree);
        image_add_skeleton(tree);
        ok = image_pack(tree, out, why);
    }
    buf_free(&init);
    tree_free(tree);
    return ok;
}

static bool
put_tools(struct candidate *candidate, const struct candidate *base,
          const struct build *build, const struct build_part *tools,
          struct fault *why)
{
    const struct candidate_part *image =
        candidate_find_part(base, build->arch, "initrd");
    struct arena arena = ARENA_INIT;
    struct buf data = BUF_INIT;
    bool ok;

    ok = image != NULL
        || fault_set(why, FAULT_CONFIG, "candidate %s has no dom0 image for "
                     "%s to put the tools into", base->name, build->arch);
    ok = ok && artefact_verify(image->sha256, NULL, why)
        && fs_read_file(artefact_path(&arena, image->sha256), PART_MAX_BYTES,
                        &data, why);
    while (ok && data.len % IMAGE_ALIGN != 0)
        buf_addc(&data, '\0');
    ok = ok && make_layer(&arena, artefact_path(&arena, tools->sha256), &data,
                          why)
        && candidate_part_put(candidate, build->arch, "initrd", data.data,
                              data.len, why);
    buf_free(&data);
    arena_free(&arena);
    return ok;
}

static bool
put_built(struct candidate *candidate, const struct candidate *base,
          const struct build *build, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf data = BUF_INIT, names = BUF_INIT;
    size_t i;
    bool ok = true;

    for (i = 0; ok && i < build->part_count; i++) {
        const struct build_part *part = &build->parts[i];

        buf_addf(&names, "%s%s", i > 0 ? " " : "", part->part);
        ok = artefact_verify(part->sha256, NULL, why);
        if (strcmp(part->part, CANDIDATE_TOOLS) == 0) {
            ok = ok && put_tools(candidate, base, build, part, why);
            continue;
        }
        buf_reset(&data);
        ok = ok && fs_read_file(artefact_path(&arena, part->sha256),
                            PART_MAX_BYTES, &data, why)
            && candidate_part_put(candidate, build->arch, part->part,
                                  data.data, data.len, why);
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
    const char *tree, *mirror;
    json_t *commit;
    bool ok = true;

    candidate_add_property(candidate, build->arch, "build",
                           arena_printf(&arena, "%" PRId64, build->build));
    candidate_add_property(candidate, build->arch, "build_key", build->key);
    json_object_foreach((json_t *)(uintptr_t)trees, tree, commit) {
        mirror = json_text(json_object_get(build->inputs, "mirrors"), tree);
        ok = ok && source_find(&arena, mirror == NULL ? tree : mirror,
                               &source, why);
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
    ok = put_built(candidate, base, build, why)
        && say_build(candidate, build, why);
    say_tools(candidate, base, build);
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
