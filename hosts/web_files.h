/* hosts/web_files.h - artefacts as they are served: verified before the first
 * byte of them goes out, and joined when a file has several parts. */
#ifndef HOSTS_WEB_FILES_H
#define HOSTS_WEB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;
struct http_reply;

#define WEB_FILES_KNOWN 64

/* What has been verified, so that a file is hashed once and not once a boot:
 * believed while its inode, size and time of change stay the same. */
struct web_files {
    struct {
        char sha256[65];
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec changed;
    } known[WEB_FILES_KNOWN];
    size_t next;                /* to be replaced */
};

/* Adds the artefacts of 'names' (an array of texts), one after the other, to
 * the reply, each but the first on a multiple of four bytes with zeros
 * between: the kernel unpacks joined initrds only so. FAULT_DATA when one is
 * damaged, FAULT_NOT_FOUND when one is missing; the reply has no parts then. */
MUST_CHECK bool web_files_add(struct web_files *files, const json_t *names,
                              struct http_reply *reply, struct fault *why);

#endif
