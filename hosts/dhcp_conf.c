/* hosts/dhcp_conf.c - see dhcp_conf.h. Architectures are those of RFC 4578 and
 * its registry at IANA. */
#include <config.h>

#include "hosts/dhcp_conf.h"

#include "harness/buf.h"

const char *const dhcp_loaders[] = {
    "/usr/lib/ipxe/undionly.kpxe", "/usr/lib/ipxe/snponly.efi", NULL
};

static const struct {
    int number;                 /* option 93, and "PXEClient:Arch:NNNNN" */
    const char *tag;
    const char *loader;         /* NULL: the host's own */
    bool http;                  /* the firmware asks for a URL */
} archs[] = {
    { 0, "bios", "undionly.kpxe", false },
    { 7, "efi64", "snponly.efi", false },
    { 9, "efi64", "snponly.efi", false },
    { 11, "arm64", NULL, false },
    { 16, "http64", "snponly.efi", true },
    { 19, "httparm64", NULL, true },
};

/* tag:arch93 says that the option is there at all; only without it counts the
 * vendor class. */
static void
add_tags(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(archs); i++)
        buf_addf(out, "dhcp-match=set:%s,option:client-arch,%d\n"
                 "dhcp-match=set:arch93,option:client-arch,%d\n"
                 "dhcp-vendorclass=set:v-%s,%s:Arch:%05d\n", archs[i].tag,
                 archs[i].number, archs[i].number, archs[i].tag,
                 archs[i].http ? "HTTPClient" : "PXEClient",
                 archs[i].number);
    for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
        if (i == 0 || strcmp(archs[i - 1].tag, archs[i].tag) != 0)
            buf_addf(out, "tag-if=set:%s,tag:!arch93,tag:v-%s\n",
                     archs[i].tag, archs[i].tag);
    }
    buf_adds(out, "dhcp-userclass=set:ipxe,iPXE\n");
}

/* UEFI takes the name of its loader from a second server only on port 4011,
 * where dnsmasq answers for a service that is the only one. */
static void
add_service(const struct dhcp_plan *plan, size_t arch, const char *tag,
            const char *loader, struct buf *out)
{
    if (plan->proxy && !archs[arch].http)
        buf_addf(out, "pxe-service=%s%stag:!ipxe,%d,\"Assay\",%s\n", tag,
                 tag[0] == '\0' ? "" : ",", archs[arch].number, loader);
}

/* Loaders that are the same for all hosts. */
static void
add_loaders(const struct dhcp_plan *plan, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
        if (archs[i].loader == NULL)
            continue;
        add_service(plan, i, "", archs[i].loader, out);
        if (i > 0 && strcmp(archs[i - 1].tag, archs[i].tag) == 0)
            continue;
        if (archs[i].http)
            buf_addf(out, "dhcp-boot=tag:%s,tag:!ipxe,"
                     "http://%s:%d/loader/%s\n", archs[i].tag, plan->address,
                     plan->http_port, archs[i].loader);
        else
            buf_addf(out, "dhcp-boot=tag:%s,tag:!ipxe,%s\n", archs[i].tag,
                     archs[i].loader);
        if (archs[i].http)
            buf_addf(out, "dhcp-option-force=tag:%s,60,HTTPClient\n",
                     archs[i].tag);
    }
}

static void
add_host(const struct dhcp_plan *plan, const struct dhcp_host *host,
         struct buf *out)
{
    char tag[128];

    buf_addf(out, "\ndhcp-host=%s,set:%s%s%s\n", host->mac, host->name,
             plan->proxy || host->address[0] == '\0' ? "" : ",",
             plan->proxy ? "" : host->address);
    if (strcmp(host->netboot, "grub") == 0) {
        (void)snprintf(tag, sizeof(tag), "tag:%s", host->name);
        for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
            if (archs[i].loader != NULL)
                continue;
            if (archs[i].http)
                buf_addf(out, "dhcp-boot=tag:%s,%s,http://%s:%d/loader/"
                         DHCP_HOST_LOADER "?mac=%s\n"
                         "dhcp-option-force=tag:%s,%s,60,HTTPClient\n",
                         archs[i].tag, tag, plan->address, plan->http_port,
                         host->mac, archs[i].tag, tag);
            else
                buf_addf(out, "dhcp-boot=tag:%s,%s,%s/" DHCP_HOST_LOADER
                         "\n", archs[i].tag, tag, host->name);
        }
        if (plan->proxy)
            buf_addf(out, "pxe-service=%s,tag:!ipxe,11,\"Assay\","
                     "%s/" DHCP_HOST_LOADER "\n", tag, host->name);
        return;
    }
    buf_addf(out, "dhcp-boot=tag:ipxe,tag:%s,http://%s:%d/ipxe?mac=%s\n",
             host->name, plan->address, plan->http_port, host->mac);
}

void
dhcp_conf(const struct dhcp_plan *plan, struct buf *out)
{
    buf_addf(out,
        "# Written by \"assay netboot\": hosts of one site, and no others.\n"
        "port=0\n"
        "interface=%s\n"
        "bind-interfaces\n"
        "except-interface=lo\n"
        "log-dhcp\n"
        "log-facility=-\n"
        "leasefile-ro\n"
        "no-ping\n"
        "dhcp-ignore=tag:!known\n"
        "enable-tftp=%s\n"
        "tftp-root=%s\n", plan->interface, plan->interface, plan->tftp);
    if (plan->user != NULL)
        buf_addf(out, "user=%s\ngroup=\n", plan->user);
    if (plan->proxy)
        buf_addf(out, "dhcp-range=%s,proxy,%s\n"
                 "dhcp-pxe-vendor=PXEClient,HTTPClient\n", plan->address,
                 plan->mask);
    else
        buf_addf(out, "dhcp-authoritative\ndhcp-range=%s,static,%s,12h\n"
                 "# iPXE would wait 2 s for other servers.\n"
                 "dhcp-option=tag:ipxe,encap:175,176,1b\n", plan->address,
                 plan->mask);
    add_tags(out);
    add_loaders(plan, out);
    for (size_t i = 0; i < plan->host_count; i++)
        add_host(plan, &plan->hosts[i], out);
}
