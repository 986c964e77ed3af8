/* hypervisor/candidate_part.h - adds parts and what they say to a candidate. */
#ifndef HYPERVISOR_CANDIDATE_PART_H
#define HYPERVISOR_CANDIDATE_PART_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct candidate;
struct fault;

/* Stores 'data' as a part, and adds the properties that can be read from it:
 * xen_version and xen_buildid, xen_efi_buildid (on PCs the file for UEFI has
 * another), and kernel_version. */
MUST_CHECK bool candidate_part_put(struct candidate *candidate,
                                   const char *arch, const char *part,
                                   const void *data, size_t bytes,
                                   struct fault *why);

/* What a build may make, and is no part of a candidate: a tar file of what
 * goes over the base's dom0 image, which becomes its initrd. */
#define CANDIDATE_TOOLS "tools"

/* "xen", "kernel"...; the first three are required. */
struct candidate_part_kind {
    const char *part;
    bool required;
};
extern const struct candidate_part_kind candidate_part_kinds[];
extern const size_t candidate_part_kind_count;

#endif
