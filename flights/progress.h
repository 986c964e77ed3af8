/* flights/progress.h - a flight that runs, in words: a table that is redrawn
 * on a terminal, or one line an event. Renders only; watch.h looks. */
#ifndef FLIGHTS_PROGRESS_H
#define FLIGHTS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;
struct flight_state;
struct flight_job_state;
struct flight_step_end;

/* The table, at most 'rows' lines of at most 'columns' cells: the headline,
 * then jobs, those that run first when there is no room for all. Appends;
 * 'lines_out' is what it takes. 'color' adds escapes for words. */
void progress_table(const struct flight_state *state, int rows, int columns,
                    bool color, struct buf *out, int *lines_out);

/* The jobs with their outcomes and reasons, for the end. Plain. */
void progress_summary(const struct flight_state *state, struct buf *out);

/* What happened to a job between two looks, one line each; 'before' is NULL
 * at the first look. Its steps have lines of their own. */
void progress_events(const struct flight_job_state *before,
                     const struct flight_job_state *now, struct buf *out);
void progress_step(const char *job, const struct flight_step_end *step,
                   struct buf *out);

#endif
