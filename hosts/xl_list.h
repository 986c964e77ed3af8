/* hosts/xl_list.h - what "xl list" prints: the guests of a Xen. */
#ifndef HOSTS_XL_LIST_H
#define HOSTS_XL_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct fault;

/* A name that xl takes for a guest's and for nothing else: not a number, and
 * not that of the machine itself. */
bool xl_name_is_good(const char *name);
/* Whether guest 'name' is in the table. That it is not is believed of a whole
 * table only, with domain 0 in it: FAULT_PEER otherwise. */
MUST_CHECK bool xl_list_has(const char *text, size_t bytes, const char *name,
                            bool *has_out, struct fault *why);

#endif
