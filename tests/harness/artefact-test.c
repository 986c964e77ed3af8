/* tests/harness/artefact-test.c - the store of files by content. */
#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "tests/tap.h"

static const char abc_sha[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static struct arena arena = ARENA_INIT;
static char *home;

static int
count_in(const char *dir)
{
    struct dirent *entry;
    DIR *stream = opendir(dir);
    int n = 0;

    if (stream == NULL)
        return -1;
    while ((entry = readdir(stream)) != NULL)
        n += entry->d_name[0] != '.';
    closedir(stream);
    return n;
}

static void
put_and_open(void)
{
    char *file = arena_printf(&arena, "%s/file", home), *path;
    char put[65] = "", again[65] = "";
    struct fault why = FAULT_INIT;
    struct stat st;
    int64_t bytes = 0;
    char data[4] = "";
    int fd = -1;

    ok_fault(artefact_put("abc", 3, put, &why), &why, "put data");
    is_str(put, abc_sha, "named by its SHA-256");
    ok(fs_write_file(file, 0644, "abc", 3, &why)
       && artefact_put_file(file, again, &bytes, &why), "put a file");
    is_str(again, abc_sha, "the same content has the same name");
    is_int(bytes, 3, "and size");
    path = artefact_path(&arena, abc_sha);
    ok(artefact_exists(abc_sha) && stat(path, &st) == 0,
       "it is where it must be");
    is_int(st.st_mode & 07777, 0444, "read-only");
    is_int(count_in(arena_printf(&arena, "%s/artefacts/ba", home)), 1,
           "kept once");
    is_int(count_in(arena_printf(&arena, "%s/artefacts/new", home)), 0,
           "nothing is left half made");
    ok_fault(artefact_open(abc_sha, &fd, &bytes, &why), &why, "opens");
    ok(read(fd, data, 4) == 3 && memcmp(data, "abc", 3) == 0, "at its start");
    fd_close(&fd);
}

static void
damage(void)
{
    static const char none[] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    struct fault why = FAULT_INIT;
    char put[65], *path = artefact_path(&arena, abc_sha);

    not_ok_fault(artefact_verify(none, NULL, &why), &why, FAULT_DATA, none,
                 "a missing one is named");
    not_ok_fault(artefact_verify("../../etc/passwd", NULL, &why), &why,
                 FAULT_DATA, "is no SHA-256", "no way out of the store");
    ok(fs_write_file(path, 0444, "abd", 3, &why), "damage one");
    not_ok_fault(artefact_verify(abc_sha, NULL, &why), &why, FAULT_DATA,
                 abc_sha, "a damaged one is named");
    ok(artefact_put("abc", 3, put, &why)
       && artefact_verify(abc_sha, NULL, &why), "putting it again mends it");
}

static void
full_disk(void)
{
    struct rlimit limit, old;
    struct fault why = FAULT_INIT;
    char data[4096], put[65];
    bool stored;

    memset(data, 'x', sizeof(data));
    must(getrlimit(RLIMIT_FSIZE, &old) == 0);
    limit = old;
    limit.rlim_cur = 1024;
    signal(SIGXFSZ, SIG_IGN);
    must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    stored = artefact_put(data, sizeof(data), put, &why);
    must(setrlimit(RLIMIT_FSIZE, &old) == 0);   /* our own output counts too */
    not_ok_fault(stored, &why, FAULT_SYSTEM, "keep an artefact",
                 "no room: says so");
    is_int(count_in(arena_printf(&arena, "%s/artefacts/new", home)), 0,
           "and leaves nothing");
}

static void
leftovers(void)
{
    struct artefact_writer *writer = NULL, *other = NULL;
    struct fault why = FAULT_INIT;
    char put[65] = "";
    char *dir = arena_printf(&arena, "%s/artefacts/new", home);

    ok(fs_write_file(arena_printf(&arena, "%s/crashed", dir), 0600, "x", 1,
                     &why), "a writer crashed");
    ok_fault(artefact_writer_new(&writer, &why), &why, "begin one");
    ok_fault(artefact_writer_new(&other, &why), &why, "begin another");
    is_int(count_in(dir), 2, "the crashed one is swept, living ones are not");
    artefact_writer_free(other);
    ok(artefact_writer_add(writer, "a", 1, &why)
       && artefact_writer_add(writer, "bc", 2, &why)
       && artefact_writer_finish(writer, put, NULL, &why), "written in pieces");
    is_str(put, abc_sha, "has the right name");
    artefact_writer_free(writer);
    is_int(count_in(dir), 0, "all gone");
    not_ok_fault(artefact_put_file(home, put, NULL, &why), &why, FAULT_SYSTEM,
                 "no regular file", "a directory is no artefact");
}

int
main(void)
{
    char template[] = "/tmp/artefact-test.XXXXXX";
    struct fault why = FAULT_INIT;

    home = mkdtemp(template);
    must(home != NULL && setenv("ASSAY_HOME", home, 1) == 0);
    put_and_open();
    damage();
    full_disk();
    leftovers();
    ok_fault(fs_remove_tree(home, &why), &why, "clean up");
    arena_free(&arena);
    return tap_done();
}
