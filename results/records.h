/* results/records.h - the results of a flight as lines of plain ASCII, which
 * come through mail and its archives unharmed, and back again.
 *
 * assay-report(5) describes them. Carried are: flight, trees, builds, hosts,
 * jobs with roles, needs and result runvars, steps, cases and measurements. Not
 * carried: what defines the flight, boots, attachments, sizes and hashes of
 * logs, lists of packages. */
#ifndef RESULTS_RECORDS_H
#define RESULTS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct evidence;
struct fault;

/* The lines, between one that begins and one that ends them: that one has
 * their number and digest. None is longer than 78 bytes, none ends with a
 * blank. */
void records_add(const struct evidence *evidence, struct buf *out);

/* Finds and reads them in 'text', in which other lines may stand before and
 * after. FAULT_DATA with "name:line: what is wrong", counted in
 * 'text': there are none, or twice, or they are not as they were
 * written. All of 'out' is the arena's. */
MUST_CHECK bool records_parse(const char *name, const char *text,
                              size_t bytes, struct arena *arena,
                              struct evidence *out, struct fault *why);

#endif
