/* results/excerpt.c - the ten lines of a log that matter for a failure.
 *
 * This chooses what a person sees first; it decides no outcome and no lane. */
#include <config.h>

#include "results/excerpt.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/mem.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "harness/plain.h"
#include "results/logfile.h"

#define EXCERPT_BEFORE 2
#define EXCERPT_LINE_MAX 300
#define EXCERPT_END_BYTES (2 * 1024 * 1024)

/* A piece of a log, cut into lines as it is walked. */
struct walk {
    const char *data;
    size_t bytes, at;
    int64_t number;             /* of the line at 'at'; 0: unknown */
};

static bool
walk_line(struct walk *walk, const char **line_out, size_t *bytes_out)
{
    const char *start = walk->data + walk->at, *end;

    if (walk->at >= walk->bytes)
        return false;
    end = memchr(start, '\n', walk->bytes - walk->at);
    *line_out = start;
    *bytes_out = end == NULL ? walk->bytes - walk->at
                             : (size_t)(end - start);
    walk->at += *bytes_out + 1;
    if (walk->number > 0)
        walk->number++;
    return true;
}

/* The strongest line so far. */
struct best {
    size_t at;                  /* offset of its start in the piece */
    int weight;                 /* 0: none */
    const char *sign;
    const struct pattern *pattern;
    bool found;                 /* in this piece */
};

static void
on_sign(void *owner, const struct pattern *pattern, int64_t offset,
        const char *line UNUSED, size_t bytes UNUSED)
{
    struct best *best = owner;

    /* Of strong signs the first is the cause and later ones follow from it;
     * of weak ones the last is the nearest to the end. */
    if (pattern->weight == 0 || pattern->weight < best->weight
        || (pattern->weight == best->weight
            && pattern->weight >= EXCERPT_STRONG))
        return;
    best->at = (size_t)offset;
    best->weight = pattern->weight;
    best->sign = pattern->sign;
    best->pattern = pattern;
    best->found = true;
}

/* True when the piece has something stronger than 'best' held before. */
static bool
best_find(struct pattern_code *code, const char *data, size_t bytes,
          struct best *best)
{
    struct pattern_scan *scan;

    best->found = false;
    if (code == NULL)
        return false;
    scan = pattern_scan_new(code, on_sign, best);
    pattern_scan_feed(scan, data, bytes);
    pattern_scan_flush(scan);
    pattern_scan_free(scan);
    return best->found;
}

const struct pattern *
excerpt_sign(struct pattern_code *code, const char *data, size_t bytes,
             size_t *at_out)
{
    struct best best = { .weight = 0 };

    (void)best_find(code, data, bytes, &best);
    *at_out = best.at;
    return best.pattern;
}

/* Nothing to read: also a line that has only the hypervisor's prefix. */
static bool
is_blank(const char *line, size_t bytes)
{
    static const char PREFIX[] = "(XEN)";

    if (bytes >= sizeof PREFIX - 1
        && memcmp(line, PREFIX, sizeof PREFIX - 1) == 0) {
        line += sizeof PREFIX - 1;
        bytes -= sizeof PREFIX - 1;
    }
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)line[i] > ' ')
            return false;
    }
    return true;
}

/* Start of the 'count'-th line before 'at' that is not blank. */
static size_t
lines_back(const char *data, size_t bytes, size_t at, int count)
{
    size_t start = at, found = at;

    while (start > 0 && count > 0) {
        /* The newline before 'start', unless the last line has none. */
        size_t end = start == bytes && data[start - 1] != '\n' ? start
                                                               : start - 1;

        start = end;
        while (start > 0 && data[start - 1] != '\n')
            start--;
        if (!is_blank(data + start, end - start)) {
            found = start;
            count--;
        }
    }
    return found;
}

static int
lines_from_count(const char *data, size_t bytes, size_t at)
{
    struct walk walk = { data, bytes, at, 0 };
    const char *line;
    size_t line_bytes;
    int count = 0;

    while (count < EXCERPT_LINES && walk_line(&walk, &line, &line_bytes))
        count += !is_blank(line, line_bytes);
    return count;
}

/* Fills 'out' with lines of the piece around 'at', blank ones left out: a few
 * from before it, more when there are not enough after it. 'number' is that
 * of the piece's first line, 0 when not known. */
static void
excerpt_around(const char *data, size_t bytes, int64_t number, size_t at,
               bool marked, struct arena *arena, struct excerpt *out)
{
    int after = lines_from_count(data, bytes, at);
    int before = EXCERPT_LINES - after > EXCERPT_BEFORE
        ? EXCERPT_LINES - after : EXCERPT_BEFORE;
    size_t start = lines_back(data, bytes, at, before), line_bytes, here;
    struct walk walk = { data, bytes, 0, number };
    const char *line;

    out->count = 0;
    while (out->count < EXCERPT_LINES) {
        struct excerpt_line *to = &out->lines[out->count];
        struct buf text = BUF_INIT;
        int64_t line_number = walk.number;

        here = walk.at;
        if (!walk_line(&walk, &line, &line_bytes))
            break;
        if (here < start || is_blank(line, line_bytes))
            continue;
        plain_add(&text, line, line_bytes, EXCERPT_LINE_MAX);
        to->number = line_number;
        to->byte = (int64_t)here;
        to->text = arena_strdup(arena, buf_text(&text));
        to->marked = marked && here == at;
        buf_free(&text);
        out->count++;
    }
}

/* The last lines that are not blank. */
static void
excerpt_last(const char *data, size_t bytes, int64_t number,
             struct arena *arena, struct excerpt *out)
{
    out->sign = "";
    out->weight = 0;
    excerpt_around(data, bytes, number, bytes, false, arena, out);
}

static void
excerpt_best(const char *data, size_t bytes, int64_t number,
             const struct best *best, struct arena *arena,
             struct excerpt *out)
{
    out->sign = best->sign;
    out->weight = best->weight;
    excerpt_around(data, bytes, number, best->at, true, arena, out);
}

/* Offset of line 'want'; false if there are not as many. */
static bool
line_find(const char *data, size_t bytes, int64_t want, size_t *at_out)
{
    struct walk walk = { data, bytes, 0, 1 };
    const char *line;
    size_t line_bytes;

    while (walk.number < want) {
        if (!walk_line(&walk, &line, &line_bytes))
            return false;
    }
    *at_out = walk.at;
    return walk.at < bytes;
}

static void
excerpt_wanted(struct pattern_code *code, const char *data, size_t bytes,
               int64_t number, size_t at, struct arena *arena,
               struct excerpt *out)
{
    const struct pattern *pattern;
    const char *end = memchr(data + at, '\n', bytes - at);
    size_t span = end == NULL ? bytes - at : (size_t)(end - data) - at;

    pattern = code == NULL ? NULL : pattern_code_line(code, data + at, span);
    if (pattern != NULL && pattern->weight == 0)
        pattern = NULL;
    out->weight = pattern == NULL ? 0 : pattern->weight;
    out->sign = pattern == NULL ? "evidence" : pattern->sign;
    excerpt_around(data, bytes, number, at, true, arena, out);
}

void
excerpt_data(struct pattern_code *code, const char *data, size_t bytes,
             int64_t first, int64_t want, struct arena *arena,
             struct excerpt *out)
{
    struct best best = { .weight = 0 };
    size_t at;

    if (want >= first && line_find(data, bytes, want - first + 1, &at)) {
        excerpt_wanted(code, data, bytes, first, at, arena, out);
    } else if (best_find(code, data, bytes, &best)) {
        excerpt_best(data, bytes, first, &best, arena, out);
    } else {
        excerpt_last(data, bytes, first, arena, out);
    }
}

/* The data was a piece of a file, from 'base' on. */
static void
shift(struct excerpt *excerpt, int64_t base)
{
    for (int i = 0; i < excerpt->count; i++)
        excerpt->lines[i].byte += base;
}

const struct excerpt_line *
excerpt_mark(const struct excerpt *excerpt)
{
    for (int i = 0; i < excerpt->count; i++) {
        if (excerpt->lines[i].marked)
            return &excerpt->lines[i];
    }
    return NULL;
}

/* Offset of line 'want' in a file of any length; -1: it has fewer lines. */
static bool
line_find_file(int fd, int64_t bytes, int64_t want, char *piece,
               size_t piece_bytes, int64_t *offset_out, struct fault *why)
{
    int64_t offset = 0, line = 1;

    *offset_out = -1;
    while (offset < bytes) {
        size_t n = bytes - offset < (int64_t)piece_bytes
            ? (size_t)(bytes - offset) : piece_bytes;
        const char *p = piece;

        if (!logfile_read_at(fd, piece, n, offset, why))
            return false;
        while (line < want) {
            p = memchr(p, '\n', n - (size_t)(p - piece));
            if (p == NULL)
                break;
            p++;
            line++;
        }
        if (p != NULL) {
            int64_t at = offset + (p - piece);

            *offset_out = at < bytes ? at : -1;
            return true;
        }
        offset += (int64_t)n;
    }
    return true;
}

/* The piece of a file around 'offset', which is the start of line 'want'. */
static bool
excerpt_file_wanted(struct pattern_code *code, int fd, int64_t bytes,
                    int64_t offset, int64_t want, char *piece,
                    struct arena *arena, struct excerpt *out,
                    struct fault *why)
{
    int64_t span = EXCERPT_LINES * 4096, from, to;
    int64_t number = want;

    from = offset > span ? offset - span : 0;
    to = bytes - offset > span ? offset + span : bytes;
    if (!logfile_read_at(fd, piece, (size_t)(to - from), from, why))
        return false;
    for (int64_t i = 0; i < offset - from; i++)
        number -= piece[i] == '\n';
    excerpt_wanted(code, piece, (size_t)(to - from), number,
                   (size_t)(offset - from), arena, out);
    shift(out, from);
    return true;
}

bool
excerpt_read(struct pattern_code *code, int fd, int64_t bytes, int64_t want,
             struct arena *arena, struct excerpt *out, struct fault *why)
{
    struct best best = { .weight = 0 }, head_best;
    size_t piece_bytes = EXCERPT_END_BYTES, head;
    char *piece = NULL, *tail = NULL;
    int64_t offset = -1;
    bool ok = true;

    if (bytes < (int64_t)piece_bytes)
        piece_bytes = (size_t)bytes;
    /* Room for what excerpt_file_wanted() reads, too. */
    piece = xmalloc(piece_bytes + 2 * EXCERPT_LINES * 4096);
    if (want > 0) {
        ok = line_find_file(fd, bytes, want, piece, piece_bytes, &offset,
                            why);
        if (ok && offset >= 0) {
            ok = excerpt_file_wanted(code, fd, bytes, offset, want, piece,
                                     arena, out, why);
            goto out;
        }
    }
    head = piece_bytes;
    ok = ok && logfile_read_at(fd, piece, head, 0, why);
    if (!ok || bytes <= EXCERPT_END_BYTES) {
        if (ok)
            excerpt_data(code, piece, head, 1, 0, arena, out);
        goto out;
    }
    (void)best_find(code, piece, head, &best);
    head_best = best;
    tail = xmalloc(EXCERPT_END_BYTES);
    if (bytes < 2 * (int64_t)EXCERPT_END_BYTES)
        piece_bytes = (size_t)(bytes - EXCERPT_END_BYTES);
    ok = logfile_read_at(fd, tail, piece_bytes, bytes - (int64_t)piece_bytes,
                         why);
    if (!ok)
        goto out;
    if (best_find(code, tail, piece_bytes, &best)) {
        excerpt_best(tail, piece_bytes, 0, &best, arena, out);
        shift(out, bytes - (int64_t)piece_bytes);
    } else if (head_best.sign != NULL) {
        excerpt_best(piece, head, 1, &head_best, arena, out);
    } else {
        excerpt_last(tail, piece_bytes, 0, arena, out);
        shift(out, bytes - (int64_t)piece_bytes);
    }
out:
    free(piece);
    free(tail);
    return ok;
}
