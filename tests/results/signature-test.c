/* tests/results/signature-test.c - what counts for a signature, and what does
 * not. */
#include <config.h>

#include "harness/buf.h"
#include "harness/pattern.h"
#include "results/signature.h"
#include "tests/tap.h"

static const struct pattern PANIC = {
    .name = "xen-panic", .sign = "hypervisor panic",
};
static const struct pattern BUG = { .name = "linux-bug", .sign = "kernel bug" };
static const char *const HOSTS[] = { "lab-x86-1", "lab-x86-2", NULL };

static void
test_lines(void)
{
    static const struct {
        const char *line, *want;
    } ROWS[] = {
        { "(XEN) Panic on CPU 3:\r", "Panic on CPU #:" },
        { "[   12.345678] (XEN) d0v1 Unhandled: vec 14, #PF[0002]",
          "d#v# Unhandled: vec #, #PF[#]" },
        { "[2026-11-23 05:00:01.12] boot", "boot" },
        { "BUG: unable to handle page fault for address: ffff888003c5b000",
          "BUG: unable to handle page fault for address: #" },
        { "at 0xdeadBEEF and 0x1", "at # and #" },
        { "lab-x86-2: did not end within 12.5 s", "#: did not end within # s" },
        { "lab-x86-21 is another", "lab-x# is another" },
        { "10.77.0.11 port 22, 52:54:00:aa:00:11", "# port #, #:aa:#" },
        { "Xen 4.17.5-1+deb12u1 of 2026-11-23T05:00:01Z",
          "Xen #+deb#u# of #T#Z" },
        { "spinlock.c:48", "spinlock.c:#" },
        { "nonce 0123456789abcdef0123456789abcdef end", "nonce # end" },
        { "deadbeef is a word, deadbeef1 is not", "deadbeef is a word, # is "
          "not" },
        { "  many \t  blanks  ", "many blanks" },
        { "", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct buf out = BUF_INIT;

        signature_line(ROWS[i].line, strlen(ROWS[i].line), HOSTS, &out);
        is_str(buf_text(&out), ROWS[i].want, "%s", ROWS[i].line);
        buf_free(&out);
    }
}

#define XEN(name, cpu, ip, offset) \
    "(XEN) ----[ Xen-4." cpu ".5  x86_64 ]----\n" \
    "(XEN) Xen call trace:\n" \
    "(XEN)    [<ffff82d0402d7e" ip ">] R " name "+0x" offset "/0x1b0\n" \
    "(XEN)    [<ffff82d0402d7e20>] S guess" cpu "+0x99/0x1b0\n" \
    "(XEN)    [<ffff82d040204d11>] F arch/x86/idle.c#mwait_idle+0x1a/0x3b\n" \
    "(XEN) \n(XEN) ****************\n(XEN) Panic on CPU " cpu ":\n" \
    "(XEN) FATAL TRAP: vec 13, #GP[0000]\n(XEN) ****************\n"
#define LINUX(time, function) \
    "[" time "] BUG: kernel NULL pointer dereference, address: 000000000010\n" \
    "[" time "] Call Trace:\n[" time "]  <TASK>\n[" time "]  ? a+0x1/0x2\n" \
    "[" time "]  " function ".isra.0+0x12/0x20 [xen_netback]\n" \
    "[" time "]  bar+0x1/0x2\n[" time "]  </TASK>\n" \
    "[" time "] Xen call trace:\n"

static struct signature
crash(const struct pattern *pattern, const char *text, const char *line)
{
    struct signature out;
    const char *at = strstr(text, line);

    must(at != NULL);
    while (at > text && at[-1] != '\n')
        at--;
    signature_of_crash(pattern, text, strlen(text), (size_t)(at - text), HOSTS,
                       &out);
    return out;
}

static void
is_same(bool want, struct signature a, struct signature b, const char *what)
{
    ok((strcmp(a.id, b.id) == 0) == want, "%s", what);
    if ((strcmp(a.id, b.id) == 0) != want)
        diag("%s\n%s", a.body, b.body);
    signature_fini(&a);
    signature_fini(&b);
}

static void
test_crashes(void)
{
    struct signature s = crash(&PANIC, XEN("mwait", "0", "19", "99"),
                               "Panic on");

    is_str(s.title, "hypervisor panic: Panic on CPU #: FATAL TRAP: vec #, "
           "#GP[#]", "a panic's title has its reason");
    is_str(s.body, "xen-panic\nPanic on CPU #: FATAL TRAP: vec #, #GP[#]\n"
           "mwait\nmwait_idle\n", "its body");
    signature_fini(&s);
    is_same(true, crash(&PANIC, XEN("mwait", "0", "19", "99"), "Panic on"),
            crash(&PANIC, "x\n" XEN("mwait", "12", "aa", "1f"), "Panic on"),
            "another CPU, address, offset and version: the same");
    is_same(false, crash(&PANIC, XEN("mwait", "0", "19", "99"), "Panic on"),
            crash(&PANIC, XEN("other", "0", "19", "99"), "Panic on"),
            "another function: another");
    is_same(true, crash(&BUG, LINUX("   1.2", "foo"), "BUG"),
            crash(&BUG, LINUX("99.123456", "foo"), "BUG"),
            "another time: the same");
    is_same(false, crash(&BUG, LINUX("1.2", "foo"), "BUG"),
            crash(&BUG, LINUX("1.2", "fob"), "BUG"),
            "the trace below counts, guesses do not");
    s = crash(&PANIC, "(XEN) Panic on CPU 0:", "Panic");
    is_str(s.body, "xen-panic\nPanic on CPU #:\n", "a panic alone");
    signature_fini(&s);
}

static struct signature
line(const char *text, const char *testid)
{
    struct signature out;

    signature_of_line(NULL, text, testid, HOSTS, &out);
    return out;
}

static void
test_other_lines(void)
{
    is_same(true, line("lab-x86-1: 3 cases failed", "stop/src"),
            line("lab-x86-2: 4 cases failed", "stop/dst"),
            "other hosts, roles, counts: the same");
    is_same(false, line("3 cases failed", "stop"),
            line("3 cases failed", "start"), "another test: another");
    is_same(false, line("no such file", "stop"),
            line("no such domain", "stop"), "other words: another");
}

int
main(void)
{
    test_lines();
    test_crashes();
    test_other_lines();
    return tap_done();
}
