/* recipes/recipe.h - what a job does: roles, steps in order, final steps.
 *
 * recipes/NAME.yaml:
 *   recipe: smoke               # as the file is called
 *   description: one line
 *   roles: [host]               # every role that a job must fill; [] = none
 *   steps:
 *     - testid: guest-start/pv  # stable name of the cell over history
 *       run: guest-start        # steps/NAME beside the file, else beside the
 *                               # shipped recipes; or a path with a '/',
 *                               # relative to the file
 *       args: [pv]              # optional
 *       each: [host]            # optional: once a role, in parallel; the
 *                               # testid gets "/ROLE"
 *       deadline: 120s          # optional, 10m
 *       iffail: fail            # what exit 1 means: fail (default) | broken
 *       continue: false         # true: a non-pass does not end the job here
 *       cases: [a, b]           # cases that must report
 *       when: {arch: [amd64], runvar: [name=value], else: "why not"}
 *   finally:                    # run whatever happened, same keys
 *   power_off: true             # default: at the very end each role's host
 *                               # is switched off (steps/host-power-off)
 *   prepared:                   # optional, with one role: jobs of a flight
 *                               # may share what the first steps prepare
 *     steps: [xen-boot]         # their testids, from the first on
 *     check: host-reuse         # default: the program that looks whether the
 *                               # host is still as it was left
 *     runvars: [NAME]           # those that the steps look at; default: all
 *     uses: 10                  # default: so many jobs, then anew
 */
#ifndef RECIPES_RECIPE_H
#define RECIPES_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct fault;

#define RECIPE_DEADLINE_MS (10 * 60 * 1000)
#define RECIPE_POWER_OFF_TESTID "power-off"
#define RECIPE_CHECK_TESTID "host-reuse"
#define RECIPE_USES 10

enum recipe_iffail { RECIPE_IFFAIL_FAIL = 0, RECIPE_IFFAIL_BROKEN };

/* Lists are NULL-terminated and never NULL. */
struct recipe_step {
    char *testid;
    char *run;                  /* as written */
    char *program;              /* absolute, exists, executable */
    char **args;
    char **each;                /* empty: once for the job */
    char **cases;
    char **when_arch;           /* empty: any */
    char **when_runvar;         /* "name=value", all must hold */
    char *when_else;            /* NULL: always runs */
    int64_t deadline_ms;
    enum recipe_iffail iffail;
    bool go_on;                 /* key "continue" */
    int line;                   /* in the file; 0: implied */
};

struct recipe {
    char *name;
    char *description;
    char *path;                 /* absolute */
    char **roles;
    struct recipe_step *steps;
    size_t step_count;
    struct recipe_step *finally;
    size_t finally_count;       /* the implied power-off included */
    size_t prepare_count;       /* of the first steps; 0: nothing is shared */
    struct recipe_step *check;  /* implied, unless nothing is shared */
    char **prepare_runvars;     /* empty: all */
    int uses;                   /* of one preparation, by jobs */
};

/* 'name' is a shipped recipe ("smoke") or a path to a file (with '/' or
 * ".yaml"). FAULT_CONFIG with "file:line: what" for the first error and the
 * others in the detail; FAULT_NOT_FOUND when there is no such recipe. */
MUST_CHECK bool recipe_load(const char *name, struct recipe **out,
                            struct fault *why);
void recipe_free(struct recipe *recipe);        /* ignores NULL */

bool recipe_has_role(const struct recipe *recipe, const char *role);

#endif
