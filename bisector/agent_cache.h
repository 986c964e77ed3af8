/* bisector/agent_cache.h - the files that an agent got, by their digests, so
 * that what does not change between revisions comes once. */
#ifndef BISECTOR_AGENT_CACHE_H
#define BISECTOR_AGENT_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/attr.h"

struct fault;

struct agent_cache {
    char *dir;
    bool ours;                  /* goes with us */
    int64_t most_bytes;         /* what was used longest ago is let go then */
};

/* 'dir' NULL: one of our own, below TMPDIR, until agent_cache_close(). */
MUST_CHECK bool agent_cache_open(struct agent_cache *cache, const char *dir,
                                 int64_t most_bytes, struct fault *why);
void agent_cache_close(struct agent_cache *cache);

/* A copy in 'path', if the file is there and still has its digest; one that has
 * not is removed. */
bool agent_cache_take(const struct agent_cache *cache, const char *sha256,
                      const char *path, mode_t mode);
/* Keeps a copy of 'path', which has that digest, if there is room for it. */
void agent_cache_put(const struct agent_cache *cache, const char *sha256,
                     const char *path, int64_t bytes);

#endif
