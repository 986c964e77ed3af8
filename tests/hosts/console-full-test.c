/* tests/hosts/console-full-test.c - a full disk: a short one costs no byte, a
 * long one does not stop the machine, and what is lost is counted and said. */
#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "hosts/console_client.h"
#include "tests/hosts/console_fix.h"
#include "tests/tap.h"

#define NOISE_BYTES (4 << 20)

static struct console_fix fix;
static struct fault why;
static char *noise;

/* A limit on the size of its files is a full disk for it. */
static void
limit_files(rlim_t bytes)
{
    struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };

    if (prlimit(fix.pid, RLIMIT_FSIZE, &limit, NULL) != 0)
        tap_bail("prlimit");
}

static int64_t
status_of(const char *host, const char *key, struct buf *text)
{
    struct console_client *client = console_fix_client();
    json_t *status = NULL;
    int64_t value;

    if (!console_client_status(client, host, &status, &why))
        tap_bail("%s", why.text);
    value = json_int(status, key, -1);
    if (text != NULL && json_text(status, key) != NULL)
        buf_adds(text, json_text(status, key));
    json_decref(status);
    console_client_close(client);
    return value;
}

static bool
await_text(const char *host, const char *file, const char *part)
{
    for (int i = 0; i < CONSOLE_FIX_WAIT_MS / 20; i++) {
        if (strstr(console_fix_text(host, file), part) != NULL)
            return true;
        (void)poll(NULL, 0, 20);
    }
    diag("no '%s' in %s: %s", part, file, console_fix_text(host, file));
    return false;
}

static void
test_short(void)
{
    int machine = console_fix_machine(&fix, "h0");
    struct buf out = BUF_INIT, text = BUF_INIT;

    limit_files(50000);
    console_fix_say(machine, noise, 80000);
    ok(console_fix_reached("h0", 50000), "as much as there is room for");
    (void)status_of("h0", "why", &text);
    has_str(buf_text(&text), "the log cannot be written: File too large",
            "the status says why");
    limit_files(RLIM_INFINITY);
    ok(console_fix_reached("h0", 80000), "the rest when there is room again");
    console_fix_log("h0", &out);
    ok(out.len == 80000 && memcmp(out.data, noise, 80000) == 0,
       "a short one costs no byte");
    is_int(status_of("h0", "lost", NULL), 0, "and none is counted");
    close(machine);
    buf_free(&out);
    buf_free(&text);
}

static void
test_long(void)
{
    struct console_client *client = console_fix_client();
    struct console_attach attach = { .host = "h1" };
    int machine = console_fix_machine(&fix, "h1");
    enum console_event event = CONSOLE_EVENT_DATA;
    struct buf out = BUF_INIT, seen = BUF_INIT;
    int64_t begin = clock_mono_ms(clock_system());
    const char *data;
    size_t bytes;

    ok(console_fix_state("h1", "up"), "another machine");
    ok_fault(console_client_attach(client, &attach, NULL, &why), &why,
             "somebody watches");
    limit_files(60000);
    /* More than the kernel holds: this returns when it is read. */
    console_fix_say(machine, noise, NOISE_BYTES);
    ok(clock_mono_ms(clock_system()) - begin >= 1500, "it waits a while");
    ok(console_fix_reached("h1", NOISE_BYTES), "then the machine goes on");
    is_int(status_of("h1", "lost", NULL), NOISE_BYTES - 60000,
           "lost bytes are counted");
    while (event != CONSOLE_EVENT_NONE) {
        if (!console_client_read(client, 500, &event, &data, &bytes, &why))
            tap_bail("%s", why.text);
        if (event == CONSOLE_EVENT_DATA)
            buf_add(&seen, data, bytes);
    }
    ok(seen.len >= 60000 && memcmp(seen.data, noise, 60000) == 0,
       "who watches sees what is logged");
    limit_files(RLIM_INFINITY);
    ok(await_text("h1", "000001.idx", " 60000 4134304 bytes: File too large"),
       "the loss is recorded when there is room");
    ok(await_text("h1", "events", "lost: 4134304 bytes"),
       "in the events too");
    console_fix_say(machine, "after", 5);
    ok(console_fix_reached("h1", NOISE_BYTES + 5), "the log goes on");
    is_str(console_fix_text("h1", "000002.log"), "after", "in a new file");
    console_fix_log("h1", &out);
    ok(out.len == 60005 && memcmp(out.data, noise, 60000) == 0,
       "nothing was added or changed");
    close(machine);
    console_client_close(client);
    buf_free(&out);
    buf_free(&seen);
}

static bool
put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;

    fd_close(&fd);
    return good;
}

/* A file system of 3 MiB for the logs, where we may have one. */
static bool
mount_small(const char *path)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (uid == 0 && unshare(CLONE_NEWNS) != 0)
        return false;
    if (uid != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        (void)snprintf(map, sizeof(map), "%u %u 1", uid, uid);
        if (!put("/proc/self/setgroups", "deny") ||
            !put("/proc/self/uid_map", map))
            return false;
        (void)snprintf(map, sizeof(map), "%u %u 1", gid, gid);
        if (!put("/proc/self/gid_map", map))
            return false;
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", path, "tmpfs", 0, "size=3m,mode=755") == 0;
}

static void
test_small(void)
{
    struct buf out = BUF_INIT;
    int machine;
    char path[128];
    int64_t lost;

    console_fix_start(&fix, false, NULL);
    machine = console_fix_machine(&fix, "h2");
    console_fix_say(machine, noise, NOISE_BYTES);
    ok(console_fix_reached("h2", NOISE_BYTES), "4 MiB on a disk of 3");
    lost = status_of("h2", "lost", NULL);
    ok(lost > 0, "%" PRId64 " bytes are lost", lost);
    (void)snprintf(path, sizeof(path), "%s/home/consoles/ballast", fix.dir);
    ok(unlink(path) == 0, "somebody makes room");
    ok(await_text("h2", "events", "lost: "), "then it is said");
    console_fix_say(machine, "after", 5);
    ok(console_fix_reached("h2", NOISE_BYTES + 5), "and the log goes on");
    console_fix_log("h2", &out);
    is_int((int64_t)out.len, NOISE_BYTES + 5 - lost,
           "the log lacks as many bytes as were counted");
    close(machine);
    ok(console_fix_stop(&fix), "it ends well");
    buf_free(&out);
}

int
main(void)
{
    char path[128];

    noise = xmalloc(NOISE_BYTES);
    console_fix_noise(noise, NOISE_BYTES, 3);
    console_fix_init(&fix, 3);
    console_fix_start(&fix, false, NULL);
    test_short();
    test_long();
    ok(console_fix_stop(&fix), "it ends well");
    (void)snprintf(path, sizeof(path), "%s/home/consoles", fix.dir);
    if (mount_small(path)) {
        struct buf ballast = BUF_INIT;

        for (size_t i = 0; i < 3 << 19; i++)
            buf_addc(&ballast, 'x');
        (void)snprintf(path, sizeof(path), "%s/home/consoles/ballast",
                       fix.dir);
        if (!fs_write_file(path, 0644, ballast.data, ballast.len, &why))
            tap_bail("%s", why.text);
        buf_free(&ballast);
        test_small();
        (void)snprintf(path, sizeof(path), "%s/home/consoles", fix.dir);
        (void)umount2(path, MNT_DETACH);
    } else {
        skip("a disk that is full", "no file system may be mounted here");
    }
    free(noise);
    console_fix_end(&fix, tap.failed > 0);
    return tap_done();
}
