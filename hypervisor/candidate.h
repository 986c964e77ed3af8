/* hypervisor/candidate.h - makes candidates: from Debian's packages, or from a
 * directory with their parts. */
#ifndef HYPERVISOR_CANDIDATE_H
#define HYPERVISOR_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "hypervisor/deb.h"

struct build;
struct candidate;
struct fault;

/* Told as of deb_progress_fn; 'arch' is what it is about. */
typedef void candidate_progress_fn(void *owner, const char *arch,
                                   const char *what, int64_t done,
                                   int64_t total);

struct candidate_options {
    const char *name;
    const char *const *archs;   /* NULL-terminated */
    int64_t max_age_ms;         /* of package lists */
    bool offline;
    candidate_progress_fn *progress;    /* or NULL */
    void *owner;
};

/* Fetches, builds and stores everything; the database is not touched. What is
 * the same as in 'old' (the candidate of that name, or NULL), by the hashes of
 * all inputs, is taken from there, and so are the architectures of it that
 * were not asked for, if it is of the same suite. */
MUST_CHECK bool candidate_from_deb(const struct candidate_options *options,
                                   const char *suite,
                                   const struct candidate *old,
                                   struct candidate **out, struct fault *why);

/* Takes the parts in DIR/ARCH/, or in DIR itself when options->archs names just
 * one architecture and there is no DIR/ARCH, and DIR/candidate.yaml:
 *
 *   properties: { kernel_version: "6.1" }  # override what the files say
 *   sha256: { xen: 0123... }               # optional; checked
 *
 * An empty options->archs means those whose directories are there.
 * FAULT_CONFIG when a part is missing or has another hash. */
MUST_CHECK bool candidate_from_dir(const struct candidate_options *options,
                                   const char *dir, struct candidate **out,
                                   struct fault *why);

/* What 'build' made, and for its architecture the rest of 'base': most often a
 * hypervisor with the tools of another one. The candidate's properties say so:
 * base, tools_version, built_parts, build, and tree_TREE and revision_TREE.
 * FAULT_CONFLICT when the build failed, FAULT_CONFIG when a part is missing. */
MUST_CHECK bool candidate_from_build(const char *name,
                                     const struct build *build,
                                     const struct candidate *base,
                                     struct candidate **out,
                                     struct fault *why);

/* Checks every part against its hash. FAULT_DATA names the first that is
 * wrong. */
MUST_CHECK bool candidate_verify(const struct candidate *candidate,
                                 struct fault *why);

/* NULL-terminated: the architectures there are. */
extern const char *const candidate_archs[];

#endif
