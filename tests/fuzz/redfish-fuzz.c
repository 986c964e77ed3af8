/* tests/fuzz/redfish-fuzz.c - any bytes as a Redfish service's answer. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/fault.h"
#include "hosts/redfish.h"

static void
check_path(const char *path)
{
    must(strlen(path) < REDFISH_PATH_BYTES);
    must(path[0] == '\0' || (path[0] == '/' && path[1] != '/'));
    must(strpbrk(path, " \r\n#@") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    struct redfish_system found = { .state = POWER_UNKNOWN };
    struct fault why = FAULT_INIT;
    char path[REDFISH_PATH_BYTES], message[256];

    if (redfish_system_parse(text, bytes, &found, &why)) {
        must(found.state == POWER_ON || found.state == POWER_OFF);
        check_path(found.reset);
        must(strpbrk(found.etag, "\r\n") == NULL);
    } else {
        must(found.state == POWER_UNKNOWN && why.kind == FAULT_PEER);
    }
    if (redfish_member_parse(text, bytes, path, &why)) {
        check_path(path);
        must(path[0] == '/');
    }
    redfish_message_parse(text, bytes, message, sizeof(message));
    must(strlen(message) < sizeof(message));
    return 0;
}
