/* bisector/agent_opts.c - the command line of an agent. */
#include <config.h>

#include "bisector/agent_opts.h"

const struct cmd_opt agent_opts[] = {
    { "token-file", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "where the token of the bisection is (default: $ASSAY_AGENT_TOKEN)" },
    { "cacert", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "trust only this authority, or the lab's own certificate" },
    { "pin", CMD_OPT_TEXT, "sha256//BASE64", NULL, 0, 0,
      "and only a certificate with this public key" },
    { "name", CMD_OPT_TEXT, "NAME", NULL, 0, 0,
      "what to call this machine (default: its host name)" },
    { "limit", CMD_OPT_DURATION, "TIME", NULL, 0, 0,
      "a run that takes longer cannot tell" },
    { "send-log", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "give the lab what CMD prints, and not only its digest" },
    { "run-steps", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "without CMD: run the first step that the lab sends" },
    { "keep", CMD_OPT_TEXT, "DIR", NULL, 0, 0,
      "keep the files that the lab sends there, by their digests (default: "
      "until the end)" },
    { "keep-most", CMD_OPT_INT, "MB", "8192", 0, 1 << 30,
      "so much of them; what was used longest ago goes first" },
    { "idle", CMD_OPT_DURATION, "TIME", NULL, 0, 0,
      "stop when there was nothing to test for so long (default: never)" },
    { "once", CMD_OPT_FLAG, NULL, NULL, 0, 0, "stop after one test" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

const char agent_text[] =
    "Asks the lab at URL (https://HOST[:PORT]) for the next revision, runs "
    "CMD here, and\nanswers. It only ever connects outward. CMD exits with 0: "
    "good, 125: cannot tell,\n1 to 127 else: bad; what is to be tested is in "
    "ASSAY_REVISION_NAME, and the files\nthat the lab sent, by their digests, "
    "in the directories ASSAY_ARTEFACTS and\nASSAY_STEPS. See "
    "assay-agent(7).\n"
    "Exit status 0: done (--idle, --once); 2: the token or the certificate is "
    "refused;\n75: trouble here; 130: stopped.";
