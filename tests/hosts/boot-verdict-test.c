/* tests/hosts/boot-verdict-test.c - whose fault a boot is; what the library's
 * patterns mean for it. */
#include <config.h>

#include "harness/fault.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "hosts/boot_verdict.h"
#include "hosts/netboot.h"
#include "tests/tap.h"

/* All real, but for the made up addresses. */
static const struct {
    enum boot_sign sign;
    const char *line;
} samples[] = {
    { BOOT_SIGN_PANIC, "(XEN) Panic on CPU 0:" },
    { BOOT_SIGN_PANIC, "(XEN) FATAL TRAP: vec 13, #GP[0000]" },
    { BOOT_SIGN_PANIC, "(XEN) FATAL PAGE FAULT" },
    { BOOT_SIGN_PANIC, "(XEN) Xen BUG at drivers/passthrough/x86.c:42" },
    { BOOT_SIGN_PANIC,
      "(XEN) Assertion 'spin_is_locked(x)' failed at mm.c:1234" },
    { BOOT_SIGN_PANIC, "[    3.136473] Kernel panic - not syncing: VFS: "
      "Unable to mount root fs on unknown-block(0,0)" },
    { BOOT_SIGN_PANIC,
      "(XEN) Hardware Dom0 crashed: 'noreboot' set - not rebooting." },
    { BOOT_SIGN_LOADER, NETBOOT_FAILED },
    { BOOT_SIGN_LOADER, "No more network devices" },
    { BOOT_SIGN_LOADER, "No bootable device." },
    { BOOT_SIGN_LOADER, "UEFI Interactive Shell v2.2" },
    { BOOT_SIGN_LOADER, "grub rescue> " },
    { BOOT_SIGN_XEN, "(XEN) Xen version 4.17.7 (Debian 4.17.7+13) debug=n" },
    { BOOT_SIGN_DOM0, "assay: init" },
    { BOOT_SIGN_READY, "assay: dom0 up 0123456789abcdef (12.3 s)" },
    { BOOT_SIGN_TROUBLE, "assay: TROUBLE: no network card" },
    /* Nothing of these means anything for the boot. */
    { BOOT_SIGN_NONE, "(XEN) Command line: console=com1 panic=1" },
    { BOOT_SIGN_NONE, "  [RXE: 4 x \"Operation not supported "
      "(http://ipxe.org/3c046083)\"]" },
    { BOOT_SIGN_NONE, "iPXE (http://ipxe.org) 00:02.0 C000 PCI2.10 PnP" },
    { BOOT_SIGN_NONE, "(XEN) SELFTEST FAILURE: CORRECT BEHAVIOR CANNOT BE "
      "GUARANTEED" },
    { BOOT_SIGN_NONE, "(XEN) **** No support for "
      "ARM_SMCCC_ARCH_WORKAROUND_1. ****" },
    { BOOT_SIGN_NONE, "(XEN) Unhandled SMC/HVC: 0x84000050" },
    { BOOT_SIGN_NONE, "[    0.000000] Kernel command line: console=hvc0" },
    { BOOT_SIGN_NONE, "[    0.1] reboot: Power down, panic_timeout=0" },
    { BOOT_SIGN_NONE, "Xen 4.17.7 (c/s ) EFI loader" },
};

static void
test_samples(void)
{
    struct pattern_set *set = NULL;
    struct pattern_code *code = NULL;
    struct fault why = FAULT_INIT;
    const struct pattern *pattern;

    if (!pattern_set_load_from(ASSAY_SRCDIR "/results/patterns", NULL, &set,
                               &why)
        || (code = pattern_code_new(set, &why)) == NULL)
        tap_bail("%s", why.text);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        pattern = pattern_code_line(code, samples[i].line,
                                    strlen(samples[i].line));
        is_int(pattern == NULL ? BOOT_SIGN_NONE : boot_sign_of(pattern),
               samples[i].sign, "%s", samples[i].line);
    }
    pattern_code_free(code);
    pattern_set_free(set);
}

static const struct boot_facts nothing = {
    .script_ms = -1, .fetched_ms = -1, .xen_ms = -1, .dom0_ms = -1,
    .ready_ms = -1, .up_ms = -1, .last_line = "", .limit_ms = 240000,
};

static void
check(const char *name, const struct boot_facts *facts, bool final,
      enum boot_end end, enum boot_blame blame, const char *says)
{
    struct boot_verdict verdict;

    boot_verdict_make("h1", facts, &verdict);
    ok(boot_verdict_is_final(facts) == final, "%s: is %sfinal", name,
       final ? "" : "not ");
    is_int(verdict.end, end, "%s: the end", name);
    is_int(verdict.blame, blame, "%s: the blame", name);
    has_str(verdict.text, says, "%s: says so", name);
}

int
main(void)
{
    struct boot_facts f = nothing;

    test_samples();

    check("out of time before power", &f, false, BOOT_END_BROKEN,
          BOOT_BLAME_HARNESS, "h1 was not switched on: out of time");
    f.power_text = "h1 cannot be switched on: it is still off";
    f.power_refused = true;
    check("power refuses", &f, false, BOOT_END_BROKEN, BOOT_BLAME_HOST,
          "it is still off");
    f = nothing;
    f.powered = true;
    check("no script", &f, false, BOOT_END_BROKEN, BOOT_BLAME_HOST,
          "never netbooted");
    f.script_ms = 3000;
    check("script only", &f, false, BOOT_END_BROKEN, BOOT_BLAME_HOST,
          "it fetched its script, but not what that names");
    f.fetched_ms = 4000;
    check("fetched", &f, false, BOOT_END_BROKEN, BOOT_BLAME_HOST,
          "but Xen said nothing");
    f.xen_ms = 5000;
    f.last_line = "(XEN) Brought up 1 CPUs";
    check("Xen hangs", &f, false, BOOT_END_FAIL, BOOT_BLAME_PRODUCT,
          "last line: (XEN) Brought up 1 CPUs");
    f.refused = true;
    f.refusal = "the host started again";
    check("Xen resets", &f, true, BOOT_END_FAIL, BOOT_BLAME_PRODUCT,
          "started again");
    f.dom0_ms = 9000;
    check("dom0 resets", &f, true, BOOT_END_BROKEN, BOOT_BLAME_NONE,
          "started again");
    f.refused = false;
    check("init hangs", &f, false, BOOT_END_BROKEN, BOOT_BLAME_HARNESS,
          "dom0's init started, but did not finish");
    f.trouble = "assay: TROUBLE: no network card";
    check("init complains", &f, false, BOOT_END_BROKEN, BOOT_BLAME_NONE,
          "no network card");
    f.trouble = NULL;
    f.ready_ms = 12000;
    check("no call", &f, false, BOOT_END_BROKEN, BOOT_BLAME_HARNESS,
          "did not call back");
    f.is_off = true;
    check("off by itself", &f, true, BOOT_END_BROKEN, BOOT_BLAME_HOST,
          "switched itself off");
    f.panic = "(XEN) Panic on CPU 0: no";
    check("a panic outweighs it", &f, true, BOOT_END_FAIL,
          BOOT_BLAME_PRODUCT, "Panic on CPU 0: no");
    f = nothing;
    f.powered = true;
    f.loader = "No more network devices";
    check("loader", &f, true, BOOT_END_BROKEN, BOOT_BLAME_HARNESS,
          "could not netboot: No more network devices");
    f.up_ms = 15000;
    check("up", &f, true, BOOT_END_UP, BOOT_BLAME_NONE, "");
    return tap_done();
}
