/* hypervisor/debfile.h - reads a Debian package, or any archive, in memory.
 * Nothing is unpacked on disk, and nobody's scripts run. */
#ifndef HYPERVISOR_DEBFILE_H
#define HYPERVISOR_DEBFILE_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;
struct fault;
struct tree;

enum debfile_want { DEBFILE_SKIP = 0, DEBFILE_TAKE,
                    DEBFILE_STOP /* nothing more of this package */ };

/* Puts what 'want' takes, from the .deb at 'file' into 'tree', with normalised
 * paths; 'want' sees those of files and links, not of directories, in the
 * package's order. A hard link becomes a file of its own, if its target is
 * wanted too. FAULT_DATA naming the file when it is no package or damaged. */
typedef enum debfile_want debfile_want_fn(void *owner, const char *path);
MUST_CHECK bool debfile_read(const char *file, debfile_want_fn *want,
                             void *owner, struct tree *tree,
                             struct fault *why);

/* The same of a tar file, compressed or not. */
MUST_CHECK bool debfile_read_tar(const char *file, debfile_want_fn *want,
                                 void *owner, struct tree *tree,
                                 struct fault *why);

/* Undoes one layer of gzip, xz, zstd, lz4... recognised by content; plain data
 * is copied. 'name' is for messages. */
MUST_CHECK bool debfile_expand(const char *name, const void *data,
                               size_t bytes, struct buf *out,
                               struct fault *why);

#endif
