/* hosts/console_match.c - libhs in streaming mode, and the current line. */
#include <config.h>

#include "hosts/console_match.h"

#include <hs.h>

#include "harness/fault.h"
#include "harness/mem.h"

#define PATTERN_MAX_BYTES 4096
#define BEFORE_MATCH_BYTES 160

struct console_match_set {
    hs_database_t *database;
    hs_scratch_t *scratch;
    hs_stream_t *stream;
    int64_t base;               /* offset of the stream's first byte */
    int64_t next;               /* offset of the next byte wanted; -1: any */
    int index;                  /* of the match, -1: none yet */
    int64_t end;
    int64_t line_start;
    struct buf line;            /* its last bytes, or those at the match */
    bool whole;                 /* a match, and its line has ended */
};

static bool
compile(struct console_match_set *set, const char *const *patterns,
        size_t count, struct fault *why)
{
    unsigned *flags = xcalloc(count, sizeof(*flags));
    unsigned *ids = xcalloc(count, sizeof(*ids));
    hs_compile_error_t *error = NULL;
    bool ok;

    for (size_t i = 0; i < count; i++) {
        flags[i] = HS_FLAG_MULTILINE;
        ids[i] = (unsigned)i;
    }
    ok = hs_compile_multi(patterns, flags, ids, (unsigned)count,
                          HS_MODE_STREAM, NULL, &set->database, &error)
         == HS_SUCCESS;
    if (!ok) {
        if (error->expression >= 0 && (size_t)error->expression < count)
            fault_set(why, FAULT_USAGE, "pattern '%s': %s",
                      patterns[error->expression], error->message);
        else
            fault_set(why, FAULT_USAGE, "the patterns: %s", error->message);
        (void)hs_free_compile_error(error);
    }
    free(flags);
    free(ids);
    return ok;
}

struct console_match_set *
console_match_new(const char *const *patterns, size_t count,
                  struct fault *why)
{
    struct console_match_set *set;

    if (count == 0 || count > CONSOLE_PATTERNS_MAX) {
        fault_set(why, FAULT_USAGE, "1 to %d patterns, not %zu",
                  CONSOLE_PATTERNS_MAX, count);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (strlen(patterns[i]) > PATTERN_MAX_BYTES) {
            fault_set(why, FAULT_USAGE, "pattern %zu is longer than %d bytes",
                      i, PATTERN_MAX_BYTES);
            return NULL;
        }
    set = xcalloc(1, sizeof(*set));
    set->index = -1;
    set->next = -1;
    if (!compile(set, patterns, count, why)) {
        console_match_free(set);
        return NULL;
    }
    if (hs_alloc_scratch(set->database, &set->scratch) != HS_SUCCESS ||
        hs_open_stream(set->database, 0, &set->stream) != HS_SUCCESS) {
        fault_set(why, FAULT_SYSTEM, "libhs has no memory for the patterns");
        console_match_free(set);
        return NULL;
    }
    return set;
}

void
console_match_free(struct console_match_set *set)
{
    if (set == NULL)
        return;
    if (set->stream != NULL)
        (void)hs_close_stream(set->stream, set->scratch, NULL, NULL);
    if (set->scratch != NULL)
        (void)hs_free_scratch(set->scratch);
    if (set->database != NULL)
        (void)hs_free_database(set->database);
    buf_free(&set->line);
    free(set);
}

/* Called in no useful order between patterns: all of a piece are looked at. */
static int
on_match(unsigned id, unsigned long long from UNUSED, unsigned long long to,
         unsigned flags UNUSED, void *context)
{
    struct console_match_set *set = context;
    int64_t end = set->base + (int64_t)to;

    if (set->index < 0 || end < set->end ||
        (end == set->end && (int)id < set->index)) {
        set->index = (int)id;
        set->end = end;
    }
    return 0;
}

/* Keeps the end of the line up to the match, and then some more of it. */
static void
follow_line(struct console_match_set *set, int64_t offset, const char *data,
            size_t bytes)
{
    for (size_t i = 0; i < bytes && !set->whole; i++) {
        int64_t at = offset + (int64_t)i;

        if (data[i] != '\n') {
            if (set->line.len >= BEFORE_MATCH_BYTES &&
                (set->index < 0 || at < set->end))
                buf_drop(&set->line, BEFORE_MATCH_BYTES / 2);
            if (set->line.len < CONSOLE_MATCH_LINE_MAX)
                buf_addc(&set->line, data[i]);
            continue;
        }
        if (set->index >= 0 && set->end <= at + 1) {
            set->whole = true;
        } else {
            buf_reset(&set->line);
            set->line_start = at + 1;
        }
    }
}

bool
console_match_feed(struct console_match_set *set, int64_t offset,
                   const char *data, size_t bytes)
{
    if (offset != set->next && set->index < 0) {
        if (set->next >= 0)
            must(hs_reset_stream(set->stream, 0, set->scratch, NULL, NULL)
                 == HS_SUCCESS);
        set->base = set->line_start = offset;
        buf_reset(&set->line);
    }
    set->next = offset + (int64_t)bytes;
    if (set->index < 0 && bytes > 0)
        must(hs_scan_stream(set->stream, data, (unsigned)bytes, 0,
                            set->scratch, on_match, set) == HS_SUCCESS);
    follow_line(set, offset, data, bytes);
    return set->index >= 0;
}

int
console_match_index(const struct console_match_set *set)
{
    return set->index;
}

int64_t
console_match_end(const struct console_match_set *set)
{
    return set->end;
}

bool
console_match_line_is_whole(const struct console_match_set *set)
{
    return set->whole;
}

void
console_match_line(const struct console_match_set *set, struct buf *out)
{
    size_t bytes = set->line.len;

    while (bytes > 0 && set->line.data[bytes - 1] == '\r')
        bytes--;
    if (bytes > 0)
        buf_add_escaped(out, set->line.data, bytes);
}

int64_t
console_match_line_start(const struct console_match_set *set)
{
    return set->line_start;
}
