/* hosts/telnet.h - telnet (RFC 854, 856, 858) with the serial port's settings
 * (RFC 2217), for a client that wants a byte stream. No I/O. */
#ifndef HOSTS_TELNET_H
#define HOSTS_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct buf;

#define TELNET_ASK_MAX 64       /* bytes of one subnegotiation that are kept */

/* Of the serial line; speed 0 leaves it as it is. */
struct telnet_line {
    uint32_t speed;
    uint8_t data_bits;          /* 5..8 */
    uint8_t parity;             /* 1 none, 2 odd, 3 even */
    uint8_t stop_bits;          /* 1, 2 */
};

enum telnet_state {
    TELNET_DATA = 0, TELNET_CR, TELNET_IAC, TELNET_OPTION, TELNET_SUB,
    TELNET_SUB_IAC
};

struct telnet {
    enum telnet_state state;
    uint8_t verb;               /* WILL, WONT, DO, DONT before its option */
    struct telnet_line line;
    /* What was agreed: by us, by the other side. */
    bool us[256], them[256];
    uint8_t sub[TELNET_ASK_MAX];
    size_t sub_bytes;
    uint32_t speed;             /* that the other side has told; 0: not */
};

/* Begins: appends to 'reply' what is sent first. */
void telnet_start(struct telnet *telnet, const struct telnet_line *line,
                  struct buf *reply);
/* Bytes from the network: data to 'data', answers to 'reply'. How they are cut
 * into pieces changes nothing. */
void telnet_feed(struct telnet *telnet, const void *bytes, size_t count,
                 struct buf *data, struct buf *reply);
/* Bytes for the serial line, as they are sent. */
void telnet_quote(const struct telnet *telnet, const void *bytes,
                  size_t count, struct buf *out);
/* "8n1". False when it is not like that. */
MUST_CHECK bool telnet_line_parse(const char *text,
                                  struct telnet_line *line_out);

#endif
