/* hypervisor/grub.c - the network loader of hosts that have no iPXE. */
#include <config.h>

#include "hypervisor/grub.h"

#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/strv.h"
#include "hypervisor/debfile.h"
#include "hypervisor/tree.h"

#define CONFIG_MAX_BYTES ((size_t)64 << 10)
#define MKIMAGE_LIMIT_MS 60000
#define IMAGE_MAX_BYTES ((size_t)64 << 20)

static const struct {
    const char *arch, *format, *starts;
} targets[] = {
    { "arm64", "arm64-efi", "xen_boot" },
    { "amd64", "x86_64-efi", "multiboot2" },
};

static const char *const modules[] = {
    "cat", "configfile", "echo", "efinet", "fdt", "gzio", "halt", "http",
    "linux", "ls", "minicmd", "net", "normal", "reboot", "sleep", "test",
    "tftp",
};

static enum debfile_want
want_module(void *owner, const char *path)
{
    const char *dir = owner;

    return strncmp(path, dir, strlen(dir)) == 0
        && strchr(path + strlen(dir), '/') == NULL ? DEBFILE_TAKE
                                                   : DEBFILE_SKIP;
}

struct spill {
    const char *dir;
    struct fault *why;
    bool ok;
};

/* grub-mkimage reads files only. */
static void
spill_node(void *owner, const struct tree_node *node)
{
    struct spill *spill = owner;
    char *path = xasprintf("%s/%s", spill->dir,
                           strrchr(node->path, '/') + 1);

    if (spill->ok && node->type == TREE_FILE)
        spill->ok = fs_write_file(path, 0644, node->data, node->bytes,
                                  spill->why);
    free(path);
}

static bool
spill_modules(const char *format, const char *file, const char *dir,
              struct fault *why)
{
    char *prefix = xasprintf("usr/lib/grub/%s/", format);
    struct spill spill = { .dir = dir, .why = why, .ok = true };
    struct tree *tree = tree_new();
    bool ok;

    ok = debfile_read(file, want_module, prefix, tree, why);
    if (ok && tree_count(tree) == 0)
        ok = fault_set(why, FAULT_DATA, "%s has no modules of GRUB for %s",
                       file, format);
    if (ok) {
        tree_each(tree, spill_node, &spill);
        ok = spill.ok;
    }
    tree_free(tree);
    free(prefix);
    return ok;
}

/* The small parser that reads a configuration which is built in knows no
 * comments. */
static bool
copy_config(const char *config, const char *to, struct fault *why)
{
    struct buf text = BUF_INIT, plain = BUF_INIT;
    const char *line, *next;
    bool ok;

    ok = fs_read_file(config, CONFIG_MAX_BYTES, &text, why);
    for (line = buf_text(&text); ok && *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n' ? 1 : 0;
        if (*line != '#')
            buf_add(&plain, line, (size_t)(next - line));
    }
    ok = ok && fs_write_file(to, 0644, buf_text(&plain), plain.len, why);
    buf_free(&plain);
    buf_free(&text);
    return ok;
}

static bool
run_mkimage(size_t target, const char *dir, const char *config,
            struct buf *out, struct fault *why)
{
    char *image = xasprintf("%s/grub.efi", dir);
    char *plain = xasprintf("%s/grub.cfg", dir);
    char **argv = NULL;
    size_t i;
    bool ok;

    strv_add(&argv, "grub-mkimage");
    strv_add(&argv, "-d");
    strv_add(&argv, dir);
    strv_add(&argv, "-O");
    strv_add(&argv, targets[target].format);
    strv_add(&argv, "-o");
    strv_add(&argv, image);
    strv_add(&argv, "-p");
    strv_add(&argv, "");
    strv_add(&argv, "-c");
    strv_add(&argv, plain);
    for (i = 0; i < ARRAY_LEN(modules); i++)
        /* "fdt" is not for PCs. */
        if (target == 0 || strcmp(modules[i], "fdt") != 0)
            strv_add(&argv, modules[i]);
    strv_add(&argv, targets[target].starts);
    ok = copy_config(config, plain, why)
        && proc_run(strv_const(argv), NULL, 0, MKIMAGE_LIMIT_MS, NULL, why)
        && fs_read_file(image, IMAGE_MAX_BYTES, out, why);
    if (!ok)
        fault_hint(why, "grub-mkimage is in the package grub-common");
    strv_free(argv);
    free(plain);
    free(image);
    return ok;
}

bool
grub_make(const char *arch, const char *file, const char *config,
          struct buf *out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct fault unused = FAULT_INIT;
    const char *home;
    char *dir = NULL;
    size_t target;
    bool ok;

    for (target = 0; target < ARRAY_LEN(targets); target++)
        if (strcmp(targets[target].arch, arch) == 0)
            break;
    must(target < ARRAY_LEN(targets));
    ok = home_get(&home, why);
    if (!ok)
        goto out;
    ok = fs_mkdirs(arena_printf(&arena, "%s/cache", home), 0755, why);
    if (!ok)
        goto out;
    dir = arena_printf(&arena, "%s/cache/grub.XXXXXX", home);
    ok = mkdtemp(dir) != NULL;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "make a directory in %s/cache", home);
        dir = NULL;
        goto out;
    }
    ok = spill_modules(targets[target].format, file, dir, why)
        && run_mkimage(target, dir, config, out, why);
out:
    if (dir != NULL && !fs_remove_tree(dir, &unused) && ok) {
        *why = unused;
        ok = false;
    }
    arena_free(&arena);
    return ok;
}
