/* tests/results/text-test.c - outside bytes made harmless, logs opened and cut,
 * the lines that matter found, consoles by time, numbers written. */
#include <config.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/html.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "harness/plain.h"
#include "results/console_slice.h"
#include "results/excerpt.h"
#include "results/logfile.h"
#include "results/measure.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;
static struct pattern_code *code;
static char root[] = "/tmp/assay-test.XXXXXX";

static void
plain_text(void)
{
    static const struct {
        const char *in;
        size_t bytes;
        const char *want;
    } ROWS[] = {
#define ROW(in, want) { in, sizeof in - 1, want }
        ROW("plain", "plain"),
        ROW("line end\r\n", "line end"),
        ROW("a\tb", "a b"),
        ROW("\x1b[31mred\x1b[0m", "red"),
        ROW("\x1b]0;title\x07text", "text"),
        ROW("\x1b]0;title\x1b\\text", "text"),
        ROW("\x1b(Btext", "text"),
        ROW("cut \x1b[31", "cut \\x1b[31"),
        ROW("\x1b]no end", "\\x1b]no end"),
        ROW("nul \0 inside", "nul \\x00 inside"),
        ROW("bell\x07 del\x7f", "bell\\x07 del\\x7f"),
        ROW("half \xc3", "half \\xc3"),
        ROW("over long \xc0\xaf", "over long \\xc0\\xaf"),
        ROW("surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"),
        ROW("c1 \xc2\x9b" "31m", "c1 \\xc2\\x9b31m"),
        ROW("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"),
        ROW("bidi \xe2\x80\xae" "evil", "bidi \\u202eevil"),
        ROW("hidden \xe2\x80\x8b", "hidden \\u200b"),
        ROW("bom \xef\xbb\xbf", "bom \\ufeff"),
        ROW("<b>&\"'", "<b>&\"'"),
#undef ROW
    };
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        buf_reset(&out);
        plain_add(&out, ROWS[i].in, ROWS[i].bytes, 1000);
        is_str(buf_text(&out), ROWS[i].want, "'%s'", ROWS[i].want);
    }
    buf_reset(&out);
    plain_add(&out, "0123456789", 10, 4);
    is_str(buf_text(&out), "0123...", "too long");
    buf_reset(&out);
    html_text(&out, "<script>\x1b[1m\"&'\x01");
    is_str(buf_text(&out), "&lt;script&gt;&quot;&amp;&#39;\\x01",
           "safe in HTML");
    buf_reset(&out);
    html_path(&out, "a b/\"><script>/\xc3\xbc.log");
    is_str(buf_text(&out), "a%20b/%22%3E%3Cscript%3E/%C3%BC.log",
           "safe in a link");
    buf_free(&out);
}

static void
put(const char *path, const char *data, size_t bytes)
{
    char *full = arena_printf(&arena, "%s/%s", root, path);
    char *slash = strrchr(full, '/');
    struct fault why = FAULT_INIT;
    int fd;

    *slash = '\0';
    if (!fs_mkdirs(full, 0755, &why))
        tap_bail("%s", why.text);
    *slash = '/';
    fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || !fd_write_all(fd, data, bytes, &why))
        tap_bail("%s", full);
    close(fd);
}

static void
logs_are_opened_below(void)
{
    static const struct {
        const char *path;
        enum fault_kind kind;           /* NONE: it opens */
    } ROWS[] = {
        { "flights/1/a.log", FAULT_NONE },
        { "flights/1/none.log", FAULT_NOT_FOUND },
        { "flights/none/a.log", FAULT_NOT_FOUND },
        { "../etc/passwd", FAULT_DATA },
        { "flights/../../etc/passwd", FAULT_DATA },
        { "flights/./1/a.log", FAULT_DATA },
        { "flights//1/a.log", FAULT_DATA },
        { "/etc/passwd", FAULT_DATA },
        { "", FAULT_DATA },
        { "flights/1", FAULT_DATA },
        { "flights/1/link.log", FAULT_DATA },
        { "flights/linked/a.log", FAULT_DATA },
        { "flights/1/fifo.log", FAULT_DATA },
    };
    struct fault why = FAULT_INIT;
    int64_t bytes;
    int fd;

    put("flights/1/a.log", "hello\n", 6);
    if (symlink("/etc/passwd", arena_printf(&arena, "%s/flights/1/link.log",
                                            root)) != 0
        || symlink("1", arena_printf(&arena, "%s/flights/linked", root)) != 0
        || mkfifo(arena_printf(&arena, "%s/flights/1/fifo.log", root),
                  0600) != 0)
        tap_bail("links");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        if (ROWS[i].kind == FAULT_NONE) {
            ok_fault(logfile_open(root, ROWS[i].path, &fd, &bytes, &why),
                     &why, "opens %s", ROWS[i].path);
            is_int(bytes, 6, "... of its size");
            close(fd);
        } else {
            not_ok_fault(logfile_open(root, ROWS[i].path, &fd, &bytes, &why),
                         &why, ROWS[i].kind, "", "'%s'", ROWS[i].path);
        }
    }
    ok_fault(logfile_open(root, arena_printf(&arena, "%s/flights/1/a.log",
                                             root), &fd, &bytes, &why), &why,
             "an absolute path below it");
    close(fd);
    not_ok_fault(logfile_open(root, arena_printf(&arena, "%s2/a.log", root),
                              &fd, &bytes, &why), &why, FAULT_DATA, "below",
                 "a neighbour whose name begins so");
}

static struct logfile_view
view(const char *path, int head, int tail)
{
    struct logfile_view out = { "", "", -1 };
    struct fault why = FAULT_INIT;
    int64_t bytes;
    int fd;

    if (!logfile_open(root, path, &fd, &bytes, &why)
        || !logfile_view(fd, bytes, head, tail, &arena, &out, &why))
        tap_bail("%s", why.text);
    close(fd);
    return out;
}

static void
logs_are_cut(void)
{
    struct buf text = BUF_INIT;
    struct logfile_view v;

    put("l", "", 0);
    v = view("l", 3, 3);
    is_str(v.head, "", "an empty log");
    put("l", "1\n2\n3\n4\n5\n6\n", 12);
    v = view("l", 3, 3);
    is_str(v.head, "1\n2\n3\n4\n5\n6\n", "all of a short one");
    is_int(v.left_out_bytes, 0, "... nothing left out");
    put("l", "1\n2\n3\n4\n5\n6\n7\n8", 15);
    v = view("l", 3, 3);
    is_str(v.head, "1\n2\n3\n", "the head of a longer one");
    is_str(v.tail, "6\n7\n8\n", "... and its tail");
    is_int(v.left_out_bytes, 4, "... and what is between");
    for (int i = 0; i < 200000; i++)
        buf_addf(&text, "line %d\n", i);
    put("l", buf_text(&text), text.len);
    v = view("l", 2, 2);
    is_str(v.head, "line 0\nline 1\n", "the head of a large one");
    is_str(v.tail, "line 199998\nline 199999\n", "... and its tail");
    buf_reset(&text);
    for (int i = 0; i < 300000; i++)
        buf_addc(&text, 'x');
    put("l", buf_text(&text), text.len);
    v = view("l", 2, 2);
    ok(strlen(v.head) < 1200 && v.left_out_bytes > 0, "one endless line");
    buf_free(&text);
}

static struct excerpt
excerpt_of(const char *text, int64_t want)
{
    struct excerpt out;

    excerpt_data(code, text, strlen(text), 1, want, &arena, &out);
    return out;
}

static const char *
marked_line(const struct excerpt *excerpt)
{
    for (int i = 0; i < excerpt->count; i++) {
        if (excerpt->lines[i].marked)
            return excerpt->lines[i].text;
    }
    return "";
}

static void
lines_that_matter(void)
{
    static const char PANIC[] =
        "boot\nerror: a small one\n(XEN) Xen call trace:\n"
        "(XEN)    [<f>] a\n(XEN) \n(XEN) ****\n(XEN) Panic on CPU 0:\r\n"
        "(XEN) FATAL TRAP: vector = 6\n(XEN) ****\n\n(XEN) Reboot in five "
        "seconds...\nBUG: later\n";
    /* As Xen 4.17 said it, of a kernel that died in its first steps. */
    static const char DOM0[] =
        "(XEN) Std. Loglevel: All\n(XEN) Guest Loglevel: All\n"
        "(XEN) Freed 656kB init memory\n"
        "(XEN) d0v0 Unhandled: vec 14, #PF[0001]\n"
        "(XEN) Pagetable walk from ffffffff82a03e60:\n"
        "(XEN)  L4[0x1ff] = 0000000074a04067 0000000000004a04\n"
        "(XEN)  L3[0x1fe] = 0000000074a03067 0000000000004a03\n"
        "(XEN)  L2[0x015] = 0000000074a19067 0000000000004a19\n"
        "(XEN)  L1[0x003] = 0010000072a03067 0000000000002a03\n"
        "(XEN) domain_crash_sync called from entry.S: fault at\n"
        "(XEN) Domain 0 (vcpu#0) crashed on cpu#0:\n"
        "(XEN) ----[ Xen-4.17.7  x86_64  debug=n  Not tainted ]----\n"
        "(XEN) Hardware Dom0 crashed: 'noreboot' set - not rebooting.\n";
    struct excerpt e;
    struct fault why = FAULT_INIT;
    struct buf text = BUF_INIT;
    int64_t bytes;
    int fd;

    e = excerpt_of(PANIC, 0);
    is_str(e.sign, "hypervisor panic", "a panic is found");
    is_str(marked_line(&e), "(XEN) Panic on CPU 0:", "... its line");
    is_int(e.count, 10, "... with ten lines, blank ones left out");
    is_int(e.lines[0].number, 1, "... numbered as in the log");
    is_int(e.lines[9].number, 12, "... to the end");
    e = excerpt_of(DOM0, 0);
    is_str(e.sign, "domain crash", "dom0's crash is found");
    is_str(marked_line(&e), "(XEN) d0v0 Unhandled: vec 14, #PF[0001]",
           "... where it begins");
    is_str(e.lines[9].text, "(XEN) Domain 0 (vcpu#0) crashed on cpu#0:",
           "... until it is said");
    e = excerpt_of("a\nlibxl: error: one\nb\nerror: two\nc\n", 0);
    is_str(marked_line(&e), "libxl: error: one", "the stronger of two");
    e = excerpt_of("error: one\na\nerror: two\nb\n", 0);
    is_str(marked_line(&e), "error: two", "the later of two weak ones");
    e = excerpt_of("Kernel panic - not syncing: 1\n"
                   "Kernel panic - not syncing: 2\n", 0);
    is_str(marked_line(&e), "Kernel panic - not syncing: 1",
           "the first of two strong ones");
    e = excerpt_of("SELFTEST FAILURE: CORRECT BEHAVIOR CANNOT BE GUARANTEED\n"
                   "x\n", 0);
    is_str(e.sign, "", "what good runs print is no sign");
    e = excerpt_of("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12", 0);
    is_int(e.count, 10, "without a sign the last ten lines");
    is_str(e.lines[9].text, "12", "... also an unfinished one");
    is_int(e.lines[0].number, 3, "... numbered");
    e = excerpt_of("1\n2\n3\n4\n5\nerror: x\n7\n8\n", 3);
    is_str(marked_line(&e), "3", "the line that evidence names");
    e = excerpt_of("", 5);
    is_int(e.count, 0, "nothing in nothing");
    e = excerpt_of("\n\n(XEN)\n \n", 0);
    is_int(e.count, 0, "nothing in blank lines");
    /* Longer than what is searched at each end. */
    for (int i = 0; i < 300000; i++)
        buf_addf(&text, "nothing to see in line %d here\n", i);
    buf_adds(&text, "Panic on CPU 1:\n");
    put("big", buf_text(&text), text.len);
    if (!logfile_open(root, "big", &fd, &bytes, &why))
        tap_bail("%s", why.text);
    ok_fault(excerpt_read(code, fd, bytes, 0, &arena, &e, &why), &why, "reads");
    is_str(e.sign, "hypervisor panic", "a panic at the end of a large log");
    is_int(e.lines[0].number, 0, "... whose line numbers nobody counts");
    ok_fault(excerpt_read(code, fd, bytes, 150001, &arena, &e, &why), &why,
             "reads");
    is_str(marked_line(&e), "nothing to see in line 150000 here",
           "a named line in the middle of it");
    is_int(e.lines[2].number, 150001, "... by its number");
    close(fd);
    buf_free(&text);
}

static void
consoles_by_time(void)
{
    struct console_slice slice;
    struct fault why = FAULT_INIT;

    put("consoles/h/000002.log", "old\nboot\npanic\nlater\n", 21);
    put("consoles/h/000002.idx", "f 1000 1 500\nt 1000 1 500\nt 2000 2 504\n"
        "t 3000 3 509 \ngarbage\nt 4000 4 515\nt 50", 76);
    put("consoles/h/000003.log", "new file\n", 9);
    put("consoles/h/000003.idx", "f 9000 9 521\nt 9000 9 521\n", 26);
    ok_fault(console_slice_read(root, "h", 2000, 3500, 1000, &arena, &slice,
                                &why), &why, "a span of time");
    is_str(slice.file, "consoles/h/000002.log", "... its file");
    is_int(slice.line, 2, "... its first line");
    is_int(slice.offset, 4, "... and where that begins");
    is_int((int64_t)slice.bytes, 11, "... its length");
    ok(memcmp(slice.data, "boot\npanic\n", 11) == 0, "... its bytes");
    ok_fault(console_slice_read(root, "h", 2000, 3500, 6, &arena, &slice,
                                &why), &why, "no more than asked for");
    ok(slice.bytes == 6 && memcmp(slice.data, "panic\n", 6) == 0,
       "... the end of it");
    ok_fault(console_slice_read(root, "h", 5000, INT64_MAX, 1000, &arena,
                                &slice, &why), &why, "after a rotation");
    is_str(slice.file, "consoles/h/000003.log", "... the next file");
    ok_fault(console_slice_read(root, "h", 10000, 20000, 1000, &arena, &slice,
                                &why), &why, "a silent time");
    is_int((int64_t)slice.bytes, 0, "... has no bytes");
    not_ok_fault(console_slice_read(root, "none", 0, 1, 1000, &arena, &slice,
                                    &why), &why, FAULT_NOT_FOUND, "",
                 "no such console");
    not_ok_fault(console_slice_read(root, "../h", 0, 1, 1000, &arena, &slice,
                                    &why), &why, FAULT_DATA, "",
                 "no name of a host");
}

static void
numbers(void)
{
    static const struct {
        double value;
        const char *want;
    } ROWS[] = {
        { 0, "0" }, { 1, "1" }, { 630, "630" }, { 1234567, "1234567" },
        { 12.345, "12.35" }, { 0.5, "0.5" }, { 0.00123, "0.00123" },
        { -4.2, "-4.2" }, { 1e13, "1.000e+13" }, { 1e-9, "1.000e-09" },
        { 100.04, "100" },
    };
    struct evidence_metric metrics[] = {
        { "a", "ms", 3, false }, { "b", "ms", 1, false },
        { "a", "ms", 1, false }, { "a", "s", 9, false },
        { "a", "ms", 2, false }, { "a", "ms", 5, true },
    };
    struct evidence_step step = { .number = 1, .metrics = metrics,
                                  .metric_count = ARRAY_LEN(metrics) };
    struct evidence_job job = { .name = "j", .steps = &step,
                                .step_count = 1 };
    struct evidence evidence = { .jobs = &job, .job_count = 1 };
    struct measure *list;
    size_t count;
    char text[32];

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        measure_format(ROWS[i].value, text);
        is_str(text, ROWS[i].want, "%g", ROWS[i].value);
    }
    measure_all(&evidence, &arena, &list, &count);
    is_int((int64_t)count, 4, "series differ by name, unit and sense");
    is_str(list[0].name, "a", "... in the order they came");
    is_int((int64_t)list[0].count, 3, "three repeats");
    ok(list[0].median > 1.99 && list[0].median < 2.01, "their median");
    ok(list[0].values[0] > 2.9 && list[0].sorted[0] < 1.1,
       "... as they came, and sorted");
    ok(list[0].spread > 0.99 && list[0].spread < 1.01, "their spread");
    ok(list[1].spread < 0, "one value has no spread");
}

int
main(void)
{
    struct pattern_set *set = NULL;
    struct fault why = FAULT_INIT;

    if (mkdtemp(root) == NULL)
        tap_bail("no directory");
    if (!pattern_set_load_from(ASSAY_SRCDIR "/results/patterns", NULL, &set,
                               &why)
        || (code = pattern_code_new(set, &why)) == NULL)
        tap_bail("%s", why.text);
    plain_text();
    logs_are_opened_below();
    logs_are_cut();
    lines_that_matter();
    consoles_by_time();
    numbers();
    pattern_code_free(code);
    pattern_set_free(set);
    if (!fs_remove_tree(root, &why))
        diag("%s", why.text);
    arena_free(&arena);
    return tap_done();
}
