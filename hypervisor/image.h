/* hypervisor/image.h - initial memory file systems, made from packages.
 *
 * The same packages, manifest and files give the same bytes: sorted, owned by
 * root, without times; neither the clock, the place nor the user comes in. */
#ifndef HYPERVISOR_IMAGE_H
#define HYPERVISOR_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;
struct fault;
struct manifest;
struct tree;

/* Changes whenever the same inputs give other images than before. */
#define IMAGE_BUILDER_VERSION "3"
/* An image's size is a multiple of this, so that another archive may follow
 * it directly (the kernel wants a multiple of 4). */
#define IMAGE_ALIGN 512

struct image_package {
    const char *name;
    const char *file;           /* the .deb */
};

/* Gathers what 'manifest' asks for. 'own_dir' is where its own files are.
 * FAULT_CONFIG (a row of the manifest matches nothing), FAULT_DATA (a library
 * or module that is needed is in no package), FAULT_SYSTEM. The caller frees
 * the tree. */
MUST_CHECK bool image_gather(const struct manifest *manifest,
                             const char *manifest_file, const char *own_dir,
                             const struct image_package *packages,
                             size_t package_count, struct tree **tree_out,
                             struct fault *why);

/* Adds each directory that something is in, and the links of a merged /usr:
 * image_gather() has done so. */
void image_add_skeleton(struct tree *image);

/* The tree as a cpio archive ("newc"), compressed by gzip, appended. */
MUST_CHECK bool image_pack(const struct tree *tree, struct buf *out,
                           struct fault *why);

/* gzip, without name and time, appended. */
MUST_CHECK bool image_gzip(const void *data, size_t bytes, struct buf *out,
                           struct fault *why);

#endif
