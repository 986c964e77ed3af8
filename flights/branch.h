/* flights/branch.h - a branch's file: which revision is to replace which, and
 * what has to be tested for that.
 *
 *   branch: xen-unstable
 *   description: one line, optional
 *   trees:
 *     xen:
 *       url: https://example.org/xen.git
 *       input: refs/heads/staging       # what is to be tested
 *       output: refs/heads/master       # what was tested
 *       push: ssh://example.org/xen.git # optional; default: url
 *     linux:
 *       url: https://example.org/linux.git
 *       output: refs/heads/tested       # its tested revision is taken
 *   varies: xen                         # the one tree that has an input
 *   flight: xen-lab                     # shipped, or a path beside this file
 *   smoke: xen-smoke                    # optional: first, and only if it
 *                                       # passes the flight
 *   candidate:                          # optional: of the flight's jobs
 *     name: xen-{revision}
 *     make: [./make-candidate, "{revision}", "{candidate}"]   # optional
 *     limit: 2h
 *   baseline: output                    # or "tested-on BRANCH"
 *   allow: [allow.all]                  # paths beside this file
 *   policy: default                     # shipped, or a path
 *   retest: true                        # once more what fails, if that is
 *                                       # one job, or a tenth of them
 *   always: false                       # test also what is not new
 *   rewind: false                       # the input may lose commits */
#ifndef FLIGHTS_BRANCH_H
#define FLIGHTS_BRANCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;

struct branch_tree {
    const char *name, *url, *output;
    const char *input;          /* NULL: not the one that varies */
    const char *push;
};

struct branch {
    const char *source;         /* absolute path of the file */
    const char *definition;     /* the file, verbatim */
    const char *name, *description;
    const struct branch_tree *trees;    /* in the order of the file */
    size_t tree_count;
    const struct branch_tree *varies;   /* one of them */
    const char *flight, *smoke; /* paths; smoke: NULL for none */
    const char *candidate;      /* with {..}; NULL: the flight's own */
    const char *const *make;    /* argv with {..}, NULL-ended; NULL: none */
    int64_t make_limit_ms;
    const char *tested_on;      /* a branch; NULL: the output is the baseline */
    const char *const *allow;   /* paths, NULL-ended */
    const char *policy;         /* a path */
    bool retest, always, rewind;
};

/* 'name' is that of a branch of this site ("HOME/branches/NAME.yaml") or of a
 * shipped one, or the path of a file. FAULT_CONFIG with all errors as
 * "file:line: what"; FAULT_NOT_FOUND. 'arena' owns what 'out' points to. */
MUST_CHECK bool branch_load(const char *name, struct arena *arena,
                            struct branch *out, struct fault *why);
/* The same of the text of a file that was at 'source', a path. */
MUST_CHECK bool branch_parse(const char *source, const char *text,
                             size_t bytes, struct arena *arena,
                             struct branch *out, struct fault *why);
/* Names of the branches of this site, sorted; NULL-ended. */
MUST_CHECK bool branch_list(struct arena *arena, char ***names_out,
                            struct fault *why);

/* 'text' with {branch}, {tree}, {revision}, {short} (12 digits) and
 * {candidate} (NULL: not known here) in their places. */
MUST_CHECK const char *branch_fill(const struct branch *branch,
                                   struct arena *arena, const char *text,
                                   const char *revision,
                                   const char *candidate);

#endif
