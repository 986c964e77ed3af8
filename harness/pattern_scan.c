/* harness/pattern_scan.c - see the header.
 *
 * The database of patterns is a streaming one. A stream is scanned as its
 * bytes come; libhs tells where matches end, and they are given to the line
 * that the end is in. A line's meaning is known when the line is whole. */
#include <config.h>

#include "harness/pattern_scan.h"

#include <hs.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/pattern.h"

#define PIECE_BYTES 4096

struct pattern_code {
    const struct pattern_set *set;
    struct pattern_set *own;    /* NULL, or the same */
    hs_database_t *database;
    hs_scratch_t *scratch;
    bool *hits;                 /* for one line */
};

struct hit {
    size_t pattern;
    int64_t end;                /* offset after the match */
};

struct pattern_scan {
    struct pattern_code *code;
    pattern_found_fn *found;
    void *owner;
    hs_stream_t *stream;
    int64_t at;                 /* offset of the next byte */
    int64_t base;               /* of the stream's first, as libhs counts */
    int64_t line_start;
    struct buf line;
    struct hit *hits;           /* of the bytes of this feed, by end */
    size_t hit_count, hit_cap;
    const struct pattern *best; /* of the line so far */
    bool noise;
};

struct pattern_code *
pattern_code_new(const struct pattern_set *set, struct fault *why)
{
    size_t count = pattern_count(set);
    struct pattern_code *code = xcalloc(1, sizeof(*code));
    const char **regexes = xcalloc(count + 1, sizeof(*regexes));
    unsigned *flags = xcalloc(count + 1, sizeof(*flags));
    unsigned *ids = xcalloc(count + 1, sizeof(*ids));
    hs_compile_error_t *error = NULL;
    bool ok;

    code->set = set;
    code->hits = xcalloc(count + 1, sizeof(*code->hits));
    for (size_t i = 0; i < count; i++) {
        regexes[i] = pattern_at(set, i)->regex;
        flags[i] = HS_FLAG_MULTILINE;
        ids[i] = (unsigned)i;
    }
    ok = count > 0
        || fault_set(why, FAULT_CONFIG, "there is no pattern at all");
    if (ok && hs_compile_multi(regexes, flags, ids, (unsigned)count,
                               HS_MODE_STREAM, NULL, &code->database, &error)
              != HS_SUCCESS) {
        const struct pattern *bad = error->expression < 0 ? NULL
            : pattern_at(set, (size_t)error->expression);

        ok = fault_set(why, FAULT_CONFIG, "%s:1: pattern %s: %s",
                       bad == NULL ? "patterns" : bad->file,
                       bad == NULL ? "(all)" : bad->name, error->message);
        (void)hs_free_compile_error(error);
    }
    if (ok && hs_alloc_scratch(code->database, &code->scratch) != HS_SUCCESS)
        ok = fault_set(why, FAULT_SYSTEM, "libhs has no memory");
    free(regexes);
    free(flags);
    free(ids);
    if (ok)
        return code;
    pattern_code_free(code);
    return NULL;
}

struct pattern_code *
pattern_code_load(struct fault *why)
{
    struct pattern_set *set = NULL;
    struct pattern_code *code;

    if (!pattern_set_load(&set, why))
        return NULL;
    code = pattern_code_new(set, why);
    if (code == NULL)
        pattern_set_free(set);
    else
        code->own = set;
    return code;
}

struct pattern_code *
pattern_code_try(void)
{
    struct fault why = FAULT_INIT;
    struct pattern_code *code = pattern_code_load(&why);

    if (code == NULL)
        log_fault(LOG_LEVEL_WARN, &why, "no patterns");
    return code;
}

const struct pattern_set *
pattern_code_set(const struct pattern_code *code)
{
    return code->set;
}

void
pattern_code_free(struct pattern_code *code)
{
    if (code == NULL)
        return;
    if (code->scratch != NULL)
        (void)hs_free_scratch(code->scratch);
    if (code->database != NULL)
        (void)hs_free_database(code->database);
    pattern_set_free(code->own);
    free(code->hits);
    free(code);
}

static int
on_line_match(unsigned id, unsigned long long from UNUSED,
              unsigned long long to UNUSED, unsigned flags UNUSED,
              void *context)
{
    bool *hits = context;

    hits[id] = true;
    return 0;
}

/* Sets code->hits for the line. */
static void
scan_line(struct pattern_code *code, const char *line, size_t bytes)
{
    hs_stream_t *stream = NULL;

    memset(code->hits, 0, pattern_count(code->set) * sizeof(*code->hits));
    must(hs_open_stream(code->database, 0, &stream) == HS_SUCCESS);
    must(hs_scan_stream(stream, line, (unsigned)bytes, 0, code->scratch,
                        on_line_match, code->hits) == HS_SUCCESS);
    must(hs_close_stream(stream, code->scratch, on_line_match, code->hits)
         == HS_SUCCESS);
}

/* The heavier one; of equals the one that stands first in the library. */
static const struct pattern *
heavier(const struct pattern *a, const struct pattern *b)
{
    return a == NULL || b->weight > a->weight
        || (b->weight == a->weight && b < a) ? b : a;
}

const struct pattern *
pattern_code_line(struct pattern_code *code, const char *line, size_t bytes)
{
    const struct pattern *best = NULL, *pattern;

    scan_line(code, line, bytes);
    for (size_t i = 0; i < pattern_count(code->set); i++) {
        pattern = pattern_at(code->set, i);
        if (!code->hits[i])
            continue;
        if (pattern->kind == PATTERN_NOISE)
            return NULL;
        best = heavier(best, pattern);
    }
    return best;
}

bool
pattern_code_matches(struct pattern_code *code, const struct pattern *pattern,
                     const char *line, size_t bytes)
{
    size_t i = 0;

    scan_line(code, line, bytes);
    while (pattern_at(code->set, i) != pattern)
        i++;
    return code->hits[i];
}

struct pattern_scan *
pattern_scan_new(struct pattern_code *code, pattern_found_fn *found,
                 void *owner)
{
    struct pattern_scan *scan = xcalloc(1, sizeof(*scan));

    scan->code = code;
    scan->found = found;
    scan->owner = owner;
    must(hs_open_stream(code->database, 0, &scan->stream) == HS_SUCCESS);
    return scan;
}

void
pattern_scan_free(struct pattern_scan *scan)
{
    if (scan == NULL)
        return;
    (void)hs_close_stream(scan->stream, NULL, NULL, NULL);
    buf_free(&scan->line);
    free(scan->hits);
    free(scan);
}

static int
on_match(unsigned id, unsigned long long from UNUSED, unsigned long long to,
         unsigned flags UNUSED, void *context)
{
    struct pattern_scan *scan = context;

    scan->hits = xgrow(scan->hits, &scan->hit_cap, scan->hit_count,
                       sizeof(*scan->hits));
    scan->hits[scan->hit_count++] = (struct hit){
        id, scan->base + (int64_t)to
    };
    return 0;
}

static void
line_end(struct pattern_scan *scan)
{
    const struct pattern *best = scan->noise ? NULL : scan->best;
    size_t bytes = scan->line.len;

    while (bytes > 0 && scan->line.data[bytes - 1] == '\r')
        bytes--;
    if (best != NULL)
        scan->found(scan->owner, best, scan->line_start,
                    buf_text(&scan->line), bytes);
    scan->best = NULL;
    scan->noise = false;
    buf_reset(&scan->line);
}

/* The hits that end up to 'end' belong to the line at hand. */
static void
take_hits(struct pattern_scan *scan, int64_t end)
{
    const struct pattern *pattern;
    size_t kept = 0;

    for (size_t i = 0; i < scan->hit_count; i++) {
        if (scan->hits[i].end > end) {
            scan->hits[kept++] = scan->hits[i];
            continue;
        }
        pattern = pattern_at(scan->code->set, scan->hits[i].pattern);
        if (pattern->kind == PATTERN_NOISE)
            scan->noise = true;
        else
            scan->best = heavier(scan->best, pattern);
    }
    scan->hit_count = kept;
}

static void
line_add(struct pattern_scan *scan, const char *data, size_t bytes)
{
    size_t room = PATTERN_LINE_MAX - scan->line.len;

    buf_add(&scan->line, data, bytes < room ? bytes : room);
}

static void
feed_piece(struct pattern_scan *scan, const char *data, size_t bytes)
{
    const char *end;

    must(hs_scan_stream(scan->stream, data, (unsigned)bytes, 0,
                        scan->code->scratch, on_match, scan) == HS_SUCCESS);
    while ((end = memchr(data, '\n', bytes)) != NULL) {
        size_t part = (size_t)(end - data);

        line_add(scan, data, part);
        scan->at += (int64_t)part + 1;
        take_hits(scan, scan->at);
        line_end(scan);
        scan->line_start = scan->at;
        data += part + 1;
        bytes -= part + 1;
    }
    line_add(scan, data, bytes);
    scan->at += (int64_t)bytes;
    take_hits(scan, scan->at);
}

/* In pieces, so that the list of hits stays short. */
void
pattern_scan_feed(struct pattern_scan *scan, const char *data, size_t bytes)
{
    while (bytes > 0) {
        size_t part = bytes < PIECE_BYTES ? bytes : PIECE_BYTES;

        feed_piece(scan, data, part);
        data += part;
        bytes -= part;
    }
}

void
pattern_scan_flush(struct pattern_scan *scan)
{
    /* '$' at the end of the data is told when the stream ends. */
    must(hs_reset_stream(scan->stream, 0, scan->code->scratch, on_match, scan)
         == HS_SUCCESS);
    take_hits(scan, INT64_MAX);
    line_end(scan);
    scan->line_start = scan->base = scan->at;
}
