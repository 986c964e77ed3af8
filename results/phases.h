/* results/phases.h - where the time of a job went.
 *
 * A boot has five phases, each measured between two recorded moments:
 *   power     power-on ordered .. read back as on
 *   firmware  .. the netboot script was fetched
 *   fetch     .. the last image was fetched
 *   boot      .. the host called back
 *   confirm   .. the step that booted it ended
 * A phase whose end was not recorded lasts until that step's end and is
 * incomplete; those after it do not exist. */
#ifndef RESULTS_PHASES_H
#define RESULTS_PHASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "results/evidence.h"

struct arena;

enum phase_kind {
    PHASE_NONE = 0, PHASE_POWER, PHASE_FIRMWARE, PHASE_FETCH, PHASE_BOOT,
    PHASE_CONFIRM, PHASE_COUNT
};
const char *phase_name(enum phase_kind kind);

struct phase {
    enum phase_kind kind;
    int64_t start_ms, end_ms;   /* since the Unix epoch; end >= start */
    bool complete;
};

struct phase_boot {
    const struct evidence_boot *boot;
    const struct evidence_step *step;   /* that it was armed in; NULL */
    struct phase phases[PHASE_COUNT];
    int count;
};

/* One of 'boot', which is of 'job'. */
void phases_of_boot(const struct evidence_job *job,
                    const struct evidence_boot *boot, struct phase_boot *out);

/* The span of time a job's picture must show: first start to last end of all
 * that is known. False when nothing has both. */
bool phases_span(const struct evidence_job *job, int64_t *start_out,
                 int64_t *end_out);

#endif
