/* tests/flights/matrix-test.c - cells, exclusions and {key}. */
#include <config.h>

#include "flights/matrix.h"

#include "harness/arena.h"
#include "tests/tap.h"

static const char *const archs[] = { "amd64", "arm64" };
static const char *const modes[] = { "pv", "pvh", "hvm" };
static const struct matrix_axis axes[] = {
    { "arch", archs, 2 }, { "mode", modes, 3 },
};

static void
cells(void)
{
    struct matrix_axis empty[] = { { "arch", archs, 2 }, { "x", NULL, 0 } };
    struct matrix_axis big[] = { { "a", NULL, 1000 }, { "b", NULL, 1000 },
                                 { "c", NULL, 1000 } };
    struct matrix_pair p[2];

    is_int((int64_t)matrix_size(axes, 2, 100), 6, "2 x 3 cells");
    is_int((int64_t)matrix_size(axes, 0, 100), 1, "no axes: one cell");
    is_int((int64_t)matrix_size(empty, 2, 100), 0, "an empty axis: none");
    is_int((int64_t)matrix_size(big, 3, 2000), 2001, "too many: max + 1");
    is_int((int64_t)matrix_size(axes, 2, 6), 6, "exactly max is not more");
    matrix_cell(axes, 2, 0, p);
    ok(strcmp(p[0].value, "amd64") == 0 && strcmp(p[1].value, "pv") == 0,
       "the first cell");
    matrix_cell(axes, 2, 4, p);
    ok(strcmp(p[0].value, "arm64") == 0 && strcmp(p[1].value, "pvh") == 0,
       "the last axis moves fastest");
}

static void
exclusions(struct arena *arena)
{
    static const struct { const char *rule; bool good, hit; } rows[] = {
        { "arch=arm64", true, true },
        { "arch=arm64 mode=pv", true, true },
        { "  mode=pv\tarch=arm64 ", true, true },
        { "arch=arm64 mode=hvm", true, false },
        { "arch=ARM64", true, false },
        { "", false, false },
        { "arch", false, false },
        { "cpu=x", false, false },
        { "=arm64", false, false },
    };
    const struct matrix_pair p[] = { { "arch", "arm64" }, { "mode", "pv" } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool hit = false;
        const char *bad = NULL;
        bool good = matrix_excludes(arena, rows[i].rule, p, 2, &hit, &bad);

        ok(good == rows[i].good && (!good || hit == rows[i].hit) &&
               (good || bad != NULL),
           "rule '%s'", rows[i].rule);
    }
}

static void
replacements(struct arena *arena)
{
    static const struct { const char *text, *want, *bad; } rows[] = {
        { "smoke-{arch}", "smoke-arm64", NULL },
        { "{arch}{mode}", "arm64pv", NULL },
        { "", "", NULL },
        { "a{{b}", "a{b}", NULL },
        { "{nope}", NULL, "nope" },
        { "{}", NULL, "" },
        { "x{arch", NULL, "{arch" },
    };
    const struct matrix_pair p[] = { { "arch", "arm64" }, { "mode", "pv" } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *out = NULL, *bad = NULL;
        bool good = matrix_replace(arena, rows[i].text, p, 2, &out, &bad);

        if (rows[i].want != NULL)
            is_str(good ? out : NULL, rows[i].want, "'%s'", rows[i].text);
        else
            is_str(good ? NULL : bad, rows[i].bad, "'%s' is refused",
                   rows[i].text);
    }
}

int
main(void)
{
    struct arena arena = ARENA_INIT;

    cells();
    exclusions(&arena);
    replacements(&arena);
    arena_free(&arena);
    return tap_done();
}
