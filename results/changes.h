/* results/changes.h - what is different between two flights, apart from how
 * they went: trees with their commits, packages and versions, hosts, firmware,
 * harness. */
#ifndef RESULTS_CHANGES_H
#define RESULTS_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct evidence;

enum change_kind {
    CHANGE_NONE = 0,
    CHANGE_TREE, CHANGE_VERSION, CHANGE_PACKAGE, CHANGE_HARNESS, CHANGE_JOB,
    CHANGE_HOST, CHANGE_FIRMWARE, CHANGE_RUNVAR,
    CHANGE_KIND_COUNT
};
const char *change_kind_name(enum change_kind kind);

struct change_commit {
    const char *revision, *author, *email, *subject;    /* outside text */
};

struct change {
    enum change_kind kind;
    const char *what;           /* "xen", "linux-image-6.1.0-30-amd64" */
    const char *from, *to;      /* "": it was, or is, not there */
    const char *jobs;           /* "guest, migrate and 3 more"; "": of all */
    size_t job_count;
    /* Of a tree whose repository is at hand: from..to, the newest first. */
    const struct change_commit *commits;
    size_t commit_count;        /* of those listed */
    size_t commit_total;
    const char *note;           /* why there is no log; "" */
};

struct changes {
    int64_t since;              /* the flight compared with */
    int64_t since_ms;           /* when that one ended; -1 */
    bool since_good;            /* it passed, the last one that did; else it
                                 * is only what this one is compared with */
    const struct change *list;  /* by kind, then by name */
    size_t count;
};

/* The differences; 'arena' owns them. */
void changes_between(const struct evidence *before,
                     const struct evidence *after, struct arena *arena,
                     struct changes *out);
/* Adds the commits of each tree of which a clone is below 'root' that has both
 * revisions (results/repo.h), CHANGES_COMMITS of them at most. */
#define CHANGES_COMMITS 300
void changes_add_commits(struct changes *changes, const char *root,
                         struct arena *arena);

#endif
