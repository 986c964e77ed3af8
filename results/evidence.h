/* results/evidence.h - all that is known of one flight, as plain data.
 *
 * Everything is owned by the arena it was read into. Texts are never NULL
 * ("" when absent); times are milliseconds since the Unix epoch, -1 when
 * absent; lists are sorted as said. */
#ifndef RESULTS_EVIDENCE_H
#define RESULTS_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/booking.h"
#include "harness/outcome.h"

/* Where the reason for a non-pass stands: a file below ASSAY_HOME. */
struct evidence_pointer {
    const char *file;           /* "": none */
    int64_t line;               /* 1-based; 0: unknown */
    int64_t byte;               /* ask evidence_byte() */
    const char *text;           /* the line itself */
};

struct evidence_case {
    const char *id, *note;
    enum outcome status;
};

struct evidence_metric {
    const char *name, *unit;
    double value;
    bool higher_is_better;
};

struct evidence_attachment {
    const char *name, *kind, *sha256;
    int64_t bytes;
};

struct evidence_step {
    int number;                 /* 1, 2, ... in order of start */
    const char *testid, *program, *reason, *progress;
    enum outcome status;
    enum lane lane;
    struct evidence_pointer pointer;
    int exit_code, exit_signal; /* -1: none */
    int64_t started_ms, finished_ms, elapsed_ms;    /* -1: none */
    const char *log_path;       /* below ASSAY_HOME; "": none */
    const char *log_sha256;
    int64_t log_bytes;          /* -1: unknown */
    const char *harness, *boot;
    const char *reused_job;     /* whose step of this flight stands for it; ""
                                 * unless it is reused */
    int reused_step;
    const struct evidence_case *cases;              /* by id */
    size_t case_count;
    const struct evidence_metric *metrics;          /* as recorded */
    size_t metric_count;
    const struct evidence_attachment *attachments;  /* by name */
    size_t attachment_count;
};

struct evidence_role {
    const char *role, *arch, *host;
};

struct evidence_runvar {
    const char *name, *value;
    bool result;                /* else part of the definition */
};

struct evidence_boot {
    const char *nonce, *host, *status, *reason, *address;
    int64_t armed_ms, power_ms, powered_ms, script_ms, fetched_ms, up_ms;
    int64_t fetch_count, fetch_bytes;
};

/* What firmware and boot loaders said of themselves in one boot. */
struct evidence_firmware {
    const char *boot, *host;    /* its nonce */
    const char *source;         /* "console", "smbios" */
    const char *said;           /* "SeaBIOS (version 1.16.2); iPXE 1.21.1" */
};

struct evidence_need {
    int64_t flight;
    const char *job;
};

struct evidence_job {
    const char *name, *recipe, *reason, *arch, *waits_for, *harness;
    enum outcome status;
    enum lane lane;
    struct evidence_pointer pointer;
    int64_t candidate;          /* 0: none */
    int64_t created_ms, started_ms, finished_ms;
    struct booking booking;     /* while it is open; no evidence */
    const struct evidence_step *steps;              /* by number */
    size_t step_count;
    const struct evidence_role *roles;              /* by position */
    size_t role_count;
    const struct evidence_runvar *runvars;          /* by name */
    size_t runvar_count;
    const struct evidence_boot *boots;              /* by armed_ms */
    size_t boot_count;
    const struct evidence_firmware *firmware;       /* in order of boots */
    size_t firmware_count;
    const struct evidence_need *needs;
    size_t need_count;
};

struct evidence_pair {
    const char *name, *value;
};

struct evidence_host {
    const char *name, *site, *arch, *firmware, *class, *state;
    const struct evidence_pair *properties;         /* by name */
    size_t property_count;
};

/* Of one candidate for one architecture. */
struct evidence_build {
    int64_t candidate;
    const char *name, *source, *arch;
    const struct evidence_pair *properties;         /* by name */
    size_t property_count;
    const struct evidence_pair *parts;              /* part: sha256 */
    size_t part_count;
};

struct evidence {
    int64_t flight;
    const char *branch, *blessing, *intended, *harness, *source;
    const char *abort_reason;
    enum outcome outcome;       /* as recorded: verdict.h decides */
    int64_t created_ms, started_ms, finished_ms;
    const struct evidence_job *jobs;                /* by name */
    size_t job_count;
    const struct evidence_host *hosts;  /* those that jobs used, by name */
    size_t host_count;
    const struct evidence_build *builds;    /* those that jobs used */
    size_t build_count;
    const struct evidence_pair *trees;              /* tree: revision */
    size_t tree_count;
};

/* Where the line of a pointer begins in the file; -1: unknown. */
int64_t evidence_byte(const struct evidence_pointer *pointer);
/* Value of a property, NULL when absent. */
const char *evidence_pair_get(const struct evidence_pair *pairs,
                              size_t count, const char *name);
/* It was recorded without having been run, and nothing stands for it. */
bool evidence_is_unrun(const struct evidence_step *step);
/* It keeps the lab in order and tests nothing. */
bool evidence_is_chore(const struct evidence_step *step);
/* The first step that went wrong, NULL if there is none. */
const struct evidence_step *
evidence_first_bad(const struct evidence_job *job);
/* What 'job' tested, NULL when it has no candidate. */
const struct evidence_build *evidence_build_of(const struct evidence *evidence,
                                               const struct evidence_job *job);

#endif
