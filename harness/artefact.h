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
struct artefact_writer;         /* one that is being made: artefact.c */
struct fault;

/* 64 lower-case hexadecimal digits. */
bool artefact_name_is_valid(const char *sha256);
/* "HOME/artefacts/AB/CDEF...", whether or not it exists. */
MUST_CHECK char *artefact_path(struct arena *arena, const char *sha256);
bool artefact_exists(const char *sha256);

/* Adds what is not there yet, or is there damaged. Nothing is kept, not even
 * a part, when it fails (FAULT_SYSTEM: a full disk, an unreadable file). */
MUST_CHECK bool artefact_put(const void *data, size_t bytes,
                             char sha256_out[static 65], struct fault *why);
/* Copies the file 'path'; 'bytes_out' may be NULL. */
MUST_CHECK bool artefact_put_file(const char *path, char sha256_out[static 65],
                                  int64_t *bytes_out, struct fault *why);

/* The same in pieces. _free() before _finish() forgets all of it. */
MUST_CHECK bool artefact_writer_new(struct artefact_writer **out,
                                    struct fault *why);
MUST_CHECK bool artefact_writer_add(struct artefact_writer *writer,
                                    const void *data, size_t bytes,
                                    struct fault *why);
MUST_CHECK bool artefact_writer_finish(struct artefact_writer *writer,
                                       char sha256_out[static 65],
                                       int64_t *bytes_out,
                                       struct fault *why);
void artefact_writer_free(struct artefact_writer *writer);  /* ignores NULL */

/* Opens for reading. FAULT_NOT_FOUND when it is missing. */
MUST_CHECK bool artefact_open(const char *sha256, int *fd_out,
                              int64_t *bytes_out, struct fault *why);
/* Reads it all: FAULT_DATA when it is missing, or does not have its name's
 * hash. 'bytes_out' may be NULL. */
MUST_CHECK bool artefact_verify(const char *sha256, int64_t *bytes_out,
                                struct fault *why);

#endif
