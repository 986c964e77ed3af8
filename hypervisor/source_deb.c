/* hypervisor/source_deb.c - see source_deb.h. */
#include <config.h>

#include "hypervisor/source_deb.h"

#include <glob.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "harness/strv.h"
#include "hypervisor/build.h"
#include "hypervisor/deb.h"
#include "hypervisor/source.h"

#define SCHEME "deb-source:"
#define LISTS_AGE_MS (3600 * 1000)
#define TOOL_LIMIT_MS (10 * 60 * 1000)
#define SERIES_MAX_BYTES ((size_t)1 << 20)

bool
source_deb_is(const char *url)
{
    return strncmp(url, SCHEME, strlen(SCHEME)) == 0;
}

/* deb-version(7) */
static bool
version_is_good(const char *text)
{
    return text[0] >= '0' && text[0] <= '9'
        && text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+-~:")] == '\0';
}

static bool
package_is_good(const char *name, size_t len)
{
    return len > 1 && len < 100
        && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.") >= len
        && name[0] != '-' && name[0] != '.' && name[0] != '+';
}

bool
source_deb_url(struct arena *arena, const char *package, const char *suites,
               const char **url_out, struct fault *why)
{
    const char *equals = strchr(package, '=');
    char *own;

    if (!package_is_good(package, equals == NULL ? strlen(package)
                         : (size_t)(equals - package))
        || (equals != NULL && !version_is_good(equals + 1)))
        return fault_set(why, FAULT_USAGE, "'%s' is neither a source package "
                         "nor PACKAGE=VERSION", package);
    if (suites == NULL) {
        if (!deb_own_suite(arena, &own, why))
            return false;
        suites = own;
    }
    if (strchr(suites, '/') != NULL || suites[0] == '\0')
        return fault_set(why, FAULT_USAGE, "'%s' are no suites", suites);
    *url_out = arena_printf(arena, SCHEME "%s/%s", suites, package);
    return true;
}

bool
source_deb_init(const char *dir, const char *url, struct fault *why)
{
    return git_run(NULL, GIT_ARGS("init", "-q", "--bare", "-b", "main", "--",
                                  dir), 0, NULL, NULL, why)
        && git_run(dir, GIT_ARGS("config", "remote.origin.url", url), 0,
                   NULL, NULL, why);
}

/* Commits ----------------------------------------------------------------- */

struct import {
    const struct source *source;
    struct arena arena;
    const char *version, *dir, *index;
    const char *who, *mail, *date;
    char *tip;                  /* of the versions before, then of this one */
};

/* DEP-14: what a tag cannot have. */
static const char *
tag_of(struct arena *arena, const char *version)
{
    char *tag = arena_printf(arena, "refs/tags/debian/%s", version), *at;

    for (at = tag; *at != '\0'; at++)
        *at = *at == ':' ? '%' : *at == '~' ? '_' : *at;
    return tag;
}

static bool
git(struct import *import, const char *const *args, char **line_out,
    struct fault *why)
{
    struct arena *arena = &import->arena;
    const char *const env[] = {
        "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
        arena_printf(arena, "GIT_DIR=%s", import->source->dir),
        arena_printf(arena, "GIT_WORK_TREE=%s", import->dir),
        arena_printf(arena, "GIT_INDEX_FILE=%s", import->index),
        arena_printf(arena, "GIT_AUTHOR_NAME=%s", import->who),
        arena_printf(arena, "GIT_AUTHOR_EMAIL=%s", import->mail),
        arena_printf(arena, "GIT_AUTHOR_DATE=%s", import->date),
        arena_printf(arena, "GIT_COMMITTER_NAME=%s", import->who),
        arena_printf(arena, "GIT_COMMITTER_EMAIL=%s", import->mail),
        arena_printf(arena, "GIT_COMMITTER_DATE=%s", import->date), NULL
    };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct buf out = BUF_INIT;
    char **argv = strv_copy(GIT_ARGS("git"));
    bool ok;

    for (; *args != NULL; args++)
        strv_add(&argv, *args);
    spec.argv = strv_const(argv);
    spec.env_add = env;
    spec.cwd = import->dir;
    ok = proc_run_spec(&spec, NULL, 0, TOOL_LIMIT_MS, &out, NULL, why);
    if (ok && line_out != NULL) {
        buf_adds(&out, "");
        out.data[strcspn(out.data, "\n")] = '\0';
        *line_out = arena_strdup(arena, out.data);
    }
    buf_free(&out);
    strv_free(argv);
    return ok;
}

/* All that is in the directory now, on top of the tip. */
static bool
commit(struct import *import, const char *message, struct fault *why)
{
    char *tree;

    return git(import, GIT_ARGS("add", "-A", "-f", "."), NULL, why)
        && git(import, GIT_ARGS("write-tree"), &tree, why)
        && (import->tip == NULL
            ? git(import, GIT_ARGS("commit-tree", "-m", message, tree),
                  &import->tip, why)
            : git(import, GIT_ARGS("commit-tree", "-p", import->tip, "-m",
                                   message, tree), &import->tip, why));
}

/* As dpkg-source applies them. */
static bool
apply(struct import *import, const char *patch, struct fault *why)
{
    const char *const argv[] = {
        "patch", "-t", "-F", "0", "-N", "-p1", "-u", "-V", "never", "-E",
        "-s", "--no-backup-if-mismatch", "-d", import->dir, "-i",
        arena_printf(&import->arena, "%s/debian/patches/%s", import->dir,
                     patch), NULL
    };

    if (strstr(patch, "..") != NULL || patch[0] == '/')
        return fault_set(why, FAULT_DATA, "debian/patches/series names '%s'",
                         patch);
    return (proc_run(argv, NULL, 0, TOOL_LIMIT_MS, NULL, why)
            && commit(import, arena_printf(&import->arena,
                                           "debian %s: patch %s",
                                           import->version, patch), why))
        || fault_context(why, "patch %s", patch);
}

static bool
apply_series(struct import *import, struct fault *why)
{
    const char *file = arena_printf(&import->arena,
                                    "%s/debian/patches/series", import->dir);
    struct buf text = BUF_INIT;
    char *save = NULL, *line;
    bool ok;

    if (!fs_exists(file))
        return true;
    ok = fs_read_file(file, SERIES_MAX_BYTES, &text, why);
    buf_adds(&text, "");
    for (line = ok ? strtok_r(text.data, "\n", &save) : NULL;
         ok && line != NULL; line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " \t");
        line[strcspn(line, " \t\r#")] = '\0';   /* options, comments */
        ok = line[0] == '\0'
            || (signals_check(why) && apply(import, line, why));
    }
    buf_free(&text);
    return ok;
}

/* "Name <address>" and the date of the changelog's first entry. */
static bool
read_changelog(struct import *import, struct fault *why)
{
    const char *file = arena_printf(&import->arena, "%s/debian/changelog",
                                    import->dir);
    const char *field[2] = { "Maintainer", "Date" };
    char *value[2] = { NULL, NULL }, *angle, *end;
    size_t i;

    for (i = 0; i < 2; i++) {
        const char *const argv[] = { "dpkg-parsechangelog", "-l", file, "-S",
                                     field[i], NULL };
        struct buf out = BUF_INIT;
        bool ok = proc_run(argv, NULL, 0, TOOL_LIMIT_MS, &out, why);

        buf_adds(&out, "");
        out.data[strcspn(out.data, "\n")] = '\0';
        value[i] = arena_strdup(&import->arena, out.data);
        buf_free(&out);
        if (!ok)
            return fault_context(why, "%s", file);
    }
    angle = strchr(value[0], '<');
    end = angle == NULL ? NULL : strchr(angle, '>');
    if (end == NULL || angle == value[0] || value[1][0] == '\0')
        return fault_set(why, FAULT_DATA, "%s says not who made it and when",
                         file);
    *end = '\0';
    import->mail = angle + 1;
    while (angle > value[0] && (*angle == '<' || *angle == ' '))
        *angle-- = '\0';
    import->who = value[0];
    import->date = value[1];
    return true;
}

/* Is 'a' less than 'b', as Debian compares? */
static bool
is_less(const char *a, const char *b)
{
    const char *const argv[] = { "dpkg", "--compare-versions", a, "lt", b,
                                 NULL };
    struct fault unused = FAULT_INIT;

    return proc_run(argv, NULL, 0, TOOL_LIMIT_MS, NULL, &unused);
}

/* The versions that are there, from the trailers of the tags' messages. */
static bool
list_versions(const struct source *source, char ***out, struct fault *why)
{
    struct buf text = BUF_INIT;
    char *save = NULL, *line;
    bool ok;

    ok = git_run(source->dir,
                 GIT_ARGS("for-each-ref", "--format=%(contents:subject)",
                          "refs/tags/debian/"), 0, &text, NULL, why);
    buf_adds(&text, "");
    for (line = ok ? strtok_r(text.data, "\n", &save) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &save))
        strv_add(out, line);
    buf_free(&text);
    return ok;
}

/* Sets the tip to that of the greatest version below, if there is one, and
 * '*newest_out' when none is above. */
static bool
find_parent(struct import *import, bool *newest_out, struct fault *why)
{
    char **versions = strv_copy(NULL);
    const char *best = NULL;
    size_t i;
    bool ok = list_versions(import->source, &versions, why);

    *newest_out = true;
    for (i = 0; ok && versions[i] != NULL; i++) {
        if (!is_less(versions[i], import->version))
            *newest_out = false;
        else if (best == NULL || is_less(best, versions[i]))
            best = versions[i];
    }
    if (ok && best != NULL)
        ok = git(import, GIT_ARGS("rev-parse", "--verify", "-q",
                                  arena_printf(&import->arena, "%s^{commit}",
                                               tag_of(&import->arena, best))),
                 &import->tip, why);
    strv_free(versions);
    return ok;
}

static bool
set_refs(struct import *import, bool newest, struct fault *why)
{
    const char *tag = tag_of(&import->arena, import->version);

    return git(import, GIT_ARGS("tag", "-f", "-a", "-m", import->version,
                                tag + strlen("refs/tags/"), import->tip),
               NULL, why)
        && (!newest || git(import, GIT_ARGS("update-ref", "refs/heads/main",
                                            import->tip), NULL, why));
}

bool
source_deb_import(const struct source *source, const char *version,
                  const char *dir, struct fault *why)
{
    struct import import = { .source = source, .version = version,
                             .dir = dir };
    bool ok, newest = false;

    import.index = arena_printf(&import.arena, "%s.index", dir);
    ok = read_changelog(&import, why) && find_parent(&import, &newest, why)
        && commit(&import, arena_printf(&import.arena, "debian %s: unpacked",
                                        version), why)
        && apply_series(&import, why) && set_refs(&import, newest, why);
    if (!ok)
        fault_context(why, "version %s", version);
    (void)unlink(import.index);
    arena_free(&import.arena);
    return ok;
}

/* Fetch ------------------------------------------------------------------- */

static bool
unpack(struct arena *arena, const char *dir, const char **tree_out,
       struct fault *why)
{
    const char *tree = arena_printf(arena, "%s/tree", dir);
    glob_t found = { .gl_pathc = 0 };
    bool ok;

    ok = glob(arena_printf(arena, "%s/*.dsc", dir), 0, NULL, &found) == 0;
    if (!ok) {
        fault_set(why, FAULT_PEER, "apt left no .dsc file in %s", dir);
    } else {
        const char *const argv[] = { "dpkg-source", "--skip-patches", "-x",
                                     found.gl_pathv[0], tree, NULL };

        ok = proc_run(argv, NULL, 0, TOOL_LIMIT_MS, NULL, why);
    }
    globfree(&found);
    *tree_out = tree;
    return ok;
}

/* One version, in a directory that is gone afterwards. */
static bool
add_version(const struct source *source, struct deb_root *root,
            const char *package, const char *version, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct fault unused = FAULT_INIT;
    const char *dir = arena_printf(&arena, "%s.unpack", source->dir), *tree;
    bool ok;

    ok = fs_remove_tree(dir, why) && fs_mkdirs(dir, 0755, why)
        && deb_fetch_source(root, package, version, dir, why)
        && unpack(&arena, dir, &tree, why)
        && source_deb_import(source, version, tree, why);
    if (!fs_remove_tree(dir, &unused) && ok)
        *why = unused;
    arena_free(&arena);
    return ok;
}

static int
by_version(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;

    return is_less(x, y) ? -1 : strcmp(x, y) == 0 ? 0 : 1;
}

/* From one suite; 'only' is a version, or NULL. Mirrors name versions that
 * they have no more, or not yet. */
static bool
fetch_suite(const struct source *source, const char *suite,
            const char *package, const char *only, size_t *seen_out,
            struct fault *why)
{
    const struct deb_options options = {
        .suite = suite, .arch = build_machine_arch(), .purpose = "source",
        .sources = true, .max_age_ms = LISTS_AGE_MS,
    };
    struct deb_root *root = NULL;
    char **have = strv_copy(NULL), **list = strv_copy(NULL);
    size_t i;
    bool ok;

    ok = options.arch != NULL
        || fault_set(why, FAULT_CONFIG, "this machine is neither amd64 nor "
                     "arm64");
    ok = ok && deb_open(&options, &root, why)
        && deb_list_source(root, package, &list, why)
        && list_versions(source, &have, why);
    if (ok)
        qsort(list, strv_count(list), sizeof(*list), by_version);
    for (i = 0; ok && list[i] != NULL; i++) {
        if (only != NULL && strcmp(only, list[i]) != 0)
            continue;
        ok = strv_has(have, list[i])
            || add_version(source, root, package, list[i], why);
        *seen_out += ok ? 1 : 0;
        if (!ok && only == NULL && why->kind == FAULT_PEER) {
            log_fault(LOG_LEVEL_WARN, why, "%s %s is left out", package,
                      list[i]);
            ok = true;
        }
    }
    deb_close(root);
    strv_free(list);
    strv_free(have);
    return ok;
}

bool
source_deb_fetch(const struct source *source, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char *suites = arena_strdup(&arena, source->url + strlen(SCHEME));
    char *package = strchr(suites, '/'), *only, *save = NULL, *suite;
    size_t seen = 0;
    bool ok;

    ok = package != NULL
        || fault_set(why, FAULT_DATA, "tree %s has no URL that is "
                     "understood: %s", source->tree, source->url);
    if (!ok)
        goto out;
    *package++ = '\0';
    only = strchr(package, '=');
    if (only != NULL)
        *only++ = '\0';
    for (suite = strtok_r(suites, ",", &save); ok && suite != NULL;
         suite = strtok_r(NULL, ",", &save))
        ok = fetch_suite(source, suite, package, only, &seen, why);
    if (ok && seen == 0)
        ok = fault_set(why, FAULT_NOT_FOUND, "the mirror has no source of "
                       "%s%s%s", package, only == NULL ? "" : " ",
                       only == NULL ? "" : only);
out:
    arena_free(&arena);
    return ok;
}
