/* tests/e2e/break-xen.c - makes a real hypervisor that really fails, from one
 * that works.
 *
 *   break-xen boot|guest|restore FILE
 *
 * FILE is Xen as a loader takes it. "boot": it meets an invalid instruction
 * when it has brought its processors up, and panics. "guest": it refuses the
 * state that a guest with hardware support is created or restored with, as if
 * another version had saved it. Both are found by the text that Xen prints
 * there: the addresses differ from build to build, but code refers to a text by
 * its distance. "restore": it expects another length of the registers of a
 * guest's local APIC, which are in the state of a guest that has run, and not
 * of one that is created. */
#include <config.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "harness/attr.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"

#define XEN_MAX_BYTES ((size_t)64 << 20)
#define LEA_BYTES 7
#define JUMP_BYTES 6
/* Loads of the arguments stand between a jump's target and the text's. */
#define ARGUMENTS_MAX_BYTES 16

static size_t
distance_at(const char *code, size_t end)
{
    int32_t distance;

    memcpy(&distance, code + end - sizeof(distance), sizeof(distance));
    return end + (size_t)(int64_t)distance;
}

/* Where 'text' is loaded as a first argument (lea text(%rip), %rdi); 0 unless
 * there is just one such place. */
static size_t
find_use(const struct buf *xen, const char *text)
{
    static const char lea[] = "\x48\x8d\x3d";
    const char *at = memmem(xen->data, xen->len, text, strlen(text));
    size_t start, found = 0, count = 0;

    if (at == NULL)
        return 0;
    /* The level of the message comes before its text. */
    for (start = (size_t)(at - xen->data); xen->data[start - 1] != '\0';)
        start--;
    for (size_t i = 0; i + LEA_BYTES <= xen->len; i++) {
        if (memcmp(xen->data + i, lea, sizeof(lea) - 1) == 0
            && distance_at(xen->data, i + LEA_BYTES) == start) {
            found = i;
            count++;
        }
    }
    return count == 1 ? found : 0;
}

/* The conditional jump to just before 'use', 0 unless there is just one. */
static size_t
find_jump(const struct buf *xen, size_t use)
{
    size_t found = 0, count = 0;

    for (size_t i = 0; i + JUMP_BYTES <= xen->len; i++) {
        if (xen->data[i] == '\x0f' && (xen->data[i + 1] & 0xf0) == 0x80) {
            size_t target = distance_at(xen->data, i + JUMP_BYTES);

            if (target <= use && target + ARGUMENTS_MAX_BYTES > use) {
                found = i;
                count++;
            }
        }
    }
    return count == 1 ? found : 0;
}

static bool
break_boot(struct buf *xen)
{
    size_t use = find_use(xen, "Brought up %ld CPUs\n");

    if (use != 0)
        memcpy(xen->data + use, "\x0f\x0b", 2);         /* ud2 */
    return use != 0;
}

static bool
break_guest(struct buf *xen)
{
    size_t use = find_use(xen, "HVM%d restore: unsupported version %u\n");
    size_t jump = use == 0 ? 0 : find_jump(xen, use);

    if (jump != 0)
        xen->data[jump + 1] ^= 1;       /* the opposite condition */
    return jump != 0;
}

/* The call that checks a record: _hvm_check_entry(.., 6, 0x400, ..), where 6 is
 * HVM_SAVE_CODE(LAPIC_REGS) and 0x400 the bytes of its record. */
static bool
break_restore(struct buf *xen)
{
    static const char call[] = "\xba\x00\x04\x00\x00\xbe\x06\x00\x00\x00";
    char *at = memmem(xen->data, xen->len, call, sizeof(call) - 1);
    size_t rest;

    if (at == NULL)
        return false;
    rest = xen->len - (size_t)(at + 1 - xen->data);
    if (memmem(at + 1, rest, call, sizeof(call) - 1) != NULL)
        return false;
    at[1] = 8;
    return true;
}

static const struct {
    const char *name;
    bool (*make)(struct buf *xen);
} breaks[] = {
    { "boot", break_boot },
    { "guest", break_guest },
    { "restore", break_restore },
};

int
main(int argc, char **argv)
{
    struct fault why = FAULT_INIT;
    struct buf xen = BUF_INIT;
    size_t i = 0;
    bool ok;

    while (argc == 3 && i < ARRAY_LEN(breaks)
           && strcmp(argv[1], breaks[i].name) != 0)
        i++;
    if (argc != 3 || i == ARRAY_LEN(breaks)) {
        fputs("usage: break-xen boot|guest|restore FILE\n", stderr);
        return 2;
    }
    ok = fs_read_file(argv[2], XEN_MAX_BYTES, &xen, &why);
    if (ok && !breaks[i].make(&xen))
        ok = fault_set(&why, FAULT_DATA, "%s: the place to break was not "
                       "found", argv[2]);
    ok = ok && fs_write_file(argv[2], 0644, xen.data, xen.len, &why);
    if (!ok)
        fault_print(&why);
    buf_free(&xen);
    return ok ? 0 : 75;
}
