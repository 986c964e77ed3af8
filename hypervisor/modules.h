/* hypervisor/modules.h - kernel modules of an image: what they need, and the
 * order in which they load. */
#ifndef HYPERVISOR_MODULES_H
#define HYPERVISOR_MODULES_H

#include <stdbool.h>
#include "harness/attr.h"

struct fault;
struct manifest_modules;
struct tree;

/* Puts the modules 'wanted' of the kernel package at 'file' into 'image', with
 * all that they depend on, uncompressed, and with
 *   usr/lib/modules/VERSION/assay.load     paths of those to load, in order
 *   usr/lib/modules/VERSION/modules.dep    } for modprobe
 *   usr/lib/modules/VERSION/modules.alias  }
 * FAULT_DATA when the package lacks one. */
MUST_CHECK bool modules_add(const struct manifest_modules *wanted,
                            const char *file, struct tree *image,
                            struct fault *why);

#endif
