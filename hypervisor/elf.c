/* hypervisor/elf.c - the little that we read from ELF files. */
#include <config.h>

#include "hypervisor/elf.h"

#include <elf.h>
#include <stdint.h>

/* The files may be hostile, and their tables unaligned: every access copies
 * out of a checked range. */
struct elf {
    const unsigned char *data;
    size_t bytes;
    Elf64_Ehdr head;
};

static bool
get(const struct elf *elf, uint64_t offset, void *out, size_t bytes)
{
    if (offset > elf->bytes || bytes > elf->bytes - offset)
        return false;
    memcpy(out, elf->data + offset, bytes);
    return true;
}

/* A NUL-terminated string within 'limit' bytes at 'offset'. */
static const char *
text_at(const struct elf *elf, uint64_t offset, uint64_t limit)
{
    if (offset >= elf->bytes)
        return NULL;
    if (limit > elf->bytes - offset)
        limit = elf->bytes - offset;
    return memchr(elf->data + offset, '\0', (size_t)limit) != NULL
        ? (const char *)elf->data + offset : NULL;
}

static bool
elf_init(struct elf *elf, const void *data, size_t bytes)
{
    elf->data = data;
    elf->bytes = bytes;
    return get(elf, 0, &elf->head, sizeof(elf->head))
        && memcmp(elf->head.e_ident, ELFMAG, SELFMAG) == 0
        && elf->head.e_ident[EI_CLASS] == ELFCLASS64
        && elf->head.e_ident[EI_DATA] == ELFDATA2LSB;
}

bool
elf_is(const void *data, size_t bytes)
{
    struct elf elf;

    return elf_init(&elf, data, bytes);
}

static bool
program_header(const struct elf *elf, unsigned int i, Elf64_Phdr *out)
{
    return elf->head.e_phentsize == sizeof(*out)
        && get(elf, elf->head.e_phoff + (uint64_t)i * sizeof(*out), out,
               sizeof(*out));
}

static bool
section_header(const struct elf *elf, unsigned int i, Elf64_Shdr *out)
{
    return elf->head.e_shentsize == sizeof(*out)
        && get(elf, elf->head.e_shoff + (uint64_t)i * sizeof(*out), out,
               sizeof(*out));
}

/* Where in the file a virtual address is. */
static bool
offset_of(const struct elf *elf, uint64_t address, uint64_t *offset_out,
          uint64_t *limit_out)
{
    unsigned int i;
    Elf64_Phdr ph;

    for (i = 0; i < elf->head.e_phnum; i++) {
        if (!program_header(elf, i, &ph))
            return false;
        if (ph.p_type != PT_LOAD || address < ph.p_vaddr
            || address - ph.p_vaddr >= ph.p_filesz)
            continue;
        *offset_out = ph.p_offset + (address - ph.p_vaddr);
        *limit_out = ph.p_filesz - (address - ph.p_vaddr);
        return true;
    }
    return false;
}

static bool
dynamic_entry(const struct elf *elf, const Elf64_Phdr *dynamic, uint64_t i,
              Elf64_Dyn *out)
{
    return (i + 1) * sizeof(*out) <= dynamic->p_filesz
        && get(elf, dynamic->p_offset + i * sizeof(*out), out, sizeof(*out))
        && out->d_tag != DT_NULL;
}

static bool
each_needed(const struct elf *elf, const Elf64_Phdr *dynamic,
            elf_needed_fn *fn, void *owner)
{
    uint64_t strtab = 0, strings, limit, i;
    const char *name;
    Elf64_Dyn entry;

    for (i = 0; dynamic_entry(elf, dynamic, i, &entry); i++)
        if (entry.d_tag == DT_STRTAB)
            strtab = entry.d_un.d_ptr;
    for (i = 0; dynamic_entry(elf, dynamic, i, &entry); i++) {
        if (entry.d_tag != DT_NEEDED)
            continue;
        if (!offset_of(elf, strtab, &strings, &limit)
            || entry.d_un.d_val >= limit)
            return false;
        name = text_at(elf, strings + entry.d_un.d_val,
                       limit - entry.d_un.d_val);
        if (name == NULL)
            return false;
        fn(owner, name, false);
    }
    return true;
}

bool
elf_needed(const void *data, size_t bytes, elf_needed_fn *fn, void *owner)
{
    const char *name;
    struct elf elf;
    Elf64_Phdr ph;
    unsigned int i;

    if (!elf_init(&elf, data, bytes))
        return false;
    for (i = 0; i < elf.head.e_phnum; i++) {
        if (!program_header(&elf, i, &ph))
            return false;
        if (ph.p_type == PT_INTERP) {
            name = text_at(&elf, ph.p_offset, ph.p_filesz);
            if (name == NULL)
                return false;
            fn(owner, name, true);
        } else if (ph.p_type == PT_DYNAMIC) {
            if (!each_needed(&elf, &ph, fn, owner))
                return false;
        }
    }
    return true;
}

bool
elf_section(const void *data, size_t bytes, const char *name,
            const void **section_out, size_t *bytes_out)
{
    const char *own;
    Elf64_Shdr names, sh;
    struct elf elf;
    unsigned int i;

    if (!elf_init(&elf, data, bytes)
        || !section_header(&elf, elf.head.e_shstrndx, &names))
        return false;
    for (i = 0; i < elf.head.e_shnum; i++) {
        if (!section_header(&elf, i, &sh) || sh.sh_name >= names.sh_size)
            continue;
        own = text_at(&elf, names.sh_offset + sh.sh_name,
                      names.sh_size - sh.sh_name);
        if (own == NULL || strcmp(own, name) != 0
            || sh.sh_type == SHT_NOBITS || sh.sh_offset > bytes
            || sh.sh_size > bytes - sh.sh_offset)
            continue;
        *section_out = elf.data + sh.sh_offset;
        *bytes_out = (size_t)sh.sh_size;
        return true;
    }
    return false;
}
