/* harness/artefact.c - files by their SHA-256; see artefact.h. */
#include <config.h>

#include "harness/artefact.h"

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
artefact_name_is_valid(const char *sha256)
{
    return sha256 != NULL && strspn(sha256, "0123456789abcdef") == 64
        && sha256[64] == '\0';
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
        return fault_context(why, "keep an artefact");
    must(EVP_DigestUpdate(writer->hash, data, bytes) == 1);
    writer->bytes += (int64_t)bytes;
    return true;
}

static void
hash_hex(EVP_MD_CTX *hash, char hex[static SHA256_HEX_BYTES])
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
artefact_writer_finish(struct artefact_writer *writer,
                       char sha256_out[static 65], int64_t *bytes_out,
                       struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char sha256[SHA256_HEX_BYTES];
    char *path, *dir;
    bool ok = true;

    must(writer->path != NULL);
    hash_hex(writer->hash, sha256);
    path = artefact_path(&arena, sha256);
    if (is_sound(sha256))
        goto out;
    ok = fchmod(writer->fd, FILE_MODE) == 0 && fsync(writer->fd) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "keep artefact %s", sha256);
        goto out;
    }
    dir = home_path(&arena, "artefacts/%.2s", sha256);
    ok = fs_mkdirs(dir, DIR_MODE, why);
    if (!ok)
        goto out;
    ok = rename(writer->path, path) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "name %s", path);
        goto out;
    }
    xfree_str(&writer->path);
    ok = sync_dir(dir, why);
out:
    if (ok)
        memcpy(sha256_out, sha256, sizeof(sha256));
    if (ok && bytes_out != NULL)
        *bytes_out = writer->bytes;
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
artefact_put_file(const char *path, char sha256_out[static 65],
                  int64_t *bytes_out, struct fault *why)
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
        && artefact_writer_finish(writer, sha256_out, bytes_out, why);
out:
    artefact_writer_free(writer);
    fd_close(&fd);
    return ok;
}

bool
artefact_put(const void *data, size_t bytes, char sha256_out[static 65],
             struct fault *why)
{
    struct artefact_writer *writer = NULL;
    bool ok;

    ok = artefact_writer_new(&writer, why)
        && artefact_writer_add(writer, data, bytes, why)
        && artefact_writer_finish(writer, sha256_out, NULL, why);
    artefact_writer_free(writer);
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
    const char *path;
    bool ok;

    ok = artefact_name_is_valid(sha256);
    if (!ok) {
        fault_set(why, FAULT_DATA, "'%s' is no SHA-256", sha256);
        goto out;
    }
    path = artefact_path(&arena, sha256);
    ok = fs_exists(path);
    if (!ok) {
        fault_set(why, FAULT_DATA, "artefact %s is missing: there is no %s",
                  sha256, path);
        goto out;
    }
    ok = fs_sha256_file(path, found, bytes_out, why);
    if (!ok) {
        fault_context(why, "artefact %s", sha256);
        goto out;
    }
    ok = strcmp(found, sha256) == 0;
    if (!ok)
        fault_set(why, FAULT_DATA, "artefact %s is damaged: the SHA-256 of "
                  "%s is %s", sha256, path, found);
out:
    arena_free(&arena);
    return ok;
}
