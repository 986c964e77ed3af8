/* hypervisor/debfile.c - reads a Debian package by libarchive. */
#include <config.h>

#include "hypervisor/debfile.h"

#include <archive.h>
#include <archive_entry.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/signals.h"
#include "hypervisor/tree.h"

#define CHUNK_BYTES (256 * 1024)
/* No file of a package that we want comes near; a bomb does. */
#define FILE_MAX_BYTES ((size_t)1 << 30)

/* The outer archive's member is the inner archive's source. */
struct source {
    struct archive *outer;
    char *chunk;
};

/* Not "all": some of those start programs. */
static void
support_filters(struct archive *archive)
{
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_lzma(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_filter_lz4(archive);
}

static la_ssize_t
source_read(struct archive *inner, void *arg, const void **out)
{
    struct source *source = arg;
    la_ssize_t n = archive_read_data(source->outer, source->chunk,
                                     CHUNK_BYTES);

    if (n < 0)
        archive_set_error(inner, archive_errno(source->outer), "%s",
                          archive_error_string(source->outer));
    *out = source->chunk;
    return n;
}

static bool
fault_archive(struct fault *why, const char *file, struct archive *archive)
{
    const char *text = archive_error_string(archive);

    return fault_set(why, FAULT_DATA, "cannot read package %s: %s", file,
                     text == NULL ? "damaged" : text);
}

static bool
read_data(struct archive *archive, const char *name, struct buf *out,
          struct fault *why)
{
    char *chunk = xmalloc(CHUNK_BYTES);
    la_ssize_t n;
    bool ok = true;

    while (ok && (n = archive_read_data(archive, chunk, CHUNK_BYTES)) != 0) {
        if (n < 0)
            ok = fault_archive(why, name, archive);
        else if (out->len + (size_t)n > FILE_MAX_BYTES)
            ok = fault_set(why, FAULT_DATA, "%s holds too large a file",
                           name);
        else
            buf_add(out, chunk, (size_t)n);
    }
    free(chunk);
    return ok;
}

/* On a usr-merged system a package may ship /bin itself as a link. */
static bool
is_merge_link(const char *raw, const char *path)
{
    return strchr(raw[0] == '.' && raw[1] == '/' ? raw + 2 : raw, '/') == NULL
        && strncmp(path, "usr/", 4) == 0;
}

static bool
read_file(const char *file, struct archive *inner,
          struct archive_entry *entry, const char *path, struct tree *tree,
          struct fault *why)
{
    struct buf data = BUF_INIT;
    size_t bytes;

    if (!read_data(inner, file, &data, why)) {
        buf_free(&data);
        return false;
    }
    bytes = data.len;
    tree_put_file(tree, path, archive_entry_perm(entry), buf_take(&data),
                  bytes);
    return true;
}

static void
copy_hard_link(struct archive_entry *entry, const char *path,
               struct tree *tree)
{
    char *target = tree_normal(archive_entry_hardlink(entry));
    const struct tree_node *node = tree_find(tree, target);

    if (node != NULL && node->type == TREE_FILE)
        tree_copy_file(tree, path, node->mode, node->data, node->bytes);
    free(target);
}

static bool
read_entry(const char *file, struct archive *inner,
           struct archive_entry *entry, debfile_want_fn *want, void *owner,
           struct tree *tree, bool *stop_out, struct fault *why)
{
    const char *raw = archive_entry_pathname(entry);
    enum debfile_want wanted;
    char *path;
    bool ok = true;

    if (raw == NULL)
        return fault_set(why, FAULT_DATA, "%s has a file without a name",
                         file);
    path = tree_normal(raw);
    if (archive_entry_filetype(entry) == AE_IFDIR
        || is_merge_link(raw, path))
        goto out;
    wanted = want(owner, path);
    *stop_out = wanted == DEBFILE_STOP;
    if (wanted != DEBFILE_TAKE)
        goto out;
    if (archive_entry_hardlink(entry) != NULL)
        copy_hard_link(entry, path, tree);
    else if (archive_entry_filetype(entry) == AE_IFLNK)
        tree_put_link(tree, path, archive_entry_symlink(entry));
    else if (archive_entry_filetype(entry) == AE_IFREG)
        ok = read_file(file, inner, entry, path, tree, why);
out:
    free(path);
    return ok;
}

static struct archive *
tar_new(void)
{
    struct archive *tar = archive_read_new();

    must(tar != NULL);
    archive_read_support_format_tar(tar);
    support_filters(tar);
    return tar;
}

/* All of a tar file that was opened with the result 'opened'. */
static bool
read_tar(const char *file, struct archive *inner, int opened,
         debfile_want_fn *want, void *owner, struct tree *tree,
         struct fault *why)
{
    struct archive_entry *entry;
    bool ok = opened == ARCHIVE_OK, stop = false;
    int n = ARCHIVE_EOF;

    if (!ok)
        fault_archive(why, file, inner);
    while (ok && !stop
           && (n = archive_read_next_header(inner, &entry)) == ARCHIVE_OK)
        ok = signals_check(why)
            && read_entry(file, inner, entry, want, owner, tree, &stop, why);
    if (ok && !stop && n != ARCHIVE_EOF)
        ok = fault_archive(why, file, inner);
    return ok;
}

static bool
read_inner(const char *file, struct archive *outer, debfile_want_fn *want,
           void *owner, struct tree *tree, struct fault *why)
{
    struct source source = { .outer = outer, .chunk = xmalloc(CHUNK_BYTES) };
    struct archive *inner = tar_new();
    bool ok;

    ok = read_tar(file, inner,
                  archive_read_open(inner, &source, NULL, source_read, NULL),
                  want, owner, tree, why);
    archive_read_free(inner);
    free(source.chunk);
    return ok;
}

bool
debfile_read_tar(const char *file, debfile_want_fn *want, void *owner,
                 struct tree *tree, struct fault *why)
{
    struct archive *tar = tar_new();
    bool ok;

    ok = read_tar(file, tar,
                  archive_read_open_filename(tar, file, CHUNK_BYTES), want,
                  owner, tree, why);
    archive_read_free(tar);
    return ok;
}

bool
debfile_read(const char *file, debfile_want_fn *want, void *owner,
             struct tree *tree, struct fault *why)
{
    struct archive *outer = archive_read_new();
    struct archive_entry *entry;
    bool ok, found = false;

    must(outer != NULL);
    archive_read_support_format_ar(outer);
    ok = archive_read_open_filename(outer, file, CHUNK_BYTES) == ARCHIVE_OK;
    if (!ok) {
        fault_archive(why, file, outer);
        goto out;
    }
    while (!found && archive_read_next_header(outer, &entry) == ARCHIVE_OK)
        found = archive_entry_pathname(entry) != NULL
            && strncmp(archive_entry_pathname(entry), "data.tar", 8) == 0;
    ok = found;
    if (!ok) {
        fault_set(why, FAULT_DATA, "%s is no Debian package", file);
        goto out;
    }
    ok = read_inner(file, outer, want, owner, tree, why);
out:
    archive_read_free(outer);
    return ok;
}

bool
debfile_expand(const char *name, const void *data, size_t bytes,
               struct buf *out, struct fault *why)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    bool ok;

    must(archive != NULL);
    archive_read_support_format_raw(archive);
    support_filters(archive);
    ok = archive_read_open_memory(archive, data, bytes) == ARCHIVE_OK
        && archive_read_next_header(archive, &entry) == ARCHIVE_OK;
    if (!ok)
        fault_archive(why, name, archive);
    else
        ok = read_data(archive, name, out, why);
    archive_read_free(archive);
    return ok;
}
