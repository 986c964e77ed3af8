/* hypervisor/build_root.h - a clean root to build in, made of Debian's packages
 * by mmdebstrap and kept below ASSAY_HOME/cache/roots. */
#ifndef HYPERVISOR_BUILD_ROOT_H
#define HYPERVISOR_BUILD_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* Zeroed: no root, commands run on this machine as it is. */
struct build_root {
    const char *dir;
    const char *script;         /* that enters it */
    json_t *packages;           /* "NAME=VERSION" of all that is in it; ours */
};

/* Of 'suite' with 'packages' and ccache; made when there is none yet, which
 * takes minutes. FAULT_CONFIG when the recipe names no packages. */
MUST_CHECK bool build_root_open(struct build_root *root, struct arena *arena,
                                const char *suite,
                                const char *const *packages, size_t count,
                                struct fault *why);
void build_root_close(struct build_root *root);

/* What to start for 'argv' to run in 'cwd' of the root, which sees 'dir' (or
 * NULL), the mirrors and what ccache keeps at their own places, and no
 * network. The caller frees by strv_free(). */
MUST_CHECK char **build_root_argv(const struct build_root *root,
                                  const char *dir, const char *cwd,
                                  const char *const *argv);

/* For tests: what dpkg's status file 'text' has, in its order; which is by
 * name. */
MUST_CHECK json_t *build_root_packages(const char *text);

#endif
