/* hosts/virt-main.c - assay-virt: one order to the lab's machines.
 *
 * A program of its own, because libvirt costs every process that is linked
 * with it some 10 ms at its start, and steps start many. */
#include <config.h>

#include <jansson.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/home.h"
#include "harness/json.h"
#include "hosts/kvm_probe.h"
#include "hosts/lab_user.h"
#include "hosts/virt.h"

static bool
run_define(struct cmd_call *call, struct fault *why)
{
    struct virt *virt = NULL;
    bool ok = virt_open(false, &virt, why);

    for (int i = 0; ok && i < cmd_argc(call); i++)
        ok = virt_define(virt, cmd_arg(call, i), why);
    virt_close(virt);
    return ok;
}

static bool
run_on(struct cmd_call *call, struct fault *why)
{
    struct virt *virt = NULL;
    bool ok = virt_open(true, &virt, why)
        && virt_on(virt, cmd_arg(call, 0), why);

    virt_close(virt);
    return ok;
}

static bool
run_off(struct cmd_call *call, struct fault *why)
{
    struct virt *virt = NULL;
    bool ok = virt_open(false, &virt, why)
        && virt_off(virt, cmd_arg(call, 0), why);

    virt_close(virt);
    return ok;
}

static bool
run_status(struct cmd_call *call, struct fault *why)
{
    enum power_state state = POWER_UNKNOWN;
    struct virt *virt = NULL;
    bool ok = virt_open(false, &virt, why)
        && virt_status(virt, cmd_arg(call, 0), &state, why);

    if (ok)
        puts(power_state_name(state));
    virt_close(virt);
    return ok;
}

static bool
run_list(struct cmd_call *call UNUSED, struct fault *why)
{
    struct virt *virt = NULL;
    json_t *list = NULL;
    bool ok = virt_open(false, &virt, why) && virt_list(virt, &list, why)
        && json_print(list, stdout, why);

    json_decref(list);
    virt_close(virt);
    return ok;
}

static bool
run_console(struct cmd_call *call, struct fault *why)
{
    struct virt *virt = NULL;
    json_t *console = NULL;
    bool ok = virt_open(false, &virt, why)
        && virt_console(virt, cmd_arg(call, 0), &console, why)
        && json_print(console, stdout, why);

    json_decref(console);
    virt_close(virt);
    return ok;
}

static bool
run_clear(struct cmd_call *call UNUSED, struct fault *why)
{
    struct virt *virt = NULL;
    bool ok = virt_open(false, &virt, why) && virt_clear(virt, why);

    virt_close(virt);
    return ok;
}

static bool
run_probe(struct cmd_call *call UNUSED, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf reason = BUF_INIT;
    const char *home;
    bool ok;

    ok = home_get(&home, why) && lab_user_become(why);
    if (ok && kvm_probe(home_path(&arena, "lab/virt"), &reason))
        puts("kvm");
    else if (ok)
        printf("tcg %s\n", buf_text(&reason));
    buf_free(&reason);
    arena_free(&arena);
    return ok;
}

static const struct cmd cmds[] = {
    { "clear", "", 0, 0, CMD_WRITES, NULL, run_clear,
      "switch all machines off and forget them", NULL },
    { "console", "MACHINE", 1, 1, CMD_READS, NULL, run_console,
      "where a machine's serial line is, as JSON", NULL },
    { "define", "FILE...", 1, -1, CMD_WRITES, NULL, run_define,
      "define machines from libvirt's XML", NULL },
    { "list", "", 0, 0, CMD_READS, NULL, run_list,
      "all machines and their state, as JSON", NULL },
    { "off", "MACHINE", 1, 1, CMD_WRITES, NULL, run_off,
      "switch a machine off", NULL },
    { "on", "MACHINE", 1, 1, CMD_WRITES, NULL, run_on,
      "switch a machine on", NULL },
    { "probe", "", 0, 0, CMD_READS, NULL, run_probe,
      "print \"kvm\", or \"tcg\" and why KVM is of no use here", NULL },
    { "status", "MACHINE", 1, 1, CMD_READS, NULL, run_status,
      "print \"on\" or \"off\"", NULL },
    { .path = NULL },
};

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = { cmds, NULL };
    static const struct cmd_program program = {
        .name = "assay-virt",
        .help = "One order to the machines of the virtual lab.",
        .tables = tables,
    };

    return cmd_main(&program, argc, argv);
}
