/* harness/step_note.c - what happened to a step, to be written. */
#include <config.h>

#include "harness/step_note.h"

#include <stdlib.h>
#include <string.h>
#include "harness/job_share.h"
#include "harness/mem.h"

struct step_note *
step_note_new(const struct job_step_row *row, const struct job_share *share)
{
    struct step_note *note = xcalloc(1, sizeof(*note));

    note->row = *row;
    note->row.program = xstrdup(row->program);
    note->row.testid = xstrdup(row->testid);
    if (row->log_path != NULL)
        note->row.log_path = xstrdup(row->log_path);
    note->share = share;
    step_result_init(&note->result);
    return note;
}

void
step_note_free(void *arg)
{
    struct step_note *note = arg;
    char *owned[3];

    /* The row's texts are const for its users. */
    memcpy(&owned[0], &note->row.program, sizeof(char *));
    memcpy(&owned[1], &note->row.testid, sizeof(char *));
    memcpy(&owned[2], &note->row.log_path, sizeof(char *));
    free(owned[0]);
    free(owned[1]);
    free(owned[2]);
    free(note->host);
    free(note->text);
    step_result_fini(&note->result);
    free(note);
}

bool
step_note_begin(struct db *db, void *arg, struct fault *why)
{
    struct step_note *note = arg;

    return job_db_step_begin(db, &note->row, why);
}

bool
step_note_unrun(struct db *db, void *arg, struct fault *why)
{
    struct step_note *note = arg;

    return job_db_step_unrun(db, &note->row, &note->verdict, why);
}

bool
step_note_reused(struct db *db, void *arg, struct fault *why)
{
    struct step_note *note = arg;

    return job_share_reuse(note->share, db, &note->row,
                           note->verdict.reason, why);
}

bool
step_note_progress(struct db *db, void *arg, struct fault *why)
{
    struct step_note *note = arg;

    return job_db_step_progress(db, &note->row, note->text, why);
}

bool
step_note_end(struct db *db, void *arg, struct fault *why)
{
    struct step_note *note = arg;

    return job_db_step_end(db, &note->row, note->host, &note->result, why);
}
