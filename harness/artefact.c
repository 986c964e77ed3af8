/* harness/artefact.c - files by their SHA-256; see artefact.h. */
#include <config.h>

#include "harness/artefact.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"

#define ARTEFACT_MODE 0444

bool
artefact_name_is_valid(const char *sha256)
{
    return sha256 != NULL && strlen(sha256) == SHA256_HEX_BYTES - 1
        && strspn(sha256, "0123456789abcdef") == SHA256_HEX_BYTES - 1;
}

char *
artefact_path(struct arena *arena, const char *sha256)
{
    must(artefact_name_is_valid(sha256));
    return home_path(arena, "artefacts/%.2s/%s", sha256, sha256 + 2);
}

bool
artefact_exists(const char *sha256)
{
    struct arena arena = ARENA_INIT;
    bool exists = artefact_name_is_valid(sha256)
        && fs_exists(artefact_path(&arena, sha256));

    arena_free(&arena);
    return exists;
}

static bool
make_dir(struct arena *arena, const char *sha256, struct fault *why)
{
    return fs_mkdirs(home_path(arena, "artefacts/%.2s", sha256), 0755, why);
}

bool
artefact_put(const void *data, size_t bytes, char sha256_out[static 65],
             struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char sha256[SHA256_HEX_BYTES];
    const char *path;
    bool ok;

    sha256_hex(data, bytes, sha256);
    path = artefact_path(&arena, sha256);
    ok = fs_exists(path)
        || (make_dir(&arena, sha256, why)
            && fs_write_file(path, ARTEFACT_MODE, data, bytes, why));
    if (ok)
        memcpy(sha256_out, sha256, sizeof(sha256));
    else
        fault_context(why, "keep artefact");
    arena_free(&arena);
    return ok;
}

bool
artefact_put_file(const char *path, char sha256_out[static 65],
                  int64_t *bytes_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char sha256[SHA256_HEX_BYTES], copied[SHA256_HEX_BYTES];
    int64_t bytes = 0;
    const char *part, *to;
    bool ok;

    ok = fs_sha256_file(path, sha256, &bytes, why);
    if (!ok)
        goto out;
    to = artefact_path(&arena, sha256);
    if (!fs_exists(to)) {
        /* Its name promises its content: the copy is hashed before it gets
         * it. */
        part = arena_printf(&arena, "%s.%ld", to, (long)getpid());
        ok = make_dir(&arena, sha256, why)
            && fs_copy_file(path, part, ARTEFACT_MODE, why)
            && fs_sha256_file(part, copied, NULL, why);
        if (ok && strcmp(copied, sha256) != 0)
            ok = fault_set(why, FAULT_CONFLICT,
                           "%s changed while it was copied", path);
        if (ok && rename(part, to) != 0)
            ok = fault_errno(why, FAULT_SYSTEM, "name %s", to);
        if (!ok)
            (void)unlink(part);
    }
    if (ok) {
        memcpy(sha256_out, sha256, sizeof(sha256));
        if (bytes_out != NULL)
            *bytes_out = bytes;
    }
out:
    if (!ok)
        fault_context(why, "keep artefact");
    arena_free(&arena);
    return ok;
}

bool
artefact_open(const char *sha256, int *fd_out, int64_t *bytes_out,
              struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct stat st;
    int fd = -1;
    bool ok;

    ok = artefact_name_is_valid(sha256);
    if (!ok) {
        fault_set(why, FAULT_DATA, "'%s' is no SHA-256", sha256);
        goto out;
    }
    fd = open(artefact_path(&arena, sha256), O_RDONLY | O_CLOEXEC);
    ok = fd >= 0 && fstat(fd, &st) == 0;
    if (!ok) {
        fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_SYSTEM,
                    "artefact %s", sha256);
        goto out;
    }
    *fd_out = fd;
    fd = -1;
    *bytes_out = st.st_size;
out:
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

bool
artefact_verify(const char *sha256, int64_t *bytes_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char found[SHA256_HEX_BYTES];
    bool ok;

    ok = artefact_name_is_valid(sha256);
    if (!ok) {
        fault_set(why, FAULT_DATA, "'%s' is no SHA-256", sha256);
        goto out;
    }
    ok = fs_sha256_file(artefact_path(&arena, sha256), found, bytes_out, why);
    if (!ok) {
        fault_context(why, "artefact %s", sha256);
        goto out;
    }
    ok = strcmp(found, sha256) == 0;
    if (!ok)
        fault_set(why, FAULT_DATA, "artefact %s is damaged: its content has "
                  "the hash %s", sha256, found);
out:
    arena_free(&arena);
    return ok;
}
