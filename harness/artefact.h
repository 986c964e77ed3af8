/* harness/artefact.h - files by their SHA-256 below ASSAY_HOME/artefacts.
 *
 * Only the files; which exist, and what they are, is in assay.artefact. A file
 * is complete and read-only before its name exists. */
#ifndef HARNESS_ARTEFACT_H
#define HARNESS_ARTEFACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* 64 lower-case hexadecimal digits. */
bool artefact_name_is_valid(const char *sha256);
/* "HOME/artefacts/AB/CDEF...", whether or not it exists. */
MUST_CHECK char *artefact_path(struct arena *arena, const char *sha256);
bool artefact_exists(const char *sha256);

/* Adds what is not there yet. */
MUST_CHECK bool artefact_put(const void *data, size_t bytes,
                             char sha256_out[static 65], struct fault *why);
/* Copies the file 'path'; 'bytes_out' may be NULL. */
MUST_CHECK bool artefact_put_file(const char *path, char sha256_out[static 65],
                                  int64_t *bytes_out, struct fault *why);

/* Opens for reading. FAULT_NOT_FOUND when it is missing. */
MUST_CHECK bool artefact_open(const char *sha256, int *fd_out,
                              int64_t *bytes_out, struct fault *why);
/* Reads it all: FAULT_DATA when it does not have its name's hash. */
MUST_CHECK bool artefact_verify(const char *sha256, int64_t *bytes_out,
                                struct fault *why);

#endif
