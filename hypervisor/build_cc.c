/* hypervisor/build_cc.c - see build_cc.h.
 *
 * Each build has a directory of its own, whose name would be in the debug
 * information, and so in the build id and in the key of whatever ccache keeps.
 * With the directory mapped away equal inputs give equal files, whether ccache
 * had them or not, and builds of neighbouring revisions share what is the same
 * in them. ccache itself sees the option, and leaves the directory out of its
 * hash for it: nothing needs to be declared harmless. */
#include <config.h>

#include "hypervisor/build_cc.h"

#include <stdio.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/fs.h"

static const char *const compilers[] = {
    "c++", "cc", "clang", "clang++", "g++", "gcc",
};

/* The absolute name, as it is inside 'root'; NULL: there is none. */
static const char *
find(struct arena *arena, const char *root, const char *path,
     const char *name)
{
    const char *part, *file;
    size_t len;

    for (part = path; *part != '\0'; part += len + (part[len] == ':')) {
        len = strcspn(part, ":");
        file = arena_printf(arena, "%.*s/%s", (int)len, part, name);
        if (len > 0 && fs_exists(arena_printf(arena, "%s%s", root, file)))
            return file;
    }
    return NULL;
}

static bool
put(struct arena *arena, const char *bin, const char *name,
    const char *ccache, const char *real, const char *dir, struct fault *why)
{
    const char *text = arena_printf(
        arena, "#!/bin/sh\nexec %s%s%s -ffile-prefix-map='%s'="
        BUILD_CC_PLACE " \"$@\"\n", ccache == NULL ? "" : ccache,
        ccache == NULL ? "" : " ", real, dir);

    return fs_write_file(arena_printf(arena, "%s/%s", bin, name), 0755, text,
                         strlen(text), why);
}

bool
build_cc_make(const char *root, const char *path, const char *prefix,
              const char *dir, const char *bin, struct fault *why)
{
    const char *const prefixes[] = { "", prefix };
    struct arena arena = ARENA_INIT;
    const char *ccache, *name, *real;
    bool ok = fs_mkdirs(bin, 0755, why);
    size_t i, p;

    ccache = find(&arena, root, path, "ccache");
    for (p = 0; p < ARRAY_LEN(prefixes) && prefixes[p] != NULL; p++)
        for (i = 0; ok && i < ARRAY_LEN(compilers); i++) {
            name = arena_printf(&arena, "%s%s", prefixes[p], compilers[i]);
            real = find(&arena, root, path, name);
            ok = real == NULL
                || put(&arena, bin, name, ccache, real, dir, why);
        }
    arena_free(&arena);
    return ok;
}
