/* results/ruling.h - a gate's decision as a file that anyone can make again.
 *
 * The file is one line of canonical JSON (keys sorted, no spaces):
 *   format      "assay-ruling", with a version
 *   inputs      all that the decision was made from: about, branch (its file),
 *               evidence (decide_json.h), expected, facts, levers, policy (its
 *               file)
 *   ruling      what follows from them, with the digest of each
 *   signature   of the ruling, base64; null when the site has no key
 *   sha256      of the line without this
 * Whoever has it needs neither database nor lab to decide again: ruling_check()
 * does, and compares. assay-ruling(5) is for its readers. */
#ifndef RESULTS_RULING_H
#define RESULTS_RULING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"
#include "results/decide.h"
#include "results/policy.h"
#include "results/seal.h"

struct arena;
struct buf;
struct fault;

#define RULING_MAX_BYTES (256u << 20)

/* What is decided upon. Texts are never NULL. */
struct ruling_about {
    const char *branch, *tree;
    const char *url, *output;   /* where it would be pushed to */
    const char *revision;       /* that was tested, and would be pushed */
    const char *old;            /* what the output had: the push replaces it */
    const char *baseline;       /* what it was compared with; "": nothing */
    const char *stage;          /* "smoke", "full" */
    const char *harness;
    enum policy_purpose purpose;
    int64_t run, flight, at_ms;
};

/* Why a cell failed, for people; nothing follows from it. */
struct ruling_fact {
    int64_t flight;
    const char *job, *testid;
    const char *text;           /* the line that says it */
    const char *where;          /* "consoles/x/log:12"; "": unknown */
};

/* What passed before, and is to have run now (results/coverage.h). */
struct ruling_cell {
    const char *job, *testid;
    int64_t flight;             /* that passed it, when the baseline did not
                                 * run it; 0: the baseline */
};

struct ruling_input {
    struct ruling_about about;
    const char *branch_text, *policy_text;
    const char *policy_file;    /* for messages */
    struct decide_input evidence;
    const struct ruling_cell *expected; /* by job */
    size_t expected_count;
    const struct ruling_fact *facts;
    size_t fact_count;
    const struct policy_lever *levers;
    size_t lever_count;
};

struct ruling {
    struct decision decision;
    struct policy policy;
    struct policy_answer answer;
};

/* Decides. FAULT_CONFIG for a bad policy; FAULT_DATA when the evidence is not
 * about this flight, revision and baseline. 'arena' owns what 'out' points to;
 * so does the input. No I/O. */
MUST_CHECK bool ruling_make(const struct ruling_input *input,
                            struct arena *arena, struct ruling *out,
                            struct fault *why);

/* Appends the whole file. 'fingerprint' (seal_key()) signs; NULL: unsigned. */
MUST_CHECK bool ruling_write(const struct ruling_input *input,
                             const struct ruling *ruling,
                             const char *fingerprint, struct buf *out,
                             struct fault *why);

/* What a file says, once every byte of it has been accounted for. */
struct ruling_file {
    struct ruling_input input;
    struct ruling ruling;       /* made again */
    bool is_signed;
    struct seal seal;           /* if it is signed */
    char sha256[65];            /* of the whole file */
};
/* FAULT_DATA when it is not what ruling_write() wrote: cut, changed, or its
 * ruling does not follow from its inputs. A signature that is not good is told
 * in 'out', and is no fault here. */
MUST_CHECK bool ruling_check(const char *data, size_t bytes,
                             struct arena *arena, struct ruling_file *out,
                             struct fault *why);
/* The same without asking GnuPG: 'seal' is not filled in. */
MUST_CHECK bool ruling_read(const char *data, size_t bytes,
                            struct arena *arena, struct ruling_file *out,
                            struct fault *why);

/* In words, for people: the decision and all its reasons. */
void ruling_text(const struct ruling_input *input, const struct ruling *ruling,
                 struct buf *out);
/* The member "ruling" of the file. */
MUST_CHECK json_t *ruling_json(const struct ruling_input *input,
                               const struct ruling *ruling);

#endif
