/* hypervisor/candidate_deb.c - candidates from Debian's packages.
 *
 * For each architecture: resolve, fetch, and unless all inputs are those of
 * the candidate that is there already, build. The inputs are named by one hash
 * over everything that goes in. */
#include <config.h>

#include "hypervisor/candidate.h"

#include <fnmatch.h>

#include <jansson.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/strv.h"
#include "hypervisor/binary.h"
#include "hypervisor/candidate_db.h"
#include "hypervisor/candidate_part.h"
#include "hypervisor/debfile.h"
#include "hypervisor/grub.h"
#include "hypervisor/image.h"
#include "hypervisor/manifest.h"
#include "hypervisor/tree.h"

#define TEXT_MAX_BYTES ((size_t)4 << 20)
#define GRUB_ARCH "arm64"
#define GRUB_PACKAGE "grub-efi-arm64-bin"
#define GRUB_CONFIG "hypervisor/images/grub.cfg"

const char *const candidate_archs[] = { "amd64", "arm64", NULL };

/* How a file of a package becomes a part. */
enum make { MAKE_COPY = 0, MAKE_EXPAND, MAKE_GZIP, MAKE_KERNEL };

/* iPXE starts an unpacked ELF file. Kernels are compressed by gzip, whatever
 * the package has: Xen and xl unpack that in a quarter of the time of xz (under
 * emulation 2 s and not 9 of a boot, 3 s and not 6 of a domain's creation). */
static const struct rule {
    const char *arch, *part, *package, *path;
    enum make make;
} rules[] = {
    { "amd64", "xen", "xen-hypervisor-[0-9]*", "boot/xen-*-amd64.gz",
      MAKE_EXPAND },
    { "amd64", "xen.efi", "xen-hypervisor-[0-9]*", "boot/xen-*-amd64.efi",
      MAKE_COPY },
    { "amd64", "kernel", "linux-image-[0-9]*", "boot/vmlinuz-*",
      MAKE_KERNEL },
    { "amd64", "guest-kernel", "linux-image-[0-9]*", "boot/vmlinuz-*",
      MAKE_KERNEL },
    { "arm64", "xen", "xen-hypervisor-[0-9]*", "boot/xen-*-arm64.efi",
      MAKE_COPY },
    { "arm64", "xen.efi", "xen-hypervisor-[0-9]*", "boot/xen-*-arm64.efi",
      MAKE_COPY },
    { "arm64", "kernel", "linux-image-[0-9]*", "boot/vmlinuz-*", MAKE_GZIP },
    { "arm64", "guest-kernel", "linux-image-[0-9]*", "boot/vmlinuz-*",
      MAKE_GZIP },
};

static const struct {
    const char *part, *file;
} images[] = {
    { "initrd", "hypervisor/images/dom0.yaml" },
    { "guest-initrd", "hypervisor/images/guest.yaml" },
};
#define IMAGE_COUNT ARRAY_LEN(images)

struct build {
    const struct candidate_options *options;
    const char *suite, *arch;
    struct candidate *candidate;
    struct arena arena;
    char *manifest_file[IMAGE_COUNT];
    char *own_dir;
    struct manifest *manifest[IMAGE_COUNT];
    struct deb_root *root;
    struct deb_options root_options;
    struct deb_package *packages;       /* all that apt names */
    size_t package_count;
    struct deb_package *used;           /* those that we want: borrowed */
    size_t used_count;
    char *own_suite;
    struct tree *found;                 /* what 'found_by' looked for */
    const struct rule *found_by;
    char *grub_file;                    /* package; NULL: none is made */
    char grub_sha256[65];
};

static void
relay(void *owner, const char *what, int64_t done, int64_t total)
{
    const struct build *build = owner;

    if (build->options->progress != NULL)
        build->options->progress(build->options->owner, build->arch, what,
                                 done, total);
}

static bool
load_manifests(struct build *build, struct fault *why)
{
    size_t i;

    for (i = 0; i < IMAGE_COUNT; i++)
        if (!home_data(&build->arena, images[i].file,
                       &build->manifest_file[i], why)
            || !manifest_load(build->manifest_file[i], &build->manifest[i],
                              why))
            return false;
    build->own_dir = arena_strdup(&build->arena, build->manifest_file[0]);
    *strrchr(build->own_dir, '/') = '\0';
    *strrchr(build->own_dir, '/') = '\0';
    return true;
}

/* "linux-image-{arch}" */
static void
add_name(struct build *build, char ***list, const char *name)
{
    static const char key[] = "{arch}";
    const char *at = strstr(name, key);

    if (at == NULL)
        strv_add(list, name);
    else
        strv_add(list, arena_printf(&build->arena, "%.*s%s%s",
                                    (int)(at - name), name, build->arch,
                                    at + strlen(key)));
}

/* GRUB's modules must fit this machine's grub-mkimage, not the candidate: they
 * are of the machine's own suite. */
static bool
grub_is_ours(const struct build *build)
{
    return strcmp(build->arch, GRUB_ARCH) == 0
        && strcmp(build->suite, build->own_suite) == 0;
}

static bool
wants(const struct build *build, const char *package)
{
    size_t i;

    if (strcmp(package, GRUB_PACKAGE) == 0)
        return grub_is_ours(build);
    for (i = 0; i < IMAGE_COUNT; i++)
        if (manifest_wants_package(build->manifest[i], package))
            return true;
    for (i = 0; i < ARRAY_LEN(rules); i++)
        if (strcmp(rules[i].arch, build->arch) == 0
            && fnmatch(rules[i].package, package, 0) == 0)
            return true;
    return false;
}

static void
use_grub(struct build *build, const struct deb_package *packages,
         size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(packages[i].name, GRUB_PACKAGE) == 0) {
            build->grub_file = arena_strdup(&build->arena, packages[i].file);
            memcpy(build->grub_sha256, packages[i].sha256,
                   sizeof(build->grub_sha256));
        }
}

static bool
has_package(const struct build *build, const char *name)
{
    size_t i;

    for (i = 0; i < build->package_count; i++)
        if (strcmp(build->packages[i].name, name) == 0)
            return true;
    return false;
}

/* Each image for itself: what is in two of them need not get along. */
static bool
resolve_one(struct build *build, const struct manifest *manifest,
            const char *extra, struct fault *why)
{
    struct deb_package *more = NULL;
    size_t count = 0, i;
    char **names = NULL;
    bool ok;

    for (i = 0; i < manifest->packages_count; i++)
        add_name(build, &names, manifest->packages[i]);
    if (extra != NULL)
        strv_add(&names, extra);
    ok = deb_resolve(build->root, strv_const(names), &more, &count, why);
    strv_free(names);
    if (!ok)
        return false;
    build->packages = xrealloc(build->packages,
                               (build->package_count + count + 1)
                               * sizeof(*more));
    for (i = 0; i < count; i++) {
        if (has_package(build, more[i].name))
            continue;
        build->packages[build->package_count++] = more[i];
        memset(&more[i], 0, sizeof(more[i]));   /* moved */
    }
    deb_packages_free(more, count);
    return true;
}

static bool
resolve(struct build *build, struct fault *why)
{
    size_t i;

    build->root_options = (struct deb_options){
        .suite = build->suite, .arch = build->arch,
        .max_age_ms = build->options->max_age_ms,
        .offline = build->options->offline,
        .progress = relay, .owner = build,
    };
    if (!deb_own_suite(&build->arena, &build->own_suite, why)
        || !deb_open(&build->root_options, &build->root, why))
        return false;
    for (i = 0; i < IMAGE_COUNT; i++)
        if (!resolve_one(build, build->manifest[i],
                         i == 0 && grub_is_ours(build) ? GRUB_PACKAGE : NULL,
                         why))
            return false;
    build->used = xcalloc(build->package_count + 1, sizeof(*build->used));
    for (i = 0; i < build->package_count; i++)
        if (wants(build, build->packages[i].name))
            build->used[build->used_count++] = build->packages[i];
    return true;
}

static bool
fetch_grub(struct build *build, struct fault *why)
{
    static const char *const names[] = { GRUB_PACKAGE, NULL };
    struct deb_options options = build->root_options;
    struct deb_package *packages = NULL;
    struct deb_root *root = NULL;
    size_t count = 0, i;
    bool ok;

    if (strcmp(build->arch, GRUB_ARCH) != 0)
        return true;
    if (grub_is_ours(build)) {
        use_grub(build, build->packages, build->package_count);
        return true;
    }
    options.suite = build->own_suite;
    options.purpose = "grub";
    ok = deb_open(&options, &root, why)
        && deb_resolve(root, names, &packages, &count, why);
    for (i = 0; ok && i < count; i++)
        if (strcmp(packages[i].name, GRUB_PACKAGE) == 0)
            ok = deb_fetch(root, &packages[i], 1, why);
    if (ok)
        use_grub(build, packages, count);
    deb_packages_free(packages, count);
    deb_close(root);
    return ok;
}

/* What goes in ------------------------------------------------------------ */

static bool
add_file_hash(struct buf *text, const char *path, struct fault *why)
{
    char hex[65];

    if (!fs_sha256_file(path, hex, NULL, why))
        return false;
    buf_addf(text, "%s %s\n", hex, strrchr(path, '/') + 1);
    return true;
}

static bool
hash_inputs(struct build *build, char hex[static 65], struct fault *why)
{
    struct buf text = BUF_INIT;
    char *config = NULL;
    size_t i, j;
    bool ok;

    buf_addf(&text, "assay %s\n", IMAGE_BUILDER_VERSION);
    ok = home_data(&build->arena, GRUB_CONFIG, &config, why)
        && add_file_hash(&text, config, why);
    for (i = 0; ok && i < IMAGE_COUNT; i++) {
        ok = add_file_hash(&text, build->manifest_file[i], why);
        for (j = 0; ok && j < build->manifest[i]->own_count; j++)
            ok = add_file_hash(&text,
                               arena_printf(&build->arena, "%s/%s",
                                            build->own_dir,
                                            build->manifest[i]->own[j].source),
                               why);
    }
    for (i = 0; i < build->used_count; i++)
        buf_addf(&text, "%s %s %s\n", build->used[i].name,
                 build->used[i].version, build->used[i].sha256);
    buf_addf(&text, "grub %s\n", build->grub_sha256);
    sha256_hex(buf_text(&text), text.len, hex);
    buf_free(&text);
    return ok;
}

static void
copy_arch(struct candidate *candidate, const struct candidate *old,
          const char *arch)
{
    size_t i;

    for (i = 0; i < old->part_count; i++)
        if (strcmp(old->parts[i].arch, arch) == 0)
            candidate_add_part(candidate, arch, old->parts[i].part,
                               old->parts[i].sha256, old->parts[i].bytes);
    for (i = 0; i < old->property_count; i++)
        if (strcmp(old->properties[i].arch, arch) == 0)
            candidate_add_property(candidate, arch, old->properties[i].name,
                                   old->properties[i].value);
}

/* Takes this architecture of the candidate that is there, if it was made of
 * the same and is whole. */
static bool
reuse(struct build *build, const struct candidate *old, const char *inputs)
{
    struct fault unused = FAULT_INIT;
    const char *before;
    size_t i;

    before = old == NULL ? NULL
        : candidate_find_property(old, build->arch, "inputs");
    if (before == NULL || strcmp(before, inputs) != 0)
        return false;
    for (i = 0; i < old->part_count; i++)
        if (strcmp(old->parts[i].arch, build->arch) == 0
            && !artefact_verify(old->parts[i].sha256, NULL, &unused))
            return false;
    copy_arch(build->candidate, old, build->arch);
    return true;
}

/* What comes out ----------------------------------------------------------- */

struct find_file {
    const char *pattern;
    bool found;
};

/* Kernel packages are large, and have /boot at their start. */
static enum debfile_want
want_file(void *owner, const char *path)
{
    struct find_file *find = owner;

    if (fnmatch(find->pattern, path, 0) == 0) {
        find->found = true;
        return DEBFILE_TAKE;
    }
    return find->found ? DEBFILE_STOP : DEBFILE_SKIP;
}

static void
keep_node(void *owner, const struct tree_node *node)
{
    const struct tree_node **out = owner;

    if (node->type == TREE_FILE)
        *out = node;
}

static bool
put_made(struct build *build, const struct rule *rule,
         const struct tree_node *node, struct fault *why)
{
    struct buf made = BUF_INIT, kernel = BUF_INIT;
    bool ok = true;

    switch (rule->make) {
    case MAKE_COPY:
        buf_add(&made, node->data, node->bytes);
        break;
    case MAKE_EXPAND:
        ok = debfile_expand(node->path, node->data, node->bytes, &made, why);
        break;
    case MAKE_GZIP:
        ok = image_gzip(node->data, node->bytes, &made, why);
        break;
    case MAKE_KERNEL:
        ok = binary_expand_bzimage(node->path, node->data, node->bytes,
                                   &kernel, why)
            && image_gzip(kernel.data, kernel.len, &made, why);
        break;
    }
    ok = ok && candidate_part_put(build->candidate, build->arch, rule->part,
                                  made.data, made.len, why);
    buf_free(&kernel);
    buf_free(&made);
    return ok;
}

static void
add_kernel_version(struct build *build, const char *path)
{
    const char *dash = strchr(strrchr(path, '/'), '-');

    if (dash != NULL)
        candidate_add_property(build->candidate, build->arch,
                               "kernel_version", dash + 1);
}

/* Reading a kernel's package takes seconds: rules in a row that want the same
 * file share it. */
static bool
find_file(struct build *build, const struct rule *rule,
          const struct tree_node **node_out, struct fault *why)
{
    struct find_file find = { .pattern = rule->path };
    bool ok = true;
    size_t i;

    if (build->found_by == NULL
        || strcmp(build->found_by->package, rule->package) != 0
        || strcmp(build->found_by->path, rule->path) != 0) {
        tree_free(build->found);
        build->found = tree_new();
        build->found_by = rule;
        for (i = 0; ok && i < build->used_count; i++)
            if (fnmatch(rule->package, build->used[i].name, 0) == 0)
                ok = debfile_read(build->used[i].file, want_file, &find,
                                  build->found, why);
    }
    *node_out = NULL;
    tree_each(build->found, keep_node, node_out);
    if (ok && *node_out == NULL)
        ok = fault_set(why, FAULT_DATA, "no package %s of %s has %s",
                       rule->package, build->suite, rule->path);
    return ok;
}

/* The part of an earlier rule that makes the same of the same, or NULL. */
static const struct candidate_part *
made_before(const struct build *build, const struct rule *rule)
{
    const struct rule *other;

    for (other = rules; other < rule; other++)
        if (strcmp(other->arch, rule->arch) == 0
            && strcmp(other->package, rule->package) == 0
            && strcmp(other->path, rule->path) == 0
            && other->make == rule->make)
            return candidate_find_part(build->candidate, rule->arch,
                                       other->part);
    return NULL;
}

static bool
make_part(struct build *build, const struct rule *rule, struct fault *why)
{
    const struct candidate_part *same = made_before(build, rule);
    const struct tree_node *node;
    bool ok;

    if (same != NULL) {
        candidate_add_part(build->candidate, rule->arch, rule->part,
                           same->sha256, same->bytes);
        return true;
    }
    relay(build, rule->part, 0, 0);
    ok = find_file(build, rule, &node, why)
        && put_made(build, rule, node, why);
    if (ok && strcmp(rule->part, "kernel") == 0)
        add_kernel_version(build, node->path);
    return ok;
}

static bool
make_image(struct build *build, size_t i, struct fault *why)
{
    struct image_package *packages = xcalloc(build->used_count + 1,
                                             sizeof(*packages));
    struct buf packed = BUF_INIT;
    struct tree *tree = NULL;
    size_t p;
    bool ok;

    relay(build, images[i].part, 0, 0);
    for (p = 0; p < build->used_count; p++) {
        packages[p].name = build->used[p].name;
        packages[p].file = build->used[p].file;
    }
    ok = image_gather(build->manifest[i], build->manifest_file[i],
                      build->own_dir, packages, build->used_count, &tree,
                      why)
        && image_pack(tree, &packed, why)
        && candidate_part_put(build->candidate, build->arch, images[i].part,
                              packed.data, packed.len, why);
    tree_free(tree);
    buf_free(&packed);
    free(packages);
    return ok;
}

static bool
make_grub(struct build *build, struct fault *why)
{
    struct buf image = BUF_INIT;
    char *config = NULL;
    bool ok;

    if (build->grub_file == NULL)
        return true;
    ok = home_data(&build->arena, GRUB_CONFIG, &config, why)
        && grub_make(build->arch, build->grub_file, config, &image, why)
        && candidate_part_put(build->candidate, build->arch, "grub.efi",
                              image.data, image.len, why);
    buf_free(&image);
    return ok;
}

static void
add_packages(struct build *build)
{
    json_t *list = json_array();
    char *text;
    size_t i;

    for (i = 0; i < build->used_count; i++)
        json_array_append_new(list,
                              json_sprintf("%s=%s %s", build->used[i].name,
                                           build->used[i].version,
                                           build->used[i].sha256));
    text = json_dumps(list, JSON_COMPACT);
    must(text != NULL);
    candidate_add_property(build->candidate, build->arch, "packages", text);
    free(text);
    json_decref(list);
}

static bool
make_all(struct build *build, const char *inputs, struct fault *why)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(rules); i++)
        if (strcmp(rules[i].arch, build->arch) == 0
            && !make_part(build, &rules[i], why))
            return false;
    for (i = 0; i < IMAGE_COUNT; i++)
        if (!make_image(build, i, why))
            return false;
    if (!make_grub(build, why))
        return false;
    add_packages(build);
    candidate_add_property(build->candidate, build->arch, "inputs", inputs);
    return true;
}

static bool
build_arch(const struct candidate_options *options, const char *suite,
           const char *arch, const struct candidate *old,
           struct candidate *candidate, struct fault *why)
{
    struct build build = { .options = options, .suite = suite, .arch = arch,
                           .candidate = candidate };
    char inputs[65];
    size_t i;
    bool ok;

    ok = load_manifests(&build, why) && resolve(&build, why)
        && deb_fetch(build.root, build.used, build.used_count, why)
        && fetch_grub(&build, why)
        && hash_inputs(&build, inputs, why);
    if (ok && !reuse(&build, old, inputs))
        ok = make_all(&build, inputs, why);
    for (i = 0; i < IMAGE_COUNT; i++)
        manifest_free(build.manifest[i]);
    tree_free(build.found);
    free(build.used);
    deb_packages_free(build.packages, build.package_count);
    deb_close(build.root);
    arena_free(&build.arena);
    return ok;
}

/* Adding arm64 to what there is of amd64 must not lose amd64. */
static void
keep_others(const struct candidate_options *options,
            const struct candidate *old, struct candidate *candidate)
{
    size_t i, j;

    if (old == NULL || strcmp(old->source, candidate->source) != 0)
        return;
    for (i = 0; candidate_archs[i] != NULL; i++) {
        for (j = 0; options->archs[j] != NULL; j++)
            if (strcmp(options->archs[j], candidate_archs[i]) == 0)
                break;
        if (options->archs[j] == NULL)
            copy_arch(candidate, old, candidate_archs[i]);
    }
}

bool
candidate_from_deb(const struct candidate_options *options,
                   const char *suite, const struct candidate *old,
                   struct candidate **out, struct fault *why)
{
    char *source = xasprintf("deb %s", suite);
    struct candidate *candidate = candidate_new(options->name, source);
    size_t i;
    bool ok = true;

    for (i = 0; ok && options->archs[i] != NULL; i++)
        ok = build_arch(options, suite, options->archs[i], old, candidate,
                        why);
    if (ok) {
        keep_others(options, old, candidate);
        *out = candidate;
        candidate = NULL;
    }
    candidate_free(candidate);
    free(source);
    return ok;
}
