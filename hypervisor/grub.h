/* hypervisor/grub.h - the network loader of hosts that have no iPXE. */
#ifndef HYPERVISOR_GRUB_H
#define HYPERVISOR_GRUB_H

#include <stdbool.h>
#include "harness/attr.h"

struct buf;
struct fault;

/* Makes grub.efi for 'arch' ("arm64") by this machine's grub-mkimage from the
 * modules in the package 'file' (grub-efi-ARCH-bin, of this machine's own
 * suite), with 'config' (a file) built in. Appends it. */
MUST_CHECK bool grub_make(const char *arch, const char *file,
                          const char *config, struct buf *out,
                          struct fault *why);

#endif
