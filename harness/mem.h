/* harness/mem.h - allocation that aborts on exhaustion. */
#ifndef HARNESS_MEM_H
#define HARNESS_MEM_H

#include <stddef.h>
#include "harness/attr.h"

/* All return memory that the caller releases with free(); none returns NULL.
 * xcalloc() checks the product for overflow; xfree_str(&p) frees and
 * forgets. */
MUST_CHECK void *xmalloc(size_t bytes);
MUST_CHECK void *xcalloc(size_t count, size_t bytes);
MUST_CHECK void *xrealloc(void *old, size_t bytes);
MUST_CHECK char *xstrdup(const char *s);
MUST_CHECK char *xstrndup(const char *s, size_t bytes);
MUST_CHECK char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Grows *array so that index 'want' is legal; *cap counts elements. */
MUST_CHECK void *xgrow(void *array, size_t *cap, size_t want,
                       size_t elem_bytes);

void xfree_str(char **s);

#endif
