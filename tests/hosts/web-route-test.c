/* tests/hosts/web-route-test.c - what requests ask for, as tables. */
#include <config.h>

#include "hosts/web_route.h"
#include "tests/tap.h"

#define N "0123456789abcdef0123456789abcdef"
#define SHA N N

static void
targets(void)
{
    static const struct {
        const char *target;
        enum web_kind kind;
        enum web_side side;
        const char *text;       /* mac, name or job; NULL: not looked at */
    } ROWS[] = {
        { "/", WEB_FLIGHTS, WEB_SIDE_PAGES, NULL },
        { "/?x", WEB_FLIGHTS, WEB_SIDE_PAGES, NULL },
        { "/flights", WEB_FLIGHTS, WEB_SIDE_PAGES, NULL },
        { "/flights/", WEB_NONE, WEB_SIDE_BOTH, NULL },
        { "/hosts", WEB_HOSTS, WEB_SIDE_PAGES, NULL },
        { "/host/lab-x86-1", WEB_HOST, WEB_SIDE_PAGES, "lab-x86-1" },
        { "/job/smoke-amd64", WEB_JOB, WEB_SIDE_PAGES, "smoke-amd64" },
        { "/host/", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/host/..", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/job/a/b", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/job/%2e%2e", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/health", WEB_HEALTH, WEB_SIDE_BOTH, NULL },
        { "", WEB_NONE, WEB_SIDE_BOTH, NULL },
        { "*", WEB_NONE, WEB_SIDE_BOTH, NULL },
        { "http://x/", WEB_NONE, WEB_SIDE_BOTH, NULL },
        { "/ipxe?mac=52:54:00:AA:00:11", WEB_SCRIPT, WEB_SIDE_BOOT,
          "52:54:00:aa:00:11" },
        { "/grub?mac=52-54-00-aa-00-11", WEB_SCRIPT, WEB_SIDE_BOOT,
          "52:54:00:aa:00:11" },
        { "/ipxe?a=b&mac=52%3a54%3A00%3aaa%3a00%3a11&c", WEB_SCRIPT,
          WEB_SIDE_BOOT, "52:54:00:aa:00:11" },
        { "/ipxe", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/ipxe?amac=52:54:00:aa:00:11", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/ipxe?mac=52:54:00:aa:00:1", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/ipxe?mac=52:54:00:aa:00:111", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/ipxe?mac=52:54:00:aa:00:1g", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/ipxe?mac=525400aa0011", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/ipxe?mac=", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/b/" N "/xen", WEB_PART, WEB_SIDE_BOOT, "xen" },
        { "/b/" N "/xen.cfg?x", WEB_PART, WEB_SIDE_BOOT, "xen.cfg" },
        { "/b/" N "/up", WEB_UP, WEB_SIDE_BOOT, "up" },
        { "/b/" N "/up/x", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/b/" N "/", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/b/" N, WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/b/" N "/..", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/b/" N "/.hidden", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/b/" N "0/xen", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/b/0123456789ABCDEF0123456789ABCDEF/xen", WEB_BAD, WEB_SIDE_BOTH,
          NULL },
        { "/b//xen", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/loader/snponly.efi", WEB_LOADER, WEB_SIDE_BOOT, "snponly.efi" },
        { "/loader/grub.efi?mac=52:54:00:aa:00:11", WEB_LOADER, WEB_SIDE_BOOT,
          "grub.efi" },
        { "/loader/grub.efi?mac=52", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/loader/../x", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/loader/", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/flight/12", WEB_FLIGHT, WEB_SIDE_PAGES, NULL },
        { "/flight/12.json", WEB_FLIGHT_JSON, WEB_SIDE_PAGES, NULL },
        { "/flight/0", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/flight/012x", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/flight/.json", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/flight/12/", WEB_FLIGHT, WEB_SIDE_PAGES, NULL },
        { "/flight/12/x", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/log/1/smoke-amd64/3", WEB_LOG, WEB_SIDE_PAGES, "smoke-amd64" },
        { "/log/1/a+b_c.d/3", WEB_LOG, WEB_SIDE_PAGES, "a+b_c.d" },
        { "/log/1/a%2fb/3", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/log/1/smoke/0", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/log/1/smoke", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/log/1/smoke/1/2", WEB_BAD, WEB_SIDE_BOTH, NULL },
        { "/artefact/" SHA, WEB_ARTEFACT, WEB_SIDE_PAGES, SHA },
        { "/artefact/" N, WEB_BAD, WEB_SIDE_BOTH, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct web_route route;

        web_route_parse(ROWS[i].target, &route);
        ok(route.kind == ROWS[i].kind && route.side == ROWS[i].side
           && (route.kind == WEB_BAD) == (route.why != NULL)
           && route.wants_post == (route.kind == WEB_UP)
           && (ROWS[i].text == NULL
               || strcmp(route.kind == WEB_SCRIPT ? route.mac : route.name,
                         ROWS[i].text) == 0), "'%s'", ROWS[i].target);
    }
}

static void
ranges(void)
{
    static const struct {
        const char *value;
        int64_t total;
        enum web_range want;
        int64_t first, last;
    } ROWS[] = {
        { NULL, 10, WEB_RANGE_NONE, 0, 0 },
        { "bytes=0-3", 10, WEB_RANGE_PART, 0, 3 },
        { "bytes=4-", 10, WEB_RANGE_PART, 4, 9 },
        { "bytes=4-99", 10, WEB_RANGE_PART, 4, 9 },
        { "bytes=-3", 10, WEB_RANGE_PART, 7, 9 },
        { "bytes=-30", 10, WEB_RANGE_PART, 0, 9 },
        { "bytes=-0", 10, WEB_RANGE_BAD, 0, 0 },
        { "bytes=10-", 10, WEB_RANGE_BAD, 0, 0 },
        { "bytes=0-", 0, WEB_RANGE_BAD, 0, 0 },
        { "bytes=3-2", 10, WEB_RANGE_NONE, 0, 0 },
        { "bytes=0-1,3-4", 10, WEB_RANGE_NONE, 0, 0 },
        { "lines=0-3", 10, WEB_RANGE_NONE, 0, 0 },
        { "bytes=99999999999999999999-", 10, WEB_RANGE_NONE, 0, 0 },
        { "bytes=", 10, WEB_RANGE_NONE, 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t first = 0, last = 0;
        enum web_range got = web_range_parse(ROWS[i].value, ROWS[i].total,
                                             &first, &last);

        ok(got == ROWS[i].want && (got != WEB_RANGE_PART
           || (first == ROWS[i].first && last == ROWS[i].last)),
           "range '%s' of %lld", ROWS[i].value != NULL ? ROWS[i].value
           : "(none)", (long long)ROWS[i].total);
    }
}

static void
hostkeys(void)
{
    static const struct {
        const char *body;
        int64_t kept;           /* -1: refused */
    } ROWS[] = {
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", 32 },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\r\n\n", 32 },
        { "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNo root@lab", 45 },
        { "ssh-rsa AAAAB3NzaC1yc2EAAAAD\nssh-rsa AAAAB3NzaC1yc2EAAAAE\n", 57 },
        { "", -1 }, { "\n", -1 }, { "hello", -1 },
        { "ssh-rsa short", -1 },
        { "ssh-rsa AAAAB3NzaC1yc2EAAAAD\ncommand=\"x\"", -1 },
        { "ssh-rsa AAAAB3NzaC1yc2EAAAAD \x1b[31m", -1 },
        { "SSH-RSA AAAAB3NzaC1yc2EAAAAD", -1 },
        { "ssh-rsa <b>AAAAB3NzaC1yc2EAAAAD", -1 },
        { "a b\n\nc", -1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        size_t kept = 0;
        bool valid = web_hostkey_is_valid(ROWS[i].body, strlen(ROWS[i].body),
                                          &kept);

        ok(valid == (ROWS[i].kept >= 0)
           && (!valid || (int64_t)kept == ROWS[i].kept), "key %zu", i);
    }
    ok(!web_hostkey_is_valid("ssh-rsa AAAAB3NzaC1yc2EAAA\0D", 28,
                             &(size_t){ 0 }), "a NUL inside");
}

int
main(void)
{
    targets();
    ranges();
    hostkeys();
    return tap_done();
}
