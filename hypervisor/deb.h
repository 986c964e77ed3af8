/* hypervisor/deb.h - Debian packages of any suite and architecture, by apt, in
 * a private apt root under ASSAY_HOME/cache/apt: nothing is installed, and the
 * machine's own apt is only asked where its mirror is. */
#ifndef HYPERVISOR_DEB_H
#define HYPERVISOR_DEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;
struct deb_root;                /* one suite and architecture: deb.c */

struct deb_package {
    char *name, *version;
    char *file;                 /* absolute, whether or not it is there yet */
    char sha256[65];
    int64_t bytes;
};

/* Told now and then: 'done' of 'total' bytes; both 0: only 'what'. */
typedef void deb_progress_fn(void *owner, const char *what, int64_t done,
                             int64_t total);

struct deb_options {
    const char *suite;          /* "bookworm" */
    const char *arch;           /* "amd64" */
    const char *purpose;        /* NULL, or a suffix for a root of its own */
    int64_t max_age_ms;         /* older lists are fetched again */
    bool sources;               /* of source packages; needs a purpose */
    bool offline;               /* only what the cache has */
    deb_progress_fn *progress;  /* or NULL */
    void *owner;
};

/* Prepares the root, holding its lock, with lists that are fresh enough. If
 * the mirror cannot be reached, older lists serve, with a warning in the log.
 * FAULT_NOT_FOUND when the mirror has no such suite, FAULT_PEER when it does
 * not answer and there are no lists. 'options' must outlive the root. */
MUST_CHECK bool deb_open(const struct deb_options *options,
                         struct deb_root **out, struct fault *why);
void deb_close(struct deb_root *root);          /* ignores NULL */

/* All that must be there for 'names' (NULL-terminated) to be installed on an
 * empty machine, sorted by name. FAULT_NOT_FOUND names what does not exist.
 * deb_packages_free() releases. */
MUST_CHECK bool deb_resolve(struct deb_root *root, const char *const *names,
                            struct deb_package **out, size_t *count_out,
                            struct fault *why);
void deb_packages_free(struct deb_package *packages, size_t count);

/* Downloads those that the cache does not have, and checks every one against
 * its hash. Then removes packages from the cache that are none of these. */
MUST_CHECK bool deb_fetch(struct deb_root *root,
                          const struct deb_package *packages, size_t count,
                          struct fault *why);

/* Of a root for sources: the versions of the source package 'name' are added
 * to the list; none when there is no such package. */
MUST_CHECK bool deb_list_source(struct deb_root *root, const char *name,
                                char ***out, struct fault *why);
/* Its files into 'dir', checked against the index. */
MUST_CHECK bool deb_fetch_source(struct deb_root *root, const char *name,
                                 const char *version, const char *dir,
                                 struct fault *why);

/* The suite that this machine is: packages of tools that must fit its own. In
 * 'arena'. */
MUST_CHECK bool deb_own_suite(struct arena *arena, char **out,
                              struct fault *why);

/* For tests: what 'apt-get --print-uris' says, the list of index targets
 * ("URI RELEASE COMPONENT" a line), and what 'apt-cache showsrc' says. */
MUST_CHECK bool deb_parse_uris(const char *text, const char *dir,
                               struct deb_package **out, size_t *count_out,
                               struct fault *why);
MUST_CHECK bool deb_make_sources(const char *targets, const char *own_suite,
                                 const char *suite, bool sources,
                                 const char *keyring, char **out,
                                 struct fault *why);
void deb_parse_showsrc(const char *text, const char *name, char ***out);

#endif
