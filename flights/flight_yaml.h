/* flights/flight_yaml.h - a flight's file, read, expanded and checked.
 *
 *   flight: xen-lab
 *   description: one line, optional
 *   branch: xen-lab             # default: the flight's name
 *   intended: real              # what it is to be worth as evidence
 *   candidate: bookworm         # optional; a job may name its own
 *   priority: 0                 # optional; lower first
 *   deadline: 6h                # optional
 *   supersede: true             # optional; a newer flight ends the waiting
 *   reuse: true                 # optional; jobs share prepared hosts
 *   runvars: { name: value }    # optional; of every job
 *   jobs:
 *     - job: smoke-{arch}
 *       recipe: smoke           # shipped, or a path relative to this file
 *       matrix: { arch: [amd64, arm64] }      # optional: one job a cell
 *       exclude: ["arch=arm64 firmware=bios"] # optional: without these
 *       arch: "{arch}"          # optional; default: of the first role
 *       diverse: WORD           # optional: other hosts than its like
 *       preemptable: true       # optional: gives way to a release
 *       hosts:                  # exactly the recipe's roles
 *         host: { arch: "{arch}", flags: [xen], class: 1, host: NAME,
 *                 properties: { memory_mb: ">= 4096", cpu: epyc } }
 *       runvars: { name: value }
 *       needs: [other-job, 12.job-of-flight-12]
 */
#ifndef FLIGHTS_FLIGHT_YAML_H
#define FLIGHTS_FLIGHT_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct fault;
struct plan;

/* All that can be wrong without a database: FAULT_CONFIG with "file:line:
 * what" for the first error, the others in the detail. 'arena' owns what
 * 'out' points to. */
MUST_CHECK bool flight_yaml_load(const char *file, struct arena *arena,
                                 struct plan *out, struct fault *why);
/* The same of text that was read from 'source' (an absolute path), called
 * 'file' in messages. */
MUST_CHECK bool flight_yaml_parse(const char *file, const char *source,
                                  const void *data, size_t bytes,
                                  struct arena *arena, struct plan *out,
                                  struct fault *why);

#endif
