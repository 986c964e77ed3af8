/* tests/harness/base-test.c - memory, arenas, clocks, faults and JSON. */
#include <config.h>

#include <errno.h>
#include <stdint.h>

#include "harness/arena.h"
#include "harness/clock.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "tests/tap.h"

static void
test_mem(void)
{
    size_t cap = 0;
    int *array = NULL, i;
    char *s;

    for (i = 0; i < 1000; i++) {
        array = xgrow(array, &cap, (size_t)i, sizeof(*array));
        array[i] = i;
    }
    ok(cap >= 1000 && array[999] == 999 && array[0] == 0, "xgrow()");
    free(array);
    s = xstrndup("abcdef", 3);
    is_str(s, "abc", "xstrndup()");
    xfree_str(&s);
    ok(s == NULL, "xfree_str() forgets");
    xfree_str(&s);
    s = xasprintf("%s-%d", "a", 1);
    is_str(s, "a-1", "xasprintf()");
    xfree_str(&s);
}

static void
test_arena(void)
{
    struct arena arena = ARENA_INIT;
    char *first = arena_strdup(&arena, "first"), *p;
    bool aligned = true, zero = true;
    size_t i, j;

    for (i = 0; i < 3000; i++) {
        p = arena_alloc(&arena, i % 97);
        aligned = aligned && (uintptr_t)p % _Alignof(max_align_t) == 0;
        for (j = 0; j < i % 97; j++)
            zero = zero && p[j] == 0;
        memset(p, 0xff, i % 97);
    }
    p = arena_alloc(&arena, 1 << 20);
    memset(p, 0xff, 1 << 20);
    ok(aligned, "all aligned");
    ok(zero, "all zeroed");
    is_str(first, "first", "and nothing overlaps");
    is_str(arena_printf(&arena, "%0100d", 7) + 99, "7", "arena_printf()");
    arena_free(&arena);
    ok(arena.head == NULL, "empty after");
    arena_free(&arena);
}

static void
test_clock(void)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        { -1, "-" }, { 0, "0.0 s" }, { 1249, "1.2 s" }, { 1250, "1.3 s" },
        { 59949, "59.9 s" }, { 59950, "1 min 00 s" },
        { 184000, "3 min 04 s" }, { 3599499, "59 min 59 s" },
        { 3599500, "1 h 00 min" }, { 7500000, "2 h 05 min" },
    };
    struct clock warped, *machine = clock_system();
    int64_t before = clock_mono_ms(machine);
    char text[32];
    size_t i;

    ok(clock_mono_ms(machine) >= before, "the machine's clock is monotonic");
    ok(clock_wall_ms(machine) > 1700000000000, "and knows the century");
    clock_init_warped(&warped, 500);
    is_int(clock_mono_ms(&warped), 500, "a warped clock stands");
    clock_warp(&warped, 250);
    is_int(clock_mono_ms(&warped), 750, "until it is warped");
    is_int(clock_wall_ms(&warped), 750, "both its faces");
    clock_iso(0, text);
    is_str(text, "1970-01-01T00:00:00.000Z", "the epoch");
    clock_iso(1795583808123, text);
    is_str(text, "2026-11-25T05:16:48.123Z", "a date");
    clock_iso(-1, text);
    is_str(text, "1969-12-31T23:59:59.999Z", "before the epoch");
    clock_iso(INT64_MAX, text);
    is_str(text, "never", "after all");
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        clock_human(rows[i].ms, text);
        is_str(text, rows[i].text, "%lld ms", (long long)rows[i].ms);
    }
}

static void
test_fault(void)
{
    static char long_text[5000];
    struct fault why = FAULT_INIT;
    size_t i;

    ok(!fault_set(NULL, FAULT_SYSTEM, "nobody listens"), "NULL is allowed");
    fault_set(&why, FAULT_CONFIG, "a %s", "b");
    is_str(why.text, "a b", "a text");
    is_int(fault_exit_status(&why), 2, "its exit status");
    is_str(fault_kind_name(why.kind), "config", "its name");
    fault_hint(&why, "do %d", 1);
    fault_context(&why, "host %s", "x");
    is_str(why.text, "host x: a b", "context comes first");
    is_str(why.hint, "do 1", "a hint stays");
    errno = ENOENT;
    fault_errno(&why, FAULT_SYSTEM, "open it");
    is_str(why.text, "open it: No such file or directory", "with errno");
    is_int(errno, ENOENT, "which stays");
    is_str(why.hint, "", "a new fault has no old hint");
    fault_set(&why, FAULT_PEER, "it said \x1b[2J\n%s", "\xff");
    is_str(why.text, "it said \\x1b[2J\\x0a\\xff", "outside bytes");
    memset(long_text, 'x', sizeof(long_text) - 1);
    fault_set(&why, FAULT_PEER, "%s", long_text);
    is_int((int64_t)strlen(why.text), (int64_t)sizeof(why.text) - 1,
           "a long text is cut");
    is_str(why.text + sizeof(why.text) - 6, "xx...", "with three points");
    fault_context(&why, "%s", long_text);
    is_int((int64_t)strlen(why.text), (int64_t)sizeof(why.text) - 1,
           "long context too");
    for (i = 0; i + 3 < sizeof(long_text); i += 3)
        memcpy(long_text + i, "\xe2\x82\xac", 3);
    fault_set(&why, FAULT_PEER, "%s", long_text);
    ok(strlen(why.text) % 3 == 0, "a cut is between characters");
    fault_detail(&why, "one\ntwo\x01\n\n", 10);
    is_str(why.detail, "one\ntwo\\x01", "detail keeps its lines");
    memset(long_text, 'y', sizeof(long_text) - 1);
    memcpy(long_text + sizeof(long_text) - 5, "last", 4);
    fault_detail(&why, long_text, sizeof(long_text) - 1);
    is_str(why.detail + strlen(why.detail) - 5, "ylast", "and its end");
    ok(strncmp(why.detail, "...", 3) == 0, "not its start");
    for (i = 1; i < FAULT_KIND_COUNT; i++) {
        why.kind = (enum fault_kind)i;
        ok(fault_exit_status(&why) != 0, "%s is no success",
           fault_kind_name(why.kind));
    }
    why.kind = FAULT_NONE;
    ok(fault_exit_status(&why) != 0, "nor is a fault without a kind");
}

static void
test_json(void)
{
    struct fault why = FAULT_INIT;
    static const char text[] = "{\"a\": \"x\", \"n\": 5, \"b\": true}";
    json_t *value = NULL;

    if (!ok_fault(json_parse(text, strlen(text), &value, &why), &why,
                  "parses"))
        return;
    is_str(json_text(value, "a"), "x", "text");
    is_str(json_text(value, "n"), NULL, "no text");
    is_int(json_int(value, "n", 7), 5, "int");
    is_int(json_int(value, "a", 7), 7, "no int");
    ok(json_flag(value, "b", false) && !json_flag(value, "c", false), "flag");
    json_put_text(value, "a", "\xc3\xa9\xff");
    is_str(json_text(value, "a"), "\xc3\xa9\xef\xbf\xbd", "not UTF-8");
    json_put_text(value, "a", NULL);
    ok(json_is_null(json_object_get(value, "a")), "null");
    json_decref(value);
    value = NULL;
    not_ok_fault(json_parse("{\"a\": 1,\n x}", 11, &value, &why), &why,
                 FAULT_DATA, "JSON line 2", "says where");
    not_ok_fault(json_parse("{\"a\":1,\"a\":2}", 13, &value, &why), &why,
                 FAULT_DATA, "duplicate", "a key given twice");
    not_ok_fault(json_parse("1 2", 3, &value, &why), &why, FAULT_DATA,
                 "end of file", "two values");
    not_ok_fault(json_parse("", 0, &value, &why), &why, FAULT_DATA, "JSON",
                 "nothing");
    value = json_true();
    not_ok_fault(json_print(value, stdin, &why), &why, FAULT_SYSTEM,
                 "write JSON", "a stream that cannot be written");
}

int
main(void)
{
    test_mem();
    test_arena();
    test_clock();
    test_fault();
    test_json();
    return tap_done();
}
