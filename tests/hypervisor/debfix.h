/* tests/hypervisor/debfix.h - synthetic packages, programs and kernel modules.
 *
 * No two files of packages have the same time, and a user owns them, so that an
 * image that lets either through is seen. Include after tests/tap.h. */
#ifndef TESTS_HYPERVISOR_DEBFIX_H
#define TESTS_HYPERVISOR_DEBFIX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/attr.h"

struct buf;

struct debfix_file {
    const char *path;           /* "./usr/bin/x"; NULL ends a list */
    char type;                  /* f file, l symbolic link, h hard link, d */
    mode_t mode;
    const void *data;           /* of a file; target of a link */
    size_t bytes;               /* 0: data is a string */
};

/* Bails out of the test when it cannot. 'filter' is gzip, xz or zstd. */
void debfix_make(const char *file, const char *filter,
                 const struct debfix_file *files);

/* Appends an ELF program that needs the libraries 'needed' (NULL-terminated)
 * and, if not NULL, an interpreter. */
void debfix_elf(struct buf *out, const char *const needed[],
                const char *interpreter);
/* Appends an ELF file with a section .modinfo: 'info' has a NUL after each of
 * its 'bytes' worth of entries. */
void debfix_module(struct buf *out, const char *info, size_t bytes);

#endif
