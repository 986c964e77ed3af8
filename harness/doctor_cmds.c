/* harness/doctor_cmds.c - "assay doctor": what this machine has, what it
 * lacks, and the command that mends it.
 *
 * Only what a lab and a flight need when they run is looked for. What the
 * build needs is configure's business; which drivers it left out is told. */
#include <config.h>

#include "harness/doctor_cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/table.h"

#define GIB ((int64_t)1 << 30)
#define DISK_LEAST (2 * GIB)
#define DISK_WANTED (6 * GIB)
#define MEMORY_LEAST (2 * GIB)
#define MEMORY_WANTED (5 * GIB)

enum verdict { DOCTOR_NONE = 0, DOCTOR_OK, DOCTOR_NOTE, DOCTOR_MISSING };

/* What is in a package. A 'place' with a '/' is a glob, another is looked up
 * in PATH and the sbin directories, which a user's PATH lacks. */
static const struct part {
    const char *place;
    const char *package;
    bool required;
    const char *use;
} parts[] = {
    { "/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64", true,
      "firmware of arm64 hosts" },
    { "/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf", true,
      "UEFI firmware of x86 hosts" },
    { "/usr/lib/ipxe/ipxe.efi", "ipxe", true, "netboot by UEFI" },
    { "/usr/lib/ipxe/qemu/pxe-e1000.rom", "ipxe-qemu", true,
      "netboot by BIOS" },
    { "/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so",
      "libvirt-daemon-driver-qemu", true, "drives the lab's machines" },
    { "/usr/lib/postgresql/*/bin/initdb", "postgresql", true,
      "the private cluster" },
    { "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", false,
      "builds of Xen for arm64" },
    { "bison", "bison", false, "builds of Xen from git" },
    { "ccache", "ccache", false, "builds share what they have in common" },
    { "dnsmasq", "dnsmasq-base", true, "DHCP and TFTP in the lab" },
    { "dot", "graphviz", false, "pictures of bisections" },
    { "dpkg-deb", "dpkg", true, "unpacks candidates" },
    { "dpkg-source", "dpkg-dev", false, "source packages as trees" },
    { "expect", "expect", true, "console dialogues" },
    { "flex", "flex", false, "builds of Xen from git" },
    { "git", "git", false, "candidates from a tree" },
    { "grub-mkimage", "grub-common", true, "netboot of arm64 hosts" },
    { "iasl", "acpica-tools", false, "builds of Xen's tools from git" },
    { "ip", "iproute2", true, "the lab's network" },
    { "mmdebstrap", "mmdebstrap", false, "clean roots for builds from git" },
    { "newuidmap", "uidmap", false, "clean roots for an ordinary user" },
    { "parallel", "parallel", true, "fan-out over hosts and logs" },
    { "qemu-img", "qemu-utils", true, "disks of lab hosts" },
    { "qemu-system-aarch64", "qemu-system-arm", true, "arm64 hosts" },
    { "qemu-system-x86_64", "qemu-system-x86", true, "x86 hosts" },
    { "ssh-keygen", "openssh-client", true, "a key per boot" },
    { "unshare", "util-linux", true, "the lab's namespace" },
    { "xz", "xz-utils", true, "unpacks candidates" },
    { "zstd", "zstd", false, "packs logs" },
};

/* Drivers that this build has or not. */
static const struct feature {
    const char *name;
    bool built;
    const char *package, *use;
} features[] = {
#ifdef HAVE_FREEIPMI
    { "driver ipmi", true, NULL, "power and consoles of servers" },
#else
    { "driver ipmi", false, "libfreeipmi-dev", "power of servers" },
    { "driver ipmi-sol", false, "libipmiconsole-dev",
      "consoles of servers" },
#endif
#ifdef HAVE_NETSNMP
    { "driver snmp-pdu", true, NULL, "switched outlets" },
#else
    { "driver snmp-pdu", false, "libsnmp-dev", "switched outlets" },
#endif
};

struct report {
    struct table *table;
    json_t *checks;
    struct buf packages;
    bool missing;
};

static void
add(struct report *report, enum verdict verdict, const char *what,
    const char *found, const char *use, const char *package)
{
    static const char *const words[] = { "none", "ok", "note", "missing" };
    const char *const cells[] = { what, words[verdict], found, use };
    json_t *check = json_object();

    static_assert(ARRAY_LEN(words) == DOCTOR_MISSING + 1, "verdicts");
    must(verdict != DOCTOR_NONE && check != NULL);
    table_add(report->table, cells);
    json_put_text(check, "what", what);
    json_put_text(check, "verdict", words[verdict]);
    json_put_text(check, "found", found);
    json_put_text(check, "use", use);
    if (package != NULL)
        json_put_text(check, "package", package);
    must(json_array_append_new(report->checks, check) == 0);
    if (verdict == DOCTOR_MISSING)
        report->missing = true;
}

static bool
find_in_dirs(const char *dirs, const char *name, struct buf *found)
{
    const char *p = dirs;
    size_t len;

    while (p != NULL && *p != '\0') {
        len = strcspn(p, ":");
        buf_reset(found);
        buf_addf(found, "%.*s/%s", (int)len, p, name);
        if (len != 0 && access(buf_text(found), X_OK) == 0)
            return true;
        p += len;
        p += *p == ':' ? 1 : 0;
    }
    return false;
}

static bool
find_part(const char *place, struct buf *found)
{
    glob_t matches;
    bool any;

    if (strchr(place, '/') == NULL)
        return find_in_dirs(getenv("PATH"), place, found)
            || find_in_dirs("/usr/local/sbin:/usr/sbin:/sbin", place, found);
    any = glob(place, 0, NULL, &matches) == 0;
    if (any) {
        buf_reset(found);
        buf_adds(found, matches.gl_pathv[matches.gl_pathc - 1]);
    }
    globfree(&matches);
    return any;
}

static void
check_parts(struct report *report)
{
    struct buf found = BUF_INIT;
    const struct part *part;
    const char *name;
    enum verdict missing;

    for (part = parts; part < parts + ARRAY_LEN(parts); part++) {
        name = strrchr(part->place, '/');
        name = name != NULL ? name + 1 : part->place;
        if (find_part(part->place, &found)) {
            add(report, DOCTOR_OK, name, buf_text(&found), part->use,
                part->package);
            continue;
        }
        missing = part->required ? DOCTOR_MISSING : DOCTOR_NOTE;
        buf_reset(&found);
        buf_addf(&found, "not installed, package %s", part->package);
        add(report, missing, name, buf_text(&found), part->use,
            part->package);
        buf_addf(&report->packages, " %s", part->package);
    }
    buf_free(&found);
}

static void
check_features(struct report *report)
{
    for (size_t i = 0; i < ARRAY_LEN(features); i++) {
        const struct feature *one = &features[i];
        struct buf found = BUF_INIT;

        if (one->built)
            buf_adds(&found, "in this build");
        else
            buf_addf(&found, "left out: install %s, configure, build",
                     one->package);
        add(report, one->built ? DOCTOR_OK : DOCTOR_NOTE, one->name,
            buf_text(&found), one->use, one->package);
        buf_free(&found);
    }
}

/* A device node may be there and of no use: only a processor that KVM made
 * counts, and whether it carries a hypervisor is tried by the lab. Without it
 * QEMU emulates, which is slower and just as true. */
static void
check_kvm(struct report *report)
{
    const char *found = "makes a processor; the lab tries the rest";
    int kvm = -1, vm = -1, cpu = -1;

    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) {
        found = errno == ENOENT ? "no /dev/kvm: emulation by TCG"
                                : "/dev/kvm may not be opened: TCG";
    } else {
        vm = ioctl(kvm, KVM_CREATE_VM, 0);
        cpu = vm >= 0 ? ioctl(vm, KVM_CREATE_VCPU, 0) : -1;
        if (cpu < 0)
            found = "/dev/kvm makes no machine: emulation by TCG";
    }
    add(report, cpu >= 0 ? DOCTOR_OK : DOCTOR_NOTE, "KVM", found,
        "speed of lab hosts", NULL);
    fd_close(&cpu);
    fd_close(&vm);
    fd_close(&kvm);
}

/* Root needs a network namespace; others a user namespace as well. */
static void
check_namespaces(struct report *report)
{
    const char *const as_root[] = { "unshare", "--net", "true", NULL };
    const char *const as_user[] = { "unshare", "--user", "--net", "true",
                                    NULL };
    struct fault why = FAULT_INIT;
    bool ok, root = geteuid() == 0;

    ok = proc_run(root ? as_root : as_user, NULL, 0, 10000, NULL, &why);
    add(report, ok ? DOCTOR_OK : DOCTOR_MISSING,
        root ? "network namespaces" : "user namespaces",
        ok ? "allowed" : "refused: run as root, or set "
             "kernel.unprivileged_userns_clone=1",
        "a network of the lab's own", NULL);
}

/* Inside a user namespace the node's mode still counts; outside, root's. */
static void
check_tun(struct report *report)
{
    struct buf found = BUF_INIT;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    bool ok = fd >= 0;

    if (ok)
        buf_adds(&found, "usable");
    else if (errno == EACCES)
        buf_adds(&found, "not allowed: run as root, or as root: "
                         "chmod a+rw /dev/net/tun");
    else
        buf_addf(&found, "%s: as root: modprobe tun", strerror(errno));
    add(report, ok ? DOCTOR_OK : DOCTOR_MISSING, "/dev/net/tun",
        buf_text(&found), "taps of the lab's hosts", NULL);
    buf_free(&found);
    fd_close(&fd);
}

static void
check_cluster_user(struct report *report)
{
    const char *user = home_cluster_user();
    bool ok = user[0] != '\0' && getpwnam(user) != NULL;

    add(report, ok ? DOCTOR_OK : DOCTOR_MISSING, "cluster user",
        ok ? user : "no such account", "runs the private cluster",
        geteuid() == 0 ? "postgresql" : NULL);
    if (!ok && geteuid() == 0)
        buf_adds(&report->packages, " postgresql");
}

static void
check_amount(struct report *report, const char *what, int64_t bytes,
             int64_t least, int64_t wanted, const char *use)
{
    struct buf found = BUF_INIT;
    enum verdict verdict = DOCTOR_OK;

    if (bytes < least)
        verdict = DOCTOR_MISSING;
    else if (bytes < wanted)
        verdict = DOCTOR_NOTE;
    if (bytes < 0)
        buf_adds(&found, "unknown");
    else
        buf_addf(&found, "%.1f GiB", (double)bytes / (double)GIB);
    if (verdict != DOCTOR_OK)
        buf_addf(&found, ", %.1f GiB would do", (double)wanted / (double)GIB);
    add(report, verdict, what, buf_text(&found), use, NULL);
    buf_free(&found);
}

static int64_t
memory_available(void)
{
    struct buf text = BUF_INIT;
    int64_t kib = -1;
    const char *line;
    char digits[20];

    if (fs_read_file("/proc/meminfo", 65536, &text, NULL)) {
        line = strstr(buf_text(&text), "MemAvailable:");
        if (line != NULL) {
            line += strcspn(line, "0123456789");
            snprintf(digits, sizeof(digits), "%.*s",
                     (int)strspn(line, "0123456789"), line);
            if (!parse_int64(digits, 0, INT64_MAX / 1024, &kib))
                kib = -1;
        }
    }
    buf_free(&text);
    return kib < 0 ? -1 : kib * 1024;
}

static void
check_machine(struct report *report)
{
    struct fault why = FAULT_INIT;
    const char *home = NULL;

    check_kvm(report);
    check_namespaces(report);
    check_tun(report);
    check_cluster_user(report);
    check_amount(report, "memory", memory_available(), MEMORY_LEAST,
                 MEMORY_WANTED, "lab hosts: 2 GiB each on x86");
    if (home_get(&home, &why)) {
        add(report, DOCTOR_OK, "home", home, "state, evidence, logs", NULL);
        check_amount(report, "disk", fs_free_bytes(home), DISK_LEAST,
                     DISK_WANTED, "candidates, images, evidence");
    } else {
        add(report, DOCTOR_MISSING, "home", why.text, "state, evidence, logs",
            NULL);
    }
}

static void
print_mend(const struct report *report)
{
    if (report->packages.len != 0)
        printf("\nto install what is missing:\n"
               "  %sapt-get install --no-install-recommends%s\n",
               geteuid() == 0 ? "" : "sudo ", buf_text(&report->packages));
    else if (report->missing)
        puts("\nwhat is missing is no package: see above");
    else
        puts("\nnothing is missing");
}

static bool
doctor_run(struct cmd_call *call, struct fault *why)
{
    static const char *const names[] = { "WHAT", "VERDICT", "FOUND", "USE",
                                         NULL };
    struct report report = { .table = table_new(names),
                             .checks = json_array(),
                             .packages = BUF_INIT };
    json_t *all = NULL;
    bool ok;

    check_parts(&report);
    check_features(&report);
    check_machine(&report);
    if (cmd_json(call)) {
        all = json_object();
        must(json_object_set(all, "checks", report.checks) == 0);
        must(json_object_set_new(all, "ok", json_boolean(!report.missing))
             == 0);
        json_put_text(all, "install", report.packages.len != 0
                                          ? buf_text(&report.packages) + 1
                                          : "");
        ok = json_print(all, stdout, why);
        json_decref(all);
    } else {
        ok = table_print(report.table, stdout, why);
        print_mend(&report);
    }
    if (report.missing)
        cmd_exit_status(call, 1);
    buf_free(&report.packages);
    json_decref(report.checks);
    table_free(report.table);
    return ok;
}

const struct cmd doctor_cmds[] = {
    { .path = "doctor", .args = "", .access = CMD_READS, .run = doctor_run,
      .help = "say what this machine lacks, and how to get it",
      .text = "Looks for the programs and files that a lab and a flight need "
              "when they run, and\nat what the machine allows. Prints the "
              "command that installs what is missing.\nExit status: 0 when "
              "nothing that is required is missing, else 1." },
    { .path = NULL },
};
