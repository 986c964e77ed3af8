/* bisector/agent_opts.h - the command line of "assay-agent", which is also that
 * of "assay bisect agent". */
#ifndef BISECTOR_AGENT_OPTS_H
#define BISECTOR_AGENT_OPTS_H

#include "harness/cmd.h"

#define AGENT_ARGS "URL [-- CMD [ARG...]]"
#define AGENT_HELP "test revisions for the bisection of a lab, on this machine"

extern const struct cmd_opt agent_opts[];
extern const char agent_text[];

#endif
