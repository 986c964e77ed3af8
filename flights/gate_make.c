/* flights/gate_make.c - see gate_make.h. */
#include <config.h>

#include "flights/gate_make.h"

#include <fcntl.h>

#include "flights/branch.h"
#include "flights/gate.h"
#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/proc.h"

bool
gate_make(const struct branch *branch, const char *revision,
          const char *trees, const char *name, const char *log,
          struct arena *arena, bool *made_out, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    struct proc_status status;
    const char *repository = NULL, *env[7], **argv;
    size_t count = 0;
    int fd = -1;
    bool ok;

    while (branch->make[count] != NULL)
        count++;
    argv = arena_alloc(arena, (count + 1) * sizeof *argv);
    for (size_t i = 0; i < count; i++)
        argv[i] = branch_fill(branch, arena, branch->make[i], revision, name);
    if (!gate_repository(branch->varies->url, arena, &repository, why))
        return false;
    env[0] = arena_printf(arena, "ASSAY_BRANCH=%s", branch->name);
    env[1] = arena_printf(arena, "ASSAY_TREE=%s", branch->varies->name);
    env[2] = arena_printf(arena, "ASSAY_REVISION=%s", revision);
    env[3] = arena_printf(arena, "ASSAY_REVISIONS=%s", trees);
    env[4] = arena_printf(arena, "ASSAY_REPOSITORY=%s", repository);
    env[5] = arena_printf(arena, "ASSAY_CANDIDATE=%s", name);
    env[6] = NULL;
    fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return fault_errno(why, FAULT_SYSTEM, "open %s", log);
    spec.argv = argv;
    spec.env_add = env;
    spec.fds[1] = spec.fds[2] = fd;
    spec.die_with_parent = true;
    ok = proc_run_spec(&spec, NULL, 0, branch->make_limit_ms, NULL, &status,
                       why);
    fd_close(&fd);
    *made_out = ok;
    if (!ok && (status.end != PROC_END_NONE || why->kind == FAULT_TIMEOUT)) {
        fault_hint(why, "%s has what it said", log);
        return true;            /* it ended badly: that is an answer */
    }
    return ok;
}
