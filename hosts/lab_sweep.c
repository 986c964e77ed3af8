/* hosts/lab_sweep.c - see lab_sweep.h. */
#include <config.h>

#include "hosts/lab_sweep.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"

#define CMDLINE_MAX_BYTES (64u << 10)
#define GRACE_MS 3000
#define KILL_LIMIT_MS 10000

static const char *const kind_names[] = {
    [LAB_PROCESS_NONE] = "none",
    [LAB_PROCESS_KEEPER] = "keeper",
    [LAB_PROCESS_DNSMASQ] = "dnsmasq",
    [LAB_PROCESS_MACHINE] = "machine",
};

const char *
lab_process_kind_name(enum lab_process_kind kind)
{
    return kind_names[kind];
}

/* i-th word of a command line, NULL past the end. */
static const char *
word_at(const struct buf *cmdline, size_t want)
{
    const char *p = cmdline->data, *end = p + cmdline->len;

    for (size_t i = 0; p < end; i++) {
        if (i == want)
            return p;
        p += strlen(p) + 1;     /* a buf ends in a NUL */
    }
    return NULL;
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static enum lab_process_kind
classify(const struct buf *cmdline, char name[static 64])
{
    static const char qemu[] = "qemu-system-", guest[] = "guest=";
    struct arena arena = ARENA_INIT;
    const char *conf = arena_printf(&arena, "--conf-file=%s",
                                    home_path(&arena,
                                              "lab/net/dnsmasq.conf"));
    const char *virt = home_path(&arena, "lab/virt/");
    const char *home = NULL, *program, *word;
    enum lab_process_kind kind = LAB_PROCESS_NONE;

    must(home_get(&home, NULL));
    name[0] = '\0';
    word = word_at(cmdline, 0);
    if (word == NULL)
        goto out;
    program = base_name(word);
    for (size_t i = 1; (word = word_at(cmdline, i)) != NULL; i++) {
        const char *before = word_at(cmdline, i - 1);

        if (strcmp(program, "dnsmasq") == 0 && strcmp(word, conf) == 0)
            kind = LAB_PROCESS_DNSMASQ;
        if (strncmp(program, qemu, sizeof(qemu) - 1) == 0) {
            if (strstr(word, virt) != NULL)
                kind = LAB_PROCESS_MACHINE;
            if (strncmp(word, guest, sizeof(guest) - 1) == 0)
                (void)snprintf(name, 64, "%.*s",
                               (int)strcspn(word + sizeof(guest) - 1, ","),
                               word + sizeof(guest) - 1);
        }
        if (i >= 3 && strcmp(word, home) == 0
            && strcmp(before, "keeper") == 0
            && strcmp(word_at(cmdline, i - 2), "lab") == 0)
            kind = LAB_PROCESS_KEEPER;
    }
    if (kind != LAB_PROCESS_MACHINE)
        (void)snprintf(name, 64, "%s", program);
out:
    arena_free(&arena);
    return kind;
}

static enum lab_process_kind
classify_pid(pid_t pid, char name[static 64])
{
    char path[64];
    struct buf cmdline = BUF_INIT;
    enum lab_process_kind kind = LAB_PROCESS_NONE;

    (void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
    if (fs_read_file(path, CMDLINE_MAX_BYTES, &cmdline, NULL)
        && cmdline.len > 0)
        kind = classify(&cmdline, name);
    buf_free(&cmdline);
    return kind;
}

bool
lab_sweep_find(struct lab_process **found_out, size_t *count_out,
               struct fault *why)
{
    struct lab_process *found = NULL;
    size_t count = 0, cap = 0;
    const char *home;
    struct dirent *entry;
    DIR *dir;

    if (!home_get(&home, why))
        return false;
    dir = opendir("/proc");
    if (dir == NULL)
        return fault_errno(why, FAULT_SYSTEM, "read /proc");
    while ((entry = readdir(dir)) != NULL) {
        struct lab_process one = { .kind = LAB_PROCESS_NONE };
        int64_t pid;

        if (!isdigit((unsigned char)entry->d_name[0])
            || !parse_int64(entry->d_name, 1, INT32_MAX, &pid))
            continue;
        one.pid = (pid_t)pid;
        one.kind = classify_pid(one.pid, one.name);
        if (one.kind == LAB_PROCESS_NONE)
            continue;
        found = xgrow(found, &cap, count, sizeof(*found));
        found[count++] = one;
    }
    closedir(dir);
    *found_out = found;
    *count_out = count;
    return true;
}

/* Between finding and signalling the number could be given away: the
 * descriptor is opened first, and only then is the process looked at again. */
static bool
kill_one(const struct lab_process *process, struct fault *why)
{
    struct pollfd ended = { .events = POLLIN };
    char name[64];
    int fd;
    bool ok = true;

    fd = pidfd_open(process->pid, 0);
    if (fd < 0)
        return errno == ESRCH
            || fault_errno(why, FAULT_SYSTEM, "open process %ld",
                           (long)process->pid);
    ended.fd = fd;
    if (classify_pid(process->pid, name) != process->kind)
        goto out;
    if (pidfd_send_signal(fd, SIGTERM, NULL, 0) != 0 && errno != ESRCH) {
        ok = fault_errno(why, FAULT_SYSTEM, "stop %s %ld", name,
                         (long)process->pid);
        goto out;
    }
    if (poll(&ended, 1, GRACE_MS) == 1)
        goto out;
    (void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
    ok = poll(&ended, 1, KILL_LIMIT_MS) == 1;
    if (!ok)
        fault_set(why, FAULT_TIMEOUT, "%s %ld does not die", name,
                  (long)process->pid);
out:
    fd_close(&fd);
    return ok;
}

bool
lab_sweep_kill(enum lab_process_kind kind, size_t *killed_out,
               struct fault *why)
{
    struct lab_process *found = NULL;
    size_t count = 0, killed = 0;
    bool ok = lab_sweep_find(&found, &count, why);

    for (size_t i = 0; ok && i < count; i++) {
        if (kind != LAB_PROCESS_NONE && found[i].kind != kind)
            continue;
        ok = kill_one(&found[i], why);
        killed += ok;
    }
    if (ok && killed_out != NULL)
        *killed_out = killed;
    free(found);
    return ok;
}
