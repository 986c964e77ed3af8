/* hypervisor/build_root.c - see build_root.h. */
#include <config.h>

#include "hypervisor/build_root.h"

#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/proc.h"
#include "harness/strv.h"
#include "hypervisor/build.h"
#include "hypervisor/deb.h"

#define MAKE_LIMIT_MS (40 * 60 * 1000)
#define STATUS_MAX_BYTES ((size_t)64 << 20)
#define LISTS_AGE_MS (24LL * 3600 * 1000)

/* The machine's own mirror, as the rest of Assay finds it. */
static bool
sources_of(struct arena *arena, const char *suite, const char **file_out,
           struct fault *why)
{
    const struct deb_options options = {
        .suite = suite, .arch = build_machine_arch(),
        .max_age_ms = LISTS_AGE_MS,
    };
    struct deb_root *apt = NULL;

    if (options.arch == NULL)
        return fault_set(why, FAULT_CONFIG, "no clean root can be made on "
                         "this machine: it is neither amd64 nor arm64");
    if (!deb_open(&options, &apt, why))
        return false;
    deb_close(apt);
    *file_out = home_path(arena, "cache/apt/%s-%s/sources.list", suite,
                          options.arch);
    return true;
}

/* By a tar file: its files become ours, whoever we are, so that we can remove
 * them again. */
static bool
make(struct arena *arena, const char *suite, const char *include,
     const char *dir, struct fault *why)
{
    const char *tar = arena_printf(arena, "%s.tar", dir);
    const char *part = arena_printf(arena, "%s.part", dir);
    const char *sources = NULL;
    bool ok;

    if (!sources_of(arena, suite, &sources, why))
        return false;

    const char *const bootstrap[] = {
        "mmdebstrap", "--quiet", "--variant=apt",
        "--dpkgopt=force-unsafe-io",    /* it can be made again */
        arena_printf(arena, "--include=%s", include), suite, tar, sources,
        NULL
    };
    const char *const unpack[] = {
        "tar", "-C", part, "--no-same-owner", "--exclude=./dev/*", "-xf",
        tar, NULL
    };

    ok = fs_remove_tree(part, why) && fs_mkdirs(part, 0755, why)
        && proc_run(bootstrap, NULL, 0, MAKE_LIMIT_MS, NULL, why)
        && proc_run(unpack, NULL, 0, MAKE_LIMIT_MS, NULL, why);
    (void)unlink(tar);
    if (!ok) {
        struct fault unused = FAULT_INIT;

        (void)!fs_remove_tree(part, &unused);
        return fault_context(why, "make a clean root of %s", suite);
    }
    return rename(part, dir) == 0
        || fault_errno(why, FAULT_SYSTEM, "rename %s", part);
}

/* A stanza has its name before its version. */
json_t *
build_root_packages(const char *text)
{
    static const char package[] = "Package: ", version[] = "Version: ";
    json_t *list = json_array();
    const char *line, *next, *name = NULL;
    int name_bytes = 0, len;

    for (line = text; *line != '\0'; line = next) {
        len = (int)strcspn(line, "\n");
        next = line + len + (line[len] == '\n' ? 1 : 0);
        if (len == 0)
            name = NULL;
        if (strncmp(line, package, sizeof(package) - 1) == 0) {
            name = line + sizeof(package) - 1;
            name_bytes = len - (int)sizeof(package) + 1;
        } else if (name != NULL
                   && strncmp(line, version, sizeof(version) - 1) == 0) {
            json_array_append_new(
                list, json_sprintf("%.*s=%.*s", name_bytes, name,
                                   len - (int)sizeof(version) + 1,
                                   line + sizeof(version) - 1));
        }
    }
    return list;
}

bool
build_root_open(struct build_root *root, struct arena *arena,
                const char *suite, const char *const *packages, size_t count,
                struct fault *why)
{
    struct buf include = BUF_INIT, status = BUF_INIT;
    char key[65], *dir, *script = NULL;
    int lock = -1;
    size_t i;
    bool ok;

    if (count == 0)
        return fault_set(why, FAULT_CONFIG, "this build names no packages "
                         "for a clean root");
    if (!name_is_safe(suite, 40))
        return fault_set(why, FAULT_USAGE, "'%s' is no suite", suite);
    buf_adds(&include, "ccache");
    for (i = 0; i < count; i++)
        buf_addf(&include, ",%s", packages[i]);
    sha256_hex(include.data, include.len, key);
    dir = home_path(arena, "cache/roots/%s-%.12s", suite, key);
    ok = home_data(arena, "hypervisor/builds/in-root", &script, why)
        && fs_mkdirs(home_path(arena, "cache/roots"), 0755, why)
        && fs_mkdirs(home_path(arena, "cache/ccache"), 0755, why)
        && fs_lock(arena_printf(arena, "%s.lock", dir), true, &lock, why)
        && (fs_exists(dir)
            || make(arena, suite, buf_text(&include), dir, why))
        && fs_read_file(arena_printf(arena, "%s/var/lib/dpkg/status", dir),
                        STATUS_MAX_BYTES, &status, why);
    fd_close(&lock);
    buf_free(&include);
    if (ok) {
        root->dir = dir;
        root->script = script;
        root->packages = build_root_packages(buf_text(&status));
    }
    buf_free(&status);
    return ok;
}

void
build_root_close(struct build_root *root)
{
    json_decref(root->packages);
    *root = (struct build_root){ .dir = NULL };
}

char **
build_root_argv(const struct build_root *root, const char *dir,
                const char *cwd, const char *const *argv)
{
    struct arena arena = ARENA_INIT;
    char **out = strv_copy(NULL);

    if (root->dir != NULL) {
        strv_add(&out, root->script);
        strv_add(&out, root->dir);
        strv_add(&out, cwd);
        strv_add(&out, home_path(&arena, "mirrors"));
        strv_add(&out, home_path(&arena, "cache/ccache"));
        if (dir != NULL)
            strv_add(&out, dir);
        strv_add(&out, "--");
    }
    for (; *argv != NULL; argv++)
        strv_add(&out, *argv);
    arena_free(&arena);
    return out;
}
