/* hosts/xl_list.c - see xl_list.h. Its columns are those of xl(1):
 *
 *   Name           ID   Mem VCPUs      State   Time(s)
 *   Domain-0        0  2048     2     r-----     100.1
 */
#include <config.h>

#include "hosts/xl_list.h"

#include <stdint.h>
#include <string.h>

#include "harness/buf.h"
#include "harness/fault.h"

#define NAME_MAX_BYTES 100
#define WORD_BYTES (NAME_MAX_BYTES + 2)  /* longer is seen to be */
#define LINE_SHOWN 80
#define STATE_LETTERS 6

static const char *const columns[] = { "Name", "ID", "Mem", "VCPUs", "State",
                                       "Time(s)" };

#define WORDS ARRAY_LEN(columns)

/* The last words of a line; a name may have blanks, its first words are then
 * only counted. */
struct line {
    size_t count;
    char word[ARRAY_LEN(columns)][WORD_BYTES];
};

bool
xl_name_is_good(const char *name)
{
    return name_is_safe(name, NAME_MAX_BYTES)
        && name[strspn(name, "0123456789")] != '\0'
        && strcmp(name, "Domain-0") != 0;
}

static void
split(const char *text, size_t bytes, struct line *line)
{
    static const char blanks[] = " \t\r";
    size_t at = 0;

    line->count = 0;
    for (;;) {
        size_t start;

        while (at < bytes && memchr(blanks, text[at], 3) != NULL)
            at++;
        if (at == bytes)
            return;
        start = at;
        while (at < bytes && memchr(blanks, text[at], 3) == NULL)
            at++;
        if (line->count >= WORDS)
            memmove(line->word, line->word[1], sizeof(line->word[0])
                    * (WORDS - 1));
        (void)snprintf(line->word[line->count < WORDS ? line->count
                                  : WORDS - 1], WORD_BYTES, "%.*s",
                       at - start < WORD_BYTES ? (int)(at - start)
                                               : WORD_BYTES - 1,
                       text + start);
        line->count++;
    }
}

static bool
is_head(const struct line *line)
{
    bool same = line->count == WORDS;

    for (size_t i = 0; same && i < WORDS; i++)
        same = strcmp(line->word[i], columns[i]) == 0;
    return same;
}

static bool
is_domain(const struct line *line, int64_t *id_out)
{
    int64_t number;
    double seconds;

    return line->count >= WORDS
        && parse_int64(line->word[1], 0, INT32_MAX, id_out)
        && parse_int64(line->word[2], 0, INT64_MAX, &number)
        && parse_int64(line->word[3], 0, INT32_MAX, &number)
        && strlen(line->word[4]) == STATE_LETTERS
        && strspn(line->word[4], "-rbpscd") == STATE_LETTERS
        && parse_double(line->word[5], &seconds) && seconds >= 0;
}

static bool
no_table(const char *text, size_t bytes, struct fault *why)
{
    return fault_set(why, FAULT_PEER, "its answer is no table of 'xl list': "
                     "'%.*s'", bytes < LINE_SHOWN ? (int)bytes : LINE_SHOWN,
                     bytes > 0 ? text : "");
}

bool
xl_list_has(const char *text, size_t bytes, const char *name, bool *has_out,
            struct fault *why)
{
    const char *end = text + bytes, *next;
    bool has = false, zero = false, first = true;
    struct line line;
    int64_t id;

    for (const char *at = text; at < end; at = next) {
        size_t length;

        next = memchr(at, '\n', (size_t)(end - at));
        if (next == NULL)
            return no_table(at, (size_t)(end - at), why);
        length = (size_t)(next++ - at);
        split(at, length, &line);
        if (memchr(at, '\0', length) != NULL
            || (first ? !is_head(&line) : !is_domain(&line, &id)))
            return no_table(at, length, why);
        zero = zero || (!first && id == 0);
        has = has || (!first && line.count == WORDS
                      && strcmp(line.word[0], name) == 0);
        first = false;
    }
    if (!zero)
        return fault_set(why, FAULT_PEER, "what 'xl list' prints has no "
                         "domain 0");
    *has_out = has;
    return true;
}
