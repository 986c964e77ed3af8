/* harness/attr.h - function attributes, small macros, banned functions. */
#ifndef HARNESS_ATTR_H
#define HARNESS_ATTR_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Our own bugs only: always on, prints the expression and aborts.
 * Outside input never reaches this. */
#define must(x) \
    ((x) ? (void)0 : must_failed(#x, __FILE__, __LINE__, __func__))
/* Where no call can come; 'text' says why not. */
#define must_never(text) must_failed(text, __FILE__, __LINE__, __func__)
NORETURN void must_failed(const char *expr, const char *file, int line,
                          const char *func);

#if defined(__GNUC__) && !defined(__clang__) && !defined(ATTR_NO_POISON)
#pragma GCC poison strcpy strcat strncpy sprintf vsprintf strtok atoi atol
#pragma GCC poison system popen
#endif

#endif
