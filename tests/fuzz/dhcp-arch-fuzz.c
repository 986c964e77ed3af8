/* tests/fuzz/dhcp-arch-fuzz.c - any bytes as a packet from the wire that may
 * be a netbooting machine's question. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "hosts/dhcp_arch.h"

#define ADDED 4

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const uint8_t to[4] = { 10, 9, 0, 2 };
    uint8_t *packet = malloc(bytes + ADDED);
    size_t now = bytes;

    must(packet != NULL);
    memcpy(packet, data, bytes);
    /* Not without room, except where bytes follow that are no part of it. */
    if (dhcp_arch_add(packet, &now, bytes, to))
        must(now <= bytes);
    else
        must(now == bytes && memcmp(packet, data, bytes) == 0);
    memcpy(packet, data, bytes);
    now = bytes;
    if (dhcp_arch_add(packet, &now, bytes + ADDED, to)) {
        must(now <= bytes + ADDED && memcmp(packet + 16, to, 4) == 0);
        /* The option is there now. */
        must(!dhcp_arch_add(packet, &now, bytes + ADDED, to));
    } else {
        must(now == bytes && memcmp(packet, data, bytes) == 0);
    }
    free(packet);
    return 0;
}
