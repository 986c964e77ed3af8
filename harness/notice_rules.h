/* harness/notice_rules.h - the site's rules: who hears of what, and by which
 * program. assay-notify(5) is for those who write them. */
#ifndef HARNESS_NOTICE_RULES_H
#define HARNESS_NOTICE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/message.h"

struct arena;
struct fault;

struct notice_rule {
    const char *const *on;      /* kinds of notices, NULL-ended */
    const char *branch;         /* a glob; NULL: any, and none */
    double confidence;          /* of a culprit, at least; 0: any */
    const struct message_person *to;
    size_t to_count;
    bool people;                /* also those whom the notice names */
    int line;
};

struct notice_rules {
    const char *file;
    struct message_person from;
    const char *const *sendmail;        /* argv, NULL-ended; the recipient's
                                         * address is added */
    const char *url;            /* of assay-web's pages for people, without a
                                 * slash at the end; NULL: not said */
    int64_t limit_ms;           /* for one run of it */
    int64_t stale_ms;           /* what is older when the rules first see it
                                 * goes to nobody */
    const struct notice_rule *rules;
    size_t count;
};

/* ASSAY_HOME/notify.yaml. FAULT_NOT_FOUND with a hint; FAULT_CONFIG with all
 * errors as "file:line: what". 'arena' owns what 'out' points to. */
MUST_CHECK bool notice_rules_load(struct arena *arena,
                                  struct notice_rules *out,
                                  struct fault *why);
MUST_CHECK bool notice_rules_parse(const char *file, const char *text,
                                   size_t bytes, struct arena *arena,
                                   struct notice_rules *out,
                                   struct fault *why);

/* What the rules look at. */
struct notice_facts {
    const char *kind;
    const char *branch;         /* or NULL */
    double confidence;
    const struct message_person *people;
    size_t people_count;
};
/* Everybody who hears of it, each address once, in the order of the rules; in
 * the arena. */
void notice_rules_match(const struct notice_rules *rules,
                        const struct notice_facts *facts,
                        struct arena *arena, struct message_person **out,
                        size_t *count_out);

#endif
