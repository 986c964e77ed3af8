/* hosts/lab_user.c - root runs no machines.
 *
 * libvirt's embedded driver, as root, wants the account libvirt-qemu, which
 * only the package of the system daemon makes; and a machine that runs strange
 * hypervisors should not run as root. So root's machines belong to the
 * account of the private cluster, and a lab is the same for all users. */
#include <config.h>

#include "hosts/lab_user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"

static const struct {
    const char *path;
    unsigned major, minor;
    bool needed;
} devices[] = {
    { "/dev/net/tun", 10, 200, true },
    { "/dev/kvm", 10, 232, false },
};

bool
lab_user_ids(uid_t *uid_out, gid_t *gid_out, struct fault *why)
{
    const struct passwd *pw;

    if (geteuid() != 0) {
        *uid_out = geteuid();
        *gid_out = getegid();
        return true;
    }
    pw = getpwnam(home_cluster_user());
    if (pw == NULL) {
        fault_set(why, FAULT_SYSTEM, "there is no user '%s' to run the "
                  "lab's machines as", home_cluster_user());
        fault_hint(why, "apt-get install postgresql-common");
        return false;
    }
    *uid_out = pw->pw_uid;
    *gid_out = pw->pw_gid;
    return true;
}

bool
lab_user_give(const char *path, struct fault *why)
{
    uid_t uid = 0;
    gid_t gid = 0;

    if (geteuid() != 0)
        return true;
    if (!lab_user_ids(&uid, &gid, why))
        return false;
    if (lchown(path, uid, gid) != 0)
        return fault_errno(why, FAULT_SYSTEM, "give %s to user %u", path,
                           uid);
    return true;
}

bool
lab_user_check(struct fault *why)
{
    uid_t uid = 0;
    gid_t gid = 0;
    struct stat st;

    if (!lab_user_ids(&uid, &gid, why))
        return false;
    if (stat(devices[0].path, &st) != 0 && geteuid() == 0)
        return true;            /* lab_user_become() makes its own */
    if (geteuid() == 0 || access(devices[0].path, R_OK | W_OK) == 0)
        return true;
    fault_errno(why, FAULT_SYSTEM, "%s", devices[0].path);
    fault_hint(why, "the lab's wire needs it; as root: %s",
               errno == ENOENT ? "modprobe tun"
               : "chmod 666 /dev/net/tun (as udev does on a running Debian)");
    return false;
}

static bool
is_usable(const char *path, uid_t uid, gid_t gid)
{
    struct stat st;
    mode_t want;

    if (stat(path, &st) != 0)
        return false;
    want = st.st_uid == uid ? 0600 : st.st_gid == gid ? 0060 : 0006;
    return (st.st_mode & want) == want;
}

/* Device nodes of our own, in a mount namespace of our own: what root may
 * open, this one machine may open too, and nothing of the system's changes. */
static bool
open_devices(uid_t uid, gid_t gid, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *dir = home_path(&arena, "lab/dev"), *node;
    bool missing = false, ok = true;

    for (size_t i = 0; i < ARRAY_LEN(devices); i++)
        missing = missing || !is_usable(devices[i].path, uid, gid);
    if (!missing)
        goto out;
    ok = fs_mkdirs(dir, 0755, why);
    if (ok && (unshare(CLONE_NEWNS) != 0
               || mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0
               || mount("assay-dev", dir, "tmpfs", MS_NOSUID | MS_NOEXEC,
                        "mode=755,size=64k") != 0))
        ok = fault_errno(why, FAULT_SYSTEM,
                         "make device nodes for the lab's user");
    for (size_t i = 0; ok && i < ARRAY_LEN(devices); i++) {
        if (is_usable(devices[i].path, uid, gid))
            continue;
        node = arena_printf(&arena, "%s/%zu", dir, i);
        if (mknod(node, S_IFCHR | 0600,
                  makedev(devices[i].major, devices[i].minor)) == 0
            && chown(node, uid, gid) == 0
            && mount(node, devices[i].path, NULL, MS_BIND, NULL) == 0)
            continue;
        if (devices[i].needed)
            ok = fault_errno(why, FAULT_SYSTEM, "make %s for the lab's user",
                             devices[i].path);
    }
out:
    arena_free(&arena);
    return ok;
}

bool
lab_user_become(struct fault *why)
{
    uid_t uid = 0;
    gid_t gid = 0;

    if (geteuid() != 0)
        return true;
    if (!lab_user_ids(&uid, &gid, why) || !open_devices(uid, gid, why))
        return false;
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0
        || setresuid(uid, uid, uid) != 0)
        return fault_errno(why, FAULT_SYSTEM, "become user %u", uid);
    return true;
}
