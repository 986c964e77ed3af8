/* tests/hosts/xl-list-test.c - whether a guest is in what "xl list" prints. */
#include <config.h>

#include "hosts/xl_list.h"
#include "tests/tap.h"

#define HEAD "Name                          ID   Mem VCPUs\tState\tTime(s)\n"
#define ZERO "Domain-0                     0  2048     2     r-----   100.1\n"

static void
check_tables(void)
{
    static const struct {
        const char *text, *what;
        bool has;
    } tables[] = {
        { HEAD ZERO, "a Xen without guests", false },
        { HEAD ZERO "h1 7 512 1 -b---- 1.5\n", "a guest", true },
        { HEAD "h1 7 512 1 -b---- 1.5\n" ZERO, "whatever the order", true },
        { HEAD ZERO "h1 7 512 1 --p--- 0.0\n", "one that is paused", true },
        { HEAD ZERO "h1 7 512 1 ---sc- 9.0\n", "one that crashed and is "
          "kept", true },
        { HEAD ZERO "(null) 7 512 1 --psrd 9.0\n", "one that is about to be "
          "gone", false },
        { HEAD ZERO "h11 7 512 1 -b---- 1.5\n", "a longer name", false },
        { HEAD ZERO "h1 h1 7 512 1 -b---- 1.5\n", "a name of two words",
          false },
    };
    struct fault why = FAULT_INIT;

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        bool has = !tables[i].has;

        ok_fault(xl_list_has(tables[i].text, strlen(tables[i].text), "h1",
                             &has, &why), &why, "%s", tables[i].what);
        is_int(has, tables[i].has, "%s: is there or not", tables[i].what);
    }
}

static void
check_no_tables(void)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "", "has no domain 0" },
        { HEAD, "has no domain 0" },
        { HEAD "h2 7 512 1 -b---- 1.5\n", "has no domain 0" },
        { ZERO, "is no table" },
        { HEAD ZERO "h", "is no table of 'xl list': 'h'" },
        { HEAD ZERO "h1 7 512\n", "'h1 7 512'" },
        { HEAD ZERO "\n", "is no table" },
        { HEAD ZERO "h1 seven 512 1 -b---- 1.5\n", "is no table" },
        { HEAD ZERO "h1 7 512 1 -b--- 1.5\n", "is no table" },
        { HEAD ZERO "h1 7 512 1 -b---! 1.5\n", "is no table" },
        { HEAD ZERO "h1 7 512 1 -b---- soon\n", "is no table" },
        { "xl: no Xen here\n" HEAD ZERO, "'xl: no Xen here'" },
    };
    struct fault why = FAULT_INIT;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bool has = true;

        not_ok_fault(xl_list_has(bad[i].text, strlen(bad[i].text), "h1", &has,
                                 &why), &why, FAULT_PEER, bad[i].says,
                     "no table %zu", i);
        ok(has, "no table %zu: nothing is said of the guest", i);
    }
}

static void
check_names(void)
{
    static const char *const bad[] = { "", "7", "0", "007", "Domain-0", "-n",
                                       "a b", "a;b", "a\"b" };

    ok(xl_name_is_good("h1") && xl_name_is_good("1h")
       && xl_name_is_good("rack.nested_2"), "names of guests");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ok(!xl_name_is_good(bad[i]), "'%s' is none", bad[i]);
}

int
main(void)
{
    check_tables();
    check_no_tables();
    check_names();
    return tap_done();
}
