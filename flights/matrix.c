/* flights/matrix.c - see matrix.h. */
#include <config.h>

#include "flights/matrix.h"

#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"

size_t
matrix_size(const struct matrix_axis *axes, size_t axis_count, size_t max)
{
    size_t size = 1;

    for (size_t i = 0; i < axis_count; i++) {
        if (axes[i].count == 0)
            return 0;
        if (size <= max)        /* stays small enough to multiply */
            size = axes[i].count > max ? max + 1 : size * axes[i].count;
    }
    return size > max ? max + 1 : size;
}

void
matrix_cell(const struct matrix_axis *axes, size_t axis_count, size_t index,
            struct matrix_pair *pairs_out)
{
    for (size_t i = axis_count; i-- > 0;) {
        pairs_out[i].key = axes[i].key;
        pairs_out[i].value = axes[i].values[index % axes[i].count];
        index /= axes[i].count;
    }
}

static const char *
value_of(const struct matrix_pair *pairs, size_t pair_count, const char *key)
{
    for (size_t i = 0; i < pair_count; i++)
        if (strcmp(pairs[i].key, key) == 0)
            return pairs[i].value;
    return NULL;
}

bool
matrix_excludes(struct arena *arena, const char *rule,
                const struct matrix_pair *pairs, size_t pair_count,
                bool *excludes_out, const char **bad_out)
{
    char *rest = arena_strdup(arena, rule), *word;
    bool all = true, any = false;

    while ((word = strsep(&rest, " \t")) != NULL) {
        char *value;
        const char *have;

        if (word[0] == '\0')
            continue;
        *bad_out = arena_strdup(arena, word);
        value = strchr(word, '=');
        if (value == NULL)
            return false;
        *value++ = '\0';
        have = value_of(pairs, pair_count, word);
        if (have == NULL)
            return false;
        all = all && strcmp(have, value) == 0;
        any = true;
    }
    *bad_out = rule;
    *excludes_out = all && any;
    return any;
}

bool
matrix_replace(struct arena *arena, const char *text,
               const struct matrix_pair *pairs, size_t pair_count,
               const char **out, const char **bad_out)
{
    struct buf result = BUF_INIT;
    bool good = true;

    while (*text != '\0' && good) {
        size_t plain = strcspn(text, "{");
        const char *end, *key, *value;

        buf_add(&result, text, plain);
        text += plain;
        if (text[0] == '\0')
            break;
        if (text[1] == '{') {
            buf_addc(&result, '{');
            text += 2;
            continue;
        }
        end = strchr(text, '}');
        if (end == NULL) {
            *bad_out = arena_strdup(arena, text);
            good = false;
            break;
        }
        key = arena_printf(arena, "%.*s", (int)(end - text - 1), text + 1);
        value = value_of(pairs, pair_count, key);
        if (value == NULL) {
            *bad_out = key;
            good = false;
            break;
        }
        buf_adds(&result, value);
        text = end + 1;
    }
    if (good)
        *out = arena_strdup(arena, buf_text(&result));
    buf_free(&result);
    return good;
}
