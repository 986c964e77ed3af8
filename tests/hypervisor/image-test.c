/* tests/hypervisor/image-test.c - images from synthetic packages: what is in
 * them, that they are the same each time, and what is said when something is
 * missing. */
#include <config.h>

#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "hypervisor/image.h"
#include "hypervisor/manifest.h"
#include "hypervisor/tree.h"
#include "tests/hypervisor/debfix.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;
static char *dir;

#define NONE { NULL, 0, 0, NULL, 0 }

/* A program that needs libone, which needs libtwo; a kernel; a private
 * library of the same name that must not be taken. */
static void
make_packages(const char *where)
{
    static const char *const prog_needs[] = { "libone.so.1", NULL };
    static const char *const one_needs[] = { "libtwo.so.2", NULL };
    static const char *const nothing[] = { NULL };
    static const char net[] = "name=net_card\0depends=helper,ring\0"
                              "alias=pci:v00008086d*\0softdep=pre: soft\0";
    static const char helper[] = "depends=\0";
    static const char ring[] = "depends=helper\0";
    static const char soft[] = "depends=\0alias=of:soft\0";
    struct buf prog = BUF_INIT, one = BUF_INIT, two = BUF_INIT;
    struct buf mods[4] = { BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT };
    size_t i;

    debfix_elf(&prog, prog_needs, "/lib64/ld-test.so.2");
    debfix_elf(&one, one_needs, NULL);
    debfix_elf(&two, nothing, NULL);
    debfix_module(&mods[0], net, sizeof(net));
    debfix_module(&mods[1], helper, sizeof(helper));
    debfix_module(&mods[2], ring, sizeof(ring));
    debfix_module(&mods[3], soft, sizeof(soft));
    {
        const struct debfix_file prog_files[] = {
            { "./bin/", 'd', 0755, NULL, 0 },
            { "./bin/prog", 'f', 0755, prog.data, prog.len },
            { "./bin/other", 'h', 0755, "./bin/prog", 0 },
            { "./usr/share/doc/prog/README", 'f', 0644, "docs", 0 },
            { "./etc/prog.conf", 'f', 0640, "x = 1\n", 0 },
            NONE,
        };
        const struct debfix_file lib_files[] = {
            { "./lib64", 'l', 0777, "usr/lib64", 0 },
            { "./usr/lib64/ld-test.so.2", 'l', 0777,
              "/lib/x86_64-linux-gnu/ld-test.so.2", 0 },
            { "./lib/x86_64-linux-gnu/ld-test.so.2", 'f', 0755, two.data,
              two.len },
            { "./usr/lib/private/libone.so.1", 'f', 0644, "wrong", 0 },
            { "./usr/lib/x86_64-linux-gnu/libone.so.1", 'l', 0777,
              "libone.so.1.2.3", 0 },
            { "./usr/lib/x86_64-linux-gnu/libone.so.1.2.3", 'f', 0644,
              one.data, one.len },
            { "./usr/lib/x86_64-linux-gnu/libtwo.so.2", 'f', 0644, two.data,
              two.len },
            NONE,
        };
        const struct debfix_file kernel_files[] = {
            { "./lib/modules/6.1/kernel/net/net-card.ko", 'f', 0644,
              mods[0].data, mods[0].len },
            { "./lib/modules/6.1/kernel/lib/helper.ko", 'f', 0644,
              mods[1].data, mods[1].len },
            { "./lib/modules/6.1/kernel/drivers/ring.ko", 'f', 0644,
              mods[2].data, mods[2].len },
            { "./lib/modules/6.1/kernel/drivers/soft.ko", 'f', 0644,
              mods[3].data, mods[3].len },
            NONE,
        };

        debfix_make(arena_printf(&arena, "%s/prog.deb", where), "gzip",
                    prog_files);
        debfix_make(arena_printf(&arena, "%s/libs.deb", where), "xz",
                    lib_files);
        debfix_make(arena_printf(&arena, "%s/kernel.deb", where), "zstd",
                    kernel_files);
    }
    for (i = 0; i < ARRAY_LEN(mods); i++)
        buf_free(&mods[i]);
    buf_free(&two);
    buf_free(&one);
    buf_free(&prog);
}

static const char manifest_text[] =
    "image: test\n"
    "packages: [prog]\n"
    "libraries_from: [\"lib*\"]\n"
    "files:\n"
    "  - package: prog\n"
    "    include: [\"usr/bin/*\", \"etc/*\"]\n"
    "own:\n"
    "  - { path: init, source: own/init, mode: \"0755\" }\n"
    "texts:\n"
    "  - { path: etc/name, text: \"a\\nb\\n\" }\n"
    "links:\n"
    "  - { path: usr/bin/sh, target: prog }\n"
    "  - { path: usr/sbin/, glob: \"usr/bin/pro*\" }\n"
    "directories:\n"
    "  - { path: tmp, mode: \"1777\" }\n"
    "modules:\n"
    "  package: linux-*\n"
    "  load: [net-card]\n"
    "  optional: [absent]\n";

static char *
write_manifest(const char *where, const char *text)
{
    char *file = arena_printf(&arena, "%s/images/test.yaml", where);
    struct fault why = FAULT_INIT;

    if (!fs_mkdirs(arena_printf(&arena, "%s/images", where), 0755, &why)
        || !fs_mkdirs(arena_printf(&arena, "%s/own", where), 0755, &why)
        || !fs_write_file(arena_printf(&arena, "%s/own/init", where), 0644,
                          "#!/bin/sh\n", 10, &why)
        || !fs_write_file(file, 0644, text, strlen(text), &why))
        tap_bail("%s", why.text);
    return file;
}

static bool
gather(const char *where, const char *text, struct tree **out,
       struct fault *why)
{
    char *file = write_manifest(where, text);
    const struct image_package packages[] = {
        { "prog", arena_printf(&arena, "%s/prog.deb", where) },
        { "libs", arena_printf(&arena, "%s/libs.deb", where) },
        { "linux-6.1", arena_printf(&arena, "%s/kernel.deb", where) },
    };
    struct manifest *manifest = NULL;
    bool ok;

    *why = (struct fault)FAULT_INIT;
    ok = manifest_load(file, &manifest, why)
        && image_gather(manifest, file, where, packages, ARRAY_LEN(packages),
                        out, why);
    manifest_free(manifest);
    return ok;
}

static const char *
text_of(const struct tree *tree, const char *path)
{
    const struct tree_node *node = tree_find(tree, path);

    return node == NULL || node->type != TREE_FILE ? NULL
        : arena_printf(&arena, "%.*s", (int)node->bytes,
                       (const char *)node->data);
}

static const char *
target_of(const struct tree *tree, const char *path)
{
    const struct tree_node *node = tree_find(tree, path);

    return node == NULL || node->type != TREE_LINK ? NULL : node->target;
}

static void
check_tree(const struct tree *tree)
{
    const struct tree_node *node = tree_find(tree, "usr/bin/prog");

    ok(node != NULL && node->mode == 0755, "a file, below usr");
    ok(tree_find(tree, "usr/bin/other") != NULL, "a hard link is a file");
    ok(tree_find(tree, "usr/share/doc/prog/README") == NULL,
       "what nobody asked for stays away");
    is_str(target_of(tree, "bin"), "usr/bin", "/bin is a link");
    is_str(target_of(tree, "lib64"), "usr/lib64", "so is /lib64");
    is_str(text_of(tree, "init"), "#!/bin/sh\n", "a file of our own");
    is_str(text_of(tree, "etc/name"), "a\nb\n", "a text");
    is_str(target_of(tree, "usr/bin/sh"), "prog", "a link");
    is_str(target_of(tree, "usr/sbin/prog"), "/usr/bin/prog",
           "a link by glob");
    node = tree_find(tree, "tmp");
    ok(node != NULL && node->type == TREE_DIR && node->mode == 01777,
       "a directory with its mode");
    ok(tree_find(tree, "etc") != NULL, "parents come by themselves");
    node = tree_find(tree, "usr/lib/x86_64-linux-gnu/libone.so.1");
    ok(node != NULL && node->type == TREE_FILE && node->bytes > 64,
       "a library, under the name that is asked for");
    ok(tree_find(tree, "usr/lib/x86_64-linux-gnu/libtwo.so.2") != NULL,
       "and what it needs");
    ok(tree_find(tree, "usr/lib64/ld-test.so.2") != NULL,
       "and the interpreter");
    is_str(text_of(tree, "usr/lib/modules/6.1/assay.load"),
           "kernel/lib/helper.ko\nkernel/drivers/ring.ko\n"
           "kernel/drivers/soft.ko\nkernel/net/net-card.ko\n",
           "modules load after what they need");
    is_str(text_of(tree, "usr/lib/modules/6.1/modules.dep"),
           "kernel/drivers/ring.ko: kernel/lib/helper.ko\n"
           "kernel/drivers/soft.ko:\n"
           "kernel/lib/helper.ko:\n"
           "kernel/net/net-card.ko: kernel/drivers/soft.ko "
           "kernel/drivers/ring.ko kernel/lib/helper.ko\n",
           "modprobe is told too");
    is_str(text_of(tree, "usr/lib/modules/6.1/modules.alias"),
           "alias of:soft soft\nalias pci:v00008086d* net_card\n",
           "and the aliases");
}

/* Every name of the archive, with what must not vary. */
static void
check_archive(const struct buf *image)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    const char *last = "";
    bool plain = true, sorted = true;
    int count = 0;

    archive_read_support_filter_gzip(archive);
    archive_read_support_format_cpio(archive);
    ok(archive_read_open_memory(archive, image->data, image->len)
       == ARCHIVE_OK, "a cpio archive in gzip");
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);

        count++;
        plain = plain && archive_entry_uid(entry) == 0
            && archive_entry_gid(entry) == 0
            && archive_entry_mtime(entry) == 0;
        sorted = sorted && strcmp(last, name) < 0;
        last = arena_strdup(&arena, name);
    }
    ok(count > 20, "with all files");
    ok(plain, "owned by root, without times");
    ok(sorted, "in order");
    is_int((int64_t)(image->len % IMAGE_ALIGN), 0,
           "another archive may follow");
    archive_read_free(archive);
}

static void
build(const char *where, struct buf *image, bool look)
{
    struct fault why = FAULT_INIT;
    struct tree *tree = NULL;

    ok_fault(gather(where, manifest_text, &tree, &why), &why,
             "gather the files");
    if (tree == NULL)
        tap_bail("no image");
    if (look)
        check_tree(tree);
    ok_fault(image_pack(tree, image, &why), &why, "pack them");
    tree_free(tree);
}

static void
same_again(void)
{
    char *one = arena_printf(&arena, "%s/one", dir);
    char *two = arena_printf(&arena, "%s/two", dir);
    struct buf first = BUF_INIT, second = BUF_INIT;
    char hex[2][65];

    must(mkdir(one, 0755) == 0 && mkdir(two, 0755) == 0);
    make_packages(one);
    umask(077);
    make_packages(two);
    build(one, &first, true);
    build(two, &second, false);
    umask(022);
    check_archive(&first);
    sha256_hex(first.data, first.len, hex[0]);
    sha256_hex(second.data, second.len, hex[1]);
    is_str(hex[1], hex[0], "made twice, at another time and place: the same");
    buf_free(&first);
    buf_free(&second);
}

static void
refused(const char *text, enum fault_kind kind, const char *part,
        const char *what)
{
    char *where = arena_printf(&arena, "%s/one", dir);
    struct fault why = FAULT_INIT;
    struct tree *tree = NULL;

    not_ok_fault(gather(where, text, &tree, &why), &why, kind, part, "%s",
                 what);
    tree_free(tree);
}

static void
refusals(void)
{
    refused("image: x\nfiles:\n  - package: prog\n    include: [usr/bin/no]\n",
            FAULT_CONFIG, "images/test.yaml:3: no file of package 'prog'",
            "a row that matches nothing");
    refused("image: x\nfiles:\n"
            "  - { package: prog, include: [usr/bin/prog] }\n",
            FAULT_DATA, "usr/bin/prog needs", "a library that nobody has");
    refused("image: x\nlibraries_from: [libs]\nlibraries: [libno.so]\n",
            FAULT_DATA, "the manifest needs libno.so",
            "a library by name that nobody has");
    refused("image: x\nmodules: { package: linux-*, load: [nosuch] }\n",
            FAULT_DATA, "no kernel module nosuch", "a module too few");
    refused("image: x\nmodules: { package: nothing, load: [a] }\n",
            FAULT_CONFIG, "test.yaml:2: no package is called 'nothing'",
            "no kernel at all");
    refused("image: x\nown:\n  - { path: a, source: own/none }\n",
            FAULT_CONFIG, "test.yaml:3: ", "a file of our own that is not");
    refused("image: x\nown:\n  - { path: /a, source: own/init }\n",
            FAULT_CONFIG, "test.yaml:3: path '/a'", "an absolute path");
    refused("image: x\nown:\n  - { path: a, source: ../../etc/passwd }\n",
            FAULT_CONFIG, "test.yaml:3: source", "a way out");
    refused("image: x\ntexts:\n  - { path: a, text: b, mode: \"9\" }\n",
            FAULT_CONFIG, "test.yaml:3: mode '9'", "a bad mode");
    refused("image: x\nlinks:\n  - { path: a }\n",
            FAULT_CONFIG, "test.yaml:3: a link has either",
            "a link to nowhere");
    refused("image: x\nlinks:\n  - { path: a/, glob: none* }\n",
            FAULT_CONFIG, "test.yaml:3: 'none*' matches nothing",
            "a glob without a match");
    refused("image: x\nfile: []\n", FAULT_CONFIG, "test.yaml:2: ",
            "an unknown key");
}

static void
damaged(void)
{
    char *where = arena_printf(&arena, "%s/one", dir);
    char *deb = arena_printf(&arena, "%s/prog.deb", where);
    struct fault why = FAULT_INIT;
    struct tree *tree = NULL;
    struct stat st;

    must(stat(deb, &st) == 0 && truncate(deb, st.st_size - 200) == 0);
    not_ok_fault(gather(where, manifest_text, &tree, &why), &why, FAULT_DATA,
                 "prog.deb", "a cut package is named");
    ok(fs_write_file(deb, 0644, "no package", 10, &why), "not a package");
    not_ok_fault(gather(where, manifest_text, &tree, &why), &why, FAULT_DATA,
                 "prog.deb", "is named too");
}

int
main(void)
{
    char template[] = "/tmp/image-test.XXXXXX";
    struct fault why = FAULT_INIT;

    dir = mkdtemp(template);
    must(dir != NULL);
    same_again();
    refusals();
    damaged();
    ok_fault(fs_remove_tree(dir, &why), &why, "clean up");
    arena_free(&arena);
    return tap_done();
}
