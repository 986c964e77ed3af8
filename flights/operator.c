/* flights/operator.c - see operator.h. */
#include <config.h>

#include "flights/operator.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/fault.h"

bool
operator_name(struct arena *arena, const char **name_out, struct fault *why)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *pw = getpwuid(getuid());

    if (pw == NULL || pw->pw_name[0] == '\0')
        return fault_set(why, FAULT_SYSTEM, "user %d has no name",
                         (int)getuid());
    if (getuid() == 0 && sudo != NULL && sudo[0] != '\0')
        *name_out = arena_printf(arena, "%s (as %s)", sudo, pw->pw_name);
    else
        *name_out = arena_strdup(arena, pw->pw_name);
    return true;
}
