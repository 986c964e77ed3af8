/* tests/hypervisor/binary-test.c - versions and build ids in binaries. */
#include <config.h>

#include "harness/buf.h"
#include "hypervisor/binary.h"
#include "hypervisor/elf.h"
#include "hypervisor/image.h"
#include "tests/hypervisor/debfix.h"
#include "tests/tap.h"

static void
add_wide(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        buf_addc(out, *text);
        buf_addc(out, '\0');
    }
}

static void
xen(void)
{
    static const char note[] = "\4\0\0\0\24\0\0\0\3\0\0\0GNU";
    struct buf file = BUF_INIT;
    char *text;

    buf_adds(&file, "....Xen 9.9 in plain.....");
    add_wide(&file, "Xen is free");
    add_wide(&file, "Xen 4.17.7 (c/s abc) EFI loader");
    text = binary_xen_version(file.data, file.len);
    is_str(text, "4.17.7", "the version of the EFI loader's banner");
    free(text);
    text = binary_xen_version(file.data, file.len - 60);
    ok(text == NULL, "none in half a banner");
    free(text);
    ok(binary_build_id(file.data, file.len) == NULL, "no build id");
    while (file.len % 4 != 0)
        buf_addc(&file, 'x');
    buf_add(&file, note, 16);
    buf_adds(&file, "\1\2\3\4\5\6\7\10\11\12abcdefghij");
    text = binary_build_id(file.data, file.len);
    is_str(text, "0102030405060708090a6162636465666768696a",
           "the build id of a note");
    free(text);
    ok(binary_build_id(file.data, file.len - 1) == NULL,
       "none in half a note");
    ok(binary_build_id("", 0) == NULL && binary_xen_version("", 0) == NULL,
       "nothing in nothing");
    buf_free(&file);
}

static void
put_le(unsigned char *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* PE: the debug directory lies in the second section, but within the first
 * one's size in the file. */
static void
pe(void)
{
    unsigned char file[1024];
    char *text;

    memset(file, 0, sizeof(file));
    memcpy(file, "MZ", 2);
    put_le(file + 0x3c, 0x80, 4);
    memcpy(file + 0x80, "PE\0", 4);
    put_le(file + 0x84, 0x8664, 2);
    put_le(file + 0x86, 2, 2);                  /* sections */
    put_le(file + 0x94, 240, 2);                /* optional header */
    put_le(file + 0x98, 0x20b, 2);
    put_le(file + 0x98 + 108, 16, 4);
    put_le(file + 0x98 + 112 + 48, 0x1010, 4);  /* debug directory */
    put_le(file + 0x188 + 8, 0x10, 4);
    put_le(file + 0x188 + 12, 0x1000, 4);
    put_le(file + 0x188 + 16, 0x200, 4);
    put_le(file + 0x188 + 20, 0, 4);
    put_le(file + 0x1b0 + 8, 0x40, 4);
    put_le(file + 0x1b0 + 12, 0x1010, 4);
    put_le(file + 0x1b0 + 16, 0x40, 4);
    put_le(file + 0x1b0 + 20, 0x300, 4);
    put_le(file + 0x300 + 12, 2, 4);            /* CodeView, at 0x340 */
    put_le(file + 0x300 + 24, 0x340, 4);
    memcpy(file + 0x340, "RSDS0123456789abcdef", 20);
    text = binary_build_id(file, sizeof(file));
    is_str(text, "30313233343536373839616263646566", "the build id of PE");
    free(text);
    for (size_t n = 0; n < 0x354; n++) {
        text = binary_build_id(file, n);
        if (text != NULL)
            ok(false, "found in the first %zu bytes", n);
        free(text);
    }
}

static void
kernel(void)
{
    struct buf payload = BUF_INIT, image = BUF_INIT, plain = BUF_INIT;
    unsigned char head[1024];
    struct fault why = FAULT_INIT;
    char *text;

    ok_fault(image_gzip("the kernel itself", 17, &payload, &why), &why,
             "compress");
    memset(head, 0, sizeof(head));
    head[0x1f1] = 1;
    memcpy(head + 0x202, "HdrS", 4);
    put_le(head + 0x20e, 0x100, 2);
    memcpy(head + 0x300, "6.1.0-56-amd64 (builder) #1", 27);
    put_le(head + 0x248, 16, 4);
    put_le(head + 0x24c, (uint32_t)payload.len, 4);
    buf_add(&image, head, sizeof(head));
    buf_adds(&image, "0123456789abcdef");
    buf_add(&image, payload.data, payload.len);
    text = binary_kernel_version(image.data, image.len);
    is_str(text, "6.1.0-56-amd64", "the version of a bzImage");
    free(text);
    ok_fault(binary_expand_bzimage("k", image.data, image.len, &plain, &why),
             &why, "its kernel, unpacked");
    is_str(buf_text(&plain), "the kernel itself", "is what it was");
    not_ok_fault(binary_expand_bzimage("k", image.data, image.len - 5, &plain,
                                       &why), &why, FAULT_DATA, "k",
                 "a cut one is refused");
    not_ok_fault(binary_expand_bzimage("k", "MZ", 2, &plain, &why), &why,
                 FAULT_DATA, "no bzImage", "and so is another file");
    text = binary_kernel_version("..Linux version 6.12.1-arm64 (a)", 32);
    is_str(text, "6.12.1-arm64", "the version of a plain kernel");
    free(text);
    buf_free(&plain);
    buf_free(&image);
    buf_free(&payload);
}

static void
count_needed(void *owner, const char *name UNUSED, bool interpreter UNUSED)
{
    *(int *)owner += 1;
}

/* Every cut of a good file is either refused or fine; sanitizers watch. */
static void
elf(void)
{
    static const char *const needed[] = { "liba.so", "libb.so", NULL };
    struct buf file = BUF_INIT;
    const void *section;
    size_t bytes, n;
    int count = 0, cut = 0;

    debfix_elf(&file, needed, "/lib/ld.so");
    ok(elf_is(file.data, file.len), "an ELF file");
    ok(elf_needed(file.data, file.len, count_needed, &count), "can be read");
    is_int(count, 3, "needs two libraries and an interpreter");
    for (n = 0; n < file.len; n++)
        cut += elf_needed(file.data, n, count_needed, &count) ? 0 : 1;
    ok(cut > 64, "cut files are refused");
    buf_reset(&file);
    debfix_module(&file, "a=b\0c=d", 8);
    ok(elf_section(file.data, file.len, ".modinfo", &section, &bytes)
       && bytes == 8 && memcmp(section, "a=b\0c=d", 8) == 0, "a section");
    ok(!elf_section(file.data, file.len, ".nosuch", &section, &bytes),
       "no such section");
    ok(!elf_is("#!/bin/sh", 9), "a script is none");
    buf_free(&file);
}

int
main(void)
{
    xen();
    pe();
    kernel();
    elf();
    return tap_done();
}
