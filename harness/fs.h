/* harness/fs.h - files and directories, with faults. */
#ifndef HARNESS_FS_H
#define HARNESS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/attr.h"

struct buf;
struct fault;

/* Closes if >= 0 and sets -1. */
void fd_close(int *fd);
/* Writes all or fails; restarts after signals. */
MUST_CHECK bool fd_write_all(int fd, const void *data, size_t bytes,
                             struct fault *why);
MUST_CHECK bool fd_set_cloexec(int fd, bool on, struct fault *why);
MUST_CHECK bool fd_set_nonblock(int fd, struct fault *why);

/* mkdir -p; every part that it makes gets 'mode'. */
MUST_CHECK bool fs_mkdirs(const char *path, mode_t mode, struct fault *why);
/* Reads at most 'max_bytes'; a longer file is FAULT_DATA. */
MUST_CHECK bool fs_read_file(const char *path, size_t max_bytes,
                             struct buf *out, struct fault *why);
/* Writes to a temporary in the same directory, syncs, renames over. */
MUST_CHECK bool fs_write_file(const char *path, mode_t mode,
                              const void *data, size_t bytes,
                              struct fault *why);
/* rm -rf that never follows a link and never leaves 'path'. Missing is ok. */
MUST_CHECK bool fs_remove_tree(const char *path, struct fault *why);
MUST_CHECK bool fs_copy_file(const char *from, const char *to, mode_t mode,
                             struct fault *why);
bool fs_exists(const char *path);
/* Free bytes for an ordinary user on the file system of 'path'; -1 unknown. */
int64_t fs_free_bytes(const char *path);

#define SHA256_HEX_BYTES 65     /* with the NUL */
MUST_CHECK bool fs_sha256_file(const char *path, char hex[static 65],
                               int64_t *bytes_out, struct fault *why);
void sha256_hex(const void *data, size_t bytes, char hex[static 65]);

/* Takes an exclusive lock on 'path' (made if missing), held by the open fd.
 * 'wait' false: FAULT_CONFLICT at once when another process holds it. */
MUST_CHECK bool fs_lock(const char *path, bool wait, int *fd_out,
                        struct fault *why);

#endif
