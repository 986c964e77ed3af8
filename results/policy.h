/* results/policy.h - the gate's policy: what is found is held against a
 * revision or not, by rules that are data, and people's levers on top.
 *
 * No I/O, no clock: the same facts, rules, levers and moment give the same
 * answer, so that anyone can ask again, or ask another policy. */
#ifndef RESULTS_POLICY_H
#define RESULTS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* What can be found wrong with a cell; POLICY_WAIVED only in answers. */
enum policy_kind {
    POLICY_KIND_NONE = 0,
    POLICY_FAILED,              /* it is worse than the baseline */
    POLICY_MISSING,             /* it was to run, and says nothing */
    POLICY_ERRORED,             /* the lab's or the harness's doing */
    POLICY_UNTESTED,            /* there is nothing to compare with */
    POLICY_EXCUSED,             /* it failed; by the baseline, or by another
                                 * run, that is not held against it */
    POLICY_WAIVED,              /* one of those above, taken on by a person */
    POLICY_KIND_COUNT
};
const char *policy_kind_name(enum policy_kind kind);
enum policy_kind policy_kind_parse(const char *word);

enum policy_effect { POLICY_SILENT = 0, POLICY_NOTE, POLICY_BLOCK };

/* The rules --------------------------------------------------------------- */

/* Patterns are those of allow files (decide.h); an empty list matches all. */
struct policy_rule {
    const char *name;
    int64_t since_ms, until_ms; /* [since, until); INT64_MIN, INT64_MAX */
    const char *const *branches, *const *jobs, *const *testids;
    const char *const *require; /* jobs that must have told something */
    enum policy_effect on[POLICY_KIND_COUNT];
};

/* The first rule that has a word on a finding decides; without one it
 * blocks. */
struct policy {
    const char *name, *description;
    int64_t version;
    const struct policy_rule *rules;
    size_t rule_count;
};

/* The text of a policy's file (assay-policy(5)), called 'file' in messages:
 * FAULT_CONFIG with all errors as "file:line: what". 'arena' owns 'out'. */
MUST_CHECK bool policy_parse(const char *file, const char *text, size_t bytes,
                             struct arena *arena, struct policy *out,
                             struct fault *why);

/* The facts --------------------------------------------------------------- */

struct policy_finding {
    enum policy_kind kind;
    const char *job, *testid;   /* job "": the flight; testid "": the job */
    const char *text;           /* "REGR. vs. 12" */
};

enum policy_lever_kind {
    POLICY_LEVER_NONE = 0,
    POLICY_FORCE,               /* push the next one, whatever it is */
    POLICY_FORCE_REV,           /* push this revision, whatever is found */
    POLICY_HOLD,                /* push nothing */
    POLICY_WAIVE                /* do not hold these cells against it */
};

/* A lever that nobody has taken back, with what is known at this moment of
 * that which ends it. */
struct policy_lever {
    int64_t id;
    enum policy_lever_kind kind;
    const char *author, *reason;
    int64_t at_ms;
    const char *revision;       /* FORCE_REV */
    const char *job, *testid;   /* WAIVE: patterns; testid "": all */
    const char *until_rc;       /* WAIVE: ends with this tag; "": not so */
    bool rc_is_cut;
    int64_t passes_max, passes; /* WAIVE: ends when reached; 0: not so */
    int64_t issue;              /* WAIVE: ends with it; 0: not so */
    bool issue_is_closed;
};
/* Why it has no effect any more ("its issue 3 is closed"), NULL if it has. */
const char *policy_lever_ended(const struct policy_lever *lever);

/* What the revision is tested for. */
enum policy_purpose {
    POLICY_PURPOSE_NONE = 0,
    POLICY_CANDIDATE,           /* to replace the baseline */
    POLICY_BASELINE,            /* it is the baseline, never tested so far */
    POLICY_CURRENT              /* it is the baseline, tested again */
};

struct policy_facts {
    const char *branch, *revision;
    enum policy_purpose purpose;
    int64_t now_ms;
    const struct policy_finding *findings;
    size_t finding_count;
    const char *const *ran;     /* jobs in which something passed or failed */
    const struct policy_lever *levers;
    size_t lever_count;
};

/* The answer -------------------------------------------------------------- */

enum policy_verdict {
    POLICY_VERDICT_NONE = 0,
    POLICY_PUSH,
    POLICY_HELD,                /* something blocks */
    POLICY_TESTED               /* it is the baseline: nothing to push */
};
const char *policy_verdict_name(enum policy_verdict verdict);

struct policy_reason {
    enum policy_kind kind;
    enum policy_kind was;       /* of WAIVED: what it would be */
    enum policy_effect effect;  /* never SILENT */
    const char *job, *testid, *text;
    const char *rule;           /* that decided; "": none has a word */
    int64_t lever;              /* that waived; 0: none */
};

struct policy_answer {
    enum policy_verdict verdict;
    bool clean;                 /* nothing blocks, levers apart */
    const char *text;           /* "2 failed, 1 missing; 3 waived" */
    const struct policy_reason *reasons;        /* what blocks comes first */
    size_t reason_count;
    size_t counts[POLICY_KIND_COUNT];   /* that block; WAIVED: all */
    const struct policy_lever *decisive;        /* force, force-rev or block
                                                 * that made it so; NULL */
    const int64_t *used;        /* levers that changed something */
    size_t used_count;
};

/* 'arena' owns what 'out' points to; so do policy and facts. */
void policy_judge(const struct policy *policy,
                  const struct policy_facts *facts, struct arena *arena,
                  struct policy_answer *out);

#endif
