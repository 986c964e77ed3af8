/* tests/hosts/console-match-test.c - patterns in a stream that comes in pieces
 * of any size. */
#include <config.h>

#include "harness/buf.h"
#include "hosts/console_match.h"
#include "tests/tap.h"

static struct fault why;

static void
feed(struct console_match_set *set, int64_t offset, const char *data,
     size_t bytes)
{
    if (console_match_feed(set, offset, data, bytes) &&
        console_match_index(set) < 0)
        tap_bail("a match without an index");
}

static struct console_match_set *
compile(const char *const *patterns, size_t count)
{
    struct console_match_set *set = console_match_new(patterns, count, &why);

    if (set == NULL)
        tap_bail("%s", why.text);
    return set;
}

/* Feeds 'text' in pieces of 'size' from offset 1000 on. */
static void
check_pieces(const char *text, const char *const *patterns, size_t count,
             int index, int64_t end, const char *line)
{
    for (size_t size = 1; size <= strlen(text); size++) {
        struct console_match_set *set = compile(patterns, count);
        struct buf out = BUF_INIT;
        bool good;

        for (size_t at = 0; at < strlen(text); at += size) {
            size_t part = strlen(text) - at < size ? strlen(text) - at
                                                   : size;

            feed(set, 1000 + (int64_t)at, text + at, part);
        }
        console_match_line(set, &out);
        good = console_match_index(set) == index &&
               (index < 0 || console_match_end(set) == 1000 + end) &&
               strcmp(buf_text(&out), line) == 0;
        if (!good || size == 1)
            ok(good, "pattern '%s' in pieces of %zu: index %d end %" PRId64
               " line '%s'", patterns[0], size, console_match_index(set),
               console_match_end(set) - 1000, buf_text(&out));
        console_match_free(set);
        buf_free(&out);
    }
}

static void
test_pieces(void)
{
    static const char *const panic[] = { "never", "Panic on CPU [0-9]+:" };
    static const char *const both[] = { "abcd", "bc", "abc" };
    static const char *const lines[] = { "^two\\r?$" };
    static const char *const across[] = { "one\\r\\ntwo" };
    static const char *const prompt[] = { "login: $", "login: " };
    static const char *const nul[] = { "a\\x00b" };

    check_pieces("(XEN) hello\r\n(XEN) Panic on CPU 12: bad\r\nmore\r\n",
                 panic, 2, 1, 35, "(XEN) Panic on CPU 12: bad");
    check_pieces("zzabcdef\n", both, 3, 1, 5, "zzabcdef");
    check_pieces("one\r\nxtwo\r\ntwo\r\nthree\r\n", lines, 1, 0, 15, "two");
    check_pieces("one\r\ntwo\r\n", across, 1, 0, 8, "two");
    check_pieces("debian login: ", prompt, 2, 1, 14, "debian login: ");
    check_pieces("nothing of it\r\nat all", panic, 2, -1, 0, "at all");
    {
        struct console_match_set *set = compile(nul, 1);

        ok(!console_match_feed(set, 0, "xa", 2), "half a match is none");
        ok(console_match_feed(set, 2, "\0b", 2), "NUL is a byte like others");
        is_int(console_match_end(set), 4, "it ends after it");
        console_match_free(set);
    }
}

static void
test_holes(void)
{
    static const char *const patterns[] = { "abc", "^c" };
    struct console_match_set *set = compile(patterns, 2);

    ok(!console_match_feed(set, 10, "xab", 3), "before the hole");
    ok(console_match_feed(set, 100, "c", 1), "a line begins after the hole");
    is_int(console_match_index(set), 1, "nothing matches across it");
    is_int(console_match_end(set), 101, "offsets go on after it");
    console_match_free(set);
}

static void
test_lines(void)
{
    static const char *const patterns[] = { "HERE" };
    struct console_match_set *set = compile(patterns, 1);
    struct buf out = BUF_INIT;

    for (int i = 0; i < 10000; i++)
        feed(set, i, "x", 1);
    ok(console_match_feed(set, 10000, "HERE\033[1mand", 11), "a long line");
    ok(!console_match_line_is_whole(set), "is not whole yet");
    feed(set, 10011, " on\r\nmore", 9);
    ok(console_match_line_is_whole(set), "now it is");
    console_match_line(set, &out);
    has_str(buf_text(&out), "xxHERE\\x1b[1mand on",
            "the part around the match is kept, escaped");
    ok(out.len < 300, "and not more");
    console_match_free(set);
    set = compile(patterns, 1);
    feed(set, 5, "one\ntwo", 7);
    is_int(console_match_line_start(set), 9, "where the open line begins");
    console_match_free(set);
    buf_free(&out);
}

static void
test_bad(void)
{
    static const char *const open[] = { "fine", "(open" };
    static const char *const back[] = { "(a)\\1" };
    static const char *const empty[] = { "x*" };

    ok(console_match_new(open, 2, &why) == NULL, "an open parenthesis");
    is_int(why.kind, FAULT_USAGE, "is the caller's fault");
    has_str(why.text, "'(open'", "and is named");
    ok(console_match_new(back, 1, &why) == NULL, "a back reference");
    ok(console_match_new(empty, 1, &why) == NULL, "what matches nothing");
    ok(console_match_new(open, 0, &why) == NULL, "no pattern");
}

int
main(void)
{
    test_pieces();
    test_holes();
    test_lines();
    test_bad();
    return tap_done();
}
