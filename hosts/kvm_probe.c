/* hosts/kvm_probe.c - see kvm_probe.h. */
#include <config.h>

#include "hosts/kvm_probe.h"

#include <inttypes.h>
#include <stdint.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/proc.h"

#define RUN_LIMIT_MS 5000
/* isa-debug-exit makes of OUT_BYTE the status OUT_BYTE * 2 + 1. */
#define OUT_BYTE 0x10
#define EXIT_STATUS (OUT_BYTE * 2 + 1)

#define ROM_BYTES 0x10000
#define ROM_BASE 0xffff0000u
#define PML4_AT 0x1000u
#define PDPT_AT 0x2000u
#define PD_AT 0x3000u
#define RESET_AT 0xfff0
#define ENTRY_BYTES 8

/* From the reset vector to 64-bit mode, through page tables in this same ROM,
 * then out 0xf4. On its way it reads the shadow stack's pointer (a NOP where
 * there is none), as Xen does: hosts that emulate kernel mode stop there.
 *
 *  0: cli; lgdtl %cs:0x88; mov %cr0,%eax; or $1,%al; mov %eax,%cr0
 * 10: ljmpl $8,$BASE+0x18
 * 18: mov $0x10,%eax; mov %eax,%ds, %es, %ss
 * 23: mov $0x20,%eax; mov %eax,%cr4; mov $BASE+PML4_AT,%eax; mov %eax,%cr3
 * 33: mov $0xc0000080,%ecx; rdmsr; bts $8,%eax; wrmsr
 * 40: mov %cr0,%eax; bts $31,%eax; mov %eax,%cr0
 * 4a: ljmpl $0x18,$BASE+0x51
 * 51: endbr64; xor %eax,%eax; rdsspq %rax
 * 5c: mov $0xf4,%dx; mov $OUT_BYTE,%al; out %al,%dx; 1: hlt; jmp 1b
 * 68: the descriptors; 88: their limit and address */
static const unsigned char code[] = {
    0xfa, 0x2e, 0x66, 0x0f, 0x01, 0x16, 0x88, 0x00, 0x0f, 0x20, 0xc0, 0x0c,
    0x01, 0x0f, 0x22, 0xc0, 0x66, 0xea, 0x18, 0x00, 0xff, 0xff, 0x08, 0x00,
    0xb8, 0x10, 0x00, 0x00, 0x00, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xb8,
    0x20, 0x00, 0x00, 0x00, 0x0f, 0x22, 0xe0, 0xb8, 0x00, 0x10, 0xff, 0xff,
    0x0f, 0x22, 0xd8, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x0f, 0xba,
    0xe8, 0x08, 0x0f, 0x30, 0x0f, 0x20, 0xc0, 0x0f, 0xba, 0xe8, 0x1f, 0x0f,
    0x22, 0xc0, 0xea, 0x51, 0x00, 0xff, 0xff, 0x18, 0x00, 0xf3, 0x0f, 0x1e,
    0xfa, 0x31, 0xc0, 0xf3, 0x48, 0x0f, 0x1e, 0xc8, 0x66, 0xba, 0xf4, 0x00,
    0xb0, OUT_BYTE, 0xee, 0xf4, 0xeb, 0xfd, 0x66, 0x90, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xcf,
    0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x93, 0xcf, 0x00, 0xff, 0xff, 0x00,
    0x00, 0x00, 0x9b, 0xaf, 0x00, 0x1f, 0x00, 0x68, 0x00, 0xff, 0xff,
};
/* jmp to the start of the ROM's segment. */
static const unsigned char reset[] = { 0xe9, 0x0d, 0x00 };

/* Present, writable, accessed, dirty: the ROM cannot take these bits later. */
#define ENTRY_FLAGS 0x63u
#define ENTRY_LARGE 0x80u

static void
put_entry(unsigned char *rom, uint32_t table, unsigned index, uint32_t to,
          uint32_t flags)
{
    uint32_t value = to | flags;

    for (unsigned i = 0; i < 4; i++)
        rom[table + index * ENTRY_BYTES + i] =
            (unsigned char)(value >> (8 * i) & 0xff);
}

static unsigned char *
make_rom(void)
{
    unsigned char *rom = xcalloc(1, ROM_BYTES);

    memcpy(rom, code, sizeof(code));
    memcpy(rom + RESET_AT, reset, sizeof(reset));
    put_entry(rom, PML4_AT, 0, ROM_BASE + PDPT_AT, ENTRY_FLAGS);
    put_entry(rom, PDPT_AT, 3, ROM_BASE + PD_AT, ENTRY_FLAGS);
    put_entry(rom, PD_AT, 511, 0xffe00000u, ENTRY_FLAGS | ENTRY_LARGE);
    return rom;
}

bool
kvm_probe_run(const char *dir, const char *accel, const char *cpu,
              struct buf *reason)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct proc_status status = { PROC_END_NONE, 0 };
    struct proc_spec spec = PROC_SPEC_INIT;
    unsigned char *rom = make_rom();
    const char *file = arena_printf(&arena, "%s/probe-%ld.rom", dir,
                                    (long)getpid());
    const char *argv[] = {
        "qemu-system-x86_64", "-accel", accel, "-cpu", cpu, "-M", "pc",
        "-m", "16", "-nodefaults", "-no-user-config", "-display", "none",
        "-bios", file, "-device", "isa-debug-exit,iobase=0xf4,iosize=1", NULL
    };
    bool ok;

    ok = fs_write_file(file, 0644, rom, ROM_BYTES, &why);
    if (ok) {
        spec.argv = argv;
        /* The status that we want is no success to others. */
        ok = !proc_run_spec(&spec, NULL, 0, RUN_LIMIT_MS, NULL, &status,
                            &why)
            && status.end == PROC_END_EXIT && status.code == EXIT_STATUS;
    }
    if (!ok)
        buf_addf(reason, "a tiny machine does not run: %s%s%s", why.text,
                 why.detail[0] == '\0' ? "" : ": ", why.detail);
    (void)unlink(file);
    free(rom);
    arena_free(&arena);
    return ok;
}

/* Guests of a guest: only the modules of real hardware have that switch. */
static bool
is_nested(void)
{
    static const char *const switches[] = {
        "/sys/module/kvm_amd/parameters/nested",
        "/sys/module/kvm_intel/parameters/nested",
    };
    struct buf text = BUF_INIT;
    bool nested = false;

    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        buf_reset(&text);
        if (fs_read_file(switches[i], 16, &text, NULL))
            nested = nested || strspn(buf_text(&text), "Yy1") > 0;
    }
    buf_free(&text);
    return nested;
}

bool
kvm_probe(const char *dir, struct buf *reason)
{
    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        buf_adds(reason, "/dev/kvm cannot be opened");
        return false;
    }
    if (!is_nested()) {
        buf_adds(reason, "KVM offers no virtualisation to its guests");
        return false;
    }
    return kvm_probe_run(dir, "kvm", "host", reason);
}
