/* bisector/agent_db.h - tokens of agents, what they are asked, who has it, and
 * what they said. */
#ifndef BISECTOR_AGENT_DB_H
#define BISECTOR_AGENT_DB_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "bisector/agent_proto.h"
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

/* Tokens ------------------------------------------------------------------- */

/* Makes one: the only time that it is there to be read. */
MUST_CHECK bool agent_db_token_add(struct db *db, const char *bisection,
                                   const char *note, const char *who,
                                   int64_t life_ms,
                                   char token_out[static AGENT_TOKEN_BYTES],
                                   int64_t *number_out, struct fault *why);
/* As an array of objects; 'bisection' NULL: of all. */
MUST_CHECK bool agent_db_token_list(struct db *db, const char *bisection,
                                    json_t **list_out, struct fault *why);
/* Its leases are lost. FAULT_NOT_FOUND; FAULT_CONFLICT if it was before. */
MUST_CHECK bool agent_db_token_revoke(struct db *db, int64_t number,
                                      struct fault *why);

/* The side of the one who asks --------------------------------------------- */

/* The question stands as long as this connection. */
MUST_CHECK bool agent_db_ask(struct db *db, const char *bisection,
                             const json_t *spec, int64_t *test_out,
                             struct fault *why);
/* How it stands with a test. Texts are in the arena, NULL when there is
 * nothing to tell. */
struct agent_standing {
    const char *result;         /* NULL: no answer yet */
    json_t *answer;             /* as it was sent; owned by the caller */
    const char *holder;         /* "rack-7 (token 3, 192.0.2.7)" */
    int64_t tries;              /* leases that ended without an answer */
    const char *last_reason;    /* of the last of them */
};
/* Also ends leases of the test that were not renewed. */
MUST_CHECK bool agent_db_standing(struct db *db, int64_t test,
                                  struct arena *arena,
                                  struct agent_standing *out,
                                  struct fault *why);

/* The agents' side --------------------------------------------------------- */

/* Whose token it is; 0 if it is nobody's, or not any more. */
struct agent_holder {
    int64_t token;
    char bisection[101];
};
MUST_CHECK bool agent_db_token_find(struct db *db, const char *token,
                                    const char *peer,
                                    struct agent_holder *out,
                                    struct fault *why);
/* A test for the holder, first those that it has not given back. 0: none. The
 * spec is the caller's. */
MUST_CHECK bool agent_db_take(struct db *db,
                              const struct agent_holder *holder,
                              const char *host, const char *peer,
                              int64_t lease_ms,
                              char lease_out[static AGENT_LEASE_BYTES],
                              int64_t *test_out, json_t **spec_out,
                              struct fault *why);
/* False in '*held_out': it is no lease of the holder, or not any more, or
 * nobody asks any more. */
MUST_CHECK bool agent_db_renew(struct db *db,
                               const struct agent_holder *holder,
                               const char *lease, int64_t lease_ms,
                               bool *held_out, struct fault *why);
MUST_CHECK bool agent_db_give_back(struct db *db,
                                   const struct agent_holder *holder,
                                   const char *lease, const char *reason,
                                   bool *held_out, struct fault *why);
/* The spec of the test that the holder has, or had, by this lease; NULL if it
 * never had one. '*open_out': it is asked still. */
MUST_CHECK bool agent_db_lease_spec(struct db *db,
                                    const struct agent_holder *holder,
                                    const char *lease, json_t **spec_out,
                                    bool *open_out, struct fault *why);

enum agent_taken {
    AGENT_TAKEN_NONE = 0,       /* it would be, and may not */
    AGENT_TAKEN,                /* it is the answer, also if it came late */
    AGENT_TAKEN_BEFORE,         /* the same came before, by the same lease */
    AGENT_TAKEN_OTHER,          /* there is another answer already */
    AGENT_TAKEN_UNASKED         /* nobody waits for it any more */
};
/* FAULT_NOT_FOUND: the holder never had this lease. Without 'may_take' only
 * says how it stands. */
MUST_CHECK bool agent_db_answer(struct db *db,
                                const struct agent_holder *holder,
                                const struct agent_answer *answer,
                                bool may_take,
                                enum agent_taken *taken_out,
                                struct fault *why);

#endif
