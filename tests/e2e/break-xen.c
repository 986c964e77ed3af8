/* tests/e2e/break-xen.c - makes a real hypervisor that really fails, from one
 * that works.
 *
 *   break-xen boot|guest FILE
 *
 * FILE is Xen as a loader takes it. "boot": it meets an invalid instruction
 * when it has brought its processors up, and panics. "guest": it refuses the
 * state that a guest with hardware support is created or restored with, as if
 * another version had saved it. Both are found by the text that Xen prints
 * there: the addresses differ from build to build, but code refers to a text by
 * its distance. */
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

int
main(int argc, char **argv)
{
    struct fault why = FAULT_INIT;
    struct buf xen = BUF_INIT;
    bool boot = argc == 3 && strcmp(argv[1], "boot") == 0;
    bool ok;

    if (argc != 3 || (!boot && strcmp(argv[1], "guest") != 0)) {
        fputs("usage: break-xen boot|guest FILE\n", stderr);
        return 2;
    }
    ok = fs_read_file(argv[2], XEN_MAX_BYTES, &xen, &why);
    if (ok && !(boot ? break_boot(&xen) : break_guest(&xen)))
        ok = fault_set(&why, FAULT_DATA, "%s: the place to break was not "
                       "found", argv[2]);
    ok = ok && fs_write_file(argv[2], 0644, xen.data, xen.len, &why);
    if (!ok)
        fault_print(&why);
    buf_free(&xen);
    return ok ? 0 : 75;
}
