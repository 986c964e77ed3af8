/* bisector/agent_cache.c - see agent_cache.h. Nothing here is an error: what is
 * not kept is fetched. Several agents may share a directory: a file appears
 * whole, and who has it open keeps it. */
#include <config.h>

#include "bisector/agent_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"

/* Left free on the disk, for the test itself. */
#define SPARE_BYTES ((int64_t)64 << 20)
#define NAME_LEN (SHA256_HEX_BYTES - 1)

bool
agent_cache_open(struct agent_cache *cache, const char *dir,
                 int64_t most_bytes, struct fault *why)
{
    const char *top = getenv("TMPDIR");

    *cache = (struct agent_cache){ .most_bytes = most_bytes };
    if (dir != NULL) {
        cache->dir = xstrdup(dir);
        return fs_mkdirs(dir, 0700, why);
    }
    cache->dir = xasprintf("%s/assay-agent-kept-XXXXXX",
                           top != NULL && top[0] == '/' ? top : "/tmp");
    cache->ours = mkdtemp(cache->dir) != NULL;
    return cache->ours
        || fault_errno(why, FAULT_SYSTEM, "make a directory %s", cache->dir);
}

void
agent_cache_close(struct agent_cache *cache)
{
    struct fault ignored = FAULT_INIT;

    if (cache->ours)
        (void)!fs_remove_tree(cache->dir, &ignored);
    xfree_str(&cache->dir);
    cache->ours = false;
}

/* The copy is what is looked at: nobody else writes to that. */
bool
agent_cache_take(const struct agent_cache *cache, const char *sha256,
                 const char *path, mode_t mode)
{
    char *kept = xasprintf("%s/%s", cache->dir, sha256);
    char hex[SHA256_HEX_BYTES] = "";
    struct fault ignored = FAULT_INIT;
    bool ok = false;

    if (fs_exists(kept)) {
        ok = fs_copy_file(kept, path, mode, &ignored)
            && fs_sha256_file(path, hex, NULL, &ignored)
            && strcmp(hex, sha256) == 0;
        if (ok) {
            (void)!utimensat(AT_FDCWD, kept, NULL, 0);  /* used now */
        } else {
            (void)unlink(kept);
            (void)unlink(path);
        }
    }
    xfree_str(&kept);
    return ok;
}

static bool
is_kept(const char *name)
{
    return strlen(name) == NAME_LEN
        && strspn(name, "0123456789abcdef") == NAME_LEN;
}

/* What is kept, and what of it was used longest ago. */
struct kept {
    char oldest[NAME_LEN + 1];  /* "": there is none */
    struct timespec when;
    int64_t sum_bytes;
};

static void
look(const struct agent_cache *cache, struct kept *out)
{
    struct dirent *entry;
    struct stat st;
    DIR *list = opendir(cache->dir);

    *out = (struct kept){ .sum_bytes = 0 };
    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (!is_kept(entry->d_name)
            || fstatat(dirfd(list), entry->d_name, &st, 0) != 0)
            continue;
        out->sum_bytes += st.st_size;
        if (out->oldest[0] != '\0'
            && (st.st_mtim.tv_sec > out->when.tv_sec
                || (st.st_mtim.tv_sec == out->when.tv_sec
                    && st.st_mtim.tv_nsec >= out->when.tv_nsec)))
            continue;
        memcpy(out->oldest, entry->d_name, sizeof(out->oldest));
        out->when = st.st_mtim;
    }
    if (list != NULL)
        closedir(list);
}

/* Room for so many bytes more? */
static bool
make_room(const struct agent_cache *cache, int64_t bytes)
{
    struct kept kept;
    char *path;
    bool ok = bytes <= cache->most_bytes;

    for (;;) {
        look(cache, &kept);
        if (!ok || kept.sum_bytes + bytes <= cache->most_bytes)
            break;
        path = xasprintf("%s/%s", cache->dir, kept.oldest);
        ok = unlink(path) == 0;
        xfree_str(&path);
    }
    return ok && fs_free_bytes(cache->dir) >= bytes + SPARE_BYTES;
}

void
agent_cache_put(const struct agent_cache *cache, const char *sha256,
                const char *path, int64_t bytes)
{
    char *kept = xasprintf("%s/%s", cache->dir, sha256);
    struct fault ignored = FAULT_INIT;

    if (!fs_exists(kept) && make_room(cache, bytes))
        (void)!fs_copy_file(path, kept, 0600, &ignored);
    xfree_str(&kept);
}
