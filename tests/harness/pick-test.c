/* tests/harness/pick-test.c - first come, first served, on a picture of
 * hosts. */
#include <config.h>

#include "harness/pick.h"

#include "harness/host_match.h"
#include "harness/task_db.h"
#include "tests/tap.h"

static const char *const xen[] = { "xen", NULL };
static const char *const xen_uefi[] = { "xen", "uefi", NULL };
static const char *const none[] = { NULL };

#define HOST(n, a, c, f, good, free) \
    { .name = n, .arch = a, .class = c, .flags = f, \
      .obstacle = !(good) ? "bad" : !(free) ? "busy" : NULL }
#define X86(n, fr) HOST(n, "amd64", "x86", xen, true, fr)

static const struct task_role one[] = { { .arch = "amd64", .flags = xen } };
static const struct task_role pair[] = {
    { .arch = "amd64", .flags = none, .same_class = 1 },
    { .arch = "amd64", .flags = none, .same_class = 1 },
};
static const struct task_role arm[] = { { .arch = "arm64" } };
static const struct task_role uefi[] = {
    { .arch = "amd64", .flags = xen_uefi }
};
static const struct task_role named[] = { { .host = "b" } };

#define JOB(roles) { roles, (int)ARRAY_LEN(roles), PICK_NONE }

static void
check(const struct match_host *hosts, size_t host_count, struct pick_job *jobs,
      size_t job_count, const char *want, const char *what)
{
    static const char letters[] = "?GWN";
    struct match_host copy[8];
    char got[32];

    must(host_count <= ARRAY_LEN(copy));
    memcpy(copy, hosts, host_count * sizeof *copy);
    pick_run(copy, (int)host_count, jobs, job_count);
    for (size_t i = 0; i < job_count; i++)
        got[i] = letters[jobs[i].verdict];
    got[job_count] = '\0';
    is_str(got, want, "%s", what);
}

#define CHECK(hosts, jobs, want, what) \
    check(hosts, ARRAY_LEN(hosts), jobs, ARRAY_LEN(jobs), want, what)

static void
singles(void)
{
    struct match_host hosts[] = { X86("a", true), X86("b", true),
                                 HOST("c", "arm64", "arm", none, true, true)
    };
    struct pick_job three[] = { JOB(one), JOB(one), JOB(one) };
    struct pick_job other[] = { JOB(arm), JOB(one), JOB(uefi) };
    struct pick_job by_name[] = { JOB(named), JOB(one), JOB(one) };
    struct pick_job bare[] = { { NULL, 0, PICK_NONE } };

    CHECK(hosts, three, "GGW", "as many as there are hosts");
    CHECK(hosts, other, "GGN", "by arch and flags; never, if none has them");
    CHECK(hosts, by_name, "GGW", "a named host is taken by its name");
    CHECK(hosts, bare, "G", "a job without hosts may always start");
}

static void
pairs(void)
{
    struct match_host two[] = { X86("a", true), X86("b", true) };
    struct match_host busy[] = { X86("a", false), X86("b", true),
                                X86("c", false) };
    struct match_host classes[] = {
        HOST("a", "amd64", "old", xen, true, true),
        HOST("b", "amd64", "new", xen, true, true),
        HOST("c", "amd64", "new", xen, true, true),
    };
    struct match_host unlike[] = {
        HOST("a", "amd64", "old", xen, true, true),
        HOST("b", "amd64", "new", xen, true, true),
    };
    struct pick_job pair_one[] = { JOB(pair), JOB(one) };
    struct pick_job ones_pair[] = { JOB(one), JOB(pair), JOB(one) };

    CHECK(two, pair_one, "GW", "a pair takes both");
    CHECK(busy, pair_one, "WW", "a job behind a waiting pair does not "
          "overtake it");
    CHECK(classes, pair_one, "GG", "a pair finds its class, the rest is "
          "for others");
    CHECK(unlike, pair_one, "NG", "two classes make no pair");
    CHECK(two, ones_pair, "GWW", "nor does one behind it, before it");
}

static void
states(void)
{
    struct match_host hosts[] = {
        HOST("a", "amd64", "x", xen, false, true),
        HOST("b", "amd64", "x", xen, true, false),
    };
    struct match_host bad[] = { HOST("a", "amd64", "x", xen, false, true) };
    struct match_host retired[] = {
        { .name = "a", .arch = "amd64", .class = "x", .flags = xen,
          .obstacle = "retired", .never = true },
    };
    struct pick_job job[] = { JOB(one) };

    CHECK(hosts, job, "W", "a bad host is not given, a busy one waited for");
    CHECK(bad, job, "W", "which may become good again");
    CHECK(retired, job, "N", "with retired ones only: never");
}

int
main(void)
{
    singles();
    pairs();
    states();
    return tap_done();
}
