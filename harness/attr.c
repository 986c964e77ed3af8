/* harness/attr.c - the end of a program that caught itself being wrong. */
#include <config.h>

#include "harness/attr.h"

#include <stdio.h>
#include <stdlib.h>

void
must_failed(const char *expr, const char *file, int line, const char *func)
{
    fprintf(stderr, "%s:%d: %s: must(%s) does not hold\n", file, line, func,
            expr);
    abort();
}
