/* hosts/telnet.c - see telnet.h.
 *
 * Both directions are asked to be binary; where the other side refuses, a CR is
 * followed by NUL on the wire. Options are agreed as RFC 1143 warns to: only a
 * change is answered, so that no two sides can talk for ever. */
#include <config.h>

#include "hosts/telnet.h"

#include "harness/buf.h"

enum {
    IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250,
    SE = 240,
    OPT_BINARY = 0, OPT_ECHO = 1, OPT_SGA = 3, OPT_COM_PORT = 44,
    COM_SPEED = 1, COM_DATA_BITS = 2, COM_PARITY = 3, COM_STOP_BITS = 4,
    COM_CONTROL = 5, COM_FROM_SERVER = 100,
    FLOW_NONE = 1,
};

static void
put(struct buf *out, uint8_t a, uint8_t b, uint8_t c)
{
    const uint8_t three[] = { a, b, c };

    buf_add(out, three, sizeof(three));
}

static void
put_com(struct buf *out, uint8_t command, const uint8_t *value, size_t count)
{
    put(out, IAC, SB, OPT_COM_PORT);
    buf_addc(out, (char)command);
    for (size_t i = 0; i < count; i++) {
        buf_addc(out, (char)value[i]);
        if (value[i] == IAC)
            buf_addc(out, (char)value[i]);
    }
    buf_addc(out, (char)IAC);
    buf_addc(out, (char)SE);
}

static void
put_line(const struct telnet_line *line, struct buf *out)
{
    const uint8_t speed[] = {
        (uint8_t)(line->speed >> 24), (uint8_t)(line->speed >> 16),
        (uint8_t)(line->speed >> 8), (uint8_t)line->speed,
    };
    const uint8_t flow = FLOW_NONE;

    if (line->speed == 0)
        return;
    put_com(out, COM_SPEED, speed, sizeof(speed));
    put_com(out, COM_DATA_BITS, &line->data_bits, 1);
    put_com(out, COM_PARITY, &line->parity, 1);
    put_com(out, COM_STOP_BITS, &line->stop_bits, 1);
    put_com(out, COM_CONTROL, &flow, 1);
}

void
telnet_start(struct telnet *telnet, const struct telnet_line *line,
             struct buf *reply)
{
    static const uint8_t ours[] = { OPT_BINARY, OPT_SGA, OPT_COM_PORT };
    static const uint8_t theirs[] = { OPT_BINARY, OPT_SGA };

    memset(telnet, 0, sizeof(*telnet));
    telnet->line = *line;
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (ours[i] == OPT_COM_PORT && line->speed == 0)
            continue;
        put(reply, IAC, WILL, ours[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
        put(reply, IAC, DO, theirs[i]);
}

/* What we are ready to do, or to let the other side do. */
static bool
we_would(const struct telnet *telnet, uint8_t option)
{
    return option == OPT_BINARY || option == OPT_SGA
        || (option == OPT_COM_PORT && telnet->line.speed != 0);
}

static bool
they_may(uint8_t option)
{
    return option == OPT_BINARY || option == OPT_SGA || option == OPT_ECHO;
}

/* We have offered and asked for what we want at the start: an agreement to it
 * is not answered, everything else is agreed to or refused. */
static void
on_option(struct telnet *telnet, uint8_t option, struct buf *reply)
{
    bool *us = &telnet->us[option], *them = &telnet->them[option];

    switch (telnet->verb) {
    case DO:
        if (!we_would(telnet, option)) {
            put(reply, IAC, WONT, option);
        } else if (!*us) {
            *us = true;
            if (option == OPT_COM_PORT)
                put_line(&telnet->line, reply);
        }
        break;
    case DONT:
        if (*us)
            put(reply, IAC, WONT, option);
        *us = false;
        break;
    case WILL:
        if (!they_may(option))
            put(reply, IAC, DONT, option);
        else if (!*them && option == OPT_ECHO)
            put(reply, IAC, DO, option);
        *them = *them || they_may(option);
        break;
    default:                    /* WONT */
        if (*them)
            put(reply, IAC, DONT, option);
        *them = false;
        break;
    }
}

static void
on_sub(struct telnet *telnet)
{
    const uint8_t *sub = telnet->sub;

    if (telnet->sub_bytes == 6 && sub[0] == OPT_COM_PORT
        && sub[1] == COM_FROM_SERVER + COM_SPEED)
        telnet->speed = (uint32_t)sub[2] << 24 | (uint32_t)sub[3] << 16
            | (uint32_t)sub[4] << 8 | sub[5];
}

static void
on_command(struct telnet *telnet, uint8_t byte, struct buf *data)
{
    telnet->state = TELNET_DATA;
    switch (byte) {
    case IAC:
        buf_addc(data, (char)byte);
        break;
    case DO:
    case DONT:
    case WILL:
    case WONT:
        telnet->verb = byte;
        telnet->state = TELNET_OPTION;
        break;
    case SB:
        telnet->sub_bytes = 0;
        telnet->state = TELNET_SUB;
        break;
    default:                    /* NOP, GA, a break: nothing for us */
        break;
    }
}

static void
keep_sub(struct telnet *telnet, uint8_t byte)
{
    if (telnet->sub_bytes < sizeof(telnet->sub))
        telnet->sub[telnet->sub_bytes++] = byte;
}

static void
on_byte(struct telnet *telnet, uint8_t byte, struct buf *data,
        struct buf *reply)
{
    switch (telnet->state) {
    case TELNET_CR:
        telnet->state = TELNET_DATA;
        if (byte == '\0')
            return;             /* the CR has gone on already */
        /* fall through */
    case TELNET_DATA:
        if (byte == IAC) {
            telnet->state = TELNET_IAC;
            return;
        }
        buf_addc(data, (char)byte);
        if (byte == '\r' && !telnet->them[OPT_BINARY])
            telnet->state = TELNET_CR;
        return;
    case TELNET_IAC:
        on_command(telnet, byte, data);
        return;
    case TELNET_OPTION:
        telnet->state = TELNET_DATA;
        on_option(telnet, byte, reply);
        return;
    case TELNET_SUB:
        if (byte == IAC)
            telnet->state = TELNET_SUB_IAC;
        else
            keep_sub(telnet, byte);
        return;
    case TELNET_SUB_IAC:
        telnet->state = byte == SE ? TELNET_DATA : TELNET_SUB;
        if (byte == SE)
            on_sub(telnet);
        else
            keep_sub(telnet, byte);
        return;
    }
}

void
telnet_feed(struct telnet *telnet, const void *bytes, size_t count,
            struct buf *data, struct buf *reply)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++)
        on_byte(telnet, at[i], data, reply);
}

void
telnet_quote(const struct telnet *telnet, const void *bytes, size_t count,
             struct buf *out)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++) {
        buf_addc(out, (char)at[i]);
        if (at[i] == IAC)
            buf_addc(out, (char)at[i]);
        else if (at[i] == '\r' && !telnet->us[OPT_BINARY])
            buf_addc(out, '\0');
    }
}

bool
telnet_line_parse(const char *text, struct telnet_line *line_out)
{
    static const char parities[] = "noe";
    const char *parity;

    if (strlen(text) != 3 || text[0] < '5' || text[0] > '8'
        || (text[2] != '1' && text[2] != '2'))
        return false;
    parity = strchr(parities, text[1]);
    if (parity == NULL)
        return false;
    line_out->data_bits = (uint8_t)(text[0] - '0');
    line_out->parity = (uint8_t)(parity - parities + 1);
    line_out->stop_bits = (uint8_t)(text[2] - '0');
    return true;
}
