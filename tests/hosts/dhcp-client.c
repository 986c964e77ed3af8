/* tests/hosts/dhcp-client.c - a machine's firmware that netboots, as far as
 * DHCP goes: whole frames on an interface, so that it needs no address.
 *
 *   dhcp-client IFACE MAC discover|boot ARCH|- VENDOR|- [USERCLASS]
 *
 * "discover" prints "offer FILE" for each different answer within a while, in
 * the order of the alphabet, "-" for none; "boot" asks the server of the last
 * on port 4011, as UEFI does, and prints "boot FILE". ARCH is the number of
 * option 93. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"

#define WAIT_MS 150
#define ANSWERS_MAX 8
#define IP_BYTES 20
#define UDP_BYTES 8
#define BOOTP_BYTES 240

static uint8_t mac[6];
static int wire, ifindex;
static const char *arch, *vendor, *userclass;

static NORETURN void
die(const char *what)
{
    fprintf(stderr, "dhcp-client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint16_t
sum(const uint8_t *data, size_t bytes, uint32_t start)
{
    for (size_t i = 0; i + 1 < bytes; i += 2)
        start += (uint32_t)data[i] << 8 | data[i + 1];
    if (bytes % 2 != 0)
        start += (uint32_t)data[bytes - 1] << 8;
    while (start > 0xffff)
        start = (start & 0xffff) + (start >> 16);
    return (uint16_t)~start;
}

static size_t
add_option(uint8_t *out, uint8_t code, const void *data, size_t bytes)
{
    out[0] = code;
    out[1] = (uint8_t)bytes;
    memcpy(out + 2, data, bytes);
    return bytes + 2;
}

static size_t
make_message(uint8_t *out, uint8_t type, const uint8_t client[static 4])
{
    static const uint8_t cookie[] = { 99, 130, 83, 99 };
    static const uint8_t wanted[] = { 1, 3, 43, 60, 66, 67, 97 };
    static const uint8_t uuid[17] = { 0, 1, 2, 3 };
    static const uint8_t undi[] = { 1, 3, 0 };
    size_t at = BOOTP_BYTES;
    uint8_t number[2];

    memset(out, 0, BOOTP_BYTES);
    out[0] = 1;
    out[1] = 1;
    out[2] = 6;
    memcpy(out + 4, mac + 2, 4);        /* the exchange's number */
    out[10] = 0x80;                     /* answers by broadcast */
    memcpy(out + 12, client, 4);
    memcpy(out + 28, mac, 6);
    memcpy(out + 236, cookie, 4);
    at += add_option(out + at, 53, &type, 1);
    at += add_option(out + at, 55, wanted, sizeof(wanted));
    if (arch != NULL) {
        number[0] = (uint8_t)(strtol(arch, NULL, 10) >> 8);
        number[1] = (uint8_t)strtol(arch, NULL, 10);
        at += add_option(out + at, 93, number, 2);
    }
    at += add_option(out + at, 94, undi, sizeof(undi));
    at += add_option(out + at, 97, uuid, sizeof(uuid));
    if (vendor != NULL)
        at += add_option(out + at, 60, vendor, strlen(vendor));
    if (userclass != NULL)
        at += add_option(out + at, 77, userclass, strlen(userclass));
    out[at++] = 255;
    return at;
}

static void
say(uint8_t type, const uint8_t from[static 4], const uint8_t to[static 4],
    uint16_t port)
{
    uint8_t frame[1500] = { 0 }, *ip = frame + 14, *udp = ip + IP_BYTES;
    size_t bytes = make_message(udp + UDP_BYTES, type, from);
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_halen = 6,
                              .sll_ifindex = ifindex };
    uint16_t check;

    memset(frame, 0xff, 6);
    memcpy(frame + 6, mac, 6);
    frame[12] = 8;
    ip[0] = 0x45;
    ip[2] = (uint8_t)((bytes + 28) >> 8);
    ip[3] = (uint8_t)(bytes + 28);
    ip[8] = 64;
    ip[9] = 17;
    memcpy(ip + 12, from, 4);
    memcpy(ip + 16, to, 4);
    check = sum(ip, IP_BYTES, 0);
    ip[10] = (uint8_t)(check >> 8);
    ip[11] = (uint8_t)check;
    udp[1] = 68;
    udp[2] = (uint8_t)(port >> 8);
    udp[3] = (uint8_t)port;
    udp[4] = (uint8_t)((bytes + UDP_BYTES) >> 8);
    udp[5] = (uint8_t)(bytes + UDP_BYTES);
    memset(at.sll_addr, 0xff, 6);
    bytes += 14 + IP_BYTES + UDP_BYTES;
    if (sendto(wire, frame, bytes, 0, (struct sockaddr *)&at, sizeof(at))
        != (ssize_t)bytes)
        die("send");
}

struct answer {
    char file[256];
    uint8_t server[4], client[4];
};

/* What a frame is, if it is an answer to us. */
static bool
read_answer(const uint8_t *frame, size_t bytes, struct answer *out)
{
    const uint8_t *ip = frame + 14, *message = ip + IP_BYTES + UDP_BYTES;
    size_t at = BOOTP_BYTES, left;

    if (bytes < 14 + IP_BYTES + UDP_BYTES + BOOTP_BYTES || ip[9] != 17
        || message[0] != 2 || memcmp(message + 4, mac + 2, 4) != 0)
        return false;
    left = bytes - (size_t)(message - frame);
    memset(out, 0, sizeof(*out));
    memcpy(out->file, message + 108, 127);
    memcpy(out->client, message + 16, 4);
    memcpy(out->server, ip + 12, 4);
    while (at + 2 <= left && message[at] != 255) {
        size_t n = message[at] == 0 ? 0 : message[at + 1];

        if (message[at] == 67 && n < sizeof(out->file) && at + 2 + n <= left) {
            memcpy(out->file, message + at + 2, n);
            out->file[n] = '\0';
        }
        at += message[at] == 0 ? 1 : n + 2;
    }
    return true;
}

static size_t
hear(struct answer answers[static ANSWERS_MAX])
{
    int64_t until = clock_mono_ms(clock_system()) + WAIT_MS, left;
    size_t count = 0;

    while ((left = until - clock_mono_ms(clock_system())) > 0
           && count < ANSWERS_MAX) {
        struct pollfd wait = { .fd = wire, .events = POLLIN };
        uint8_t frame[2048];
        ssize_t n;

        if (poll(&wait, 1, (int)left) != 1)
            break;
        n = recv(wire, frame, sizeof(frame), 0);
        if (n > 0 && read_answer(frame, (size_t)n, &answers[count]))
            count++;
    }
    return count;
}

static int
by_file(const void *a, const void *b)
{
    const struct answer *x = a, *y = b;

    return strcmp(x->file, y->file);
}

int
main(int argc, char **argv)
{
    static const uint8_t none[4] = { 0 }, all[4] = { 255, 255, 255, 255 };
    struct answer answers[ANSWERS_MAX];
    const char *last = NULL;
    unsigned m[6];
    size_t count;

    if (argc < 6
        || sscanf(argv[2], "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2],
                  &m[3], &m[4], &m[5]) != 6)
        return 2;
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)m[i];
    ifindex = (int)if_nametoindex(argv[1]);
    arch = strcmp(argv[4], "-") == 0 ? NULL : argv[4];
    vendor = strcmp(argv[5], "-") == 0 ? NULL : argv[5];
    userclass = argc > 6 ? argv[6] : NULL;
    wire = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
    {
        struct sockaddr_ll at = { .sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_IP),
                                  .sll_ifindex = ifindex };

        if (ifindex == 0 || wire < 0
            || bind(wire, (struct sockaddr *)&at, sizeof(at)) != 0)
            die(argv[1]);
    }
    say(1, none, all, 67);
    count = hear(answers);
    qsort(answers, count, sizeof(answers[0]), by_file);
    if (strcmp(argv[3], "boot") == 0) {
        struct answer found[ANSWERS_MAX];
        /* 10.9.0.50 for 52:54:00:aa:00:11, and so on. */
        uint8_t client[4] = { 10, 9, 0, (uint8_t)(33 + mac[5]) };

        /* The last: one without a name sorts first. */
        if (count == 0)
            return 1;
        say(3, client, answers[count - 1].server, 4011);
        count = hear(found);
        printf("boot %s\n", count > 0 ? found[0].file : "nothing");
        return count > 0 ? 0 : 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (last == NULL || strcmp(last, answers[i].file) != 0)
            printf("offer %s\n", answers[i].file[0] == '\0'
                   ? "-" : answers[i].file);
        last = answers[i].file;
    }
    return count > 0 ? 0 : 1;
}
