/* tests/fuzz/probe-fuzz.c - any bytes as what a machine says of itself. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/probe.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct fault why = FAULT_INIT;
    json_t *found = NULL, *list, *flags, *value;
    const char *name;

    if (!probe_parse((const char *)data, bytes, &found, &why)) {
        must(found == NULL && why.kind == FAULT_PEER);
        return 0;
    }
    json_object_foreach(found, name, value)
        must(json_string_length(value) > 0
             && strlen(json_string_value(value)) < 3 * PROBE_VALUE_BYTES);
    list = probe_compare(NULL, found);
    must(json_array_size(list) == json_object_size(found));
    flags = probe_flags(found);
    must(json_array_size(flags) <= 3);
    json_decref(flags);
    json_decref(list);
    json_decref(found);
    return 0;
}
