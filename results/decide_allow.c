/* results/decide_allow.c - allow files and their patterns. */
#include <config.h>

#include "results/decide.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"

/* What '@' may stand for. */
static bool
in_word(char c)
{
    return (unsigned char)c < 0x20 || (unsigned char)c > 0x2f;
}

/* Steps that need no byte: from a wildcard to what follows it. */
static void
spread(const char *pattern, size_t count, bool *at)
{
    for (size_t i = 0; i < count; i++) {
        if (at[i] && pattern[i] == '@')
            at[i + (pattern[i + 1] == '@' ? 2 : 1)] = true;
    }
}

/* Where in the pattern a match may stand, byte after byte: it never goes
 * back, so that no pattern is slow. The second '@' of a pair is never
 * reached. */
bool
decide_pattern_matches(const char *pattern, const char *text)
{
    size_t count = strlen(pattern);
    bool *at = xcalloc(count + 2, sizeof *at);
    bool *next = xcalloc(count + 2, sizeof *next), *swap, matched;

    at[0] = true;
    spread(pattern, count, at);
    for (; *text != '\0'; text++) {
        memset(next, 0, (count + 2) * sizeof *next);
        for (size_t i = 0; i < count; i++) {
            if (!at[i])
                continue;
            if (pattern[i] == '@' && (pattern[i + 1] == '@'
                                      || in_word(*text)))
                next[i] = true;
            else if (pattern[i] != '@' && pattern[i] == *text)
                next[i + 1] = true;
        }
        spread(pattern, count, next);
        swap = at;
        at = next;
        next = swap;
    }
    matched = at[count];
    free(at);
    free(next);
    return matched;
}

struct lines {
    const char *name;
    int number;
    struct arena *arena;
    struct decide_allow *list;
    size_t count, cap;
};

/* Takes the next word of a line, NULL at its end. */
static const char *
next_word(struct arena *arena, const char **p, const char *end)
{
    const char *start;

    while (*p < end && (**p == ' ' || **p == '\t'))
        (*p)++;
    if (*p == end || **p == '#')
        return NULL;
    for (start = *p; *p < end && **p != ' ' && **p != '\t';)
        (*p)++;
    return arena_printf(arena, "%.*s", (int)(*p - start), start);
}

static bool
line_remove(struct lines *lines, const char *job, const char *testid,
            struct fault *why)
{
    for (size_t i = lines->count; i-- > 0;) {
        if (strcmp(lines->list[i].job, job) != 0
            || strcmp(lines->list[i].testid, testid) != 0)
            continue;
        memmove(&lines->list[i], &lines->list[i + 1],
                (lines->count - i - 1) * sizeof *lines->list);
        lines->count--;
        return true;
    }
    return fault_set(why, FAULT_CONFIG, "%s:%d: no earlier line allows "
                     "'%s %s'", lines->name, lines->number, job, testid);
}

static bool
line_take(struct lines *lines, const char *line, const char *end,
          struct fault *why)
{
    const char *p = line, *job, *testid;
    bool removes;

    for (const char *c = line; c < end;) {
        size_t bytes = utf8_span(c, (size_t)(end - c));

        if (bytes == 0 || ((unsigned char)*c < 0x20 && *c != '\t'))
            return fault_set(why, FAULT_CONFIG, "%s:%d: byte 0x%02x is no "
                             "text", lines->name, lines->number,
                             (unsigned char)*c);
        c += bytes;
    }
    job = next_word(lines->arena, &p, end);
    if (job == NULL)
        return true;
    removes = job[0] == '!';
    job += removes ? 1 : 0;
    testid = next_word(lines->arena, &p, end);
    if (job[0] == '\0' || next_word(lines->arena, &p, end) != NULL)
        return fault_set(why, FAULT_CONFIG, "%s:%d: a line is a pattern of "
                         "jobs and perhaps one of testids", lines->name,
                         lines->number);
    if (testid == NULL)
        testid = "@@";
    if (removes)
        return line_remove(lines, job, testid, why);
    lines->list = xgrow(lines->list, &lines->cap, lines->count,
                        sizeof *lines->list);
    lines->list[lines->count++] = (struct decide_allow){
        job, testid, arena_printf(lines->arena, "%s:%d", lines->name,
                                  lines->number)
    };
    return true;
}

bool
decide_allow_parse(const char *text, size_t bytes, const char *name,
                   struct arena *arena, const struct decide_allow **allow,
                   size_t *count, struct fault *why)
{
    struct lines lines = { .name = name, .arena = arena };
    const char *p = text, *end = text + bytes;
    struct decide_allow *list;
    bool ok = true;

    for (size_t i = 0; i < *count; i++) {
        lines.list = xgrow(lines.list, &lines.cap, lines.count,
                           sizeof *lines.list);
        lines.list[lines.count++] = (*allow)[i];
    }
    while (ok && p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));

        lines.number++;
        if (newline == NULL)
            newline = end;
        ok = line_take(&lines, p, newline, why);
        p = newline < end ? newline + 1 : end;
    }
    if (ok) {
        list = arena_alloc(arena, lines.count * sizeof *list + 1);
        if (lines.count > 0)
            memcpy(list, lines.list, lines.count * sizeof *list);
        *allow = list;
        *count = lines.count;
    }
    free(lines.list);
    return ok;
}
