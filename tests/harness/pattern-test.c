/* tests/harness/pattern-test.c - the library of patterns: every sample of every
 * shipped file, site files, errors with their lines, and matching in streams
 * whatever the borders of the pieces. */
#include <config.h>

#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;
static char *top, *tmp;

static void
check_samples(struct pattern_code *code, const struct pattern *pattern)
{
    bool right = true;

    for (size_t i = 0; pattern->matches[i] != NULL; i++) {
        const char *line = pattern->matches[i];

        if (pattern_code_matches(code, pattern, line, strlen(line)))
            continue;
        right = false;
        printf("# does not match '%s'\n", line);
    }
    for (size_t i = 0; pattern->misses[i] != NULL; i++) {
        const char *line = pattern->misses[i];

        if (!pattern_code_matches(code, pattern, line, strlen(line)))
            continue;
        right = false;
        printf("# matches '%s'\n", line);
    }
    ok(right, "%s: its samples", pattern->name);
}

/* What a sample means, all patterns taken together: at least as grave as what
 * its own pattern says, and never the end of something when it is noise. */
static void
check_meaning(const struct pattern_set *set, struct pattern_code *code)
{
    bool right = true;

    for (size_t i = 0; i < pattern_count(set); i++) {
        const struct pattern *pattern = pattern_at(set, i), *found;

        for (size_t k = 0; pattern->matches[k] != NULL; k++) {
            found = pattern_code_line(code, pattern->matches[k],
                                      strlen(pattern->matches[k]));
            if (pattern->kind == PATTERN_NOISE ? found == NULL
                : found != NULL && found->weight >= pattern->weight)
                continue;
            right = false;
            printf("# '%s' (%s) is taken for %s\n", pattern->matches[k],
                   pattern->name, found == NULL ? "nothing" : found->name);
        }
    }
    ok(right, "together they mean what they mean alone");
}

static void
test_shipped(void)
{
    struct pattern_set *set = NULL;
    struct pattern_code *code = NULL;
    struct fault why = FAULT_INIT;

    ok_fault(pattern_set_load_from(
                 arena_printf(&arena, "%s/results/patterns", top), NULL,
                 &set, &why), &why, "the shipped files");
    if (set == NULL)
        return;
    code = pattern_code_new(set, &why);
    ok_fault(code != NULL, &why, "are taken by libhs");
    for (size_t i = 0; code != NULL && i < pattern_count(set); i++)
        check_samples(code, pattern_at(set, i));
    if (code != NULL)
        check_meaning(set, code);
    pattern_code_free(code);
    pattern_set_free(set);
}

static void
put(const char *path, const char *text)
{
    struct fault why = FAULT_INIT;
    char *full = arena_printf(&arena, "%s/%s", tmp, path);

    if (!fs_write_file(full, 0644, text, strlen(text), &why))
        tap_bail("%s", why.text);
}

#define PATTERN(name, kind, rest, regex) \
    "  - name: " name "\n    kind: " kind "\n" rest "    component: xen\n" \
    "    sign: s\n    regex: '" regex "'\n    matches: [x]\n" \
    "    misses: [y]\n"
#define PRODUCT "    lane: product\n"

/* The set of tmp/a, with tmp/b as the site's. */
static struct pattern_set *
load(struct fault *why)
{
    struct pattern_set *set = NULL;

    *why = (struct fault)FAULT_INIT;
    return pattern_set_load_from(arena_printf(&arena, "%s/a", tmp),
                                 arena_printf(&arena, "%s/b", tmp), &set,
                                 why) ? set : NULL;
}

static void
test_site(void)
{
    struct pattern_set *set;
    struct fault why;

    put("a/one.yaml", "patterns:\n" PATTERN("p1", "fatal", PRODUCT, "aaa")
        PATTERN("p2", "error", PRODUCT, "bbb"));
    put("a/two.yaml", "patterns:\n" PATTERN("p3", "noise", "", "ccc"));
    set = load(&why);
    ok_fault(set != NULL && pattern_count(set) == 3, &why, "three shipped");
    pattern_set_free(set);

    put("b/two.yaml", "# nothing here\n\n");
    put("b/mine.yaml", "patterns:\n" PATTERN("p2", "fatal", PRODUCT, "ddd")
        PATTERN("p4", "start", "", "eee"));
    set = load(&why);
    ok_fault(set != NULL, &why, "with site files");
    if (set == NULL)
        return;
    ok(pattern_find(set, "p3") == NULL, "an empty one disables");
    is_str(pattern_find(set, "p2")->regex, "ddd", "a name is overridden");
    ok(pattern_find(set, "p4") != NULL && pattern_count(set) == 3,
       "and one added");
    pattern_set_free(set);
}

static void
refuses(const char *text, const char *what)
{
    struct pattern_set *set;
    struct fault why;

    put("b/bad.yaml", text);
    set = load(&why);
    not_ok_fault(set != NULL, &why, FAULT_CONFIG, what, "refused: %s", what);
    pattern_set_free(set);
    (void)unlink(arena_printf(&arena, "%s/b/bad.yaml", tmp));
}

static void
test_refusals(void)
{
    struct pattern_code *code;
    struct pattern_set *set;
    struct fault why;

    refuses("patterns:\n" PATTERN("p9", "fatal", "", "a"),
            "bad.yaml:2: pattern p9: fatal and error need a lane");
    refuses("patterns:\n" PATTERN("p9", "noise", PRODUCT, "a"),
            "only fatal and error have a lane");
    refuses("patterns:\n" PATTERN("p9", "fatal", "    lane: me\n", "a"),
            "there is no lane 'me'");
    refuses("patterns:\n" PATTERN("p9", "grave", PRODUCT, "a"), "bad.yaml:");
    refuses("patterns:\n" PATTERN("p8", "noise", "", "a")
            PATTERN("p8", "noise", "", "b"), "pattern p8 is in");
    refuses("patterns:\n  - name: x\n", "bad.yaml:");
    put("b/bad.yaml", "patterns:\n" PATTERN("p9", "noise", "", "(")) ;
    set = load(&why);
    ok_fault(set != NULL, &why, "a regular expression is libhs's to judge");
    if (set == NULL)
        return;
    code = pattern_code_new(set, &why);
    not_ok_fault(code != NULL, &why, FAULT_CONFIG, "bad.yaml:1: pattern p9",
                 "which names the file");
    pattern_set_free(set);
    (void)unlink(arena_printf(&arena, "%s/b/bad.yaml", tmp));
}

static void
on_found(void *owner, const struct pattern *pattern, int64_t offset,
         const char *line, size_t bytes)
{
    buf_addf(owner, "%s@%d:%.*s|", pattern->name, (int)offset, (int)bytes,
             line);
}

static void
test_streams(void)
{
    static const char TEXT[] = "boot\r\nxx aaa\r\nbbb and ccc\nbbb\n\nccc\n"
        "bbb then aaa\nend bbb";
    static const char WANT[] = "p1@6:xx aaa|p2@26:bbb|p1@35:bbb then aaa|"
        "p2@48:end bbb|p1@55:aaa|";
    struct pattern_code *code = NULL;
    struct pattern_set *set;
    struct fault why;
    bool same = true;

    (void)unlink(arena_printf(&arena, "%s/b/two.yaml", tmp));
    (void)unlink(arena_printf(&arena, "%s/b/mine.yaml", tmp));
    set = load(&why);
    if (set != NULL)
        code = pattern_code_new(set, &why);
    ok_fault(code != NULL, &why, "three patterns");
    for (size_t piece = 1; code != NULL && piece <= sizeof(TEXT); piece++) {
        struct buf got = BUF_INIT;
        struct pattern_scan *scan = pattern_scan_new(code, on_found, &got);

        for (size_t at = 0; at < sizeof(TEXT) - 1; at += piece)
            pattern_scan_feed(scan, TEXT + at,
                              sizeof(TEXT) - 1 - at < piece
                              ? sizeof(TEXT) - 1 - at : piece);
        pattern_scan_flush(scan);
        /* It goes on after that. */
        pattern_scan_feed(scan, "aaa\n", 4);
        if (strcmp(buf_text(&got), WANT) != 0) {
            same = false;
            printf("# pieces of %zu: %s\n", piece, buf_text(&got));
        }
        pattern_scan_free(scan);
        buf_free(&got);
    }
    ok(same, "whatever the pieces: lines in order, noise left out");
    pattern_code_free(code);
    pattern_set_free(set);
}

int
main(void)
{
    char dir[] = "/tmp/assay-pattern.XXXXXX";
    struct fault why = FAULT_INIT;

    top = getenv("ASSAY_TOP_SRCDIR");
    tmp = mkdtemp(dir);
    if (top == NULL || tmp == NULL
        || mkdir(arena_printf(&arena, "%s/a", tmp), 0755) != 0
        || mkdir(arena_printf(&arena, "%s/b", tmp), 0755) != 0)
        tap_bail("no place to work");
    test_shipped();
    test_site();
    test_refusals();
    test_streams();
    ok_fault(fs_remove_tree(tmp, &why), &why, "clean");
    arena_free(&arena);
    return tap_done();
}
