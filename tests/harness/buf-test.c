/* tests/harness/buf-test.c - the string builder and the small parsers. */
#include <config.h>

#include <locale.h>

#include "harness/buf.h"
#include "tests/tap.h"

static void
test_buf(void)
{
    struct buf buf = BUF_INIT;
    char *text;
    int i;

    is_str(buf_text(&buf), "", "an empty buffer is an empty text");
    text = buf_take(&buf);
    is_str(text, "", "and can be taken");
    free(text);
    buf_adds(&buf, "ab");
    buf_addc(&buf, 'c');
    buf_addf(&buf, "%d-%s", 42, "x");
    is_str(buf_text(&buf), "abc42-x", "adds");
    buf_drop(&buf, 3);
    is_str(buf_text(&buf), "42-x", "drops the start");
    buf_drop(&buf, 4);
    is_str(buf_text(&buf), "", "drops all");
    for (i = 0; i < 10000; i++)
        buf_addf(&buf, "%04d ", i);
    is_int((int64_t)buf.len, 50000, "grows");
    is_str(buf_text(&buf) + 49995, "9999 ", "to the end");
    buf_reset(&buf);
    is_int((int64_t)buf.len, 0, "reset");
    buf_add(&buf, "a\0b", 3);
    is_int((int64_t)buf.len, 3, "holds zero bytes");
    text = buf_take(&buf);
    ok(memcmp(text, "a\0b", 4) == 0, "and ends in one");
    ok(buf.data == NULL && buf.len == 0, "taken: empty again");
    free(text);
    buf_free(&buf);
}

static void
test_escapes(void)
{
    static const struct {
        const char *in, *escaped, *html, *shell;
    } rows[] = {
        { "plain-1.2/x", "plain-1.2/x", "plain-1.2/x", "plain-1.2/x" },
        { "", "", "", "''" },
        { "it's", "it's", "it&#39;s", "'it'\\''s'" },
        { "<a href=\"x&y\">", "<a href=\"x&y\">",
          "&lt;a href=&quot;x&amp;y&quot;&gt;", "'<a href=\"x&y\">'" },
        { "a\tb\n", "a\\x09b\\x0a", "a\tb\n", "'a\tb\n'" },
        { "\x1b[31m", "\\x1b[31m", "\xef\xbf\xbd[31m", "'\x1b[31m'" },
        { "\x7f", "\\x7f", "\xef\xbf\xbd", "'\x7f'" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "'\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'" },
        /* CSI as one character: some terminals obey it. */
        { "\xc2\x9b" "31m", "\\xc2\\x9b31m", "\xef\xbf\xbd" "31m",
          "'\xc2\x9b" "31m'" },
        { "\xff\xc3", "\\xff\\xc3", "\xef\xbf\xbd\xef\xbf\xbd",
          "'\xff\xc3'" },
        /* Overlong, a surrogate, and past the end of Unicode. */
        { "\xc0\xaf", "\\xc0\\xaf", "\xef\xbf\xbd\xef\xbf\xbd",
          "'\xc0\xaf'" },
        { "\xed\xa0\x80", "\\xed\\xa0\\x80",
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "'\xed\xa0\x80'" },
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
          "'\xf4\x90\x80\x80'" },
    };
    struct buf buf = BUF_INIT;
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        buf_add_escaped(&buf, rows[i].in, strlen(rows[i].in));
        is_str(buf_text(&buf), rows[i].escaped, "escaped %zu", i);
        buf_reset(&buf);
        buf_add_html(&buf, rows[i].in);
        is_str(buf_text(&buf), rows[i].html, "HTML %zu", i);
        buf_reset(&buf);
        buf_add_shell(&buf, rows[i].in);
        is_str(buf_text(&buf), rows[i].shell, "shell %zu", i);
        buf_reset(&buf);
    }
    buf_add_escaped(&buf, "a\0b", 3);
    is_str(buf_text(&buf), "a\\x00b", "a zero byte is escaped");
    buf_free(&buf);
}

static void
test_int64(void)
{
    static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "1x", "0x1",
                                       "1.0", "9223372036854775808",
                                       "-9223372036854775809", "101", "-1" };
    int64_t n = 7;
    size_t i;

    for (i = 0; i < ARRAY_LEN(bad); i++)
        ok(!parse_int64(bad[i], 0, 100, &n), "no int: '%s'", bad[i]);
    is_int(n, 7, "nothing was written");
    ok(parse_int64("100", 0, 100, &n) && n == 100, "the most");
    ok(parse_int64("-5", -5, 5, &n) && n == -5, "the least");
    ok(parse_int64("9223372036854775807", INT64_MIN, INT64_MAX, &n)
           && n == INT64_MAX, "the largest");
    ok(parse_int64("-9223372036854775808", INT64_MIN, INT64_MAX, &n)
           && n == INT64_MIN, "the smallest");
}

static void
test_duration(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = { { "0", 0 }, { "7", 7000 }, { "250ms", 250 }, { "30s", 30000 },
                 { "5m", 300000 }, { "2h", 7200000 }, { "1d", 86400000 } };
    static const char *const bad[] = { "", "s", "-1s", "1.5s", "1 s", "1S",
                                       "1w", "1sm", "9223372036854775807",
                                       "99999999999999999999ms" };
    int64_t ms = 7;
    size_t i;

    for (i = 0; i < ARRAY_LEN(bad); i++)
        ok(!parse_duration_ms(bad[i], &ms), "no duration: '%s'", bad[i]);
    is_int(ms, 7, "nothing was written");
    for (i = 0; i < ARRAY_LEN(good); i++) {
        ok(parse_duration_ms(good[i].text, &ms), "'%s'", good[i].text);
        is_int(ms, good[i].ms, "is that many ms");
    }
}

static void
test_double(void)
{
    static const char *const bad[] = { "", "x", "1,5", "nan", "inf", "0x1p3",
                                       "1e999", "1.5.", " 1", "--1" };
    double d = 7;
    size_t i;

    setlocale(LC_ALL, "de_DE.UTF-8");   /* if it is there, it must not count */
    for (i = 0; i < ARRAY_LEN(bad); i++)
        ok(!parse_double(bad[i], &d), "no number: '%s'", bad[i]);
    ok(parse_double("-1.25e2", &d) && d > -125.01 && d < -124.99, "a number");
}

static void
test_name(void)
{
    static const char *const bad[] = { "", ".", "..", "-a", "_a", "a/b", "a b",
                                       "a\n", "\xc3\xa9", "123456789" };
    size_t i;

    for (i = 0; i < ARRAY_LEN(bad); i++)
        ok(!name_is_safe(bad[i], 8), "unsafe name '%s'", bad[i]);
    ok(name_is_safe("a", 8) && name_is_safe("0-a_b.c", 8)
           && name_is_safe("12345678", 8), "safe names");
}

int
main(void)
{
    test_buf();
    test_escapes();
    test_int64();
    test_duration();
    test_double();
    test_name();
    return tap_done();
}
