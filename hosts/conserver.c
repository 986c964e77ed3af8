/* hosts/conserver.c - see conserver.h. */
#include <config.h>

#include "hosts/conserver.h"

#include <stdint.h>

#include "harness/buf.h"

#define IAC 0xff
/* So much in common is no accident; less only when there is no more. */
#define COMMON_BYTES 200

void
conserver_feed(struct conserver *conserver, const void *bytes, size_t count,
               struct buf *data)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++) {
        if (conserver->escaped) {
            conserver->escaped = false;
            if (at[i] == IAC)
                buf_addc(data, (char)at[i]);
        } else if (at[i] == IAC) {
            conserver->escaped = true;
        } else {
            buf_addc(data, (char)at[i]);
        }
    }
}

void
conserver_quote(struct conserver *conserver, const void *bytes, size_t count,
                struct buf *out)
{
    static const char escape[] = CONSERVER_ESCAPE;
    const uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++) {
        if (conserver->half && at[i] == (uint8_t)escape[1])
            /* Its first byte is taken for half of a command: given whole,
             * "send the byte 037" types the second. */
            buf_adds(out, CONSERVER_ESCAPE "\\037");
        else
            buf_addc(out, (char)at[i]);
        if (at[i] == IAC)
            buf_addc(out, (char)at[i]);
        conserver->half = at[i] == (uint8_t)escape[0];
    }
}

/* A line of the server's own: "[-- Console up -- Mon Nov 23 09:17:47 2026]". */
static bool
is_note(const char *line, size_t bytes)
{
    while (bytes > 0 && (line[bytes - 1] == '\n' || line[bytes - 1] == '\r'))
        bytes--;
    return bytes > 8 && memcmp(line, "[-- ", 4) == 0
        && line[bytes - 1] == ']';
}

static void
without_notes(const char *text, size_t bytes, struct buf *out)
{
    size_t at = 0;

    while (at < bytes) {
        const char *end = memchr(text + at, '\n', bytes - at);
        size_t len = end != NULL ? (size_t)(end - text) - at + 1
                                 : bytes - at;

        if (!is_note(text + at, len))
            buf_add(out, text + at, len);
        at += len;
    }
}

/* The last place in 'text' after 'tail', or NULL. */
static const char *
after_last(const struct buf *text, const char *tail, size_t tail_bytes)
{
    for (size_t end = text->len; end >= tail_bytes; end--) {
        const char *at = text->data + end - tail_bytes;

        if (memcmp(at, tail, tail_bytes) == 0)
            return text->data + end;
        if (end == 0)
            break;
    }
    return NULL;
}

bool
conserver_missed(const char *replay, size_t replay_bytes, const char *had,
                 size_t had_bytes, struct buf *out)
{
    struct buf theirs = BUF_INIT, ours = BUF_INIT;
    const char *from = NULL;
    size_t tail;

    without_notes(replay, replay_bytes, &theirs);
    without_notes(had, had_bytes, &ours);
    tail = ours.len < COMMON_BYTES ? ours.len : COMMON_BYTES;
    /* A replay that begins within our tail has the end of it in common. */
    while (from == NULL && tail > 0 && theirs.len > 0) {
        if (tail <= theirs.len)
            from = after_last(&theirs, ours.data + ours.len - tail, tail);
        if (from != NULL && tail < COMMON_BYTES && tail < ours.len
            && from != theirs.data + tail)
            from = NULL;        /* a short one counts at the beginning only */
        tail--;
    }
    if (from != NULL)
        buf_add(out, from, (size_t)(theirs.data + theirs.len - from));
    else
        buf_add(out, theirs.data, theirs.len);
    buf_free(&ours);
    buf_free(&theirs);
    return from != NULL || had_bytes == 0;
}
