/* hosts/ssh_keys.h - the keys that drivers which log in by ssh share: console
 * driver ssh, power driver guest. What they are for is hosts/ssh_login.h's. */
#ifndef HOSTS_SSH_KEYS_H
#define HOSTS_SSH_KEYS_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

#define SSH_KEYS_PORT 22        /* of an "address" without one */

/* "host_key", "user", and "key_file" or a password, of a driver of 'what'
 * ("console"). Nothing is read. FAULT_CONFIG names the key. */
MUST_CHECK bool ssh_keys_check(const json_t *config, const char *what,
                               struct fault *why);

#endif
