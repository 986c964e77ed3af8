/* hypervisor/binary.h - facts in the files of a hypervisor and a kernel, read
 * without running them. */
#ifndef HYPERVISOR_BINARY_H
#define HYPERVISOR_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;
struct fault;

/* What "xl info" calls xen_version ("4.17.7"): malloc'ed, NULL if not found. */
MUST_CHECK char *binary_xen_version(const void *data, size_t bytes);
/* What "xl info" calls build_id; malloc'ed, NULL if not found. */
MUST_CHECK char *binary_build_id(const void *data, size_t bytes);
/* "6.1.0-56-amd64" of a bzImage or an uncompressed kernel; malloc'ed, NULL if
 * not found. */
MUST_CHECK char *binary_kernel_version(const void *data, size_t bytes);

bool binary_is_gzip(const void *data, size_t bytes);
/* The kernel in a bzImage, uncompressed (an ELF file), appended. A domain is
 * built from it in half the time. FAULT_DATA if it is no bzImage. */
MUST_CHECK bool binary_expand_bzimage(const char *name, const void *data,
                                      size_t bytes, struct buf *out,
                                      struct fault *why);

#endif
