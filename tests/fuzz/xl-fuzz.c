/* tests/fuzz/xl-fuzz.c - any bytes as what "xl list" prints. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/fault.h"
#include "hosts/xl_list.h"

/* A line of the guest: a table with it has it. */
static const char tail[] = "h1 7 512 1 -b---- 1.5\n";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    bool has = false, again = false;
    struct fault why = FAULT_INIT;
    char *more = malloc(bytes + sizeof(tail));

    must(more != NULL);
    memcpy(more, data, bytes);
    memcpy(more + bytes, tail, sizeof(tail) - 1);
    if (!xl_list_has((const char *)data, bytes, "h1", &has, &why)) {
        must(!has && why.kind == FAULT_PEER);
    } else {
        must(bytes > 0 && data[bytes - 1] == '\n');
        must(xl_list_has(more, bytes + sizeof(tail) - 1, "h1", &again,
                         &why) && again);
        /* Without its end it is no table. */
        must(!xl_list_has((const char *)data, bytes - 1, "h1", &again,
                          &why));
    }
    free(more);
    return 0;
}
