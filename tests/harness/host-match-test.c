/* tests/harness/host-match-test.c - who fits where, and why not. */
#include <config.h>

#include "harness/buf.h"
#include "harness/host_match.h"
#include "harness/task_db.h"
#include "tests/tap.h"

static const char *const none[] = { NULL };
static const char *const xen[] = { "xen", NULL };
static const char *const xen_hap[] = { "xen", "hap", NULL };

#define HOST(name, arch, class, flags) \
    { name, arch, class, flags, NULL, false, false, NULL }

static const struct match_host farm[] = {
    HOST("a1", "amd64", "a", xen_hap), HOST("a2", "amd64", "a", xen),
    HOST("b1", "amd64", "b", xen), HOST("b2", "amd64", "b", xen_hap),
    HOST("m1", "arm64", "m", xen),
    { "x1", "amd64", "x", xen_hap, "its state is bad", false, false, NULL },
    { "old", "i386", "y", none, "its state is retired", true, false, NULL },
};

static void
check(const char *what, const struct task_role *roles, int count, bool ever,
      const char *want)
{
    struct buf got = BUF_INIT;
    int hosts[8], i;

    if (!host_match(farm, (int)ARRAY_LEN(farm), roles, count, ever, hosts)) {
        is_str("no", want, "%s", what);
        return;
    }
    for (i = 0; i < count; i++)
        buf_addf(&got, "%s%s", i > 0 ? " " : "", farm[hosts[i]].name);
    is_str(buf_text(&got), want, "%s", what);
    buf_free(&got);
}

static void
test_one(void)
{
    const struct task_role any = { "h", NULL, NULL, NULL, 0, false, NULL };
    const struct task_role arm = { "h", "arm64", NULL, xen, 0, false, NULL };
    const struct task_role hap =
        { "h", "amd64", NULL, xen_hap, 0, false, NULL };
    const struct task_role named = { "h", NULL, "b2", NULL, 0, false, NULL };
    const struct task_role wrong = { "h", "arm64", "b2", NULL, 0, false, NULL };
    const struct task_role bad = { "h", NULL, "x1", NULL, 0, false, NULL };
    const struct task_role retired = { "h", NULL, "old", NULL, 0, false, NULL };
    const struct task_role lost =
        { "h", NULL, "nowhere", NULL, 0, false, NULL };

    check("the first that fits", &any, 1, false, "a1");
    check("by architecture", &arm, 1, false, "m1");
    check("by flags", &hap, 1, false, "a1");
    check("by name", &named, 1, false, "b2");
    check("a name of another architecture", &wrong, 1, true, "no");
    check("a bad host is not had now", &bad, 1, false, "no");
    check("but it may be one day", &bad, 1, true, "x1");
    check("a retired one never", &retired, 1, true, "no");
    check("nor one that does not exist", &lost, 1, true, "no");
}

static void
test_wants(void)
{
    static const char *const has[] = { "memory_mb=4096", "cpu=epyc",
                                       "bios=1.9.2", NULL };
    static const char *const asks[] = { "memory_mb>=512", "memory_mb>=8192",
                                        NULL };
    const struct match_host host = { .name = "h", .arch = "amd64",
                                     .class = "c", .flags = none,
                                     .properties = has };
    const struct match_host bare = { .name = "b", .arch = "amd64",
                                     .class = "c", .flags = none };
    const struct task_role role = { .role = "r", .wants = asks };
    struct buf why = BUF_INIT;

    ok(host_match_wants(&host, "cpu=epyc"), "a property has the value");
    ok(!host_match_wants(&host, "cpu=epy"), "the beginning is not enough");
    ok(!host_match_wants(&host, "cp=epyc"), "nor that of a name");
    ok(host_match_wants(&host, "memory_mb>=512"), "512 is less than 4096");
    ok(host_match_wants(&host, "memory_mb>=4096"), "at least that");
    ok(!host_match_wants(&host, "memory_mb>=10240"), "and not more");
    ok(host_match_wants(&host, "bios>=1.9") &&
       !host_match_wants(&host, "bios>=1.10"), "versions count by number");
    ok(!host_match_wants(&bare, "cpu=epyc"), "no property fits nothing");
    ok(!host_match_fits(&host, &role), "a role wants all of them");
    host_match_explain(&host, 1, &role, 1, 1, &why);
    is_str(buf_text(&why), "h: memory_mb is 4096, not >=8192\n",
           "and the reason says which");
    buf_reset(&why);
    host_match_explain(&bare, 1, &role, 1, 1, &why);
    is_str(buf_text(&why), "b: has no property memory_mb\n",
           "or that it is not there");
    buf_free(&why);
}

static void
test_sets(void)
{
    const struct task_role displaced[] = {
        { "any", "amd64", NULL, NULL, 0, false, NULL },
        { "wants a1", NULL, "a1", NULL, 0, false, NULL },
    };
    const struct task_role pair[] = {
        { "src", "amd64", NULL, xen_hap, 1, false, NULL },
        { "dst", "amd64", NULL, xen, 1, false, NULL },
    };
    const struct task_role two_hap[] = {
        { "src", "amd64", NULL, xen_hap, 1, false, NULL },
        { "dst", "amd64", NULL, xen_hap, 1, false, NULL },
    };
    const struct task_role two_pairs[] = {
        { "1", NULL, NULL, xen, 1, false, NULL },
        { "2", NULL, NULL, xen, 1, false, NULL },
        { "3", NULL, NULL, xen, 2, false, NULL },
        { "4", NULL, NULL, xen, 2, false, NULL },
    };
    const struct task_role five[] = {
        { "1", "amd64", NULL, NULL, 0, false, NULL },
        { "2", "amd64", NULL, NULL, 0, false, NULL },
        { "3", "amd64", NULL, NULL, 0, false, NULL },
        { "4", "amd64", NULL, NULL, 0, false, NULL },
        { "5", "amd64", NULL, NULL, 0, false, NULL },
    };

    check("a picky role moves another along", displaced, 2, false, "a2 a1");
    check("a pair of one class", pair, 2, false, "a1 a2");
    check("no class has two with both flags", two_hap, 2, false, "no");
    check("two groups in two classes", two_pairs, 4, false, "a1 a2 b1 b2");
    check("four hosts are not five", five, 5, false, "no");
    check("one day they may be", five, 5, true, "a1 a2 b1 b2 x1");
}

/* The first of a class does not fit: the class is tried all the same. */
static void
test_class_after_misfit(void)
{
    const struct match_host hosts[] = {
        { "bad", "amd64", "a", xen, "its state is bad", false, false, NULL },
        HOST("plain", "amd64", "a", none),
        HOST("good", "amd64", "a", xen),
    };
    const struct task_role role = { "h", "amd64", NULL, xen, 1, false, NULL };
    int out[1] = { -1 };

    ok(host_match(hosts, (int)ARRAY_LEN(hosts), &role, 1, false, out),
       "a class whose first hosts do not fit");
    is_int(out[0], 2, "gives the one that does");
}

static void
test_suspect(void)
{
    const struct match_host hosts[] = {
        { .name = "a", .arch = "amd64", .class = "c", .flags = xen,
          .suspect = true },
    };
    const struct task_role job = { .role = "h", .arch = "amd64" };
    const struct task_role check = { .role = "h", .host = "a",
                                     .check = true };
    struct buf said = BUF_INIT;
    int out[1] = { -1 };

    ok(!host_match(hosts, 1, &job, 1, false, out),
       "a suspect host is not given");
    ok(host_match(hosts, 1, &job, 1, true, out), "but may be again");
    ok(host_match(hosts, 1, &check, 1, false, out),
       "it is to the job that checks it");
    host_match_explain(hosts, 1, &job, 1, 1, &said);
    is_str(buf_text(&said), "a: its state is suspect\n", "others are told");
    buf_free(&said);
}

/* A thousand hosts, and an impossible wish: an answer at once. */
static void
test_size(void)
{
    enum { COUNT = 1000 };
    static struct match_host hosts[COUNT];
    struct task_role roles[12];
    int out[12], i;

    for (i = 0; i < COUNT; i++)
        hosts[i] = (struct match_host)HOST("h", "amd64", "c", xen);
    hosts[7].flags = xen_hap;
    for (i = 0; i < 12; i++)
        roles[i] = (struct task_role){
            "r", "amd64", NULL, xen, 1, false, NULL,
        };
    ok(host_match(hosts, COUNT, roles, 12, false, out), "12 of 1,000");
    roles[10].flags = xen_hap;
    roles[11].flags = xen_hap;
    ok(!host_match(hosts, COUNT, roles, 12, false, out),
       "12, two of which want the one with hap");
}

static void
test_explain(void)
{
    const struct task_role roles[] = {
        { "h", "amd64", NULL, xen_hap, 0, false, NULL },
        { "i", "arm64", "m2", NULL, 0, false, NULL },
    };
    struct buf out = BUF_INIT;

    host_match_explain(farm, (int)ARRAY_LEN(farm), roles, 1, 4, &out);
    is_str(buf_text(&out),
           "a1: free, but there are not enough like it\n"
           "b2: free, but there are not enough like it\n"
           "x1: its state is bad\n"
           "a2: has no flag hap\n"
           "and 3 more\n", "the nearest first, then how many more");
    buf_reset(&out);
    host_match_explain(&farm[4], 1, roles, 2, 4, &out);
    is_str(buf_text(&out), "m1: arch arm64, not amd64; not the wanted m2\n",
           "each role's reason");
    buf_reset(&out);
    host_match_explain(farm, 0, roles, 2, 4, &out);
    is_str(buf_text(&out), "there are no hosts\n", "an empty farm");
    buf_free(&out);
}

int
main(void)
{
    test_one();
    test_wants();
    test_sets();
    test_class_after_misfit();
    test_suspect();
    test_size();
    test_explain();
    return tap_done();
}
