/* harness/host_match.h - which hosts could take which roles: no I/O, no
 * opinion about who is first. */
#ifndef HARNESS_HOST_MATCH_H
#define HARNESS_HOST_MATCH_H

#include <stdbool.h>
#include "harness/attr.h"

struct buf;
struct task_role;               /* harness/task_db.h */

/* A host as the matcher sees it; texts are borrowed. */
struct match_host {
    const char *name, *arch, *class;
    const char *const *flags;   /* NULL-terminated */
    const char *obstacle;       /* why it cannot be had now, or NULL */
    bool never;                 /* and never will */
    bool suspect;               /* only to be checked */
    const char *const *properties;      /* "NAME=VALUE", as 'flags' */
};

/* Whether the host has the property that 'want' says: "NAME=VALUE", or
 * "NAME>=VALUE" where digits count as numbers, as in versions. A property that
 * it has not got fits nothing. */
MUST_CHECK bool host_match_wants(const struct match_host *host,
                                 const char *want);

/* Whether the host has what the role asks for, free or not. */
MUST_CHECK bool host_match_fits(const struct match_host *host,
                                const struct task_role *role);

/* Gives each role a host of its own that fits, roles with the same
 * 'same_class' > 0 in one class; hosts_out[i] is an index into 'hosts', in
 * whose order they are preferred. False when there is no such set. 'ever': as
 * if nothing were in the way but 'never'. */
MUST_CHECK bool host_match(const struct match_host *hosts, int host_count,
                           const struct task_role *roles, int role_count,
                           bool ever, int *hosts_out);

/* A line a host, why it is not had; the nearest ones first, at most
 * 'lines_max' of them, then how many more there are. */
void host_match_explain(const struct match_host *hosts, int host_count,
                        const struct task_role *roles, int role_count,
                        int lines_max, struct buf *out);

#endif
