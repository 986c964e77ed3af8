/* tests/hosts/power_fix.h - controllers of one machine, as real as they are to
 * be had: ipmi_sim as its BMC, snmpd as its PDU, a small Redfish service, and
 * dropbear before a small xl, for a guest "h1" that is the machine. Redfish is
 * there by TLS too, with DIR/bmc.pem, which signs itself and is for 127.0.0.1;
 * DIR/other.pem is of somebody else. All switch it by DIR/machine.sh. The
 * test's _SOURCES name tests/hosts/power_fix.c and net_fix.c. */
#ifndef TESTS_HOSTS_POWER_FIX_H
#define TESTS_HOSTS_POWER_FIX_H

#include <stdbool.h>
#include <jansson.h>
#include <sys/types.h>

#define POWER_FIX_USER "assay"
#define POWER_FIX_PASSWORD "s3cr3t-right"
#define POWER_FIX_WRONG "s3cr3t-wrong"

struct power_fix {
    const char *dir;
    /* 0 when the program or the driver is not there. */
    int guest_port, ipmi_port, redfish_port, redfish_tls_port, snmp_port;
    pid_t pids[4];
};

/* Starts them all; bails out. */
void power_fix_start(struct power_fix *fix, const char *dir);
void power_fix_stop(struct power_fix *fix);
/* The port of a driver's controller, and whether it speaks TCP. 0: none. */
int power_fix_port(const struct power_fix *fix, const char *driver,
                   bool *stream_out);
/* The "power" object for 'driver' at 'port', with the password in a file of
 * that name in DIR; driver guest has a key there, "right" being the one that
 * may log in and "wrong" one that may not. */
json_t *power_fix_config(const struct power_fix *fix, const char *driver,
                         int port, const char *password_file);

#endif
