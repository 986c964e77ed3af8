/* hosts/dhcp_log.h - what dnsmasq (with log-dhcp) says that it has served.
 * No I/O. */
#ifndef HOSTS_DHCP_LOG_H
#define HOSTS_DHCP_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

#define DHCP_LOG_OPEN 16        /* exchanges that are followed at a time */
#define DHCP_LOG_TEXT 200

/* One answer that named a file to boot. */
struct dhcp_served {
    char mac[18];               /* lower case */
    char way[8];                /* "dhcp" or "proxy" */
    char vendor[DHCP_LOG_TEXT]; /* the client's vendor class, "" for none */
    char file[DHCP_LOG_TEXT];
};

struct dhcp_log {
    struct {
        uint32_t xid;
        int64_t used;           /* 0: free; else the higher the later */
        struct dhcp_served served;
    } open[DHCP_LOG_OPEN];
    int64_t clock;
};

/* One line, without its end. True when it completes an answer. */
MUST_CHECK bool dhcp_log_line(struct dhcp_log *log, const char *line,
                              struct dhcp_served *served_out);

#endif
