/* bisector/agent_proto.h - what a lab and an agent say to each other: version 1
 * of assay-agent(7). No I/O: the only reader of what either side sends. */
#ifndef BISECTOR_AGENT_PROTO_H
#define BISECTOR_AGENT_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "bisector/search.h"
#include "harness/attr.h"

struct buf;
struct fault;

#define AGENT_PREFIX "/agent/1/"
#define AGENT_TOKEN_PREFIX "assay1-"
#define AGENT_TOKEN_BYTES 72    /* prefix, 64 digits, NUL */
#define AGENT_LEASE_BYTES 33    /* 32 digits, NUL */
#define AGENT_BODY_MAX (1u << 20)       /* of any request, of any answer but
                                         * a file */
#define AGENT_LOG_MAX (64 << 20)
#define AGENT_FILES_MAX 64
#define AGENT_TREES_MAX 16
#define AGENT_FILE_MOST ((int64_t)1 << 40)
#define AGENT_TEXT_MOST 500     /* names of hosts, reasons */

bool agent_token_is_valid(const char *text);
bool agent_lease_is_valid(const char *text);

/* Where a request goes. */
enum agent_place {
    AGENT_NOWHERE = 0,
    AGENT_NEXT,                 /* POST next */
    AGENT_RENEW,                /* POST renew */
    AGENT_GIVE_BACK,            /* POST give-back */
    AGENT_ANSWER,               /* POST answer */
    AGENT_LOG,                  /* POST log/LEASE/OFFSET */
    AGENT_FILE,                 /* GET file/LEASE/SHA256 */
    AGENT_PLACE_COUNT
};
struct agent_route {
    enum agent_place place;
    char lease[AGENT_LEASE_BYTES];      /* LOG, FILE */
    int64_t offset;             /* LOG: in [0, AGENT_LOG_MAX] */
    char sha256[65];            /* FILE */
};
/* 'target' is as sent. */
void agent_route_parse(const char *target, struct agent_route *out);

/* The body of NEXT, RENEW and GIVE_BACK. Texts are borrowed from 'json'. */
struct agent_ask {
    json_t *json;               /* owned */
    const char *lease;          /* RENEW, GIVE_BACK */
    const char *host;           /* NEXT */
    const char *reason;         /* GIVE_BACK */
};
MUST_CHECK bool agent_ask_parse(enum agent_place place, const char *text,
                                size_t bytes, struct agent_ask *out,
                                struct fault *why);
void agent_ask_fini(struct agent_ask *ask);

/* The body of ANSWER. */
struct agent_answer {
    json_t *json;               /* owned */
    const char *lease;
    enum search_result result;  /* never NONE */
    int64_t exit;               /* of its command; -1: it has none */
    int64_t ms;
    const char *reason;         /* may be "" */
    const char *log_sha256;
    int64_t log_bytes;
    bool log_sent;              /* by LOG, all of it */
};
MUST_CHECK bool agent_answer_parse(const char *text, size_t bytes,
                                   struct agent_answer *out,
                                   struct fault *why);
void agent_answer_fini(struct agent_answer *answer);
/* 'json' is not looked at. */
MUST_CHECK json_t *agent_answer_json(const struct agent_answer *answer);

/* What is asked: the part of the lab's answer to NEXT that the one who asks
 * wrote. */
struct agent_file {
    const char *name, *sha256;
    bool is_step;               /* else an artefact */
    int64_t bytes;
};
struct agent_spec {
    const char *tree[AGENT_TREES_MAX];          /* a shell's identifier */
    const char *revision[AGENT_TREES_MAX];      /* a whole name */
    size_t tree_count;
    struct agent_file files[AGENT_FILES_MAX];   /* the first step is the one
                                                 * that is run */
    size_t file_count;
    int64_t limit_ms;           /* of a run; 0: none */
};
/* Borrows from 'json'. */
MUST_CHECK bool agent_spec_take(const json_t *json, struct agent_spec *out,
                                struct fault *why);
MUST_CHECK json_t *agent_spec_json(const struct agent_spec *spec);
const struct agent_file *agent_spec_file(const struct agent_spec *spec,
                                         const char *sha256);

/* The lab's answer to NEXT: a test, or that there is none. */
struct agent_order {
    json_t *json;               /* owned */
    bool has_test;
    int64_t again_ms;           /* when there is none: ask again then */
    const char *bisection, *lease;
    int64_t test, lease_ms;
    struct agent_spec spec;
};
MUST_CHECK bool agent_order_parse(const char *text, size_t bytes,
                                  struct agent_order *out, struct fault *why);
void agent_order_fini(struct agent_order *order);
/* Steals 'spec'. */
MUST_CHECK json_t *agent_order_json(const char *bisection, int64_t test,
                                    const char *lease, int64_t lease_ms,
                                    json_t *spec);
MUST_CHECK json_t *agent_nothing_json(int64_t again_ms);

/* {"error": TEXT}, and what it says; "" for anything else. */
void agent_error_json(const char *text, struct buf *out);
void agent_error_parse(const char *text, size_t bytes, struct buf *out);

#endif
