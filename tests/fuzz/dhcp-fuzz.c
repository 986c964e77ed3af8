/* tests/fuzz/dhcp-fuzz.c - any bytes as what dnsmasq says. Names and vendor
 * classes in it are from the wire. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "hosts/dhcp_log.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1), *line, *end;
    struct dhcp_log *log = calloc(1, sizeof(*log));
    struct dhcp_served served;

    must(text != NULL && log != NULL);
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    for (line = text; line < text + bytes; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + bytes - line));
        if (end == NULL)
            end = text + bytes;
        *end = '\0';
        if (!dhcp_log_line(log, line, &served))
            continue;
        must(strlen(served.mac) == 17 && served.mac[2] == ':');
        must(strcmp(served.way, "dhcp") == 0
             || strcmp(served.way, "proxy") == 0);
        must(strlen(served.vendor) < DHCP_LOG_TEXT
             && strlen(served.file) < DHCP_LOG_TEXT);
    }
    free(text);
    free(log);
    return 0;
}
