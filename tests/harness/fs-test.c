/* tests/harness/fs-test.c - files, directories, locks, and a full disk. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;
static struct fault why = FAULT_INIT;

static char *
at(const char *name)
{
    return arena_printf(&arena, "%s/%s", tap_dir(), name);
}

static bool
holds(const char *path, const char *want)
{
    struct buf text = BUF_INIT;
    bool same = fs_read_file(path, 1000, &text, &why)
        && strcmp(buf_text(&text), want) == 0;

    buf_free(&text);
    return same;
}

static void
test_files(void)
{
    char hex[65], hex2[65];
    struct buf text = BUF_INIT;
    int64_t bytes = 0;
    struct stat st;

    ok_fault(fs_write_file(at("f"), 0640, "hello", 5, &why), &why, "write");
    ok(holds(at("f"), "hello"), "and read");
    ok(stat(at("f"), &st) == 0 && (st.st_mode & 0777) == 0640, "its mode");
    ok_fault(fs_write_file(at("f"), 0600, "bye", 3, &why), &why, "write over");
    ok(holds(at("f"), "bye"), "and read");
    not_ok_fault(fs_read_file(at("f"), 2, &text, &why), &why, FAULT_DATA,
                 "over 2 bytes", "too long");
    not_ok_fault(fs_read_file(at("none"), 2, &text, &why), &why,
                 FAULT_NOT_FOUND, "No such file", "a missing file");
    not_ok_fault(fs_read_file(tap_dir(), 2, &text, &why), &why, FAULT_SYSTEM,
                 "Is a directory", "a directory");
    not_ok_fault(fs_write_file(at("no/f"), 0600, "", 0, &why), &why,
                 FAULT_SYSTEM, "No such file", "write nowhere");
    ok_fault(fs_copy_file(at("f"), at("g"), 0600, &why), &why, "copy");
    ok(holds(at("g"), "bye"), "the same");
    ok_fault(fs_sha256_file(at("f"), hex, &bytes, &why), &why, "hash");
    is_int(bytes, 3, "its bytes");
    sha256_hex("bye", 3, hex2);
    is_str(hex, hex2, "one hash, two ways");
    sha256_hex("abc", 3, hex);
    is_str(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
           "5ad", "the known one");
    not_ok_fault(fs_sha256_file(at("none"), hex, NULL, &why), &why,
                 FAULT_NOT_FOUND, "hash", "hash of nothing");
    ok(fs_free_bytes(tap_dir()) > 0, "free bytes");
    is_int(fs_free_bytes(at("none")), -1, "unknown");
    buf_free(&text);
}

static void
test_full(void)
{
    struct rlimit small = { 4096, RLIM_INFINITY }, old;
    char block[8192];
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    memset(block, 'x', sizeof(block));
    if (fd >= 0)
        not_ok_fault(fd_write_all(fd, "x", 1, &why), &why, FAULT_SYSTEM,
                     "No space left", "a full device");
    fd_close(&fd);
    is_int(fd, -1, "closed and forgotten");
    if (!fs_write_file(at("kept"), 0600, "old", 3, &why))
        tap_bail("%s", why.text);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    not_ok_fault(fs_write_file(at("kept"), 0600, block, sizeof(block), &why),
                 &why, FAULT_SYSTEM, "File too large", "no room");
    setrlimit(RLIMIT_FSIZE, &old);
    ok(holds(at("kept"), "old"), "the old file is whole");
    ok_fault(fs_remove_tree(at("kept"), &why), &why, "remove a file");
}

static void
test_trees(void)
{
    struct stat st;

    ok_fault(fs_mkdirs(at("a/b/c"), 0711, &why), &why, "mkdir -p");
    ok(stat(at("a/b"), &st) == 0 && (st.st_mode & 0777) == 0711, "modes");
    ok_fault(fs_mkdirs(at("a/b/c/"), 0711, &why), &why, "again");
    not_ok_fault(fs_mkdirs(at("f/x"), 0711, &why), &why, FAULT_SYSTEM,
                 "make directory", "below a file");
    not_ok_fault(fs_mkdirs(at("f"), 0711, &why), &why, FAULT_SYSTEM,
                 "Not a directory", "in place of a file");
    if (!fs_write_file(at("outside"), 0600, "safe", 4, &why)
        || !fs_write_file(at("a/b/c/f"), 0600, "x", 1, &why)
        || !fs_mkdirs(at("target/sub"), 0755, &why)
        || symlink(at("target"), at("a/link")) != 0
        || symlink("../outside", at("a/b/link")) != 0
        || chmod(at("a/b/c"), 0) != 0)
        tap_bail("%s", why.text);
    ok_fault(fs_remove_tree(at("a"), &why), &why, "rm -rf");
    ok(!fs_exists(at("a")), "gone");
    ok(fs_exists(at("target/sub")) && holds(at("outside"), "safe"),
       "links were not followed");
    if (symlink(at("target"), at("l")) != 0)
        tap_bail("symlink");
    ok_fault(fs_remove_tree(at("l"), &why), &why, "a link itself");
    ok(!fs_exists(at("l")) && fs_exists(at("target/sub")), "only the link");
    ok_fault(fs_remove_tree(at("none"), &why), &why, "nothing");
    if (getuid() != 0) {
        ok(chmod(tap_dir(), 0555) == 0, "a directory to read only");
        not_ok_fault(fs_remove_tree(at("target"), &why), &why, FAULT_SYSTEM,
                     "Permission denied", "cannot be changed");
        (void)chmod(tap_dir(), 0755);
    }
}

static void
test_lock(void)
{
    int one = -1, two = -1;

    ok_fault(fs_lock(at("lock"), false, &one, &why), &why, "lock");
    not_ok_fault(fs_lock(at("lock"), false, &two, &why), &why,
                 FAULT_CONFLICT, "another process holds", "is exclusive");
    fd_close(&one);
    ok_fault(fs_lock(at("lock"), true, &two, &why), &why, "free again");
    fd_close(&two);
    not_ok_fault(fs_lock(at("no/lock"), false, &one, &why), &why,
                 FAULT_SYSTEM, "open lock", "no such directory");
}

static void
test_flags(void)
{
    int fds[2];

    if (pipe(fds) != 0)
        tap_bail("pipe");
    ok_fault(fd_set_nonblock(fds[0], &why), &why, "nonblock");
    ok(read(fds[0], fds, 1) < 0 && errno == EAGAIN, "does not block");
    ok_fault(fd_set_cloexec(fds[0], true, &why), &why, "cloexec on");
    is_int(fcntl(fds[0], F_GETFD), FD_CLOEXEC, "is on");
    ok_fault(fd_set_cloexec(fds[0], false, &why), &why, "cloexec off");
    is_int(fcntl(fds[0], F_GETFD), 0, "is off");
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    not_ok_fault(fd_set_nonblock(9999, &why), &why, FAULT_SYSTEM,
                 "descriptor 9999", "a bad descriptor");
}

static void
test_home(void)
{
    const char *home = NULL, *again = NULL;
    char *path = NULL;
    struct stat st;

    setenv("ASSAY_HOME", at("a-home-that-is-much-too-long-for-the-sockets-of-"
                            "libvirt"), 1);
    not_ok_fault(home_get(&home, &why), &why, FAULT_CONFIG,
                 "too long for the Unix sockets", "a long home");
    has_str(why.hint, "ASSAY_HOME", "has a hint");
    setenv("ASSAY_HOME", at("outside"), 1);
    not_ok_fault(home_get(&home, &why), &why, FAULT_SYSTEM,
                 "Not a directory", "a home that is a file");
    setenv("ASSAY_HOME", at("h/home///"), 1);
    ok_fault(home_get(&home, &why), &why, "a home is made");
    is_str(home, at("h/home"), "its name");
    ok(stat(home, &st) == 0 && (st.st_mode & 0777) == 0711, "its mode");
    setenv("ASSAY_HOME", "/elsewhere", 1);
    ok(home_get(&again, &why) && again == home, "it stays");
    is_str(home_path(&arena, "run/%d.sock", 7), at("h/home/run/7.sock"),
           "a path in it");
    ok_fault(home_data(&arena, "harness/home.h", &path, &why), &why,
             "data of the source tree");
    not_ok_fault(home_data(&arena, "no/such", &path, &why), &why,
                 FAULT_NOT_FOUND, "no data file 'no/such'", "no data");
    setenv("ASSAY_DATA", tap_dir(), 1);
    ok(home_data(&arena, "outside", &path, &why)
           && strcmp(path, at("outside")) == 0, "ASSAY_DATA comes first");
    ok_fault(home_program(&arena, "assay", &path, &why), &why, "a program");
    not_ok_fault(home_program(&arena, "nonesuch", &path, &why), &why,
                 FAULT_SYSTEM, "no program 'nonesuch'", "no program");
    ok(harness_revision()[0] != '\0', "a revision");
}

int
main(void)
{
    test_files();
    test_full();
    test_trees();
    test_lock();
    test_flags();
    test_home();
    arena_free(&arena);
    return tap_done();
}
