/* tests/hosts/firmware-test.c - what firmware says of itself, cleaned and kept
 * with the boot, on a real server. */
#include <config.h>

#include "harness/buf.h"
#include "harness/db.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "hosts/firmware_db.h"
#include "hosts/web_route.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

#define NONCE "0123456789abcdef0123456789abcdef"

static struct pgfix fix;

static void
check_text(void)
{
    static const char *const LINES[][2] = {
        { "\\x1bc\\x1b[?7l\\x1b[2J\\x1b[0mSeaBIOS (version 1.16.2-d-1)",
          "SeaBIOS (version 1.16.2-d-1)" },
        { "\033[0;1miPXE 1.0.0+git-5.1\033[0m -- Open Source Network Boot "
          "Firmware -- \033[0;36mhttp", "iPXE 1.0.0+git-5.1" },
        { "UEFI firmware (version  built at 13:10:49 on Nov  5 2024)\r",
          "UEFI firmware (version built at 13:10:49 on Nov 5 2024)" },
        { "\\x1b[", "" }, { "\\x1b", "" }, { "  \\x07 ", "" }, { "", "" },
        { "a\\x08\\x08b", "ab" }, { "a -- b", "a" }, { "-- a", "-- a" },
    };
    struct buf text = BUF_INIT, cut = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(LINES); i++) {
        buf_reset(&text);
        firmware_text(LINES[i][0], &text);
        is_str(buf_text(&text), LINES[i][1], "line %zu says", i);
    }
    buf_reset(&text);
    for (int i = 0; i < 1000; i++)
        buf_adds(&text, "word ");
    firmware_text(buf_text(&text), &cut);
    ok(cut.len > 100 && cut.len <= FIRMWARE_TEXT_BYTES, "a long one is cut");
    buf_free(&cut);
    buf_free(&text);
}

static void
check_banners(void)
{
    static const char *const BANNERS[] = {
        "\\x1b[0mSeaBIOS (version 1.16.2-debian-1.16.2-1)",
        "BIOS Date: 11/20/2012 18:10:36 Ver: 04.06.05",
        "iPXE 1.21.1 -- Open Source Network Boot Firmware -- http",
    };
    static const char *const OTHERS[] = {
        "(XEN) Xen version 4.17.5 (Debian 4.17.5-1)",
        "(XEN) Bootloader: iPXE 1.0.0", "No bootable device.",
    };
    struct pattern_code *code = pattern_code_try();
    const struct pattern *pattern;

    must(code != NULL);
    for (size_t i = 0; i < ARRAY_LEN(BANNERS); i++) {
        pattern = pattern_code_line(code, BANNERS[i], strlen(BANNERS[i]));
        ok(pattern != NULL && firmware_is_banner(pattern), "a banner: %s",
           BANNERS[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        pattern = pattern_code_line(code, OTHERS[i], strlen(OTHERS[i]));
        ok(pattern == NULL || !firmware_is_banner(pattern), "none: %s",
           OTHERS[i]);
    }
    pattern_code_free(code);
}

static void
check_line(void)
{
    static const char BODY[] = "hostkey=a b\nsmbios=x 1 2014\nlast=1";
    const char *out = NULL;
    size_t bytes = 0;

    ok(web_line_find(BODY, sizeof BODY - 1, "smbios", &out, &bytes)
       && bytes == 8 && memcmp(out, "x 1 2014", 8) == 0, "a line");
    ok(web_line_find(BODY, sizeof BODY - 1, "last", &out, &bytes)
       && bytes == 1, "the last, without an end");
    ok(!web_line_find(BODY, sizeof BODY - 1, "smbio", &out, &bytes)
       && !web_line_find(BODY, sizeof BODY - 1, "key", &out, &bytes)
       && !web_line_find("a=", 2, "a", &out, &bytes)
       && !web_line_find("a", 1, "a", &out, &bytes)
       && !web_line_find("", 0, "a", &out, &bytes), "none");
}

static void
check_record(struct db *db)
{
    struct fault why = FAULT_INIT;

    pgfix_script("insert into assay.host (host, arch, firmware, class, config,"
                 " source) values ('h', 'amd64', 'bios', 'c', '{}', 't');"
                 "insert into assay.boot (nonce, host, flight, job, spec)"
                 " values ('" NONCE "', 'h', 7, 'j', '{}')");
    ok_fault(firmware_record(db, NONCE, "console", "\\x1b[0mBIOS 1", &why)
             && firmware_record(db, NONCE, "console", "Loader 2", &why)
             && firmware_record(db, NONCE, "smbios", "BIOS 1", &why), &why,
             "said");
    ok_fault(firmware_record(db, NONCE, "console", "BIOS 1", &why)
             && firmware_record(db, NONCE, "console", "\\x1b[0m", &why)
             && firmware_record(db, "0123", "console", "BIOS 3", &why), &why,
             "the same, nothing, and of no boot");
    is_int(pgfix_int("select count(*) from assay.boot_firmware where flight = 7"
                     " and job = 'j' and host = 'h'"), 3, "three rows");
    is_int(pgfix_int("select count(*) from assay.boot_firmware where"
                     " said in ('BIOS 1', 'Loader 2')"), 3, "of clean text");
    not_ok_fault(firmware_record(db, NONCE, "rumour", "x", &why), &why,
                 FAULT_DATA, "boot_firmware", "another source is refused");
}

int
main(void)
{
    struct db *db;

    check_text();
    check_line();
    pgfix_start(&fix);
    check_banners();
    db = pgfix_open("assay");
    check_record(db);
    db_close(db);
    return pgfix_done(&fix);
}
