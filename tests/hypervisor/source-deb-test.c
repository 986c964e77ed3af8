/* tests/hypervisor/source-deb-test.c - unpacked source packages as commits. */
#include <config.h>

#include <stdlib.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "hypervisor/source.h"
#include "hypervisor/source_deb.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;
static char home[] = "/tmp/assay-source-deb.XXXXXX";

static void
put(const char *dir, const char *path, const char *text)
{
    char *file = arena_printf(&arena, "%s/%s/%s", home, dir, path);
    char *parent = arena_strdup(&arena, file);
    struct fault why = FAULT_INIT;

    *strrchr(parent, '/') = '\0';
    if (!fs_mkdirs(parent, 0755, &why)
        || !fs_write_file(file, 0644, text, strlen(text), &why))
        tap_bail("%s", why.text);
}

/* As dpkg-source --skip-patches leaves it. */
static const char *
unpacked(const char *version, const char *text)
{
    const char *dir = arena_printf(&arena, "tree-%s", version);

    put(dir, "debian/changelog",
        arena_printf(&arena, "small (%s) unstable; urgency=low\n\n"
                     "  * It is new.\n\n"
                     " -- A Person <a@example.org>  Mon, 02 Jan 2023 03:04:05 "
                     "+0000\n", version));
    put(dir, "debian/patches/series", "# of upstream\n\none.patch -p1\n"
        "sub/two.patch # why\n");
    put(dir, "debian/patches/one.patch",
        arena_printf(&arena, "A fix.\n--- a/text\n+++ b/text\n@@ -1 +1 @@\n"
                     "-%s\n+fixed\n", text));
    put(dir, "debian/patches/sub/two.patch",
        "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-fixed\n+fixed twice\n");
    put(dir, "text", arena_printf(&arena, "%s\n", text));
    put(dir, ".gitignore", "text\n");
    return arena_printf(&arena, "%s/%s", home, dir);
}

static struct source
mirror(const char *name)
{
    struct source source = { .tree = name, .url = "deb-source:x/small" };
    struct fault why = FAULT_INIT;

    source.dir = arena_printf(&arena, "%s/%s", home, name);
    if (!source_deb_init(source.dir, source.url, &why))
        tap_bail("%s", why.text);
    return source;
}

static bool
import(const struct source *source, const char *version, const char *text,
       struct fault *why)
{
    *why = (struct fault)FAULT_INIT;
    return source_deb_import(source, version, unpacked(version, text), why);
}

static const char *
git(const struct source *source, const char *const *args)
{
    struct fault why = FAULT_INIT;
    struct buf out = BUF_INIT;
    const char *text;

    if (!git_run(source->dir, args, 0, &out, NULL, &why))
        return arena_printf(&arena, "%s", why.text);
    text = arena_strdup(&arena, buf_text(&out));
    buf_free(&out);
    return text;
}

static void
history(void)
{
    struct source source = mirror("history"), other = mirror("other");
    struct fault why;

    ok_fault(import(&source, "1.0-2", "b", &why), &why, "a version");
    ok_fault(import(&source, "1:0.5~rc1-1", "c", &why), &why,
             "a greater one, by its epoch");
    ok_fault(import(&source, "1.0-1", "a", &why), &why, "an older one, late");
    is_str(git(&source, GIT_ARGS("log", "--reverse", "--format=%s", "main")),
           "debian 1.0-2: unpacked\n"
           "debian 1.0-2: patch one.patch\n"
           "debian 1.0-2: patch sub/two.patch\n"
           "debian 1:0.5~rc1-1: unpacked\n"
           "debian 1:0.5~rc1-1: patch one.patch\n"
           "debian 1:0.5~rc1-1: patch sub/two.patch\n",
           "a row of commits, one a patch, by version");
    is_str(git(&source, GIT_ARGS("show", "debian/1%0.5_rc1-1^{commit}~2:text")),
           "c\n", "it begins as it is unpacked, ignored files and all");
    is_str(git(&source, GIT_ARGS("show", "debian/1%0.5_rc1-1^{commit}~:text")),
           "fixed\n", "goes on with a patch");
    is_str(git(&source, GIT_ARGS("show", "debian/1%0.5_rc1-1:text")),
           "fixed twice\n", "and ends with all");
    is_str(git(&source, GIT_ARGS("rev-list", "--count", "debian/1.0-1")),
           "3\n", "what came late is no part of what was there");
    is_str(git(&source, GIT_ARGS("log", "-1", "--format=%an %ae %at %ct",
                                 "main")),
           "A Person a@example.org 1672628645 1672628645\n",
           "made by whom the changelog names, and when");
    ok_fault(import(&other, "1.0-2", "b", &why), &why, "elsewhere");
    is_str(git(&other, GIT_ARGS("rev-parse", "main")),
           git(&source, GIT_ARGS("rev-parse", "debian/1.0-2^{commit}")),
           "the same version is the same commit");
}

static void
damage(void)
{
    struct source source = mirror("damage");
    struct fault why = FAULT_INIT;
    const char *dir = unpacked("3-1", "z");

    put("tree-3-1", "text", "something else\n");
    not_ok_fault(source_deb_import(&source, "3-1", dir, &why), &why,
                 FAULT_PEER, "patch one.patch", "a patch that does not fit");
    is_str(git(&source, GIT_ARGS("for-each-ref")), "", "leaves no version");
    put("tree-4-1", "debian/changelog", "nonsense\n");
    why = (struct fault)FAULT_INIT;
    ok(!source_deb_import(&source, "4-1",
                          arena_printf(&arena, "%s/tree-4-1", home), &why),
       "nor does one without a changelog");
    unpacked("5-1", "y");
    put("tree-5-1", "debian/patches/series", "../../../etc/passwd\n");
    why = (struct fault)FAULT_INIT;
    not_ok_fault(source_deb_import(&source, "5-1",
                                   arena_printf(&arena, "%s/tree-5-1", home),
                                   &why), &why, FAULT_DATA, "series names",
                 "a patch from elsewhere");
}

static void
urls(void)
{
    static const char *const bad[] = {
        "", "x", "Xen", "xen=", "xen=one", "-xen", "xen=1 2", "a/b",
    };
    struct fault why = FAULT_INIT;
    const char *url = NULL;
    size_t i;

    ok_fault(source_deb_url(&arena, "xen=4.17.5+23-1~deb12u1",
                            "bookworm,trixie", &url, &why), &why, "a URL");
    is_str(url, "deb-source:bookworm,trixie/xen=4.17.5+23-1~deb12u1",
           "says all");
    ok(source_deb_is(url) && !source_deb_is("https://xenbits.org/xen.git"),
       "and is known as such");
    for (i = 0; i < ARRAY_LEN(bad); i++) {
        why = (struct fault)FAULT_INIT;
        not_ok_fault(source_deb_url(&arena, bad[i], "sid", &url, &why), &why,
                     FAULT_USAGE, "neither", "bad package %zu", i);
    }
}

int
main(void)
{
    struct fault why = FAULT_INIT;

    if (mkdtemp(home) == NULL)
        tap_bail("mkdtemp");
    urls();
    history();
    damage();
    if (!fs_remove_tree(home, &why))
        tap_bail("%s", why.text);
    arena_free(&arena);
    return tap_done();
}
