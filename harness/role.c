/* harness/role.c - reads ASSAY_HOSTS, which assay-job sets. */
#include <config.h>

#include "harness/role.h"

#include "harness/arena.h"

char *
role_host(struct arena *arena, const char *name)
{
    const char *at = getenv("ASSAY_HOSTS");
    size_t bytes = strlen(name), item;

    for (; at != NULL && *at != '\0'; at += item) {
        at += strspn(at, " ");
        item = strcspn(at, " ");
        if (item > bytes && strncmp(at, name, bytes) == 0 &&
            at[bytes] == '=')
            return arena_printf(arena, "%.*s", (int)(item - bytes - 1),
                                at + bytes + 1);
    }
    return arena_strdup(arena, name);
}
