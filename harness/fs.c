/* harness/fs.c - files and directories, with faults. */
#include <config.h>

#include "harness/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"

#define COPY_BYTES 65536

void
fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

bool
fd_write_all(int fd, const void *data, size_t bytes, struct fault *why)
{
    const char *p = data;
    ssize_t n;

    while (bytes > 0) {
        n = write(fd, p, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, FAULT_SYSTEM, "write");
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool
set_flag(int fd, int get, int set, int flag, bool on, struct fault *why)
{
    int flags = fcntl(fd, get);

    if (flags < 0 || fcntl(fd, set, on ? flags | flag : flags & ~flag) < 0)
        return fault_errno(why, FAULT_SYSTEM, "set flags of descriptor %d",
                           fd);
    return true;
}

bool
fd_set_cloexec(int fd, bool on, struct fault *why)
{
    return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on, why);
}

bool
fd_set_nonblock(int fd, struct fault *why)
{
    return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, true, why);
}

bool
fs_mkdirs(const char *path, mode_t mode, struct fault *why)
{
    char *copy = xstrdup(path), *p = copy;
    struct stat st;
    bool ok = true, last = false;

    while (ok && !last) {
        while (*p == '/')
            p++;
        while (*p != '/' && *p != '\0')
            p++;
        last = *p == '\0';
        *p = '\0';
        if (copy[0] != '\0' && mkdir(copy, mode) == 0) {
            /* The umask is for files that people make. */
            ok = chmod(copy, mode) == 0;
            if (!ok)
                fault_errno(why, FAULT_SYSTEM, "chmod %s", copy);
        } else if (copy[0] != '\0' && errno != EEXIST
                   && stat(copy, &st) != 0) {
            ok = fault_errno(why, FAULT_SYSTEM, "make directory %s", copy);
        }
        if (!last)
            *p++ = '/';
    }
    if (ok && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))) {
        errno = ENOTDIR;
        ok = fault_errno(why, FAULT_SYSTEM, "make directory %s", path);
    }
    free(copy);
    return ok;
}

bool
fs_read_file(const char *path, size_t max_bytes, struct buf *out,
             struct fault *why)
{
    char chunk[8192];
    size_t total = 0;
    ssize_t n;
    int fd = -1;
    bool ok;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    ok = fd >= 0;
    if (!ok) {
        fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_SYSTEM,
                    "read %s", path);
        goto out;
    }
    for (;;) {
        n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        ok = n >= 0;
        if (!ok) {
            fault_errno(why, FAULT_SYSTEM, "read %s", path);
            goto out;
        }
        if (n == 0)
            break;
        ok = (size_t)n <= max_bytes - total;
        if (!ok) {
            fault_set(why, FAULT_DATA, "read %s: it has over %zu bytes", path,
                      max_bytes);
            goto out;
        }
        total += (size_t)n;
        buf_add(out, chunk, (size_t)n);
    }
out:
    fd_close(&fd);
    return ok;
}

/* Makes a temporary beside 'path'; on success fd and name are the caller's. */
static bool
temporary_open(const char *path, mode_t mode, char **name_out, int *fd_out,
               struct fault *why)
{
    char *name = xasprintf("%s.tmp-XXXXXX", path);
    int fd = mkostemp(name, O_CLOEXEC);

    if (fd < 0) {
        fault_errno(why, FAULT_SYSTEM, "write %s", path);
        free(name);
        return false;
    }
    if (fchmod(fd, mode) != 0) {
        fault_errno(why, FAULT_SYSTEM, "set the mode of %s", name);
        unlink(name);
        close(fd);
        free(name);
        return false;
    }
    *name_out = name;
    *fd_out = fd;
    return true;
}

static bool
temporary_commit(const char *path, const char *name, int *fd,
                 struct fault *why)
{
    int error;

    if (fsync(*fd) != 0)
        return fault_errno(why, FAULT_SYSTEM, "sync %s", name);
    error = close(*fd);
    *fd = -1;
    if (error != 0)
        return fault_errno(why, FAULT_SYSTEM, "close %s", name);
    if (rename(name, path) != 0)
        return fault_errno(why, FAULT_SYSTEM, "rename to %s", path);
    return true;
}

bool
fs_write_file(const char *path, mode_t mode, const void *data, size_t bytes,
              struct fault *why)
{
    char *name = NULL;
    int fd = -1;
    bool ok;

    ok = temporary_open(path, mode, &name, &fd, why);
    if (!ok)
        return false;
    ok = fd_write_all(fd, data, bytes, why);
    if (!ok)
        fault_context(why, "%s", path);
    ok = ok && temporary_commit(path, name, &fd, why);
    if (!ok)
        unlink(name);
    fd_close(&fd);
    free(name);
    return ok;
}

static bool remove_at(int dir, const char *name, dev_t device,
                      const char *top, struct fault *why);

static bool
remove_children(int fd, dev_t device, const char *top, struct fault *why)
{
    DIR *stream;
    struct dirent *entry;
    bool ok = true;

    stream = fdopendir(fd);
    if (stream == NULL) {
        fault_errno(why, FAULT_SYSTEM, "remove %s", top);
        close(fd);
        return false;
    }
    while (ok && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0
            && strcmp(entry->d_name, "..") != 0)
            ok = remove_at(dirfd(stream), entry->d_name, device, top, why);
    }
    closedir(stream);
    return ok;
}

static bool
remove_at(int dir, const char *name, dev_t device, const char *top,
          struct fault *why)
{
    const int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat st;
    int fd;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return true;
        return fault_errno(why, FAULT_SYSTEM, "remove %s: %s", top, name);
    }
    if (!S_ISDIR(st.st_mode)) {
        if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
            return fault_errno(why, FAULT_SYSTEM, "remove %s: %s", top, name);
        return true;
    }
    if (device != (dev_t)-1 && st.st_dev != device)
        return fault_set(why, FAULT_SYSTEM,
                         "remove %s: %s is a mount point", top, name);
    fd = openat(dir, name, how);
    if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, 0) == 0)
        fd = openat(dir, name, how);
    if (fd < 0)
        return fault_errno(why, FAULT_SYSTEM, "remove %s: %s", top, name);
    if ((st.st_mode & 0300) != 0300)
        (void)fchmod(fd, 0700);         /* unlinkat() says so if it matters */
    if (!remove_children(fd, st.st_dev, top, why))
        return false;
    if (unlinkat(dir, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return fault_errno(why, FAULT_SYSTEM, "remove %s: %s", top, name);
    return true;
}

bool
fs_remove_tree(const char *path, struct fault *why)
{
    must(path[0] != '\0' && strcmp(path, "/") != 0);
    return remove_at(AT_FDCWD, path, (dev_t)-1, path, why);
}

bool
fs_copy_file(const char *from, const char *to, mode_t mode,
             struct fault *why)
{
    char *chunk = NULL, *name = NULL;
    int in = -1, fd = -1;
    ssize_t n;
    bool ok;

    in = open(from, O_RDONLY | O_CLOEXEC);
    ok = in >= 0;
    if (!ok) {
        fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_SYSTEM,
                    "copy %s", from);
        goto out;
    }
    ok = temporary_open(to, mode, &name, &fd, why);
    if (!ok)
        goto out;
    chunk = xmalloc(COPY_BYTES);
    for (;;) {
        n = read(in, chunk, COPY_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        ok = n >= 0;
        if (!ok)
            fault_errno(why, FAULT_SYSTEM, "copy %s", from);
        else
            ok = fd_write_all(fd, chunk, (size_t)n, why)
                || fault_context(why, "%s", to);
        if (!ok || n == 0)
            break;
    }
    ok = ok && temporary_commit(to, name, &fd, why);
    if (!ok)
        unlink(name);
out:
    free(chunk);
    free(name);
    fd_close(&fd);
    fd_close(&in);
    return ok;
}

bool
fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int64_t
fs_free_bytes(const char *path)
{
    struct statvfs st;

    if (statvfs(path, &st) != 0)
        return -1;
    return (int64_t)(st.f_bavail * st.f_frsize);
}

static void
hex_of(const unsigned char *digest, char hex[static 65])
{
    static const char digits[] = "0123456789abcdef";
    int i;

    for (i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
}

bool
fs_sha256_file(const char *path, char hex[static 65], int64_t *bytes_out,
               struct fault *why)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char *chunk = xmalloc(COPY_BYTES);
    int64_t total = 0;
    int fd = -1;
    ssize_t n;
    bool ok;

    must(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ok = fd >= 0;
    if (!ok) {
        fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_SYSTEM,
                    "hash %s", path);
        goto out;
    }
    for (;;) {
        n = read(fd, chunk, COPY_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        ok = n >= 0;
        if (!ok) {
            fault_errno(why, FAULT_SYSTEM, "hash %s", path);
            goto out;
        }
        if (n == 0)
            break;
        must(EVP_DigestUpdate(ctx, chunk, (size_t)n) == 1);
        total += n;
    }
    must(EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
    hex_of(digest, hex);
    if (bytes_out != NULL)
        *bytes_out = total;
out:
    fd_close(&fd);
    free(chunk);
    EVP_MD_CTX_free(ctx);
    return ok;
}

void
sha256_hex(const void *data, size_t bytes, char hex[static 65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    must(EVP_Digest(data, bytes, digest, NULL, EVP_sha256(), NULL) == 1);
    hex_of(digest, hex);
}

/* The file is looked at again after the lock is ours: its last holder may
 * have removed it, and then we hold a lock that nobody else can see. */
bool
fs_lock(const char *path, bool wait, int *fd_out, struct fault *why)
{
    struct stat mine, there;
    int fd, result;

    for (;;) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return fault_errno(why, FAULT_SYSTEM, "open lock %s", path);
        result = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
        if (result != 0) {
            if (errno == EWOULDBLOCK)
                fault_set(why, FAULT_CONFLICT,
                          "another process holds %s", path);
            else
                fault_errno(why, errno == EINTR ? FAULT_CANCELLED
                                                : FAULT_SYSTEM,
                            "lock %s", path);
            close(fd);
            return false;
        }
        if (fstat(fd, &mine) == 0 && stat(path, &there) == 0
            && mine.st_dev == there.st_dev && mine.st_ino == there.st_ino)
            break;
        close(fd);
    }
    *fd_out = fd;
    return true;
}
