/* hosts/dhcp_arch.c - see dhcp_arch.h. */
#include <config.h>

#include "hosts/dhcp_arch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/log.h"

#define IP_BYTES 20
#define IP_FRAGMENT 0x3fff      /* more follow, or it is not the first */
#define UDP_BYTES 8
#define UDP 17
#define DHCP_PORT 67
#define PXE_PORT 4011
#define BOOTP_BYTES 236
#define BOOTP_REQUEST 1
#define OPTION_PAD 0
#define OPTION_VENDOR_CLASS 60
#define OPTION_ARCH 93
#define OPTION_ARCH_BYTES 4
#define OPTION_END 255
#define ARCH_DIGITS 5
#define PACKET_BYTES 4096

static uint16_t
get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void
put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* "PXEClient:Arch:00007:UNDI:003000"; -1 for others. */
static int
arch_of_class(const uint8_t *text, size_t bytes)
{
    static const char *const starts[] = { "PXEClient:Arch:",
                                          "HTTPClient:Arch:" };
    int number = 0;

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        size_t n = strlen(starts[i]);

        if (bytes < n + ARCH_DIGITS || memcmp(text, starts[i], n) != 0)
            continue;
        for (size_t d = n; d < n + ARCH_DIGITS; d++) {
            if (text[d] < '0' || text[d] > '9')
                return -1;
            number = number * 10 + (text[d] - '0');
        }
        return number <= UINT16_MAX ? number : -1;
    }
    return -1;
}

/* Where the options end, and what architecture the vendor class names; false
 * when it names none, or the option is there, or there is no end. */
static bool
find_end(const uint8_t *options, size_t bytes, size_t *end_out, int *arch_out)
{
    size_t at = 0;

    *arch_out = -1;
    while (at < bytes && options[at] != OPTION_END) {
        size_t n;

        if (options[at] == OPTION_PAD) {
            at++;
            continue;
        }
        if (bytes - at < 2 || (n = options[at + 1]) > bytes - at - 2
            || options[at] == OPTION_ARCH)
            return false;
        if (options[at] == OPTION_VENDOR_CLASS)
            *arch_out = arch_of_class(options + at + 2, n);
        at += 2 + n;
    }
    *end_out = at;
    return at < bytes && *arch_out >= 0;
}

/* The message in the packet, with its bytes; NULL when it is no DHCP client's
 * question. */
static uint8_t *
find_message(uint8_t *packet, size_t bytes, uint8_t **udp_out,
             size_t *message_bytes_out)
{
    static const uint8_t cookie[] = { 99, 130, 83, 99 };
    size_t ip_bytes, total, udp_bytes;
    uint8_t *udp, *message;

    if (bytes < IP_BYTES || packet[0] >> 4 != 4 || packet[9] != UDP
        || (get16(packet + 6) & IP_FRAGMENT) != 0)
        return NULL;
    ip_bytes = (size_t)(packet[0] & 15) * 4;
    total = get16(packet + 2);
    if (ip_bytes < IP_BYTES || total > bytes || total < ip_bytes + UDP_BYTES)
        return NULL;
    udp = packet + ip_bytes;
    udp_bytes = get16(udp + 4);
    message = udp + UDP_BYTES;
    if ((get16(udp + 2) != DHCP_PORT && get16(udp + 2) != PXE_PORT)
        || udp_bytes > total - ip_bytes
        || udp_bytes < UDP_BYTES + BOOTP_BYTES + sizeof(cookie)
        || message[0] != BOOTP_REQUEST
        || memcmp(message + BOOTP_BYTES, cookie, sizeof(cookie)) != 0)
        return NULL;
    *udp_out = udp;
    *message_bytes_out = udp_bytes - UDP_BYTES;
    return message;
}

bool
dhcp_arch_add(uint8_t *packet, size_t *bytes, size_t room,
              const uint8_t to[static 4])
{
    size_t message_bytes, end, skip = BOOTP_BYTES + 4;
    uint8_t *udp, *message, *at;
    int arch;

    message = find_message(packet, *bytes, &udp, &message_bytes);
    if (message == NULL
        || !find_end(message + skip, message_bytes - skip, &end, &arch)
        || (size_t)(message - packet) + message_bytes + OPTION_ARCH_BYTES
            > room)
        return false;
    at = message + skip + end;
    memmove(at + OPTION_ARCH_BYTES, at,
            message_bytes - (size_t)(at - message));
    at[0] = OPTION_ARCH;
    at[1] = 2;
    put16(at + 2, (size_t)arch);
    message_bytes += OPTION_ARCH_BYTES;
    put16(udp + 4, UDP_BYTES + message_bytes);
    put16(udp + 6, 0);          /* no checksum */
    memcpy(packet + 16, to, 4);
    *bytes = (size_t)(message - packet) + message_bytes;
    put16(packet + 2, *bytes);
    put16(packet + 10, 0);      /* the kernel's to fill in */
    return true;
}

/* The wire ---------------------------------------------------------------- */

/* UDP, not a later fragment, to one of the two ports. */
static const struct sock_filter questions[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UDP, 0, 7),
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IP_FRAGMENT, 5, 0),
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_PORT, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PXE_PORT, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, PACKET_BYTES),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

bool
dhcp_arch_open(struct dhcp_arch *arch, const char *interface,
               const char *address, struct fault *why)
{
    const struct sock_fprog filter = {
        .len = ARRAY_LEN(questions),
        .filter = (struct sock_filter *)(uintptr_t)questions,
    };
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
        .sll_ifindex = (int)if_nametoindex(interface),
    };
    bool ok;

    must(inet_pton(AF_INET, address, arch->to) == 1);
    arch->out = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    /* Without a protocol it hears nothing until it is bound. */
    arch->wire = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                        0);
    ok = arch->out >= 0 && arch->wire >= 0
        && setsockopt(arch->wire, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
                      sizeof(filter)) == 0
        && bind(arch->wire, (struct sockaddr *)&at, sizeof(at)) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "hear what is asked on %s",
                    interface);
        if (errno == EPERM)
            fault_hint(why, "a proxy is run as root, or with CAP_NET_RAW");
        dhcp_arch_close(arch);
    }
    return ok;
}

void
dhcp_arch_take(struct dhcp_arch *arch)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    struct sockaddr_ll from = { .sll_family = AF_PACKET };
    socklen_t from_bytes = sizeof(from);
    uint8_t packet[PACKET_BYTES];
    size_t bytes;
    ssize_t n = recvfrom(arch->wire, packet,
                         sizeof(packet) - OPTION_ARCH_BYTES, 0,
                         (struct sockaddr *)&from, &from_bytes);

    if (n <= 0 || from.sll_pkttype == PACKET_OUTGOING)
        return;
    bytes = (size_t)n;
    if (!dhcp_arch_add(packet, &bytes, sizeof(packet), arch->to))
        return;
    memcpy(&to.sin_addr, arch->to, sizeof(arch->to));
    if (sendto(arch->out, packet, bytes, 0, (struct sockaddr *)&to,
               sizeof(to)) != (ssize_t)bytes)
        log_warn("a machine's question without option 93 is lost: %s",
                 strerror(errno));
}

void
dhcp_arch_close(struct dhcp_arch *arch)
{
    fd_close(&arch->wire);
    fd_close(&arch->out);
}
