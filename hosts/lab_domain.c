/* hosts/lab_domain.c - see lab_domain.h.
 *
 * Machines as plain as can be: one serial line, one network card, directly on
 * the root bus. What each odd line is for was measured. */
#include <config.h>

#include "hosts/lab_domain.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/orphan.h"
#include "hosts/host_yaml.h"

struct platform {
    const char *arch, *firmware;
    const char *code, *store;   /* firmware images, or NULL */
    const char *type, *emulator;
};

static const struct platform platforms[] = {
    { "amd64", "bios", NULL, NULL,
      "<type arch='x86_64' machine='q35'>hvm</type>",
      "/usr/bin/qemu-system-x86_64" },
    { "amd64", "uefi", "/usr/share/OVMF/OVMF_CODE_4M.fd",
      "/usr/share/OVMF/OVMF_VARS_4M.fd",
      "<type arch='x86_64' machine='q35'>hvm</type>",
      "/usr/bin/qemu-system-x86_64" },
    { "arm64", "uefi", "/usr/share/AAVMF/AAVMF_CODE.fd",
      "/usr/share/AAVMF/AAVMF_VARS.fd",
      "<type arch='aarch64' machine='virt'>hvm</type>",
      "/usr/bin/qemu-system-aarch64" },
};

static const struct platform *
find_platform(const struct host_file *file)
{
    for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
        if (strcmp(platforms[i].arch, file->arch) == 0
            && strcmp(platforms[i].firmware, file->firmware) == 0)
            return &platforms[i];
    }
    return NULL;
}

bool
lab_domain_firmware(const struct host_file *file,
                    struct lab_domain_firmware *out, struct fault *why)
{
    const struct platform *platform = find_platform(file);

    if (platform == NULL)
        return fault_set(why, FAULT_CONFIG, "host %s: the lab has no %s "
                         "machine with %s", file->host, file->arch,
                         file->firmware);
    out->code = platform->code;
    out->store = platform->store;
    return true;
}

static void
add_element(struct buf *out, const char *before, const char *text,
            const char *after)
{
    buf_adds(out, before);
    buf_add_html(out, text);
    buf_adds(out, after);
}

/* "qemu64,+svm,+npt,-x": a model, then features. */
static void
add_cpu(const char *cpu, struct buf *out)
{
    const char *p = cpu + strcspn(cpu, ",");
    struct arena arena = ARENA_INIT;

    add_element(out, "  <cpu mode='custom' match='exact' check='none'>\n"
                "    <model fallback='forbid'>",
                arena_printf(&arena, "%.*s", (int)(p - cpu), cpu),
                "</model>\n");
    while (*p == ',') {
        const char *word = p + 1;
        bool off = *word == '-';

        word += off || *word == '+';
        p = word + strcspn(word, ",");
        buf_addf(out, "    <feature policy='%s' name='",
                 off ? "disable" : "require");
        add_element(out, "", arena_printf(&arena, "%.*s", (int)(p - word),
                                          word), "'/>\n");
    }
    buf_adds(out, "  </cpu>\n");
    arena_free(&arena);
}

static void
add_os(const struct platform *platform,
       const struct lab_domain_places *places, struct buf *out)
{
    if (platform->code != NULL) {
        /* IPv6 network boot first would wait 39 s for nobody. */
        buf_adds(out, "  <sysinfo type='fwcfg'>\n"
                 "    <entry name='opt/org.tianocore/IPv6PXESupport'>n"
                 "</entry>\n  </sysinfo>\n");
    }
    buf_addf(out, "  <os>\n    %s\n", platform->type);
    if (platform->code != NULL) {
        add_element(out, "    <loader readonly='yes' type='pflash'>",
                    platform->code, "</loader>\n");
        add_element(out, "    <nvram>", places->nvram, "</nvram>\n");
    } else {
        /* BIOS and iPXE speak on the serial line, as on real servers. */
        buf_adds(out, "    <bios useserial='yes'/>\n");
    }
    /* Without it, AAVMF waits 5 s for somebody who presses a key. */
    buf_adds(out, "    <bootmenu enable='yes' timeout='0'/>\n  </os>\n");
}

void
lab_domain_xml(const struct host_file *file,
               const struct lab_domain_places *places, struct buf *out)
{
    const struct platform *platform = find_platform(file);
    struct arena arena = ARENA_INIT;
    char hash[SHA256_HEX_BYTES];
    const char *id;
    bool arm, kvm;

    must(platform != NULL && file->machine != NULL);
    arm = strcmp(file->arch, "arm64") == 0;
    kvm = places->kvm && !arm;
    id = arena_printf(&arena, "%s %s", places->home, file->host);
    sha256_hex(id, strlen(id), hash);
    buf_addf(out, "<domain type='%s' "
             "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n",
             kvm ? "kvm" : "qemu");
    buf_addf(out, "  <name>%s</name>\n"
             "  <uuid>%.8s-%.4s-4%.3s-8%.3s-%.12s</uuid>\n", file->host, hash,
             hash + 8, hash + 12, hash + 15, hash + 18);
    buf_addf(out, "  <memory unit='MiB'>%s</memory>\n  <vcpu>%s</vcpu>\n",
             host_yaml_property(file, "memory_mb"),
             host_yaml_property(file, "cpus"));
    add_os(platform, places, out);
    /* No ACPI on arm64: Debian's Xen has none there, and spins for ever. */
    buf_adds(out, arm ? "  <features><gic version='3'/></features>\n"
                      : "  <features><acpi/><apic/></features>\n");
    if (kvm)
        buf_adds(out, "  <cpu mode='host-passthrough'/>\n");
    else
        add_cpu(file->machine->cpu, out);
    buf_addf(out, "  <clock offset='utc'/>\n"
             "  <on_poweroff>destroy</on_poweroff>\n"
             "  <on_reboot>restart</on_reboot>\n"
             "  <on_crash>destroy</on_crash>\n"
             "  <devices>\n    <emulator>%s</emulator>\n"
             "    <controller type='usb' model='none'/>\n",
             platform->emulator);
    buf_addf(out, "    <interface type='ethernet'>\n"
             "      <mac address='%s'/>\n"
             "      <target dev='%s' managed='no'/>\n"
             "      <model type='%s'/>\n      <boot order='1'/>\n",
             host_yaml_property(file, "mac"), places->tap,
             file->machine->nic);
    /* A firmware of its own brings its own PXE; the ROM would hide it. */
    if (platform->code != NULL)
        buf_adds(out, "      <rom enabled='no'/>\n");
    /* Not below a PCIe port: that needs MSI-X, which its=off takes away. */
    buf_adds(out, "      <address type='pci' domain='0' bus='0' slot='2' "
             "function='0'/>\n    </interface>\n");
    add_element(out, "    <serial type='unix'>\n"
                "      <source mode='connect' path='", places->serial, "'>\n"
                "        <reconnect enabled='yes' timeout='1'/>\n"
                "      </source>\n    </serial>\n");
    buf_adds(out, "    <memballoon model='none'/>\n"
             "    <audio id='1' type='none'/>\n  </devices>\n");
    buf_adds(out, "  <qemu:commandline>\n");
    if (arm)
        buf_adds(out, "    <qemu:arg value='-machine'/>\n"
                 "    <qemu:arg value='virtualization=on,its=off'/>\n");
    /* A step that switches a machine on does not leave it behind. */
    buf_adds(out, "    <qemu:env name='" ORPHAN_EXEMPT_ENV "' value='1'/>\n"
             "  </qemu:commandline>\n");
    buf_adds(out, "</domain>\n");
    arena_free(&arena);
}
