/* harness/assay-main.c - the command line: one table of subcommands.
 *
 * Each directory exports tables of rows; this file only lists them. */
#include <config.h>

#include "bisector/agent_cmds.h"
#include "bisector/bisector_cmds.h"
#include "bisector/lab_cmds.h"
#include "flights/flights_cmds.h"
#include "flights/retest_cmds.h"
#include "flights/gate_cmds.h"
#include "flights/probe_cmds.h"
#include "flights/tend_cmds.h"
#include "harness/cmd.h"
#include "harness/db_cmds.h"
#include "harness/doctor_cmds.h"
#include "harness/notify_cmds.h"
#include "harness/on_cmds.h"
#include "harness/plan_cmds.h"
#include "harness/pool_cmds.h"
#include "harness/service_cmds.h"
#include "harness/sim_cmds.h"
#include "harness/step_cmds.h"
#include "hosts/console_cmds.h"
#include "hosts/dhcp_cmds.h"
#include "hosts/examine_cmds.h"
#include "hosts/health_cmds.h"
#include "hosts/host_cmds.h"
#include "hosts/lab_cmds.h"
#include "hypervisor/build_cmds.h"
#include "hypervisor/hypervisor_cmds.h"
#include "recipes/ctl_cmds.h"
#include "recipes/recipes_cmds.h"
#include "results/flake_cmds.h"
#include "results/issue_cmds.h"
#include "results/history_cmds.h"
#include "results/pattern_cmds.h"
#include "results/results_cmds.h"
#include "results/stats_cmds.h"
#include "results/verdict_cmds.h"

static const struct cmd *const tables[] = {
    bisect_agent_cmds,
    bisect_lab_cmds,
    bisector_cmds,
    build_cmds,
    console_cmds,
    ctl_cmds,
    db_cmds,
    dhcp_cmds,
    doctor_cmds,
    flake_cmds,
    examine_cmds,
    flights_cmds,
    flights_show_cmds,
    gate_cmds,
    gate_lever_cmds,
    gate_ruling_cmds,
    health_cmds,
    history_cmds,
    host_cmds,
    hypervisor_cmds,
    issue_cmds,
    lab_cmds,
    notify_cmds,
    on_cmds,
    pattern_cmds,
    probe_cmds,
    plan_cmds,
    pool_cmds,
    recipes_cmds,
    retest_cmds,
    results_cmds,
    service_cmds,
    sim_cmds,
    stats_cmds,
    step_cmds,
    tend_cmds,
    verdict_cmds,
    NULL,
};

static const struct cmd_group groups[] = {
    { "to begin with", "doctor", NULL },
    { NULL, "lab", "a virtual lab on this machine" },
    { NULL, "candidate", "builds of the hypervisor to be tested" },
    { NULL, "flight", "jobs that test a candidate together" },
    { NULL, "report", NULL },
    { "which commit may become the release candidate", "gate",
      "test what is new on a branch, push what passed" },
    { NULL, "notify", "mails to those whom it concerns" },
    { NULL, "verdict", NULL },
    { "whose fault it is", "bisect", "the commit that broke it" },
    { NULL, "issue", "known causes of failures" },
    { NULL, "pattern", "what lines of consoles and logs mean" },
    { NULL, "flake", "what passes only sometimes" },
    { NULL, "stats", "numbers that regress" },
    { "what a flight left", "job", "one job of a flight" },
    { NULL, "logs", NULL },
    { NULL, "history", "the evidence, to move it" },
    { "the pool", "host", "machines that jobs run on" },
    { NULL, "plan", NULL },
    { NULL, "sim", NULL },
    { NULL, "netboot", "DHCP and TFTP for a site's hosts" },
    { "what is tested, and how", "recipe", "lists of steps" },
    { NULL, "step", "the programs of a recipe" },
    { NULL, "tree", "git repositories" },
    { NULL, "build", "from a tree to a candidate" },
    { "in a step", "on", NULL },
    { NULL, "put", NULL },
    { NULL, "get", NULL },
    { NULL, "boot", NULL },
    { NULL, "power", NULL },
    { NULL, "expect", NULL },
    { NULL, "mark", NULL },
    { NULL, "console", NULL },
    { "the site", "service", "the controller, assayd" },
    { NULL, "db", "PostgreSQL, private or given" },
    { NULL, NULL, NULL },
};

int
main(int argc, char **argv)
{
    static const struct cmd_program program = {
        .name = "assay",
        .help = "Says, with evidence, whether this revision of a hypervisor "
                "may become the next\nrelease candidate.",
        .tables = tables,
        .groups = groups,
    };

    return cmd_main(&program, argc, argv);
}
