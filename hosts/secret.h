/* hosts/secret.h - passwords that a host file refers to and never contains:
 * NAME_file is a file, NAME_env a variable of the environment. */
#ifndef HOSTS_SECRET_H
#define HOSTS_SECRET_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

#define SECRET_BYTES 128        /* with its NUL */

/* That 'config' refers to the secret 'name' in one way, or, when it is not
 * 'needed', in none. Nothing is read. FAULT_CONFIG otherwise. */
MUST_CHECK bool secret_check(const json_t *config, const char *name,
                             bool needed, struct fault *why);
/* A file of any secret, to be read. FAULT_CONFIG when it cannot be, or when
 * others than its owner may read it. */
MUST_CHECK bool secret_open(const char *path, int *fd_out,
                            struct fault *why);
/* Reads it, without the end of the line; "" when 'config' has no reference.
 * FAULT_CONFIG when it is not to be had, is too long, or when others may read
 * the file. What is in it is in no message. */
MUST_CHECK bool secret_read(const json_t *config, const char *name,
                            char out[static SECRET_BYTES],
                            struct fault *why);

#endif
