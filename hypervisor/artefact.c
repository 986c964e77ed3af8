/* hypervisor/artefact.c - files by content, below ASSAY_HOME/artefacts. */
#include <config.h>

#include "hypervisor/artefact.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"

#define CHUNK_BYTES (256 * 1024)
#define DIR_MODE 0755
#define FILE_MODE 0444

/* A file in artefacts/new, locked as long as its maker lives: what is there
 * without a lock was left by a crash. */
struct artefact_writer {
    char *path;                 /* NULL once it has been moved */
    int fd;
    EVP_MD_CTX *hash;
    int64_t bytes;
    unsigned char *chunk;       /* scratch for copies */
};

bool
artefact_sha_valid(const char *sha256)
{
    return strspn(sha256, "0123456789abcdef") == 64 && sha256[64] == '\0';
}

bool
artefact_path(struct arena *arena, const char *sha256, char **path_out,
              struct fault *why)
{
    const char *home;

    if (!artefact_sha_valid(sha256))
        return fault_set(why, FAULT_DATA, "'%s' names no artefact", sha256);
    if (!home_get(&home, why))
        return false;
    *path_out = arena_printf(arena, "%s/artefacts/%.2s/%s", home, sha256,
                             sha256 + 2);
    return true;
}

/* Removes what crashed writers left. Best effort: a failure shows up later,
 * if it matters, as a full disk. */
static void
sweep(const char *dir)
{
    struct dirent *entry;
    DIR *stream = opendir(dir);
    int fd;

    if (stream == NULL)
        return;
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        fd = openat(dirfd(stream), entry->d_name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(stream), entry->d_name, 0);
        fd_close(&fd);
    }
    closedir(stream);
}

/* Between making the file and locking it a sweep of another process may take
 * it away: then another one is made. */
static bool
open_locked(const char *dir, char **path_out, int *fd_out, struct fault *why)
{
    struct stat st;
    int tries;

    for (tries = 0; tries < 100; tries++) {
        char *path = xasprintf("%s/XXXXXX", dir);
        int fd = mkostemp(path, O_CLOEXEC);

        if (fd < 0) {
            free(path);
            return fault_errno(why, FAULT_SYSTEM, "make a file in %s", dir);
        }
        if (flock(fd, LOCK_EX) == 0 && fstat(fd, &st) == 0
            && st.st_nlink == 1) {
            *path_out = path;
            *fd_out = fd;
            return true;
        }
        unlink(path);
        fd_close(&fd);
        free(path);
    }
    return fault_set(why, FAULT_SYSTEM, "cannot keep a new file in %s", dir);
}

bool
artefact_writer_new(struct artefact_writer **out, struct fault *why)
{
    struct artefact_writer *writer = xcalloc(1, sizeof(*writer));
    struct arena arena = ARENA_INIT;
    const char *home;
    char *dir;
    bool ok;

    writer->fd = -1;
    ok = home_get(&home, why);
    if (!ok)
        goto out;
    dir = arena_printf(&arena, "%s/artefacts/new", home);
    ok = fs_mkdirs(dir, DIR_MODE, why);
    if (!ok)
        goto out;
    sweep(dir);
    ok = open_locked(dir, &writer->path, &writer->fd, why);
    if (!ok)
        goto out;
    writer->hash = EVP_MD_CTX_new();
    must(writer->hash != NULL);
    must(EVP_DigestInit_ex(writer->hash, EVP_sha256(), NULL) == 1);
    *out = writer;
    writer = NULL;
out:
    artefact_writer_free(writer);
    arena_free(&arena);
    return ok;
}

bool
artefact_writer_add(struct artefact_writer *writer, const void *data,
                    size_t bytes, struct fault *why)
{
    if (!fd_write_all(writer->fd, data, bytes, why))
        return fault_context(why, "store an artefact");
    must(EVP_DigestUpdate(writer->hash, data, bytes) == 1);
    writer->bytes += (int64_t)bytes;
    return true;
}

static void
hash_hex(EVP_MD_CTX *hash, char hex[static ARTEFACT_SHA_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int i, n = 0;

    must(EVP_DigestFinal_ex(hash, digest, &n) == 1 && n == 32);
    for (i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static bool
sync_dir(const char *dir, struct fault *why)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "sync %s", dir);
    fd_close(&fd);
    return ok;
}

/* One that is there and sound stays: nothing is written twice. */
static bool
is_sound(const char *sha256)
{
    struct fault unused = FAULT_INIT;

    return artefact_verify(sha256, NULL, &unused);
}

bool
artefact_writer_finish(struct artefact_writer *writer, struct artefact *out,
                       struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct artefact made = { .bytes = writer->bytes };
    char *path, *dir;
    bool ok;

    must(writer->path != NULL);
    hash_hex(writer->hash, made.sha256);
    ok = artefact_path(&arena, made.sha256, &path, why);
    if (!ok || is_sound(made.sha256))
        goto out;
    ok = fchmod(writer->fd, FILE_MODE) == 0 && fsync(writer->fd) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "store artefact %s", made.sha256);
        goto out;
    }
    dir = arena_printf(&arena, "%.*s", (int)(strlen(path) - 63), path);
    ok = fs_mkdirs(dir, DIR_MODE, why);
    if (!ok)
        goto out;
    ok = rename(writer->path, path) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "store artefact %s", made.sha256);
        goto out;
    }
    xfree_str(&writer->path);
    ok = sync_dir(dir, why);
out:
    if (ok)
        *out = made;
    arena_free(&arena);
    return ok;
}

void
artefact_writer_free(struct artefact_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->path != NULL)
        unlink(writer->path);
    fd_close(&writer->fd);
    EVP_MD_CTX_free(writer->hash);
    free(writer->path);
    free(writer->chunk);
    free(writer);
}

static bool
add_fd(struct artefact_writer *writer, int fd, const char *path,
       struct fault *why)
{
    ssize_t n;

    writer->chunk = xmalloc(CHUNK_BYTES);
    for (;;) {
        n = read(fd, writer->chunk, CHUNK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, FAULT_SYSTEM, "read %s", path);
        if (n == 0)
            return true;
        if (!artefact_writer_add(writer, writer->chunk, (size_t)n, why))
            return false;
    }
}

bool
artefact_put_file(const char *path, struct artefact *out, struct fault *why)
{
    struct artefact_writer *writer = NULL;
    struct stat st;
    int fd = -1;
    bool ok;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ok = fd >= 0 && fstat(fd, &st) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "read %s", path);
        goto out;
    }
    ok = S_ISREG(st.st_mode);
    if (!ok) {
        fault_set(why, FAULT_SYSTEM, "%s is no regular file", path);
        goto out;
    }
    ok = artefact_writer_new(&writer, why)
        && add_fd(writer, fd, path, why)
        && artefact_writer_finish(writer, out, why);
out:
    artefact_writer_free(writer);
    fd_close(&fd);
    return ok;
}

bool
artefact_put_data(const void *data, size_t bytes, struct artefact *out,
                  struct fault *why)
{
    struct artefact_writer *writer = NULL;
    bool ok;

    ok = artefact_writer_new(&writer, why)
        && artefact_writer_add(writer, data, bytes, why)
        && artefact_writer_finish(writer, out, why);
    artefact_writer_free(writer);
    return ok;
}

static bool
hash_fd(int fd, const char *path, char hex[static ARTEFACT_SHA_BYTES],
        int64_t *bytes_out, struct fault *why)
{
    unsigned char *chunk = xmalloc(CHUNK_BYTES);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    ssize_t n;
    bool ok;

    must(hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1);
    *bytes_out = 0;
    do {
        n = read(fd, chunk, CHUNK_BYTES);
        if (n > 0) {
            must(EVP_DigestUpdate(hash, chunk, (size_t)n) == 1);
            *bytes_out += n;
        }
    } while (n > 0 || (n < 0 && errno == EINTR));
    ok = n == 0;
    if (ok)
        hash_hex(hash, hex);
    else
        fault_errno(why, FAULT_SYSTEM, "read %s", path);
    EVP_MD_CTX_free(hash);
    free(chunk);
    return ok;
}

bool
artefact_open(const char *sha256, int *fd_out, int64_t *bytes_out,
              struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char hex[ARTEFACT_SHA_BYTES];
    int64_t bytes = 0;
    int fd = -1;
    char *path;
    bool ok;

    ok = artefact_path(&arena, sha256, &path, why);
    if (!ok)
        goto out;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ok = fd >= 0;
    if (!ok) {
        fault_errno(why, errno == ENOENT ? FAULT_DATA : FAULT_SYSTEM,
                    "artefact %s is missing (%s)", sha256, path);
        goto out;
    }
    ok = hash_fd(fd, path, hex, &bytes, why);
    if (!ok)
        goto out;
    ok = strcmp(hex, sha256) == 0;
    if (!ok) {
        fault_set(why, FAULT_DATA,
                  "artefact %s is damaged: the SHA-256 of %s is %s", sha256,
                  path, hex);
        goto out;
    }
    ok = lseek(fd, 0, SEEK_SET) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "rewind %s", path);
        goto out;
    }
    if (bytes_out != NULL)
        *bytes_out = bytes;
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

bool
artefact_verify(const char *sha256, int64_t *bytes_out, struct fault *why)
{
    int fd = -1;
    bool ok = artefact_open(sha256, &fd, bytes_out, why);

    fd_close(&fd);
    return ok;
}
