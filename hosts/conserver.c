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
    for (size_t end = text->len + 1; end-- > tail_bytes;) {
        if (memcmp(text->data + end - tail_bytes, tail, tail_bytes) == 0)
            return text->data + end;
    }
    return NULL;
}

/* Where in 'theirs' what comes after 'ours' begins, or NULL. */
static const char *
find_new(const struct buf *theirs, const struct buf *ours)
{
    size_t tail = ours->len < COMMON_BYTES ? ours->len : COMMON_BYTES;
    const char *found;

    if (tail == 0 || theirs->len == 0)
        return NULL;
    found = after_last(theirs, ours->data + ours->len - tail, tail);
    /* A replay that is shorter begins within our tail, so the two have less
     * in common, but at its beginning. */
    while (found == NULL && --tail > 0) {
        if (tail <= theirs->len
            && memcmp(theirs->data, ours->data + ours->len - tail, tail)
                == 0)
            found = theirs->data + tail;
    }
    return found;
}

bool
conserver_missed(const char *replay, size_t replay_bytes, const char *had,
                 size_t had_bytes, struct buf *out)
{
    struct buf theirs = BUF_INIT, ours = BUF_INIT;
    const char *from;

    without_notes(replay, replay_bytes, &theirs);
    without_notes(had, had_bytes, &ours);
    from = find_new(&theirs, &ours);
    if (from != NULL)
        buf_add(out, from, (size_t)(theirs.data + theirs.len - from));
    else
        buf_add(out, theirs.data, theirs.len);
    buf_free(&ours);
    buf_free(&theirs);
    return from != NULL || had_bytes == 0;
}
