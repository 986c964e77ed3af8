/* tests/fuzz/deb-fuzz.c - any bytes as what apt and dpkg say: addresses of
 * packages, index targets, sources, and the status of a root. What is taken
 * from them is one line each, and no file outside the cache. */
#include <config.h>

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/strv.h"
#include "hypervisor/build_root.h"
#include "hypervisor/deb.h"

static void
uris(const char *text)
{
    struct deb_package *list = NULL;
    struct fault why = FAULT_INIT;
    size_t count = 0, i;

    if (!deb_parse_uris(text, "/cache", &list, &count, &why))
        return;
    for (i = 0; i < count; i++) {
        must(strncmp(list[i].file, "/cache/", 7) == 0);
        must(strchr(list[i].file + 7, '/') == NULL);
        must(list[i].bytes > 0 && strlen(list[i].sha256) == 64);
        must(i == 0 || strcmp(list[i - 1].name, list[i].name) <= 0);
    }
    deb_packages_free(list, count);
}

static void
targets(const char *text)
{
    struct fault why = FAULT_INIT;
    char *out = NULL;

    if (deb_make_sources(text, "bookworm", "trixie", true, "/keys", &out,
                         &why))
        must(strncmp(out, "deb-src [signed-by=/keys] ", 26) == 0);
    free(out);
}

static void
versions(const char *text)
{
    char **list = strv_copy(NULL);
    size_t i;

    deb_parse_showsrc(text, "xen", &list);
    for (i = 0; list[i] != NULL; i++)
        must(strchr(list[i], '\n') == NULL);
    strv_free(list);
}

static void
status(const char *text)
{
    json_t *list = build_root_packages(text), *package;
    size_t i;

    json_array_foreach(list, i, package)
        must(strchr(json_string_value(package), '=') != NULL);
    json_decref(list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = xstrndup((const char *)data, bytes);

    uris(text);
    targets(text);
    versions(text);
    status(text);
    free(text);
    return 0;
}
