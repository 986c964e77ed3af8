/* results/seal.h - detached OpenPGP signatures, by GnuPG through gpgme. Keys
 * are where GnuPG has them: GNUPGHOME, or the user's own. Nobody is asked for
 * a passphrase: the agent has it, or it fails. */
#ifndef RESULTS_SEAL_H
#define RESULTS_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;
struct fault;

#define SEAL_FINGERPRINT_BYTES 72       /* with the NUL */

/* The one secret key that 'name' (a fingerprint, an address) stands for and
 * that can sign. FAULT_CONFIG when there is none, or several. */
MUST_CHECK bool seal_key(const char *name,
                         char fingerprint[static SEAL_FINGERPRINT_BYTES],
                         struct fault *why);
/* Appends the binary signature. FAULT_PEER with GnuPG's words. */
MUST_CHECK bool seal_sign(const char *fingerprint, const void *data,
                          size_t bytes, struct buf *signature,
                          struct fault *why);

enum seal_state {
    SEAL_NONE = 0,
    SEAL_GOOD,
    SEAL_BAD,                   /* not of this text */
    SEAL_NO_KEY,                /* of a key that is not here: not checked */
    SEAL_KEY_GONE               /* its key is revoked or has expired */
};
const char *seal_state_name(enum seal_state state);

struct seal {
    enum seal_state state;
    char fingerprint[SEAL_FINGERPRINT_BYTES];   /* of the primary key; of
                                                 * NO_KEY what is known */
    char who[200];              /* its first user id, or "" */
};
/* False only when GnuPG itself cannot be asked. */
MUST_CHECK bool seal_check(const void *data, size_t bytes,
                           const void *signature, size_t signature_bytes,
                           struct seal *out, struct fault *why);

#endif
