/* harness/step_note.h - what happened to a step of a job, on its way to the
 * database through the outbox (harness/outbox.h), whose writers these are. */
#ifndef HARNESS_STEP_NOTE_H
#define HARNESS_STEP_NOTE_H

#include <stdbool.h>
#include "harness/job_db.h"
#include "harness/step_result.h"
#include "harness/step_verdict.h"

struct db;
struct fault;
struct job_share;

struct step_note {
    struct job_step_row row;    /* its texts but 'job' are ours */
    const struct job_share *share;
    char *host;                 /* of its end; NULL: none */
    char *text;                 /* of its progress */
    struct step_verdict verdict;        /* of what does not run */
    struct step_result result;
};

/* Copies the texts of 'row' but 'job', which is borrowed, as 'share' is. */
struct step_note *step_note_new(const struct job_step_row *row,
                                const struct job_share *share);
void step_note_free(void *note);

/* What outbox_add() takes with a note: each writes one change of its step. */
bool step_note_begin(struct db *db, void *note, struct fault *why);
bool step_note_unrun(struct db *db, void *note, struct fault *why);
bool step_note_reused(struct db *db, void *note, struct fault *why);
bool step_note_progress(struct db *db, void *note, struct fault *why);
bool step_note_end(struct db *db, void *note, struct fault *why);

#endif
