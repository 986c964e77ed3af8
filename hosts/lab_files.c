/* hosts/lab_files.c - see lab_files.h. */
#include <config.h>

#include "hosts/lab_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "hosts/host_yaml.h"
#include "hosts/lab_domain.h"
#include "hosts/lab_net.h"
#include "hosts/lab_user.h"

#define PATHS_MAX 256

/* libvirt as a library, without its daemons, as an ordinary user. */
static const char qemu_conf[] =
    "stdio_handler = \"file\"\n"
    "security_driver = \"none\"\n"
    "remember_owner = 0\n"
    "namespaces = []\n"
    "cgroup_controllers = []\n";

static const char *const loaders[] = {
    "/usr/lib/ipxe/undionly.kpxe",
    "/usr/lib/ipxe/snponly.efi",
};

struct need {
    const char *path;           /* without '/': a program */
    const char *package;
};

static const struct need needs[] = {
    { "ip", "iproute2" },
    { "dnsmasq", "dnsmasq-base" },
    { "/usr/lib/ipxe/undionly.kpxe", "ipxe" },
    { "/usr/lib/ipxe/snponly.efi", "ipxe" },
    { "/usr/lib/ipxe/qemu/pxe-e1000.rom", "ipxe-qemu" },
};
static const struct {
    const char *arch;
    struct need need;
} arch_needs[] = {
    { "amd64", { "/usr/bin/qemu-system-x86_64", "qemu-system-x86" } },
    { "arm64", { "/usr/bin/qemu-system-aarch64", "qemu-system-arm" } },
};
static const struct need firmware_needs[] = {
    { "/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf" },
    { "/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64" },
};

static bool
is_there(const struct need *need)
{
    static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin",
                                        "/bin", "/usr/local/sbin" };
    char path[256];

    if (need->path[0] == '/')
        return access(need->path, R_OK) == 0;
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dirs[i], need->path);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static void
look(const struct need *need, struct buf *missing, struct buf *packages)
{
    if (is_there(need))
        return;
    buf_addf(missing, "%s%s", missing->len == 0 ? "" : ", ", need->path);
    if (strstr(buf_text(packages), need->package) == NULL)
        buf_addf(packages, " %s", need->package);
}

bool
lab_files_check(const struct host_file *const *files, size_t count,
                struct fault *why)
{
    struct lab_domain_firmware firmware;
    struct buf missing = BUF_INIT, packages = BUF_INIT;
    bool ok = true;

    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        look(&needs[i], &missing, &packages);
    for (size_t i = 0; ok && i < count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(arch_needs); k++) {
            if (strcmp(arch_needs[k].arch, files[i]->arch) == 0)
                look(&arch_needs[k].need, &missing, &packages);
        }
        ok = lab_domain_firmware(files[i], &firmware, why);
        for (size_t k = 0; ok && k < ARRAY_LEN(firmware_needs); k++) {
            if (firmware.code != NULL
                && strcmp(firmware.code, firmware_needs[k].path) == 0)
                look(&firmware_needs[k], &missing, &packages);
        }
    }
    if (ok && missing.len > 0) {
        ok = fault_set(why, FAULT_SYSTEM, "the lab misses %s",
                       buf_text(&missing));
        fault_hint(why, "apt-get install%s", buf_text(&packages));
    }
    buf_free(&missing);
    buf_free(&packages);
    return ok;
}

static bool
write_text(const char *path, const struct buf *text, struct fault *why)
{
    return fs_write_file(path, 0644, buf_text(text), text->len, why);
}

static bool
make_dirs(struct arena *arena, struct fault *why)
{
    static const struct {
        const char *path;
        mode_t mode;
        bool give;              /* belongs to the lab's user */
    } dirs[] = {
        { "lab", 0755, false },
        { "lab/net", 0755, false },
        { "lab/log", 0755, false },
        { "lab/machines", 0755, false },
        { "lab/tftp", 0755, false },
        { "lab/virt", 0755, true },
        { "lab/virt/etc", 0755, true },
        { "lab/virt/nvram", 0755, true },
        { "run", 0711, false },
        { "run/console", 0711, false },
    };
    bool ok = true;

    for (size_t i = 0; ok && i < ARRAY_LEN(dirs); i++) {
        const char *path = home_path(arena, "%s", dirs[i].path);

        ok = fs_mkdirs(path, dirs[i].mode, why)
            && (!dirs[i].give || lab_user_give(path, why));
    }
    return ok;
}

static bool
may_pass(const char *dir, uid_t uid, gid_t gid)
{
    struct stat st;

    if (stat(dir, &st) != 0)
        return false;
    return (st.st_mode & (st.st_uid == uid ? S_IXUSR
                          : st.st_gid == gid ? S_IXGRP : S_IXOTH)) != 0;
}

/* The lab's user must pass all directories down to the home. */
static bool
check_reach(struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *home = NULL, *dir;
    uid_t uid = 0;
    gid_t gid = 0;
    bool ok;

    ok = home_get(&home, why) && lab_user_ids(&uid, &gid, why);
    if (!ok || uid == geteuid())
        goto out;
    for (const char *p = strchr(home + 1, '/'); ok; p = strchr(p + 1, '/')) {
        dir = p == NULL ? home
            : arena_printf(&arena, "%.*s", (int)(p - home), home);
        ok = may_pass(dir, uid, gid);
        if (!ok) {
            fault_set(why, FAULT_SYSTEM, "the lab's machines run as %s, who "
                      "cannot pass %s", home_cluster_user(), dir);
            fault_hint(why, "chmod o+x %s, or set ASSAY_HOME elsewhere", dir);
        }
        if (p == NULL)
            break;
    }
out:
    arena_free(&arena);
    return ok;
}

bool
lab_files_write(const struct host_file *const *files, size_t count,
                struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf links = BUF_INIT, links6 = BUF_INIT, dnsmasq = BUF_INIT;
    const char *path;
    uid_t uid = 0;
    gid_t gid = 0;
    bool ok;

    ok = check_reach(why) && make_dirs(&arena, why)
        && lab_user_ids(&uid, &gid, why);
    if (!ok)
        goto out;
    lab_net_links(files, count, uid, &links);
    lab_net_links6(&links6);
    lab_net_dnsmasq(files, count, home_path(&arena, "lab/tftp"),
                    home_path(&arena, "lab/log/dnsmasq.log"), &dnsmasq);
    (void)unlink(home_path(&arena, "lab/log/dnsmasq.log"));
    path = home_path(&arena, "lab/virt/etc/qemu.conf");
    ok = write_text(home_path(&arena, "lab/net/links"), &links, why)
        && write_text(home_path(&arena, "lab/net/links6"), &links6, why)
        && write_text(home_path(&arena, "lab/net/dnsmasq.conf"), &dnsmasq,
                      why)
        && fs_write_file(path, 0644, qemu_conf, sizeof(qemu_conf) - 1, why);
    for (size_t i = 0; ok && i < ARRAY_LEN(loaders); i++)
        ok = fs_copy_file(loaders[i],
                          home_path(&arena, "lab/tftp/%s",
                                    strrchr(loaders[i], '/') + 1), 0644, why);
out:
    buf_free(&links);
    buf_free(&links6);
    buf_free(&dnsmasq);
    arena_free(&arena);
    return ok;
}

bool
lab_files_machine(const struct host_file *file, bool kvm, struct arena *arena,
                  const char **path_out, struct fault *why)
{
    struct lab_domain_places places = { .kvm = kvm };
    struct lab_domain_firmware firmware = { NULL, NULL };
    struct buf xml = BUF_INIT;
    char tap[16];
    const char *path;
    bool ok;

    lab_net_tap(file, tap);
    places.tap = tap;
    places.serial = home_path(arena, "run/console/%s.sock", file->host);
    places.nvram = home_path(arena, "lab/virt/nvram/%s.fd", file->host);
    path = home_path(arena, "lab/machines/%s.xml", file->host);
    ok = home_get(&places.home, why)
        && lab_domain_firmware(file, &firmware, why);
    if (ok && firmware.store != NULL)
        ok = fs_copy_file(firmware.store, places.nvram, 0600, why)
            && lab_user_give(places.nvram, why);
    if (ok) {
        lab_domain_xml(file, &places, &xml);
        ok = write_text(path, &xml, why);
    }
    if (ok)
        *path_out = path;
    buf_free(&xml);
    return ok;
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool
lab_files_shipped(struct arena *arena, const char *const **paths_out,
                  size_t *count_out, struct fault *why)
{
    static const char suffix[] = ".yaml";
    const char **paths = arena_alloc(arena, PATHS_MAX * sizeof(*paths));
    struct dirent *entry;
    char *where = NULL;
    size_t count = 0, len;
    DIR *dir;

    if (!home_data(arena, "hosts/lab", &where, why))
        return false;
    dir = opendir(where);
    if (dir == NULL)
        return fault_errno(why, FAULT_SYSTEM, "read %s", where);
    while ((entry = readdir(dir)) != NULL) {
        len = strlen(entry->d_name);
        if (len < sizeof(suffix) || entry->d_name[0] == '.'
            || strcmp(entry->d_name + len - (sizeof(suffix) - 1), suffix)
               != 0)
            continue;
        must(count < PATHS_MAX);
        paths[count++] = arena_printf(arena, "%s/%s", where, entry->d_name);
    }
    closedir(dir);
    qsort(paths, count, sizeof(*paths), by_text);
    *paths_out = paths;
    *count_out = count;
    return true;
}
