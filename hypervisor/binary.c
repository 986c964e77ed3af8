/* hypervisor/binary.c - facts in the files of a hypervisor and a kernel. */
#include <config.h>

#include "hypervisor/binary.h"

#include <stdint.h>
#include <stdio.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "hypervisor/debfile.h"

#define WORD_MAX 64             /* of a version */

/* memmem() for "Xen 4." as the EFI loader holds it: 16 bits a character. */
static const unsigned char *
find_wide(const unsigned char *data, size_t bytes, const char *text)
{
    size_t len = strlen(text), i, j;

    for (i = 0; bytes >= 2 * len && i <= bytes - 2 * len; i++) {
        for (j = 0; j < len; j++)
            if (data[i + 2 * j] != (unsigned char)text[j]
                || data[i + 2 * j + 1] != 0)
                break;
        if (j == len)
            return data + i;
    }
    return NULL;
}

/* Every Xen with an EFI loader has its banner L"Xen 4.17.7 (c/s ...) EFI
 * loader"; the version of the other banner is put together at run time. */
char *
binary_xen_version(const void *data, size_t bytes)
{
    const unsigned char *start = data, *end = start + bytes, *at = start;
    char version[WORD_MAX];
    size_t n;

    while ((at = find_wide(at, (size_t)(end - at), "Xen ")) != NULL) {
        at += 2 * strlen("Xen ");
        for (n = 0; n < WORD_MAX - 1 && at + 2 * n + 1 < end; n++) {
            if (at[2 * n + 1] != 0 || at[2 * n] <= ' ' || at[2 * n] > '~')
                break;
            version[n] = (char)at[2 * n];
        }
        version[n] = '\0';
        if (n > 0 && version[0] >= '0' && version[0] <= '9'
            && find_wide(at + 2 * n, end - (at + 2 * n) < 12
                         ? (size_t)(end - (at + 2 * n)) : 12, " (c/s")
                == at + 2 * n)
            return xstrdup(version);
    }
    return NULL;
}

static uint32_t
le(const unsigned char *p, int bytes)
{
    uint32_t value = 0;
    int i;

    for (i = bytes - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

static char *
hex(const unsigned char *p, size_t bytes)
{
    char *out = xmalloc(2 * bytes + 1);
    size_t i;

    for (i = 0; i < bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
    return out;
}

/* Is there a whole record of 'need' bytes? */
static bool
inside(size_t bytes, uint64_t offset, size_t need)
{
    return need <= bytes && offset <= bytes - need;
}

/* The linker puts the build id of a PE file for PCs in its debug directory, as
 * a CodeView record. */
static char *
pe_build_id(const unsigned char *p, size_t bytes)
{
    uint64_t pe, sections, at;
    uint32_t rva, i, count;

    if (!inside(bytes, 0, 64) || p[0] != 'M' || p[1] != 'Z')
        return NULL;
    pe = le(p + 0x3c, 4);
    if (!inside(bytes, pe, 24 + 168) || memcmp(p + pe, "PE\0", 4) != 0
        || le(p + pe + 4, 2) != 0x8664 || le(p + pe + 24, 2) != 0x20b
        || le(p + pe + 24 + 108, 4) < 7)
        return NULL;
    rva = le(p + pe + 24 + 112 + 6 * 8, 4);
    sections = pe + 24 + le(p + pe + 20, 2);
    count = le(p + pe + 6, 2);
    for (i = 0; i < count; i++) {
        at = sections + (uint64_t)i * 40;
        if (!inside(bytes, at, 40))
            return NULL;
        /* By the size in memory: that in the file is rounded up, and would
         * reach into the next section. */
        if (rva >= le(p + at + 12, 4)
            && rva - le(p + at + 12, 4) < le(p + at + 8, 4))
            break;
    }
    if (rva == 0 || i == count)
        return NULL;
    at = (uint64_t)le(p + at + 20, 4) + (rva - le(p + at + 12, 4));
    if (!inside(bytes, at, 28) || le(p + at + 12, 4) != 2)
        return NULL;
    at = le(p + at + 24, 4);
    if (!inside(bytes, at, 20) || memcmp(p + at, "RSDS", 4) != 0)
        return NULL;
    return hex(p + at + 4, 16);
}

char *
binary_build_id(const void *data, size_t bytes)
{
    /* An ELF note: sizes of name and content, type, name. Looked for by
     * content, because the arm64 file is no ELF file. */
    static const unsigned char note[16] = {
        4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0,
    };
    const unsigned char *p = data;
    char *pe = pe_build_id(p, bytes);
    size_t at;

    if (pe != NULL)
        return pe;
    for (at = 0; bytes >= 36 && at <= bytes - 36; at += 4)
        if (memcmp(p + at, note, sizeof(note)) == 0)
            break;
    return bytes < 36 || at > bytes - 36 ? NULL : hex(p + at + 16, 20);
}

static char *
first_word(const unsigned char *p, const unsigned char *end)
{
    size_t n = 0;

    while (p + n < end && n < WORD_MAX && p[n] > ' ' && p[n] <= '~')
        n++;
    return n == 0 || n == WORD_MAX ? NULL : xstrndup((const char *)p, n);
}

static bool
is_bzimage(const unsigned char *p, size_t bytes)
{
    return bytes > 0x260 && memcmp(p + 0x202, "HdrS", 4) == 0;
}

char *
binary_kernel_version(const void *data, size_t bytes)
{
    static const char banner[] = "Linux version ";
    const unsigned char *p = data, *end = p + bytes, *at;
    size_t offset;

    if (is_bzimage(p, bytes)) {
        offset = (size_t)le(p + 0x20e, 2) + 0x200;
        return offset < bytes ? first_word(p + offset, end) : NULL;
    }
    at = bytes == 0 ? NULL
        : memmem(p, bytes, banner, sizeof(banner) - 1);
    return at == NULL ? NULL : first_word(at + sizeof(banner) - 1, end);
}

bool
binary_is_gzip(const void *data, size_t bytes)
{
    const unsigned char *p = data;

    return bytes > 2 && p[0] == 0x1f && p[1] == 0x8b;
}

bool
binary_expand_bzimage(const char *name, const void *data, size_t bytes,
                      struct buf *out, struct fault *why)
{
    const unsigned char *p = data;
    size_t setup, offset, length;

    if (!is_bzimage(p, bytes))
        return fault_set(why, FAULT_DATA, "%s is no bzImage", name);
    setup = p[0x1f1] == 0 ? 4 : p[0x1f1];
    offset = (setup + 1) * 512 + le(p + 0x248, 4);
    length = le(p + 0x24c, 4);
    if (length <= 4 || offset > bytes || length > bytes - offset)
        return fault_set(why, FAULT_DATA, "%s: the payload is not inside",
                         name);
    /* The build appends the size; gzip has it already. */
    if (!binary_is_gzip(p + offset, length))
        length -= 4;
    return debfile_expand(name, p + offset, length, out, why);
}
