/* harness/role.h - in a step, a role of the job stands for its host. */
#ifndef HARNESS_ROLE_H
#define HARNESS_ROLE_H

#include "harness/attr.h"

struct arena;

/* The host that ASSAY_HOSTS ("ROLE=HOST ...") gives to role 'name'; 'name'
 * itself when it gives none. */
MUST_CHECK char *role_host(struct arena *arena, const char *name);

#endif
