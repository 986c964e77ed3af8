/* hypervisor/image_pack.c - a tree as a compressed cpio archive. */
#include <config.h>

#include "hypervisor/image.h"

#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/signals.h"
#include "hypervisor/tree.h"

/* The best takes three times as long, for one per cent. */
#define LEVEL "6"

static la_ssize_t
sink_write(struct archive *archive UNUSED, void *arg, const void *data,
           size_t bytes)
{
    buf_add(arg, data, bytes);
    return (la_ssize_t)bytes;
}

static bool
fault_archive(struct fault *why, struct archive *archive)
{
    return fault_set(why, FAULT_SYSTEM, "cannot pack an image: %s",
                     archive_error_string(archive));
}

static bool
open_sink(struct archive *archive, struct buf *out, struct fault *why)
{
    /* The time stamp of the header is the one thing in it that would change. */
    if (archive_write_add_filter_gzip(archive) != ARCHIVE_OK
        || archive_write_set_filter_option(archive, "gzip",
                                           "compression-level", LEVEL)
            != ARCHIVE_OK
        || archive_write_set_filter_option(archive, "gzip", "timestamp", NULL)
            != ARCHIVE_OK
        || archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK
        || archive_write_open(archive, out, NULL, sink_write, NULL)
            != ARCHIVE_OK)
        return fault_archive(why, archive);
    return true;
}

struct pack {
    struct archive *archive;
    struct archive_entry *entry;
    int64_t inode;
    struct fault *why;
    bool ok;
};

static bool
pack(struct pack *pack, const struct tree_node *node)
{
    static const unsigned int types[] = {
        [TREE_FILE] = S_IFREG, [TREE_LINK] = S_IFLNK, [TREE_DIR] = S_IFDIR,
    };
    struct archive_entry *entry = archive_entry_clear(pack->entry);
    la_ssize_t n;

    must(node->type != TREE_NONE);
    archive_entry_set_pathname(entry, node->path);
    archive_entry_set_mode(entry, types[node->type] | node->mode);
    archive_entry_set_ino64(entry, ++pack->inode);
    archive_entry_set_nlink(entry, 1);
    archive_entry_set_mtime(entry, 0, 0);
    if (node->type == TREE_LINK)
        archive_entry_set_symlink(entry, node->target);
    archive_entry_set_size(entry, node->type == TREE_FILE
                           ? (int64_t)node->bytes : 0);
    if (archive_write_header(pack->archive, entry) != ARCHIVE_OK)
        return fault_archive(pack->why, pack->archive);
    if (node->type == TREE_FILE && node->bytes > 0) {
        n = archive_write_data(pack->archive, node->data, node->bytes);
        if (n < 0 || (size_t)n != node->bytes)
            return fault_archive(pack->why, pack->archive);
    }
    return signals_check(pack->why);
}

static void
pack_node(void *owner, const struct tree_node *node)
{
    struct pack *p = owner;

    p->ok = p->ok && pack(p, node);
}

static void
align(struct buf *out, size_t start)
{
    while ((out->len - start) % IMAGE_ALIGN != 0)
        buf_addc(out, '\0');
}

bool
image_pack(const struct tree *tree, struct buf *out, struct fault *why)
{
    struct archive *archive = archive_write_new();
    struct pack pack = { .archive = archive, .entry = archive_entry_new(),
                         .why = why };
    size_t start = out->len;

    must(archive != NULL && pack.entry != NULL);
    pack.ok = archive_write_set_format_cpio_newc(archive) == ARCHIVE_OK;
    if (!pack.ok)
        fault_archive(why, archive);
    pack.ok = pack.ok && open_sink(archive, out, why);
    if (pack.ok)
        tree_each(tree, pack_node, &pack);
    if (pack.ok && archive_write_close(archive) != ARCHIVE_OK)
        pack.ok = fault_archive(why, archive);
    if (pack.ok)
        align(out, start);
    archive_entry_free(pack.entry);
    archive_write_free(archive);
    return pack.ok;
}

bool
image_gzip(const void *data, size_t bytes, struct buf *out,
           struct fault *why)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    la_ssize_t n;
    bool ok;

    must(archive != NULL && entry != NULL);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (int64_t)bytes);
    ok = archive_write_set_format_raw(archive) == ARCHIVE_OK;
    if (!ok)
        fault_archive(why, archive);
    ok = ok && open_sink(archive, out, why);
    if (ok) {
        ok = archive_write_header(archive, entry) == ARCHIVE_OK;
        n = ok ? archive_write_data(archive, data, bytes) : -1;
        ok = n >= 0 && (size_t)n == bytes
            && archive_write_close(archive) == ARCHIVE_OK;
        if (!ok)
            fault_archive(why, archive);
    }
    archive_entry_free(entry);
    archive_write_free(archive);
    return ok;
}
