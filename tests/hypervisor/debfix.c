/* tests/hypervisor/debfix.c - synthetic packages, programs and modules. */
#include <config.h>

#include "tests/hypervisor/debfix.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <time.h>

#include "harness/buf.h"
#include "tests/tap.h"

static la_ssize_t
sink(struct archive *archive UNUSED, void *arg, const void *data,
     size_t bytes)
{
    buf_add(arg, data, bytes);
    return (la_ssize_t)bytes;
}

static void
add(struct archive *archive, const struct debfix_file *file)
{
    static time_t now = 1700000000;     /* another one each time */
    struct archive_entry *entry = archive_entry_new();
    size_t bytes = 0;

    archive_entry_set_pathname(entry, file->path);
    archive_entry_set_mtime(entry, now++, 0);
    archive_entry_set_uid(entry, 1000);
    archive_entry_set_uname(entry, "somebody");
    archive_entry_set_filetype(entry, file->type == 'd' ? AE_IFDIR
                               : file->type == 'l' ? AE_IFLNK : AE_IFREG);
    archive_entry_set_perm(entry, file->mode);
    if (file->type == 'l')
        archive_entry_set_symlink(entry, file->data);
    else if (file->type == 'h')
        archive_entry_set_hardlink(entry, file->data);
    else if (file->type == 'f')
        bytes = file->bytes != 0 ? file->bytes
                                 : strlen((const char *)file->data);
    archive_entry_set_size(entry, (int64_t)bytes);
    if (archive_write_header(archive, entry) != ARCHIVE_OK
        || (bytes > 0 && archive_write_data(archive, file->data, bytes)
            != (la_ssize_t)bytes))
        tap_bail("write archive: %s", archive_error_string(archive));
    archive_entry_free(entry);
}

static void
pack(struct buf *out, const char *filter, bool is_ar,
     const struct debfix_file *files)
{
    struct archive *archive = archive_write_new();

    if ((filter != NULL && archive_write_add_filter_by_name(archive, filter)
         != ARCHIVE_OK)
        || (is_ar ? archive_write_set_format_ar_svr4(archive)
                  : archive_write_set_format_gnutar(archive)) != ARCHIVE_OK
        || archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK
        || archive_write_open(archive, out, NULL, sink, NULL) != ARCHIVE_OK)
        tap_bail("open archive: %s", archive_error_string(archive));
    for (; files->path != NULL; files++)
        add(archive, files);
    if (archive_write_close(archive) != ARCHIVE_OK)
        tap_bail("close archive: %s", archive_error_string(archive));
    archive_write_free(archive);
}

void
debfix_make(const char *file, const char *filter,
            const struct debfix_file *files)
{
    struct buf data = BUF_INIT, deb = BUF_INIT;
    char name[32];
    FILE *to;

    snprintf(name, sizeof(name), "data.tar.%s",
             strcmp(filter, "gzip") == 0 ? "gz" : filter);
    pack(&data, filter, false, files);
    {
        const struct debfix_file members[] = {
            { "debian-binary", 'f', 0644, "2.0\n", 0 },
            { "control.tar.gz", 'f', 0644, "not looked at", 0 },
            { name, 'f', 0644, data.data, data.len },
            { NULL, 0, 0, NULL, 0 },
        };

        pack(&deb, NULL, true, members);
    }
    to = fopen(file, "w");
    if (to == NULL || fwrite(deb.data, deb.len, 1, to) != 1
        || fclose(to) != 0)
        tap_bail("cannot write %s", file);
    buf_free(&deb);
    buf_free(&data);
}

/* Header, program headers, then strings and the dynamic section; addresses are
 * offsets plus BASE. */
#define BASE 0x400000u

void
debfix_elf(struct buf *out, const char *const needed[],
           const char *interpreter)
{
    Elf64_Ehdr head = { .e_type = ET_DYN, .e_machine = EM_X86_64,
                        .e_version = EV_CURRENT, .e_ehsize = sizeof(head),
                        .e_phoff = sizeof(head),
                        .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3 };
    Elf64_Phdr ph[3];
    Elf64_Dyn dyn;
    struct buf strings = BUF_INIT, dynamic = BUF_INIT;
    size_t start = sizeof(head) + sizeof(ph), i;

    memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    buf_addc(&strings, '\0');
    buf_add(&strings, interpreter == NULL ? "" : interpreter,
            interpreter == NULL ? 1 : strlen(interpreter) + 1);
    for (i = 0; needed[i] != NULL; i++) {
        dyn = (Elf64_Dyn){ .d_tag = DT_NEEDED, .d_un = { strings.len } };
        buf_add(&strings, needed[i], strlen(needed[i]) + 1);
        buf_add(&dynamic, &dyn, sizeof(dyn));
    }
    dyn = (Elf64_Dyn){ .d_tag = DT_STRTAB, .d_un = { BASE + start } };
    buf_add(&dynamic, &dyn, sizeof(dyn));
    dyn = (Elf64_Dyn){ .d_tag = DT_NULL };
    buf_add(&dynamic, &dyn, sizeof(dyn));
    while (strings.len % 8 != 0)
        buf_addc(&strings, '\0');
    memset(ph, 0, sizeof(ph));
    ph[0].p_type = interpreter == NULL ? PT_NOTE : PT_INTERP;
    ph[0].p_offset = start + 1;
    ph[0].p_filesz = interpreter == NULL ? 0 : strlen(interpreter) + 1;
    ph[1].p_type = PT_LOAD;
    ph[1].p_offset = start;
    ph[1].p_vaddr = BASE + start;
    ph[1].p_filesz = strings.len + dynamic.len;
    ph[2].p_type = PT_DYNAMIC;
    ph[2].p_offset = start + strings.len;
    ph[2].p_filesz = dynamic.len;
    buf_add(out, &head, sizeof(head));
    buf_add(out, ph, sizeof(ph));
    buf_add(out, strings.data, strings.len);
    buf_add(out, dynamic.data, dynamic.len);
    buf_free(&dynamic);
    buf_free(&strings);
}

void
debfix_module(struct buf *out, const char *info, size_t bytes)
{
    static const char names[] = "\0.modinfo\0.shstrtab";
    Elf64_Ehdr head = { .e_type = ET_REL, .e_machine = EM_X86_64,
                        .e_version = EV_CURRENT, .e_ehsize = sizeof(head),
                        .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3,
                        .e_shstrndx = 2 };
    Elf64_Shdr sh[3];

    memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_shoff = sizeof(head);
    memset(sh, 0, sizeof(sh));
    sh[1].sh_name = 1;
    sh[1].sh_type = SHT_PROGBITS;
    sh[1].sh_offset = sizeof(head) + sizeof(sh);
    sh[1].sh_size = bytes;
    sh[2].sh_name = 10;
    sh[2].sh_type = SHT_STRTAB;
    sh[2].sh_offset = sh[1].sh_offset + bytes;
    sh[2].sh_size = sizeof(names);
    buf_add(out, &head, sizeof(head));
    buf_add(out, sh, sizeof(sh));
    buf_add(out, info, bytes);
    buf_add(out, names, sizeof(names));
}
