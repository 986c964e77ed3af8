/* bisector/lab_cmds.h - bisections in the lab: assay bisect start,
 * list, stop, resume and due. */
#ifndef BISECTOR_LAB_CMDS_H
#define BISECTOR_LAB_CMDS_H

#include "harness/cmd.h"

struct fault;

extern const struct cmd bisect_lab_cmds[];

/* "bisect show" of a bisection by its number. */
MUST_CHECK bool lab_show(struct cmd_call *call, int64_t number,
                         struct fault *why);

#endif
