/* hypervisor/candidate_part.c - adds parts and what they say. */
#include <config.h>

#include "hypervisor/candidate_part.h"

#include "harness/artefact.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "hypervisor/binary.h"
#include "hypervisor/candidate_db.h"

const struct candidate_part_kind candidate_part_kinds[] = {
    { "initrd", true },
    { "kernel", true },
    { "xen", true },
    { "grub.efi", false },
    { "guest-initrd", false },
    { "guest-kernel", false },
    { "xen.efi", false },
};
const size_t candidate_part_kind_count = ARRAY_LEN(candidate_part_kinds);

static void
add_owned(struct candidate *candidate, const char *arch, const char *name,
          char *value)
{
    if (value != NULL)
        candidate_add_property(candidate, arch, name, value);
    free(value);
}

bool
candidate_part_put(struct candidate *candidate, const char *arch,
                   const char *part, const void *data, size_t bytes,
                   struct fault *why)
{
    char sha256[65];

    if (!artefact_put(data, bytes, sha256, why))
        return false;
    candidate_add_part(candidate, arch, part, sha256, (int64_t)bytes);
    if (strcmp(part, "xen") == 0) {
        add_owned(candidate, arch, "xen_version",
                  binary_xen_version(data, bytes));
        add_owned(candidate, arch, "xen_buildid",
                  binary_build_id(data, bytes));
    } else if (strcmp(part, "xen.efi") == 0) {
        add_owned(candidate, arch, "xen_efi_buildid",
                  binary_build_id(data, bytes));
    } else if (strcmp(part, "kernel") == 0) {
        add_owned(candidate, arch, "kernel_version",
                  binary_kernel_version(data, bytes));
    }
    return true;
}
