/* hosts/dhcp_log.c - see dhcp_log.h.
 *
 * Lines of one exchange carry its number, and may be mixed with others':
 *   dnsmasq-dhcp[9]: 42 vendor class: PXEClient:Arch:00007:UNDI:003000
 *   dnsmasq-dhcp[9]: 42 DHCPACK(eth0) 10.9.0.5 52:54:00:aa:00:11 h1
 *   dnsmasq-dhcp[9]: 42 PXE(eth0) 52:54:00:aa:00:11 proxy
 *   dnsmasq-dhcp[9]: 42 bootfile name: snponly.efi */
#include <config.h>

#include "hosts/dhcp_log.h"

#include "harness/buf.h"

#define HEX "0123456789abcdef"
#define DIGITS "0123456789"

/* After 'prefix', or NULL. */
static const char *
after(const char *text, const char *prefix)
{
    size_t bytes = strlen(prefix);

    return strncmp(text, prefix, bytes) == 0 ? text + bytes : NULL;
}

static bool
is_mac(const char *text)
{
    for (size_t i = 0; i < 17; i++) {
        if (i % 3 == 2 ? text[i] != ':'
                       : text[i] == '\0' || strchr(HEX, text[i]) == NULL)
            return false;
    }
    return text[17] == '\0' || text[17] == ' ';
}

/* The first word of 'text' that is an address. */
static bool
find_mac(const char *text, char mac[static 18])
{
    while (*text != '\0') {
        if (is_mac(text)) {
            (void)snprintf(mac, 18, "%.17s", text);
            return true;
        }
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return false;
}

/* The exchange 'xid', in the place of the oldest if it is new. */
static struct dhcp_served *
exchange(struct dhcp_log *log, uint32_t xid)
{
    size_t oldest = 0;

    for (size_t i = 0; i < DHCP_LOG_OPEN; i++) {
        if (log->open[i].used != 0 && log->open[i].xid == xid) {
            log->open[i].used = ++log->clock;
            return &log->open[i].served;
        }
        if (log->open[i].used < log->open[oldest].used)
            oldest = i;
    }
    memset(&log->open[oldest], 0, sizeof(log->open[oldest]));
    log->open[oldest].xid = xid;
    log->open[oldest].used = ++log->clock;
    return &log->open[oldest].served;
}

static bool
take_xid(const char **text, uint32_t *xid_out)
{
    size_t bytes = strspn(*text, DIGITS);
    char digits[12];
    int64_t number;

    if (bytes == 0 || bytes >= sizeof(digits) || (*text)[bytes] != ' ')
        return false;
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)bytes, *text);
    if (!parse_int64(digits, 0, UINT32_MAX, &number))
        return false;
    *xid_out = (uint32_t)number;
    *text += bytes + 1;
    return true;
}

bool
dhcp_log_line(struct dhcp_log *log, const char *line,
              struct dhcp_served *served_out)
{
    const char *text = strstr(line, "dnsmasq-dhcp"), *rest;
    struct dhcp_served *served;
    uint32_t xid;

    /* With the number of its process, or without. */
    text = text == NULL ? NULL : strstr(text, ": ");
    if (text == NULL)
        return false;
    text += 2;
    if (!take_xid(&text, &xid))
        return false;
    served = exchange(log, xid);
    if ((rest = after(text, "vendor class: ")) != NULL) {
        (void)snprintf(served->vendor, sizeof(served->vendor), "%s", rest);
    } else if (after(text, "DHCPACK(") != NULL
               || after(text, "PXE(") != NULL) {
        (void)snprintf(served->way, sizeof(served->way), "%s",
                       text[0] == 'P' ? "proxy" : "dhcp");
        if (!find_mac(text, served->mac))
            served->mac[0] = '\0';
    } else if (after(text, "DHCPOFFER(") != NULL) {
        served->way[0] = '\0';  /* an offer is not yet an answer */
    } else if ((rest = after(text, "bootfile name: ")) != NULL
               && served->way[0] != '\0' && served->mac[0] != '\0') {
        (void)snprintf(served->file, sizeof(served->file), "%s", rest);
        *served_out = *served;
        served->way[0] = '\0';
        return true;
    }
    return false;
}
