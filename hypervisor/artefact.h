/* hypervisor/artefact.h - files by content, below ASSAY_HOME/artefacts.
 *
 * The SHA-256 is the name: artefacts/AB/REST, read-only, never changed, stored
 * once however often it is put. What the database knows of an artefact (its
 * kind, who refers to it) is artefact_db.h's. */
#ifndef HYPERVISOR_ARTEFACT_H
#define HYPERVISOR_ARTEFACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct artefact_writer;         /* one that is being made: artefact.c */
struct fault;

#define ARTEFACT_SHA_BYTES 65   /* 64 lower-case hex digits and the NUL */

struct artefact {
    char sha256[ARTEFACT_SHA_BYTES];
    int64_t bytes;
};

/* Copies the file at 'path' into the store. FAULT_SYSTEM when it cannot be
 * read or the disk is full; nothing is stored then. */
MUST_CHECK bool artefact_put_file(const char *path, struct artefact *out,
                                  struct fault *why);
MUST_CHECK bool artefact_put_data(const void *data, size_t bytes,
                                  struct artefact *out, struct fault *why);

/* The same in pieces. artefact_writer_finish() stores; artefact_writer_free()
 * before that forgets. Nothing is seen by others until it is whole and on
 * disk. */
MUST_CHECK bool artefact_writer_new(struct artefact_writer **out,
                                    struct fault *why);
MUST_CHECK bool artefact_writer_add(struct artefact_writer *writer,
                                    const void *data, size_t bytes,
                                    struct fault *why);
MUST_CHECK bool artefact_writer_finish(struct artefact_writer *writer,
                                       struct artefact *out,
                                       struct fault *why);
void artefact_writer_free(struct artefact_writer *writer);  /* ignores NULL */

/* Absolute path of an artefact, whether or not it is there, in 'arena'.
 * 'sha256' must be one (artefact_sha_valid()). */
MUST_CHECK bool artefact_path(struct arena *arena, const char *sha256,
                              char **path_out, struct fault *why);
bool artefact_sha_valid(const char *sha256);

/* For use: checks the content against the name first. The descriptor stands
 * at the start, the caller closes it. FAULT_DATA naming the artefact when it is
 * missing or its content is another. 'bytes_out' may be NULL. */
MUST_CHECK bool artefact_open(const char *sha256, int *fd_out,
                              int64_t *bytes_out, struct fault *why);
MUST_CHECK bool artefact_verify(const char *sha256, int64_t *bytes_out,
                                struct fault *why);

#endif
