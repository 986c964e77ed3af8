/* tests/fuzz/binary-fuzz.c - any bytes as a program, a hypervisor, a kernel. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "hypervisor/binary.h"
#include "hypervisor/elf.h"

static void
look(void *owner, const char *name, bool interpreter UNUSED)
{
    *(size_t *)owner += strlen(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct fault why = FAULT_INIT;
    struct buf out = BUF_INIT;
    const void *section;
    size_t n = 0;
    char *text;

    if (elf_needed(data, bytes, look, &n))
        must(elf_is(data, bytes));
    if (elf_section(data, bytes, ".modinfo", &section, &n))
        must((const uint8_t *)section >= data && n <= bytes);
    text = binary_xen_version(data, bytes);
    must(text == NULL || (text[0] >= '0' && text[0] <= '9'));
    free(text);
    text = binary_build_id(data, bytes);
    must(text == NULL || strspn(text, "0123456789abcdef") == strlen(text));
    free(text);
    text = binary_kernel_version(data, bytes);
    must(text == NULL || text[0] != '\0');
    free(text);
    if (!binary_expand_bzimage("f", data, bytes, &out, &why))
        must(why.kind == FAULT_DATA);
    buf_free(&out);
    return 0;
}
