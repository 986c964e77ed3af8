/* hosts/ssh_login.h - logs in by ssh as a host file says: "address",
 * "host_key" ("TYPE BASE64"), "user" (root), and "key_file" or a password.
 * With libssh2, blocking: for helpers. */
#ifndef HOSTS_SSH_LOGIN_H
#define HOSTS_SSH_LOGIN_H

#include <libssh2.h>
#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"
#include "harness/fault.h"

struct ssh_login {
    LIBSSH2_SESSION *session;   /* blocks, 'limit_ms' a call at most */
    int fd;
};

#define SSH_LOGIN_INIT { .fd = -1 }

/* Connects, believes only the server with that key, and logs in. FAULT_CONFIG
 * when either is not who the host file says, or when others may read the key;
 * nothing of a secret is in any message. */
MUST_CHECK bool ssh_login_open(struct ssh_login *login, const json_t *config,
                               int64_t limit_ms, struct fault *why);
/* False with 'kind', "ssh: 'what': " and what the library says. */
bool ssh_login_fault(const struct ssh_login *login, enum fault_kind kind,
                     const char *what, struct fault *why);
/* May be called again, and after a failed open. The owner has freed what it
 * made of the session. */
void ssh_login_close(struct ssh_login *login);

#endif
