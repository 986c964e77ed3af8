/* hosts/site.h - what a site does with its hosts by itself: assay-site(5).
 *
 *   site: boston
 *   checks:                     # absent: hosts are not checked by themselves
 *     branch: xen-unstable      # what its gate let through last, or:
 *     candidate: xen-4.19.1
 *     recipe: smoke             # default; a name, or a path beside this file
 *     every: 24h                # since the last one; default: never
 *     jobs: 50                  # after so many on the host; default: any
 *     new: true                 # default: before a new host is good
 *     after_failure: true       # default: when a job broke on it
 *     again: 1h                 # default: the pause after one without a good
 *                               # end
 *     priority: -100            # default: of the flights; lower goes first
 *   leases:
 *     notice: 1h                # default: how long before the end to write
 *     power_off: false          # default: the machine is left as it is
 *
 * A site without a file has the defaults and no checks: so has the virtual
 * lab, whose hosts may be used as soon as they are there. */
#ifndef HOSTS_SITE_H
#define HOSTS_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;

struct site_checks {
    const char *branch, *candidate;     /* one of them; the other is NULL */
    const char *recipe;
    int64_t every_ms, jobs;     /* 0: not for that */
    int64_t again_ms, priority;
    bool newcomers, after_failure;
};

struct site {
    const char *name;
    const char *source;         /* absolute path of the file; NULL: none */
    const struct site_checks *checks;   /* NULL: none */
    int64_t notice_ms;
    bool power_off;
};

/* A site without a file. */
void site_default(const char *name, struct arena *arena, struct site *out);
/* The site of this name; its file is HOME/sites/NAME.yaml, if there is one.
 * FAULT_CONFIG with all errors as "file:line: what". 'arena' owns what 'out'
 * points to. */
MUST_CHECK bool site_load(const char *name, struct arena *arena,
                          struct site *out, struct fault *why);
/* The same of the text of a file that was at 'source', a path. */
MUST_CHECK bool site_parse(const char *source, const char *text, size_t bytes,
                           struct arena *arena, struct site *out,
                           struct fault *why);

#endif
