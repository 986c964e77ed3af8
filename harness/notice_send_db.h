/* harness/notice_send_db.h - notices on their way to people, in the
 * database. Texts are in the arena and never NULL unless said; moments are ms
 * since 1970, -1 for none. */
#ifndef HARNESS_NOTICE_SEND_DB_H
#define HARNESS_NOTICE_SEND_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct message_header;
struct message_person;

struct notice_mail {
    int64_t notice;
    const char *name, *address;
    const char *state;          /* waiting, sending, sent, failed, unsure */
    const char *reason;
    int attempts;
    int64_t next_ms;            /* of 'waiting': not before */
    int64_t begun_ms, ended_ms; /* of the last attempt */
};

struct notice_row {
    int64_t notice;
    const char *kind, *about, *cause;
    const char *branch;         /* or NULL */
    const char *subject, *body;
    const struct message_header *headers;       /* ended by a NULL name */
    const char *const *people;  /* as they were given, NULL-ended */
    double confidence;
    int64_t created_ms, age_ms;
    bool routed;                /* its mails stand below */
    const struct notice_mail *mails;
    size_t mail_count;
};

/* One sender at a time, as long as the connection lives. '*got_out' false:
 * another one is at work. */
MUST_CHECK bool notice_db_lock(struct db *db, bool *got_out,
                               struct fault *why);
/* With the lock: what a sender that is gone was about to send is 'unsure'. */
MUST_CHECK bool notice_db_orphans(struct db *db, struct arena *arena,
                                  struct notice_mail **out,
                                  size_t *count_out, struct fault *why);

/* The oldest notice that the rules have not seen; '*out' NULL: none. */
MUST_CHECK bool notice_db_unrouted(struct db *db, struct arena *arena,
                                   struct notice_row **out,
                                   struct fault *why);
/* Those it goes to; one with 'wrong' set is 'failed' at once. */
struct notice_to {
    const char *name, *address;
    const char *wrong;          /* or NULL */
};
MUST_CHECK bool notice_db_route(struct db *db, int64_t notice,
                                const struct notice_to *to, size_t count,
                                struct fault *why);

/* The next mail that is due and was not tried since 'since_us' (of
 * notice_db_now()), with 'now' also one that is not due. '*found_out' false:
 * none. */
MUST_CHECK bool notice_db_now(struct db *db, int64_t *now_us_out,
                              struct fault *why);
MUST_CHECK bool notice_db_next(struct db *db, int64_t since_us, bool now,
                               struct arena *arena, struct notice_mail *out,
                               bool *found_out, struct fault *why);
/* From 'waiting' to 'sending', one attempt more. FAULT_CONFLICT when it is not
 * as it was read. */
MUST_CHECK bool notice_db_claim(struct db *db, struct notice_mail *mail,
                                struct fault *why);
/* The end of the attempt: 'waiting' again (after 'wait_ms'), or an end. */
MUST_CHECK bool notice_db_done(struct db *db, const struct notice_mail *mail,
                               const char *state, const char *reason,
                               int64_t wait_ms, struct fault *why);
/* What failed or is unsure waits again, as if never tried. */
MUST_CHECK bool notice_db_again(struct db *db, int64_t notice,
                                int64_t *count_out, struct fault *why);

/* With its mails. FAULT_NOT_FOUND. */
MUST_CHECK bool notice_db_read(struct db *db, int64_t notice,
                               struct arena *arena, struct notice_row *out,
                               struct fault *why);
/* The latest 'limit', the newest first, without bodies and headers. */
MUST_CHECK bool notice_db_list(struct db *db, int limit, struct arena *arena,
                               struct notice_row **out, size_t *count_out,
                               struct fault *why);

#endif
