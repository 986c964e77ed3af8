/* hypervisor/build_recipe.h - how something is built from git, as data.
 *
 * hypervisor/builds/NAME.yaml:
 *   build: xen                  # as the file is called
 *   description: one line
 *   trees: [xen]                # commands run in a worktree of the first
 *   tools: [gcc, ld, make]      # their versions are part of what is built;
 *                               # a leading '+' goes behind CROSS_COMPILE
 *   packages: [gcc, make]       # of a clean root; optional
 *   environment: {NAME: VALUE}  # optional
 *   arch:                       # optional; default: that of this machine
 *     amd64: {XEN_TARGET_ARCH: x86_64}    # added to the environment
 *   kconfig: xen/.config        # optional: where --kconfig must show at last
 *   short:                      # optional: words of --kconfig for several
 *     - {word: sched=credit2, options: [SCHED_CREDIT2=y]}
 *   steps:
 *     - step: compile
 *       sh: make -C xen -j"$ASSAY_JOBS"     # or run: [make, -C, xen]
 *   outputs:
 *     - {part: xen, path: xen/xen, optional: false, arch: [amd64]}
 *   limit: 1h                   # of all steps together
 *
 * Steps see ASSAY_TREE_NAME and ASSAY_REVISION_NAME for each tree, ASSAY_ARCH,
 * ASSAY_JOBS and ASSAY_KCONFIG, a file of CONFIG_NAME=VALUE lines. */
#ifndef HYPERVISOR_BUILD_RECIPE_H
#define HYPERVISOR_BUILD_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/yaml.h"

struct fault;

struct build_step {
    char *step;
    char **run;                 /* either argv */
    unsigned run_count;
    char *sh;                   /* or a script */
};
struct build_output {
    char *part, *path;
    bool optional;
    char **arch;                /* empty: all */
    unsigned arch_count;
};
struct build_arch {
    char *arch;
    struct yaml_pair *environment;
    unsigned environment_count;
};
struct build_short {
    char *word;
    char **options;
    unsigned options_count;
};

struct build_recipe {
    char *name, *description;
    char **trees, **tools, **packages;
    unsigned trees_count, tools_count, packages_count;
    struct yaml_pair *environment;
    unsigned environment_count;
    struct build_arch *archs;
    unsigned archs_count;
    char *kconfig;
    struct build_short *shorts;
    unsigned shorts_count;
    struct build_step *steps;
    unsigned steps_count;
    struct build_output *outputs;
    unsigned outputs_count;
    char *limit;
    int64_t limit_ms;
    char sha256[65];            /* of the file */
};

/* 'name' is a shipped recipe, or a path (with '/' or ".yaml"). FAULT_CONFIG
 * "file:line: what"; FAULT_NOT_FOUND. */
MUST_CHECK bool build_recipe_load(const char *name, struct build_recipe **out,
                                  struct fault *why);
/* The same of text. */
MUST_CHECK bool build_recipe_parse(const char *file, const void *data,
                                   size_t bytes, struct build_recipe **out,
                                   struct fault *why);
void build_recipe_free(struct build_recipe *recipe);    /* ignores NULL */

/* NULL when the recipe says nothing of 'arch'. */
const struct build_arch *build_recipe_arch(const struct build_recipe *recipe,
                                           const char *arch);
/* Applies to all architectures, or to this one. */
bool build_output_is_for(const struct build_output *output,
                         const char *arch);

/* "debug=y,sched=credit2" as sorted lines "CONFIG_DEBUG=y", each once; a
 * later one of a name wins. 'out' is a list for strv_free(). FAULT_USAGE. */
MUST_CHECK bool build_recipe_kconfig(const struct build_recipe *recipe,
                                     const char *text, char ***out,
                                     struct fault *why);

#endif
