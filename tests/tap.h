/* tests/tap.h - a test program that speaks TAP: include it once, in the one
 * source file of the test.
 *
 *     int
 *     main(void)
 *     {
 *         ok(2 + 2 == 4, "sums");
 *         is_str(name, "a", "the name of %s", what);
 *         ok_fault(fs_read_file(...), &why, "reads");
 *         not_ok_fault(fs_read_file(...), &why, FAULT_NOT_FOUND, "read x",
 *                      "says what is missing");
 *         return tap_done();
 *     }
 *
 * A failed check prints what it got, with file and line, and the test goes on;
 * tap_bail() ends it. */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/attr.h"
#include "harness/fault.h"
#include "harness/fs.h"

static struct {
    int count, failed;
    char dir[128];
} tap;

/* A line of comment; newlines inside become lines of comment too. */
static UNUSED PRINTF_LIKE(1, 2) void
diag(const char *fmt, ...)
{
    char text[4096], *p = text, *nl;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    while ((nl = strchr(p, '\n')) != NULL) {
        printf("# %.*s\n", (int)(nl - p), p);
        p = nl + 1;
    }
    printf("# %s\n", p);
    fflush(stdout);
}

static UNUSED PRINTF_LIKE(4, 0) bool
tap_result(bool passed, const char *file, int line, const char *fmt,
           va_list ap)
{
    printf("%sok %d - ", passed ? "" : "not ", ++tap.count);
    vprintf(fmt, ap);
    putchar('\n');
    if (!passed) {
        tap.failed++;
        printf("# failed at %s:%d\n", file, line);
    }
    fflush(stdout);             /* a crash must not lose what was said */
    return passed;
}

static UNUSED PRINTF_LIKE(4, 5) bool
tap_ok(bool passed, const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tap_result(passed, file, line, fmt, ap);
    va_end(ap);
    return passed;
}

static UNUSED PRINTF_LIKE(5, 6) bool
tap_is_int(int64_t got, int64_t want, const char *file, int line,
           const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tap_result(got == want, file, line, fmt, ap);
    va_end(ap);
    if (got != want)
        diag("got %" PRId64 ", wanted %" PRId64, got, want);
    return got == want;
}

static UNUSED PRINTF_LIKE(5, 6) bool
tap_is_str(const char *got, const char *want, const char *file, int line,
           const char *fmt, ...)
{
    bool same = got == NULL || want == NULL ? got == want
                                            : strcmp(got, want) == 0;
    va_list ap;

    va_start(ap, fmt);
    tap_result(same, file, line, fmt, ap);
    va_end(ap);
    if (!same)
        diag("got    '%s'\nwanted '%s'", got != NULL ? got : "(null)",
             want != NULL ? want : "(null)");
    return same;
}

static UNUSED PRINTF_LIKE(5, 6) bool
tap_has_str(const char *got, const char *part, const char *file, int line,
            const char *fmt, ...)
{
    bool has = got != NULL && strstr(got, part) != NULL;
    va_list ap;

    va_start(ap, fmt);
    tap_result(has, file, line, fmt, ap);
    va_end(ap);
    if (!has)
        diag("'%s'\nis not in '%s'", part, got != NULL ? got : "(null)");
    return has;
}

static UNUSED PRINTF_LIKE(5, 6) bool
tap_ok_fault(bool passed, const struct fault *why, const char *file, int line,
             const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tap_result(passed, file, line, fmt, ap);
    va_end(ap);
    if (!passed)
        diag("%s: %s\n%s", fault_kind_name(why->kind), why->text,
             why->detail);
    return passed;
}

static UNUSED PRINTF_LIKE(7, 8) bool
tap_not_ok_fault(bool result, const struct fault *why, enum fault_kind kind,
                 const char *part, const char *file, int line,
                 const char *fmt, ...)
{
    bool good = !result && why->kind == kind
        && strstr(why->text, part) != NULL;
    va_list ap;

    va_start(ap, fmt);
    tap_result(good, file, line, fmt, ap);
    va_end(ap);
    if (good)
        return true;
    if (result)
        diag("it succeeded, but %s was wanted", fault_kind_name(kind));
    else
        diag("got    %s: %s\nwanted %s: ...%s...",
             fault_kind_name(why->kind), why->text, fault_kind_name(kind),
             part);
    return false;
}

#define ok(x, ...) tap_ok((x), __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) \
    tap_is_int((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) \
    tap_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define has_str(got, part, ...) \
    tap_has_str((got), (part), __FILE__, __LINE__, __VA_ARGS__)
#define ok_fault(x, why, ...) \
    tap_ok_fault((x), (why), __FILE__, __LINE__, __VA_ARGS__)
#define not_ok_fault(x, why, kind, part, ...) \
    tap_not_ok_fault((x), (why), (kind), (part), __FILE__, __LINE__, \
                     __VA_ARGS__)

/* A check that cannot be made here. */
static UNUSED void
skip(const char *what, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++tap.count, what, reason);
    fflush(stdout);
}

/* The whole program cannot run here: call it before any check. Exits. */
static UNUSED NORETURN void
skip_all(const char *reason)
{
    printf("1..0 # SKIP %s\n", reason);
    exit(0);
}

static UNUSED NORETURN PRINTF_LIKE(1, 2) void
tap_bail(const char *fmt, ...)
{
    va_list ap;

    printf("Bail out! ");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    exit(1);
}

/* A directory for this run, removed by tap_done() unless a check failed. */
static UNUSED const char *
tap_dir(void)
{
    const char *top = getenv("TMPDIR");

    if (tap.dir[0] != '\0')
        return tap.dir;
    snprintf(tap.dir, sizeof(tap.dir), "%s/assay-test-XXXXXX",
             top != NULL && strlen(top) < 60 ? top : "/tmp");
    if (mkdtemp(tap.dir) == NULL)
        tap_bail("make a directory in %s", tap.dir);
    return tap.dir;
}

/* The plan, at the end; the exit status of main(). */
static UNUSED int
tap_done(void)
{
    struct fault why = FAULT_INIT;

    if (tap.dir[0] != '\0' && tap.failed != 0)
        diag("kept %s", tap.dir);
    else if (tap.dir[0] != '\0' && !fs_remove_tree(tap.dir, &why))
        diag("%s", why.text);
    printf("1..%d\n", tap.count);
    return tap.failed == 0 ? 0 : 1;
}

#endif
