/* tests/fuzz/yaml-fuzz.c - any bytes as a YAML file. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/fault.h"
#include "harness/yaml.h"
#include "tests/harness/yaml_doc.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct fault why = FAULT_INIT;
    void *value = NULL;

    if (yaml_load_data("f", data, bytes, &doc_schema, &value, &why)) {
        must(value != NULL && why.kind == FAULT_NONE);
        yaml_unload(&doc_schema, value);
    } else {
        /* A file is wrong on some line, and says so; it never is our fault. */
        must(value == NULL && why.kind == FAULT_CONFIG);
        must(strncmp(why.text, "f:", 2) == 0);
    }
    return 0;
}
