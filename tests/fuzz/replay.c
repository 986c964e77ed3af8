/* tests/fuzz/replay.c - the main() of a fuzz target that is not built for
 * libFuzzer: runs it once on each file named, and on each in the directories
 * named, in TAP. */
#include <config.h>

#include <dirent.h>
#include <errno.h>

#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/tap.h"

#define INPUT_MAX (16u << 20)

static void
replay_file(const char *path, const char *name)
{
    struct buf input = BUF_INIT;
    struct fault why = FAULT_INIT;
    uint8_t *exact;

    if (ok_fault(fs_read_file(path, INPUT_MAX, &input, &why), &why, "read %s",
                 name)) {
        /* A copy of its exact size, so that sanitizers see the first byte
         * past it; the name first, for a crash to be found. */
        diag("%s", path);
        exact = xmalloc(input.len);
        memcpy(exact, buf_text(&input), input.len);
        ok(LLVMFuzzerTestOneInput(exact, input.len) == 0, "%s", name);
        free(exact);
    }
    buf_free(&input);
}

static void
replay(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char *below;

    if (dir == NULL && errno == ENOTDIR) {
        replay_file(path, path);
        return;
    }
    if (dir == NULL)
        tap_bail("cannot read %s", path);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        below = xasprintf("%s/%s", path, entry->d_name);
        replay_file(below, entry->d_name);
        free(below);
    }
    closedir(dir);
}

int
main(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++)
        replay(argv[i]);
    return tap_done();
}
