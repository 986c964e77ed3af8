/* bisector/driver_check.c - what can be said of a command before it is run. */
#include <config.h>

#include "bisector/driver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bisector/setup.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/proc.h"

bool
driver_cmd_is_in_tree(const char *const *cmd)
{
    return cmd[0][0] != '/' && strchr(cmd[0], '/') != NULL;
}

static bool
on_path(const char *name)
{
    char *path = xstrdup(getenv("PATH") != NULL ? getenv("PATH") : ""), *rest;
    char *part, *file;
    bool found = false;

    for (rest = path; !found && (part = strsep(&rest, ":")) != NULL;) {
        file = xasprintf("%s/%s", part[0] != '\0' ? part : ".", name);
        found = access(file, X_OK) == 0;
        xfree_str(&file);
    }
    xfree_str(&path);
    return found;
}

bool
driver_check(const struct driver_opts *opts, struct fault *why)
{
    const struct graph_tree *tree = &opts->setup->graph.trees[0];
    const char *name = opts->cmd[0];
    char *object = NULL, *cwd;
    bool ok = true;

    if (name[0] == '/') {
        ok = access(name, X_OK) == 0
            || fault_errno(why, FAULT_USAGE, "command %s", name);
    } else if (!driver_cmd_is_in_tree(opts->cmd)) {
        ok = on_path(name)
            || fault_set(why, FAULT_USAGE, "no command '%s' on PATH", name);
    } else {
        object = xasprintf("%s:%s%s", tree->bad,
                           strncmp(name, "../", 3) == 0 ? "./" : "",
                           strncmp(name, "./", 2) == 0 ? name + 2 : name);
        const char *argv[] = { "git", "-C", tree->dir, "cat-file", "-e",
                               object, NULL };

        ok = proc_run(argv, NULL, 0, 0, NULL, why);
        if (!ok && why->kind == FAULT_PEER) {
            fault_set(why, FAULT_USAGE, "revision %.12s has no command '%s'",
                      tree->bad, name);
            fault_detail(why, "", 0);
            cwd = realpath(name, NULL);
            if (cwd != NULL)
                fault_hint(why, "tests run in worktrees of their own: give "
                           "the absolute name, %s", cwd);
            free(cwd);
        }
    }
    xfree_str(&object);
    return ok;
}
