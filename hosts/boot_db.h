/* hosts/boot_db.h - boots and their nonces: one row per attempt to boot.
 *
 *   armed -> script-served -> up
 *     |           |
 *     +-----------+--> failed | superseded
 *
 * Only one boot of a host is open (armed or script-served) at a time. Each
 * call is one statement, so that a lost connection leaves a row that is
 * true. Changes wake listeners of channel "assay" with payload "boot". */
#ifndef HOSTS_BOOT_DB_H
#define HOSTS_BOOT_DB_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct db;
struct fault;

#define BOOT_NONCE_BYTES 33     /* 32 hexadecimal digits and the NUL */

/* BOOT_NONE: no verdict, never "up". */
enum boot_status { BOOT_NONE = 0, BOOT_ARMED, BOOT_SCRIPT_SERVED, BOOT_UP,
                   BOOT_FAILED, BOOT_SUPERSEDED };
const char *boot_status_name(enum boot_status status);

/* What a new boot is for; texts are borrowed for the call. */
struct boot_order {
    const char *host;
    int64_t flight;             /* 0: no flight */
    const char *job;            /* NULL: no flight */
    int64_t candidate;          /* 0: none */
    const char *spec;           /* JSON object: all that is served */
};

/* One row, owned by the caller; boot_free(). Texts are "" when unknown,
 * times are milliseconds after 'armed_at', -1 when not reached. */
struct boot {
    char nonce[BOOT_NONCE_BYTES];
    enum boot_status status;
    char *host, *job, *spec, *reason, *hostkey, *address;
    char *mac;                  /* the host's property "mac" */
    char *lease;                /* its property "address" */
    int64_t flight, candidate;  /* 0: none */
    int64_t power_ms, powered_ms, script_ms, fetched_ms, up_ms;
    int64_t age_ms;             /* now, by the database's clock */
    int64_t fetch_count, fetch_bytes;
};

/* Parts of a candidate for one architecture: object, part -> sha256. The caller
 * owns it. FAULT_NOT_FOUND, with the names that exist as a hint, when there is
 * no such candidate, or it has nothing for 'arch'. */
MUST_CHECK bool boot_candidate_parts(struct db *db, const char *candidate,
                                     const char *arch, int64_t *id_out,
                                     json_t **parts_out, struct fault *why);
/* NULL (with success) when it has no such property; else malloc'ed. */
MUST_CHECK bool boot_candidate_property(struct db *db, int64_t candidate,
                                        const char *arch, const char *name,
                                        char **value_out, struct fault *why);
/* A file of the store that a boot made ("overlay"). */
MUST_CHECK bool boot_record_artefact(struct db *db, const char *sha256,
                                     int64_t bytes, const char *kind,
                                     struct fault *why);

/* A fresh random nonce; does no database work. */
MUST_CHECK bool boot_nonce_make(char nonce_out[static BOOT_NONCE_BYTES],
                                struct fault *why);
bool boot_nonce_is_valid(const char *nonce);

/* Arms 'nonce' and supersedes what was open for the host. FAULT_CONFLICT when
 * somebody else arms the host at this moment; FAULT_NOT_FOUND when there is
 * no such host. */
MUST_CHECK bool boot_arm(struct db *db, const char *nonce,
                         const struct boot_order *order, struct fault *why);

/* The power-on was ordered, and read back as on. */
MUST_CHECK bool boot_record_power(struct db *db, const char *nonce,
                                  struct fault *why);
MUST_CHECK bool boot_record_powered(struct db *db, const char *nonce,
                                    struct fault *why);

/* Takes the netboot script of the host whose property "mac" is 'mac' (any
 * case): armed -> script-served, exactly once a nonce. *boot_out is NULL,
 * with success, when no boot is armed for it. */
MUST_CHECK bool boot_take_script(struct db *db, const char *mac,
                                 struct boot **boot_out, struct fault *why);

/* Records that 'path' ("xen") was asked for and answered with HTTP 'status'
 * after 'bytes'. A whole image (200) moves fetched_at; the path "script" is
 * none. */
MUST_CHECK bool boot_record_fetch(struct db *db, const char *nonce,
                                  const char *peer, const char *path,
                                  int64_t bytes, int status,
                                  struct fault *why);

/* The host called back. A repetition with the same key is BOOT_CALL_AGAIN
 * and changes nothing; a call that no open boot waits for is
 * BOOT_CALL_REFUSED. */
enum boot_call { BOOT_CALL_NONE = 0, BOOT_CALL_UP, BOOT_CALL_AGAIN,
                 BOOT_CALL_REFUSED };
MUST_CHECK bool boot_record_up(struct db *db, const char *nonce,
                               const char *hostkey, const char *address,
                               enum boot_call *call_out, struct fault *why);

/* What has no network to call by said so on its console: 'line', which holds
 * the nonce. It stays in the row as the reason; there is no key. */
MUST_CHECK bool boot_record_up_console(struct db *db, const char *nonce,
                                       const char *line,
                                       enum boot_call *call_out,
                                       struct fault *why);

/* Ends an open boot as failed; one that is closed stays as it is. */
MUST_CHECK bool boot_fail(struct db *db, const char *nonce,
                          const char *reason, struct fault *why);

/* NULL with success when there is no such nonce. */
MUST_CHECK bool boot_get(struct db *db, const char *nonce,
                         struct boot **boot_out, struct fault *why);
/* The latest boot of 'host', NULL when it never booted. */
MUST_CHECK bool boot_last(struct db *db, const char *host,
                          struct boot **boot_out, struct fault *why);
/* The latest boot of the host whose property "mac" is 'mac' (any case), to
 * say why it gets no script. */
MUST_CHECK bool boot_last_by_mac(struct db *db, const char *mac,
                                 struct boot **boot_out, struct fault *why);
void boot_free(struct boot *boot);      /* ignores NULL */

#endif
