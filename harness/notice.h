/* harness/notice.h - what somebody should hear of, written down once.
 *
 * Whoever learns something adds it, in the transaction that makes it true. To
 * whom it goes, and how, is the business of "assay notify" and of the site's
 * rules (assay-notify(5)): without a rule nobody hears of it. */
#ifndef HARNESS_NOTICE_H
#define HARNESS_NOTICE_H

#include <stdbool.h>
#include "harness/attr.h"

struct db;
struct fault;
struct message_header;

/* Texts are borrowed. Those of others (subjects of commits, names, lines of
 * consoles) may stand in the subject, the body and the values of headers as
 * they are: nothing of them can become a header. */
struct notice {
    const char *kind;           /* one of NOTICE_KINDS */
    const char *about;          /* "branch xen-unstable", "lease 12" */
    const char *cause;          /* a signature, a culprit's id...: kind, about
                                 * and cause together are never said twice */
    const char *branch;         /* for the rules; or NULL */
    const char *subject;        /* one line */
    const char *body;           /* UTF-8, lines of any length */
    const char *const *people;  /* addresses ("Name <a@b>") whom it concerns,
                                 * NULL-ended, or NULL; sent to only by a rule
                                 * that says so */
    double confidence;          /* of kind "culprit": in (0, 1], never without;
                                 * else 0 */
    const struct message_header *headers;   /* ("X-Assay-Flight", "12"),
                                             * ended by a NULL name; or NULL */
};

/* A word and what it means, for the rules and their manual. */
#define NOTICE_KINDS(X) \
    X("regression", "a branch that passed fails") \
    X("recovery", "it passes again") \
    X("cause", "it still fails, but for another reason") \
    X("culprit", "a commit was found to blame, and verified") \
    X("lease", "a person's time on a host begins or ends") \
    X("host", "a host was taken out of use, or came back") \
    X("harness", "the lab itself needs somebody")

/* The words, NULL-ended. */
extern const char *const notice_kinds[];

/* In the caller's transaction. '*fresh' (or NULL) is false when it was said
 * before, which is no failure. */
MUST_CHECK bool notice_add(struct db *db, const struct notice *notice,
                           bool *fresh, struct fault *why);

#endif
