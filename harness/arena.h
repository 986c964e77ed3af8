/* harness/arena.h - scratch memory of one request or step, dropped whole. */
#ifndef HARNESS_ARENA_H
#define HARNESS_ARENA_H

#include <stddef.h>
#include "harness/attr.h"

struct arena_block;
struct arena {
    struct arena_block *head;
};

#define ARENA_INIT { .head = NULL }

/* Zeroed, aligned for anything, valid until arena_free(). Never NULL. */
MUST_CHECK void *arena_alloc(struct arena *arena, size_t bytes);
MUST_CHECK char *arena_strdup(struct arena *arena, const char *s);
MUST_CHECK char *arena_printf(struct arena *arena, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
void arena_free(struct arena *arena);

#endif
