/* tests/hosts/netboot-test.c - what the loaders are told. */
#include <config.h>

#include <jansson.h>

#include "harness/buf.h"
#include "hosts/netboot.h"
#include "tests/tap.h"

#define NONCE "0123456789abcdef0123456789abcdef"
#define BASE "http://10.77.0.1:8077"
#define SHA(c) c c c c c c c c
#define A SHA("aaaaaaaa")
#define B SHA("bbbbbbbb")
#define C SHA("cccccccc")
#define D SHA("dddddddd")
#define E SHA("eeeeeeee")

static json_t *
spec(const char *firmware, const char *netboot)
{
    json_t *value = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s}}",
        "arch", "amd64", "firmware", firmware, "netboot", netboot,
        "xen", A, "kernel", B, "initrd", C, "overlay", D,
        "xen_cmdline", "console=com1 dom0_mem=1G",
        "dom0_cmdline", "console=hvc0",
        "extra", "guest-kernel", E);

    if (value == NULL)
        tap_bail("bad spec");
    return value;
}

static void
check_script(const char *firmware, const char *netboot, const char *want)
{
    json_t *value = spec(firmware, netboot);
    struct fault why = FAULT_INIT;
    struct buf out = BUF_INIT;

    ok_fault(netboot_script(value, NONCE, BASE, &out, &why), &why,
             "%s on %s: a script", netboot, firmware);
    is_str(buf_text(&out), want, "%s on %s: as written here", netboot,
           firmware);
    buf_free(&out);
    json_decref(value);
}

static void
check_bad(const char *key, const char *value, const char *says)
{
    json_t *bad = spec("bios", "ipxe");
    struct fault why = FAULT_INIT;
    struct buf out = BUF_INIT;

    if (value == NULL)
        json_object_del(bad, key);
    else
        json_object_set_new(bad, key, json_string(value));
    not_ok_fault(netboot_script(bad, NONCE, BASE, &out, &why), &why,
                 FAULT_DATA, says, "%s = %s is refused", key,
                 value == NULL ? "nothing" : value);
    is_int((int64_t)out.len, 0, "and nothing was written");
    buf_free(&out);
    json_decref(bad);
}

static void
check_scripts(void)
{
    check_script("bios", "ipxe",
        "#!ipxe\n"
        "echo Assay boot " NONCE "\n"
        "set tries:int32 0\n"
        ":fetch\n"
        "kernel " BASE "/b/" NONCE "/xen console=com1 dom0_mem=1G"
        " || goto no\n"
        "module " BASE "/b/" NONCE "/kernel console=hvc0 || goto no\n"
        "module " BASE "/b/" NONCE "/initrd || goto no\n"
        "boot || goto end\n"
        ":no\n"
        "inc tries\n"
        "iseq ${tries} 3 && goto end ||\n"
        "echo Assay boot: fetching again\n"
        "imgfree\n"
        "sleep 2\n"
        "goto fetch\n"
        ":end\n"
        "echo assay-netboot: failed\n"
        "sleep 10\n"
        "exit 1\n");
    check_script("uefi", "ipxe",
        "#!ipxe\n"
        "echo Assay boot " NONCE "\n"
        "set tries:int32 0\n"
        ":fetch\n"
        "kernel " BASE "/b/" NONCE "/xen -cfg=xen.cfg || goto no\n"
        "initrd " BASE "/b/" NONCE "/xen.cfg xen.cfg || goto no\n"
        "initrd " BASE "/b/" NONCE "/kernel kernel || goto no\n"
        "initrd " BASE "/b/" NONCE "/initrd initrd || goto no\n"
        "boot || goto end\n"
        ":no\n"
        "inc tries\n"
        "iseq ${tries} 3 && goto end ||\n"
        "echo Assay boot: fetching again\n"
        "imgfree\n"
        "sleep 2\n"
        "goto fetch\n"
        ":end\n"
        "echo assay-netboot: failed\n"
        "sleep 10\n"
        "exit 1\n");
    check_script("uefi", "grub",
        "echo 'Assay boot " NONCE "'\n"
        "if xen_hypervisor (http,10.77.0.1:8077)/b/" NONCE "/xen"
        " console=com1 dom0_mem=1G; then\n"
        "if xen_module --nounzip (http,10.77.0.1:8077)/b/" NONCE "/kernel"
        " console=hvc0; then\n"
        "if xen_module --nounzip (http,10.77.0.1:8077)/b/" NONCE "/initrd;"
        " then\n"
        "boot\n"
        "fi\nfi\nfi\n"
        "echo 'assay-netboot: failed'\n"
        "sleep 3600\n");
}

static void
check_files(void)
{
    json_t *efi = spec("uefi", "ipxe"), *bios = spec("bios", "ipxe");
    struct fault why = FAULT_INIT;
    struct buf out = BUF_INIT;
    bool found = false;

    ok_fault(netboot_file(efi, "xen.cfg", &found, &out, &why), &why,
             "xen.cfg on UEFI");
    ok(found, "is there");
    is_str(buf_text(&out), "[global]\ndefault=assay\n\n[assay]\n"
           "options=console=com1 dom0_mem=1G\nkernel=kernel console=hvc0\n"
           "ramdisk=initrd\n", "and says what to start");
    ok_fault(netboot_file(bios, "xen.cfg", &found, &out, &why), &why,
             "xen.cfg on BIOS");
    ok(!found, "is not there");
    ok_fault(netboot_file(efi, "../xen.cfg", &found, &out, &why), &why,
             "another name");
    ok(!found, "is not there");
    buf_free(&out);
    json_decref(efi);
    json_decref(bios);
}

static void
check_parts(void)
{
    json_t *value = spec("bios", "ipxe"), *parts;

    json_object_set_new(value, "layers", json_pack("[s]", E));
    parts = netboot_parts(value, "initrd");
    is_int((int64_t)json_array_size(parts), 3, "an initrd of three parts");
    is_str(json_string_value(json_array_get(parts, 0)), C, "the image");
    is_str(json_string_value(json_array_get(parts, 1)), E, "a layer");
    is_str(json_string_value(json_array_get(parts, 2)), D, "the overlay last");
    json_decref(parts);
    parts = netboot_parts(value, "guest-kernel");
    is_str(json_string_value(json_array_get(parts, 0)), E, "an extra file");
    json_decref(parts);
    parts = netboot_parts(value, "overlay");
    is_int((int64_t)json_array_size(parts), 0,
           "what is no name of a file has no parts");
    json_decref(parts);
    json_decref(value);
}

/* Whatever a refusal says, it cannot become a command. */
static void
check_refusals(void)
{
    const char *text = "no boot; ${next-server} || shell\n'quote'";
    struct buf out = BUF_INIT;

    for (size_t i = 0; netboot_at(i) != NULL; i++) {
        const char *line;

        buf_reset(&out);
        netboot_at(i)->refusal(text, &out);
        has_str(buf_text(&out), NETBOOT_FAILED, "%s: a refusal says so",
                netboot_at(i)->name);
        line = strstr(buf_text(&out), "no boot");
        ok(line != NULL && strncmp(strchr(line, '\n') + 1, "echo ", 5) == 0,
           "%s: its text stays one line", netboot_at(i)->name);
    }
    buf_reset(&out);
    netboot_at(0)->refusal(text, &out);
    ok(strstr(buf_text(&out), "${") == NULL
       && strstr(buf_text(&out), "||") == NULL,
       "ipxe: nothing of it is a setting or an operator");
    buf_free(&out);
}

int
main(void)
{
    json_t *check = json_pack("{s:s, s:s, s:b}", "firmware", "bios",
                              "netboot", "ipxe", "check", 1);
    struct fault why = FAULT_INIT;
    struct buf out = BUF_INIT;

    check_scripts();
    check_files();
    check_parts();
    check_refusals();
    check_bad("xen", NULL, "'xen' is missing");
    check_bad("kernel", "abc", "'kernel' is missing or no SHA-256");
    check_bad("initrd", SHA("AAAAAAAA"), "'initrd'");
    check_bad("overlay", "../../etc/passwd", "'initrd'");
    check_bad("netboot", "floppy", "no netboot driver 'floppy'");
    check_bad("netboot", "grub", "does not work on bios");
    check_bad("firmware", "uboot", "firmware 'uboot'");
    check_bad("xen_cmdline", "a=1\nshell", "byte at 3");
    check_bad("xen_cmdline", "a=${b}", "byte at 2");
    check_bad("dom0_cmdline", "a; reboot", "byte at 1");
    check_bad("dom0_cmdline", "a 'b'", "byte at 2");
    check_bad("dom0_cmdline", "\xc3\xa9", "byte at 0");
    ok_fault(netboot_script(check, NONCE, BASE, &out, &why), &why,
             "a check needs no files");
    ok(strstr(buf_text(&out), "kernel") == NULL, "and starts nothing");
    buf_free(&out);
    json_decref(check);
    return tap_done();
}
