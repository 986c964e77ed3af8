/* hypervisor/source_deb.h - a Debian source package as a git tree: every
 * version that the mirror has is a row of commits, first its upstream source
 * with the packaging, then one for each patch of debian/patches.
 *
 * The same versions give the same commits: names and dates are those of the
 * changelog. Version V ends at the tag debian/V (DEP-14), and goes on from the
 * greatest version below it that was there when it came; 'main' is at the
 * greatest. */
#ifndef HYPERVISOR_SOURCE_DEB_H
#define HYPERVISOR_SOURCE_DEB_H

#include <stdbool.h>
#include "harness/attr.h"

struct arena;
struct fault;
struct source;

/* "deb-source:SUITE[,SUITE...]/PACKAGE[=VERSION]", what stands for a URL.
 * 'suites' NULL: the machine's own. FAULT_USAGE. */
MUST_CHECK bool source_deb_url(struct arena *arena, const char *package,
                               const char *suites, const char **url_out,
                               struct fault *why);
bool source_deb_is(const char *url);

/* Makes an empty repository at 'dir' for 'url'. */
MUST_CHECK bool source_deb_init(const char *dir, const char *url,
                                struct fault *why);
/* Adds the versions that it does not have yet. The caller has the lock.
 * One that cannot be fetched is left out with a warning in the log, unless it
 * is the one that is asked for. FAULT_NOT_FOUND when there is none. */
MUST_CHECK bool source_deb_fetch(const struct source *source,
                                 struct fault *why);
/* Adds the unpacked version in 'dir', without its patches applied, as
 * 'version'. For source_deb_fetch() and tests. */
MUST_CHECK bool source_deb_import(const struct source *source,
                                  const char *version, const char *dir,
                                  struct fault *why);

#endif
