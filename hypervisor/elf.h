/* hypervisor/elf.h - the little that we read from ELF files, of any machine
 * and from anybody: nothing outside 'bytes' is ever looked at. 64 bits, little
 * endian; anything else is no ELF file to us. */
#ifndef HYPERVISOR_ELF_H
#define HYPERVISOR_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

bool elf_is(const void *data, size_t bytes);

/* Calls 'fn' for each DT_NEEDED name, and with 'interpreter' true for that of
 * PT_INTERP. False when the file contradicts itself. A static program and a
 * kernel module need nothing. */
typedef void elf_needed_fn(void *owner, const char *name, bool interpreter);
MUST_CHECK bool elf_needed(const void *data, size_t bytes, elf_needed_fn *fn,
                           void *owner);

/* A section's content by name; false if there is none. */
MUST_CHECK bool elf_section(const void *data, size_t bytes, const char *name,
                            const void **section_out, size_t *bytes_out);

#endif
