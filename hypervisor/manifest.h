/* hypervisor/manifest.h - what an image consists of.
 *
 * hypervisor/images/NAME.yaml:
 *   image: dom0                 # as the file is called
 *   packages: [bash]            # these and all that they depend on; {arch}
 *   libraries_from: ["lib*"]    # packages that shared libraries come from
 *   files:                      # what of which packages
 *     - package: xen-utils-[0-9]*         # names, as a shell pattern
 *       include: [usr/lib/xen-*]          # paths; * matches slashes too
 *       exclude: [usr/lib/xen-*.py]       # optional
 *       optional: false                   # true: need not match anything
 *   own:                        # files beside the manifest's directory
 *     - { path: init, source: dom0/init, mode: "0755" }
 *   texts:
 *     - { path: etc/hostname, text: "dom0\n" }
 *   links:
 *     - { path: usr/bin/sh, target: busybox }
 *     - { path: usr/sbin/, glob: "usr/lib/xen-*" }       # one for each
 *   directories:
 *     - { path: tmp, mode: "1777" }
 *   libraries: [libgcc_s.so.1]  # beyond what the programs ask for (dlopen)
 *   modules:                    # and what they need
 *     package: linux-image-[0-9]*
 *     load: [bridge]            # named, in order, in assay.load
 *     have: [e1000]             # for modprobe
 *     optional: [r8169]         # not in every architecture's kernel
 *
 * Paths have no leading slash; /bin, /sbin and /lib are in usr/. The shared
 * libraries that the chosen programs need come by themselves. */
#ifndef HYPERVISOR_MANIFEST_H
#define HYPERVISOR_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "harness/attr.h"

struct fault;

struct manifest_files {
    char *package;
    char **include, **exclude;
    unsigned include_count, exclude_count;
    bool optional;
};
struct manifest_own {
    char *path, *source, *mode;
};
struct manifest_text {
    char *path, *text, *mode;
};
struct manifest_link {
    char *path, *target, *glob;
};
struct manifest_dir {
    char *path, *mode;
};
struct manifest_modules {
    char *package;
    char **load, **have, **optional;
    unsigned load_count, have_count, optional_count;
};

struct manifest {
    char *image;
    char **packages, **libraries_from, **libraries;
    unsigned packages_count, libraries_from_count, libraries_count;
    struct manifest_files *files;
    struct manifest_own *own;
    struct manifest_text *texts;
    struct manifest_link *links;
    struct manifest_dir *directories;
    unsigned files_count, own_count, texts_count, links_count;
    unsigned directories_count;
    struct manifest_modules *modules;   /* or NULL */
};

/* FAULT_CONFIG "file:line: what". Release with manifest_free(). */
MUST_CHECK bool manifest_load(const char *file, struct manifest **out,
                              struct fault *why);
void manifest_free(struct manifest *manifest);  /* ignores NULL */

/* Octal permission bits as text; NULL is 'missing'. Whether it is well-formed
 * was checked when it was loaded. */
mode_t manifest_mode(const char *text, mode_t missing);

/* Does a package of this name matter to the image at all? */
bool manifest_wants_package(const struct manifest *manifest,
                            const char *package);

#endif
