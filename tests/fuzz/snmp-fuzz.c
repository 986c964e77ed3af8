/* tests/fuzz/snmp-fuzz.c - any bytes as the PDU of an SNMP agent's answer: the
 * library's decoding, and what we read from it. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#ifdef HAVE_NETSNMP

#include "harness/fault.h"
#include "hosts/bmc_snmp.h"
#include "hosts/outlet.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const oid name[] = { 1, 3, 6, 1, 4, 1, 318, 1 };
    const struct outlet outlet = { .state_on = 1, .state_off = 2 };
    enum power_state state = POWER_UNKNOWN;
    struct fault why = FAULT_INIT;
    struct snmp_pdu *pdu;
    u_char *copy;
    size_t left = bytes;
    int64_t value = 0;

    snmp_disable_log();
    pdu = snmp_pdu_create(SNMP_MSG_RESPONSE);
    copy = malloc(bytes + 1);
    must(pdu != NULL && copy != NULL);
    memcpy(copy, data, bytes);
    if (snmp_pdu_parse(pdu, copy, &left) == 0
        && bmc_snmp_number(pdu, name, ARRAY_LEN(name), &value, &why)
        && outlet_state(&outlet, value, &state, &why))
        must(state == (value == 1 ? POWER_ON : POWER_OFF));
    else
        must(state == POWER_UNKNOWN);
    free(copy);
    snmp_free_pdu(pdu);
    return 0;
}

#else

int
LLVMFuzzerTestOneInput(const uint8_t *data UNUSED, size_t bytes UNUSED)
{
    return 0;
}

#endif
