/* harness/strv.c - NULL-terminated lists of owned strings. */
#include <config.h>

#include "harness/strv.h"

#include "harness/mem.h"

size_t
strv_count(char *const *list)
{
    size_t count = 0;

    while (list != NULL && list[count] != NULL)
        count++;
    return count;
}

char **
strv_copy(const char *const *list)
{
    size_t count = 0, i;
    char **copy;

    while (list != NULL && list[count] != NULL)
        count++;
    copy = xcalloc(count + 1, sizeof(*copy));
    for (i = 0; i < count; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

void
strv_add(char ***list, const char *s)
{
    size_t count = strv_count(*list);

    *list = xrealloc(*list, (count + 2) * sizeof(**list));
    (*list)[count] = xstrdup(s);
    (*list)[count + 1] = NULL;
}

bool
strv_has(char *const *list, const char *s)
{
    size_t i;

    for (i = 0; list != NULL && list[i] != NULL; i++)
        if (strcmp(list[i], s) == 0)
            return true;
    return false;
}

void
strv_free(char **list)
{
    size_t i;

    for (i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}

const char *const *
strv_const(char *const *list)
{
    const char *const *out;

    memcpy(&out, &list, sizeof(out));   /* C knows no such conversion */
    return out;
}
