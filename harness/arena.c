/* harness/arena.c - scratch memory of one request or step, dropped whole. */
#include <config.h>

#include "harness/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/mem.h"

#define ARENA_BLOCK_BYTES 4064

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t data[];
};

void *
arena_alloc(struct arena *arena, size_t bytes)
{
    struct arena_block *block = arena->head;
    size_t need, size;
    char *p;

    must(bytes < SIZE_MAX / 2);
    need = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t)
        * sizeof(max_align_t);
    if (need == 0)
        need = sizeof(max_align_t);
    if (block == NULL || block->size - block->used < need) {
        size = need > ARENA_BLOCK_BYTES / 2 ? need : ARENA_BLOCK_BYTES;
        block = xcalloc(1, sizeof(*block) + size);
        block->size = size;
        if (size == need && arena->head != NULL) {
            /* A big one: the current block keeps its free end. */
            block->next = arena->head->next;
            arena->head->next = block;
        } else {
            block->next = arena->head;
            arena->head = block;
        }
    }
    p = (char *)block->data + block->used;
    block->used += need;
    return p;
}

char *
arena_strdup(struct arena *arena, const char *s)
{
    size_t bytes = strlen(s) + 1;

    return memcpy(arena_alloc(arena, bytes), s, bytes);
}

char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    must(n >= 0);
    p = arena_alloc(arena, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

void
arena_free(struct arena *arena)
{
    struct arena_block *block = arena->head, *next;

    for (; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    arena->head = NULL;
}
