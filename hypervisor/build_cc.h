/* hypervisor/build_cc.h - compilers as the steps of a build see them: through
 * ccache where that is installed, and silent about where they ran. */
#ifndef HYPERVISOR_BUILD_CC_H
#define HYPERVISOR_BUILD_CC_H

#include <stdbool.h>
#include "harness/attr.h"

struct fault;

/* What programs of a build are looked up in, unless its recipe says. */
#define BUILD_CC_PATH \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* What files say instead of the directory of their build. */
#define BUILD_CC_PLACE "/build"

/* Fills the directory 'bin', made here, with a script for each compiler that
 * 'path' leads to below 'root' ("": this machine), with 'prefix' (or NULL) and
 * without. 'dir' is the build's own directory, which becomes BUILD_CC_PLACE
 * in all that is compiled. */
MUST_CHECK bool build_cc_make(const char *root, const char *path,
                              const char *prefix, const char *dir,
                              const char *bin, struct fault *why);

#endif
