/* hypervisor/candidate_db.h - candidates: one build of the hypervisor with all
 * that is needed to boot it, as rows. */
#ifndef HYPERVISOR_CANDIDATE_DB_H
#define HYPERVISOR_CANDIDATE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;

/* Parts, by file name; which there are depends on the architecture:
 *   xen           what iPXE (amd64: unpacked ELF) or GRUB (arm64) starts
 *   xen.efi       the same for UEFI firmware itself
 *   kernel        dom0's
 *   initrd        dom0's image; an overlay may follow it
 *   guest-kernel  for guests of any type
 *   guest-initrd
 *   grub.efi      network loader
 */
struct candidate_part {
    char *arch, *part, *sha256;
    int64_t bytes;
};
struct candidate_property {
    char *arch, *name, *value;
};
/* All strings and arrays are the candidate's own, all malloc'ed. */
struct candidate {
    int64_t id;
    char *name, *source, *created_at;
    struct candidate_part *parts;           /* by arch, part */
    size_t part_count;
    struct candidate_property *properties;  /* by arch, name */
    size_t property_count;
};

/* FAULT_NOT_FOUND, with the names that exist as a hint. */
MUST_CHECK bool candidate_db_find(struct db *db, const char *name,
                                  struct candidate **out, struct fault *why);
/* By id: rows of jobs and boots refer to it even after it was renamed. */
MUST_CHECK bool candidate_db_get(struct db *db, int64_t id,
                                 struct candidate **out, struct fault *why);
/* All, newest first. candidate_list_free() releases. */
MUST_CHECK bool candidate_db_list(struct db *db, struct candidate ***out,
                                  size_t *count_out, struct fault *why);

enum candidate_saved { CANDIDATE_SAVED_NONE = 0, CANDIDATE_UNCHANGED,
                       CANDIDATE_ADDED, CANDIDATE_CHANGED };
/* Makes 'candidate->name' be exactly this. What evidence refers to is never
 * changed: if an older candidate of the name differs, and a job or boot has
 * used it, it keeps its rows and gets the name "NAME+N", which is put
 * (malloc'ed) in 'old_name_out', else NULL. The parts' artefacts are recorded
 * too. */
MUST_CHECK bool candidate_db_save(struct db *db,
                                  const struct candidate *candidate,
                                  enum candidate_saved *saved_out,
                                  char **old_name_out, struct fault *why);

/* NULL if there is none. Borrowed. */
const struct candidate_part *
candidate_find_part(const struct candidate *candidate, const char *arch,
                    const char *part);
const char *candidate_find_property(const struct candidate *candidate,
                                    const char *arch, const char *name);
/* Copies all; replaces one of the same arch and name. */
void candidate_add_part(struct candidate *candidate, const char *arch,
                        const char *part, const char *sha256, int64_t bytes);
void candidate_add_property(struct candidate *candidate, const char *arch,
                            const char *name, const char *value);
MUST_CHECK struct candidate *candidate_new(const char *name,
                                           const char *source);
void candidate_free(struct candidate *candidate);       /* ignores NULL */
void candidate_list_free(struct candidate **list, size_t count);

#endif
