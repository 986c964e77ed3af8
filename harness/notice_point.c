/* harness/notice_point.c - see notice_point.h. In a file of its own, so that a
 * test's function takes its place. */
#include <config.h>

#include "harness/notice_point.h"

#include "harness/attr.h"

void
notice_point(const char *name UNUSED)
{
}
