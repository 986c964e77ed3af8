/* tests/hosts/lab-text-test.c - what a lab is made of, as text, and the
 * archives that boots get. */
#include <config.h>

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/yaml.h"
#include "hosts/host_yaml.h"
#include "hosts/kvm_probe.h"
#include "hosts/lab_domain.h"
#include "hosts/lab_net.h"
#include "hosts/provision.h"
#include "tests/tap.h"

static char mac[] = "mac", address[] = "address", memory[] = "memory_mb";
static char cpus[] = "cpus", mac1[] = "52:54:00:aa:00:11";
static char address1[] = "10.77.0.11", mb[] = "2048", one[] = "1";
static struct yaml_pair properties[] = {
    { mac, mac1 }, { address, address1 }, { memory, mb }, { cpus, one },
};
static char name[] = "h1", amd64[] = "amd64", arm64[] = "arm64";
static char bios[] = "bios", uefi[] = "uefi", class[] = "c";
static char ipxe[] = "ipxe", grub[] = "grub", e1000[] = "e1000";
static char cpu[] = "qemu64,+svm,-npt,<evil>'", virtio[] = "virtio";
static struct host_file_machine machine = { .cpu = cpu, .nic = e1000 };
static struct host_file host = {
    .path = name, .host = name, .arch = amd64, .firmware = bios,
    .class = class, .properties = properties, .properties_count = 4,
    .netboot = { ipxe }, .machine = &machine,
};

static void
check_net(void)
{
    const struct host_file *files[] = { &host };
    char port[LAB_TAP_BYTES];
    struct buf out = BUF_INIT;

    lab_net_tap(&host, port);
    is_str(port, "tap-11", "a tap's name comes from the address");
    lab_net_links(files, 1, 1234, &out);
    has_str(buf_text(&out), "tuntap add dev tap-11 mode tap user 1234\n",
            "it belongs to the lab's user");
    has_str(buf_text(&out), "addr add 10.77.0.1/24 dev br-assay\n",
            "the bridge has its address");
    buf_reset(&out);
    lab_net_dnsmasq(files, 1, "/t", "/l", &out);
    has_str(buf_text(&out),
            "dhcp-host=52:54:00:aa:00:11,set:h1,10.77.0.11,h1\n"
            "dhcp-boot=tag:h1,tag:!ipxe,undionly.kpxe\n"
            "dhcp-boot=tag:h1,tag:ipxe,"
            "http://10.77.0.1:8077/ipxe?mac=52:54:00:aa:00:11\n",
            "BIOS: iPXE, then the script");
    host.firmware = uefi;
    buf_reset(&out);
    lab_net_dnsmasq(files, 1, "/t", "/l", &out);
    has_str(buf_text(&out), "tag:!ipxe,snponly.efi\n", "UEFI: its iPXE");
    host.netboot.driver = grub;
    buf_reset(&out);
    lab_net_dnsmasq(files, 1, "/t", "/l", &out);
    has_str(buf_text(&out), "dhcp-boot=tag:h1,h1/grub.efi\n",
            "GRUB: the host's own loader");
    host.netboot.driver = ipxe;
    host.firmware = bios;
    buf_free(&out);
}

static void
check_domain(void)
{
    struct lab_domain_places places = {
        .home = "/h", .tap = "tap-11", .serial = "/h/a&b.sock",
        .nvram = "/h/n.fd",
    };
    struct buf out = BUF_INIT, again = BUF_INIT;

    lab_domain_xml(&host, &places, &out);
    has_str(buf_text(&out), "<domain type='qemu' ", "x86 by emulation");
    has_str(buf_text(&out), "useserial='yes'", "its BIOS speaks");
    has_str(buf_text(&out), "<model fallback='forbid'>qemu64</model>",
            "the processor");
    has_str(buf_text(&out), "policy='require' name='svm'", "with a feature");
    has_str(buf_text(&out), "policy='disable' name='npt'", "without another");
    has_str(buf_text(&out), "name='&lt;evil&gt;&#39;'",
            "what is odd is quoted");
    has_str(buf_text(&out), "path='/h/a&amp;b.sock'", "paths too");
    lab_domain_xml(&host, &places, &again);
    is_str(buf_text(&again), buf_text(&out), "the same twice");
    buf_reset(&again);
    places.home = "/other";
    lab_domain_xml(&host, &places, &again);
    ok(strcmp(buf_text(&again), buf_text(&out)) != 0,
       "another home has another UUID");
    buf_reset(&out);
    places.kvm = true;
    lab_domain_xml(&host, &places, &out);
    has_str(buf_text(&out), "<domain type='kvm' ", "x86 by KVM");
    has_str(buf_text(&out), "host-passthrough", "with its own processor");
    host.arch = arm64;
    host.firmware = uefi;
    machine.nic = virtio;
    buf_reset(&out);
    lab_domain_xml(&host, &places, &out);
    has_str(buf_text(&out), "<domain type='qemu' xmlns", "arm64 never by KVM");
    has_str(buf_text(&out), "virtualization=on,its=off", "with EL2");
    has_str(buf_text(&out), "AAVMF_CODE.fd", "and its firmware");
    ok(strstr(buf_text(&out), "acpi") == NULL, "without ACPI");
    host.arch = amd64;
    host.firmware = bios;
    buf_free(&out);
    buf_free(&again);
}

/* What the kernel would find: names, modes, owners. */
static void
list_archive(const struct buf *data, size_t from, struct buf *out)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;

    if (archive_read_support_format_cpio(archive) != ARCHIVE_OK
        || archive_read_open_memory(archive, data->data + from,
                                    data->len - from) != ARCHIVE_OK)
        tap_bail("read an archive");
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        buf_addf(out, "%s %o %d %d\n", archive_entry_pathname(entry),
                 (unsigned)archive_entry_mode(entry),
                 (int)archive_entry_uid(entry), (int)archive_entry_gid(entry));
    archive_read_free(archive);
}

static void
check_overlay(void)
{
    const struct provision_boot boot = {
        .nonce = "0123", .host = "h1", .address = "10.77.0.11/24",
        .gateway = "10.77.0.1", .mac = "52:54:00:aa:00:11",
        .base = "http://10.77.0.1:8077", .authorized_key = "ssh-ed25519 A",
    };
    struct buf out = BUF_INIT, again = BUF_INIT, list = BUF_INIT;
    const struct provision_driver *driver;
    struct fault why = FAULT_INIT;

    driver = provision_find("ramboot", &why);
    if (driver == NULL)
        tap_bail("%s", why.text);
    ok_fault(driver->overlay(&boot, 8, &out, &why), &why, "an overlay");
    is_int((int64_t)out.len % 4, 0, "of whole words");
    ok(memcmp(out.data, "070701", 6) == 0, "of the kind that the kernel takes");
    list_archive(&out, 0, &list);
    is_str(buf_text(&list),
           "etc 40755 0 0\netc/assay 40755 0 0\n"
           "etc/assay/boot.env 100644 0 0\nroot 40700 0 0\n"
           "root/.ssh 40700 0 0\nroot/.ssh/authorized_keys 100600 0 0\n",
           "with what a boot has for itself");
    ok(memmem(out.data, out.len, "ASSAY_CALLBACK=http://10.77.0.1:8077/b/"
              "0123/up\n", 48) != NULL, "it says whom to call");
    ok_fault(driver->overlay(&boot, 8, &again, &why), &why, "once more");
    ok(again.len == out.len && memcmp(again.data, out.data, out.len) == 0,
       "is the same, byte for byte");
    for (int64_t at = 1; at < 4; at++) {
        buf_reset(&again);
        ok_fault(driver->overlay(&boot, at, &again, &why), &why,
                 "after %d odd bytes", (int)at);
        ok(memcmp(again.data + (4 - at), "070701", 6) == 0,
           "it begins at a whole word");
    }
    ok(provision_find("stork", &why) == NULL
       && strstr(why.text, "ramboot") != NULL, "another driver is unknown");
    buf_free(&out);
    buf_free(&again);
    buf_free(&list);
}

static void
check_probe(void)
{
    struct buf reason = BUF_INIT;

    if (access("/usr/bin/qemu-system-x86_64", X_OK) != 0) {
        skip("the tiny machine runs", "no QEMU");
        return;
    }
    ok(kvm_probe_run("/tmp", "tcg", "qemu64", &reason),
       "the tiny machine runs in emulation");
    is_str(buf_text(&reason), "", "and there is nothing to say");
    ok(!kvm_probe_run("/tmp", "none-such", "qemu64", &reason),
       "and not on what does not exist");
    ok(reason.len > 0, "which is said");
    buf_free(&reason);
}

int
main(void)
{
    check_net();
    check_domain();
    check_overlay();
    check_probe();
    return tap_done();
}
