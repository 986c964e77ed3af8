/* tests/sshfix.h - a private ssh server for a test: dropbear on a loopback
 * port, as the calling user, whose home it sees is a directory of ours. */
#ifndef TESTS_SSHFIX_H
#define TESTS_SSHFIX_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/ssh_target.h"
#include "tests/tap.h"

struct sshfix {
    char dir[256];              /* all its files */
    char home[300];             /* what the remote commands see as home */
    pid_t pid;
    struct ssh_target target;
};

static void
sshfix_must(bool good, const char *what, const struct fault *why)
{
    if (!good)
        tap_bail("sshfix: %s: %s %s", what, why->text, why->detail);
}

static int
sshfix_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        tap_bail("sshfix: no port");
    close(fd);
    return ntohs(at.sin_port);
}

static void
sshfix_keys(struct sshfix *fix)
{
    struct buf out = BUF_INIT, pub = BUF_INIT;
    struct fault why = FAULT_INIT;
    char path[420], key[400], *line;

    snprintf(path, sizeof(path), "%s/hostkey", fix->dir);
    sshfix_must(proc_run((const char *const[]){"dropbearkey", "-t", "ed25519",
                                               "-f", path, NULL},
                         NULL, 0, 30000, &out, &why),
                "dropbearkey", &why);
    line = strstr(out.data, "ssh-ed25519 ");
    if (line == NULL)
        tap_bail("sshfix: no host key in %s", out.data);
    line[strcspn(line, "\n")] = '\0';
    fix->target.hostkey = xstrdup(line);
    snprintf(key, sizeof(key), "%s/key", fix->dir);
    sshfix_must(proc_run((const char *const[]){"ssh-keygen", "-q", "-t",
                                               "ed25519", "-N", "", "-f", key,
                                               NULL},
                         NULL, 0, 30000, NULL, &why),
                "ssh-keygen", &why);
    fix->target.key = xstrdup(key);
    snprintf(path, sizeof(path), "%s.pub", key);
    sshfix_must(fs_read_file(path, 4096, &pub, &why), "read", &why);
    snprintf(path, sizeof(path), "%s/.ssh", fix->home);
    sshfix_must(fs_mkdirs(path, 0700, &why), "mkdir", &why);
    snprintf(path, sizeof(path), "%s/.ssh/authorized_keys", fix->home);
    sshfix_must(fs_write_file(path, 0600, pub.data, pub.len, &why), "write",
                &why);
    buf_free(&pub);
    buf_free(&out);
}

static bool
sshfix_map(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return ok;
}

/* Private mounts, and the same user as before. */
static bool
sshfix_unshare(void)
{
    unsigned uid = geteuid(), gid = getegid();
    char users[40], groups[40];

    if (uid == 0)
        return unshare(CLONE_NEWNS) == 0;
    snprintf(users, sizeof(users), "%u %u 1", uid, uid);
    snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
    return unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0
        && sshfix_map("/proc/self/setgroups", "deny")
        && sshfix_map("/proc/self/uid_map", users)
        && sshfix_map("/proc/self/gid_map", groups);
}

static NORETURN void
sshfix_server(const struct sshfix *fix, const char *home, int report)
{
    char port[40], key[400], log[400];
    int fd;

    /* A caller that ignores it (nohup) would have commands outlive their
     * terminals, and read what is meant for the next ones. */
    (void)signal(SIGHUP, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(port, sizeof(port), "127.0.0.1:%d", fix->target.port);
    snprintf(key, sizeof(key), "%s/hostkey", fix->dir);
    snprintf(log, sizeof(log), "%s/log", fix->dir);
    if (!sshfix_unshare() ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(fix->home, home, NULL, MS_BIND, NULL) != 0) {
        (void)!write(report, "x", 1);
        _exit(1);
    }
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execlp("dropbear", "dropbear", "-F", "-E", "-s", "-r", key, "-p", port,
           "-P", "", (char *)NULL);
    _exit(127);
}

/* False when the kernel allows no private mounts here. */
static UNUSED bool
sshfix_start(struct sshfix *fix, const char *dir)
{
    const struct passwd *user = getpwuid(geteuid());
    struct fault why = FAULT_INIT;
    struct sockaddr_in at = {.sin_family = AF_INET};
    int report[2], tries, fd;
    char none;

    memset(fix, 0, sizeof(*fix));
    if (user == NULL)
        return false;
    snprintf(fix->dir, sizeof(fix->dir), "%s", dir);
    snprintf(fix->home, sizeof(fix->home), "%s/home", dir);
    sshfix_must(fs_mkdirs(fix->home, 0700, &why), "mkdir", &why);
    fix->target.address = xstrdup("127.0.0.1");
    fix->target.port = sshfix_port();
    fix->target.user = xstrdup(user->pw_name);
    sshfix_keys(fix);
    if (pipe2(report, O_CLOEXEC) != 0)
        return false;
    fix->pid = fork();
    if (fix->pid == 0)
        sshfix_server(fix, user->pw_dir, report[1]);
    close(report[1]);
    if (read(report[0], &none, 1) == 1) {
        waitpid(fix->pid, NULL, 0);
        close(report[0]);
        return false;
    }
    close(report[0]);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)fix->target.port);
    for (tries = 0; tries < 500; tries++) {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
            close(fd);
            return true;
        }
        close(fd);
        poll(NULL, 0, 10);
    }
    tap_bail("sshfix: dropbear does not answer, see %s/log", dir);
}

static UNUSED void
sshfix_stop(struct sshfix *fix)
{
    if (fix->pid > 0) {
        kill(fix->pid, SIGKILL);
        waitpid(fix->pid, NULL, 0);
    }
    ssh_target_fini(&fix->target);
}

#endif
