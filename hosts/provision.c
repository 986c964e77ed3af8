/* hosts/provision.c - the archives that are appended to a host's initrd. */
#include <config.h>

#include "hosts/provision.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"

/* The kernel looks for the next archive at multiples of this only. */
#define ALIGN_BYTES 4
#define FILE_MAX_BYTES (256u << 20)
#define DIRS_MAX 64

struct writer {
    struct archive *archive;
    struct arena arena;
    const char *dirs[DIRS_MAX]; /* written already */
    size_t dir_count;
    int64_t ino;                /* newc wants numbers that differ */
};

static ssize_t
to_buf(struct archive *archive UNUSED, void *arg, const void *data,
       size_t bytes)
{
    struct buf *out = arg;

    buf_add(out, data, bytes);
    return (ssize_t)bytes;
}

static bool
write_entry(struct writer *w, const char *path, unsigned mode,
            const struct buf *data, struct fault *why)
{
    struct archive_entry *entry = archive_entry_new();
    size_t bytes = data == NULL ? 0 : data->len;
    bool ok;

    must(entry != NULL);
    archive_entry_set_pathname(entry, path);
    archive_entry_set_mode(entry, mode);
    archive_entry_set_ino64(entry, ++w->ino);
    archive_entry_set_nlink(entry, S_ISDIR(mode) ? 2 : 1);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_size(entry, (la_int64_t)bytes);
    ok = archive_write_header(w->archive, entry) == ARCHIVE_OK
        && (bytes == 0 || archive_write_data(w->archive, data->data, bytes)
                          == (la_ssize_t)bytes);
    if (!ok)
        fault_set(why, FAULT_SYSTEM, "archive %s: %s", path,
                  archive_error_string(w->archive));
    archive_entry_free(entry);
    return ok;
}

/* The directories above 'path', each once. */
static bool
write_dirs(struct writer *w, const char *path, struct fault *why)
{
    for (const char *p = strchr(path, '/'); p != NULL; p = strchr(p + 1, '/')) {
        const char *dir = arena_printf(&w->arena, "%.*s", (int)(p - path),
                                       path);
        bool known = false;

        for (size_t i = 0; i < w->dir_count; i++)
            known = known || strcmp(w->dirs[i], dir) == 0;
        if (known)
            continue;
        must(w->dir_count < DIRS_MAX);
        w->dirs[w->dir_count++] = dir;
        /* sshd refuses keys in directories that others may write or, for
         * root's, that look open. */
        if (!write_entry(w, dir, S_IFDIR
                         | (strncmp(dir, "root", 4) == 0 ? 0700 : 0755),
                         NULL, why))
            return false;
    }
    return true;
}

bool
provision_archive(const struct provision_file *files, size_t count,
                  int64_t at, struct buf *out, struct fault *why)
{
    static const char zero[ALIGN_BYTES];
    struct writer w = { .archive = archive_write_new(), .arena = ARENA_INIT };
    struct buf data = BUF_INIT;
    bool ok;

    must(w.archive != NULL);
    buf_add(out, zero, (size_t)((ALIGN_BYTES - at % ALIGN_BYTES)
                                % ALIGN_BYTES));
    ok = archive_write_set_format_cpio_newc(w.archive) == ARCHIVE_OK
        && archive_write_set_bytes_per_block(w.archive, 512) == ARCHIVE_OK
        && archive_write_open(w.archive, out, NULL, to_buf, NULL)
           == ARCHIVE_OK;
    if (!ok)
        fault_set(why, FAULT_SYSTEM, "start an archive: %s",
                  archive_error_string(w.archive));
    for (size_t i = 0; ok && i < count; i++) {
        buf_reset(&data);
        if (files[i].from != NULL)
            ok = fs_read_file(files[i].from, FILE_MAX_BYTES, &data, why);
        else
            buf_adds(&data, files[i].text);
        ok = ok && write_dirs(&w, files[i].path, why)
            && write_entry(&w, files[i].path, S_IFREG | files[i].mode, &data,
                           why);
    }
    if (ok && archive_write_close(w.archive) != ARCHIVE_OK)
        ok = fault_set(why, FAULT_SYSTEM, "end an archive: %s",
                       archive_error_string(w.archive));
    archive_write_free(w.archive);
    buf_free(&data);
    arena_free(&w.arena);
    return ok;
}

static bool
ramboot_overlay(const struct provision_boot *boot, int64_t at,
                struct buf *out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *env = arena_printf(&arena,
        "ASSAY_NONCE=%s\nASSAY_HOST=%s\nASSAY_ADDRESS=%s\nASSAY_GATEWAY=%s\n"
        "ASSAY_MAC=%s\nASSAY_URL=%s/b/%s\nASSAY_CALLBACK=%s/b/%s/up\n",
        boot->nonce, boot->host, boot->address, boot->gateway, boot->mac,
        boot->base, boot->nonce, boot->base, boot->nonce);
    const char *key = arena_printf(&arena, "%s\n", boot->authorized_key);
    const struct provision_file files[] = {
        { "etc/assay/boot.env", NULL, env, 0644 },
        { "root/.ssh/authorized_keys", NULL, key, 0600 },
    };
    bool ok = provision_archive(files, ARRAY_LEN(files), at, out, why);

    arena_free(&arena);
    return ok;
}

static const struct provision_driver drivers[] = {
    { "ramboot", ramboot_overlay },
};

const struct provision_driver *
provision_at(size_t i)
{
    return i < ARRAY_LEN(drivers) ? &drivers[i] : NULL;
}

const struct provision_driver *
provision_find(const char *name, struct fault *why)
{
    struct buf known = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i].name, name) == 0) {
            buf_free(&known);
            return &drivers[i];
        }
        buf_addf(&known, "%s%s", i == 0 ? "" : ", ", drivers[i].name);
    }
    fault_set(why, FAULT_CONFIG, "no provision driver '%s' (there are: %s)",
              name, buf_text(&known));
    buf_free(&known);
    return NULL;
}
