/* results/records_private.h - what records.c writes and records_parse.c
 * reads. */
#ifndef RESULTS_RECORDS_PRIVATE_H
#define RESULTS_RECORDS_PRIVATE_H

#include <stdint.h>

#define RECORDS_BEGIN "[assay results 1 begin]"
#define RECORDS_END "[assay results 1 end "     /* COUNT, newline, DIGEST ] */

/* Where the log of a step is unless it is elsewhere. */
#define RECORDS_LOG_BYTES 256
void records_usual_log(int64_t flight, const char *job, int step,
                       char out[static RECORDS_LOG_BYTES]);

#endif
