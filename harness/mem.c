/* harness/mem.c - allocation that aborts on exhaustion.
 *
 * The database holds the truth and a supervisor restarts us, so there is no
 * use in every caller pretending that it could go on without memory. */
#include <config.h>

#include "harness/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static NORETURN void
out_of_memory(size_t bytes)
{
    fprintf(stderr, "out of memory: %zu bytes more were wanted\n", bytes);
    abort();
}

void *
xmalloc(size_t bytes)
{
    void *p = malloc(bytes != 0 ? bytes : 1);

    if (p == NULL)
        out_of_memory(bytes);
    return p;
}

void *
xcalloc(size_t count, size_t bytes)
{
    void *p;

    if (bytes != 0 && count > SIZE_MAX / bytes)
        out_of_memory(SIZE_MAX);
    p = calloc(count != 0 ? count : 1, bytes != 0 ? bytes : 1);
    if (p == NULL)
        out_of_memory(count * bytes);
    return p;
}

void *
xrealloc(void *old, size_t bytes)
{
    void *p = realloc(old, bytes != 0 ? bytes : 1);

    if (p == NULL)
        out_of_memory(bytes);
    return p;
}

char *
xstrdup(const char *s)
{
    size_t bytes = strlen(s) + 1;

    return memcpy(xmalloc(bytes), s, bytes);
}

char *
xstrndup(const char *s, size_t bytes)
{
    size_t len = strnlen(s, bytes);
    char *p = xmalloc(len + 1);

    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *
xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *p = NULL;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&p, fmt, ap);
    va_end(ap);
    if (n < 0 || p == NULL)
        out_of_memory(0);
    return p;
}

void *
xgrow(void *array, size_t *cap, size_t want, size_t elem_bytes)
{
    size_t n = *cap;

    if (want < n)
        return array;
    while (n <= want) {
        if (n > SIZE_MAX / 2)
            out_of_memory(SIZE_MAX);
        n = n < 8 ? 8 : n * 2;
    }
    if (n > SIZE_MAX / elem_bytes)
        out_of_memory(SIZE_MAX);
    array = xrealloc(array, n * elem_bytes);
    *cap = n;
    return array;
}

void
xfree_str(char **s)
{
    free(*s);
    *s = NULL;
}
