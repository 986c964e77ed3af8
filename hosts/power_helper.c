/* hosts/power_helper.c - what power drivers share: their keys, the answers of
 * programs, and programs of ours that do what blocks. */
#include <config.h>

#include "hosts/power_drivers.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"

#define ANSWER_MAX_BYTES 64
#define WORDS_MAX 8

bool
power_check_keys(json_t *config, const char *const *allowed, size_t count,
                 struct fault *why)
{
    const char *driver = json_text(config, "driver"), *key;
    json_t *value;
    bool ok = true;

    json_object_foreach(config, key, value) {
        bool known = strcmp(key, "driver") == 0;

        for (size_t i = 0; i < count; i++)
            known = known || strcmp(key, allowed[i]) == 0;
        if (ok && !known)
            ok = fault_set(why, FAULT_CONFIG,
                           "power driver %s takes no key '%s'",
                           driver == NULL ? "?" : driver, key);
    }
    return ok;
}

bool
power_read_answer(const char *data, size_t bytes,
                  enum power_state *state_out, struct fault *why)
{
    static const char space[] = " \t\r\n";
    char word[ANSWER_MAX_BYTES];
    enum power_state state;

    while (bytes > 0 && strchr(space, data[bytes - 1]) != NULL)
        bytes--;
    while (bytes > 0 && strchr(space, data[0]) != NULL) {
        data++;
        bytes--;
    }
    (void)snprintf(word, sizeof(word), "%.*s",
                   bytes < sizeof(word) ? (int)bytes : (int)sizeof(word) - 1,
                   bytes > 0 ? data : "");
    state = bytes < sizeof(word) && strlen(word) == bytes
        ? power_state_parse(word) : POWER_UNKNOWN;
    if (state == POWER_UNKNOWN)
        return fault_set(why, FAULT_PEER, "its answer is neither 'on' nor "
                         "'off' but '%s'%s", word,
                         bytes < sizeof(word) ? "" : "...");
    *state_out = state;
    return true;
}

/* "limit" and "steady". */
static const char *const durations[] = { "limit", "steady" };

bool
power_check_limit(const json_t *config, struct fault *why)
{
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        const char *text = json_text(config, durations[i]);
        int64_t ms;

        if (text != NULL && (!parse_duration_ms(text, &ms) || ms <= 0))
            return fault_set(why, FAULT_CONFIG, "power %s '%s' is no "
                             "duration", durations[i], text);
    }
    return true;
}

int64_t
power_duration_ms(const json_t *config, const char *key, int64_t missing)
{
    const char *text = json_text(config, key);
    int64_t ms;

    return text != NULL && parse_duration_ms(text, &ms) ? ms : missing;
}

/* The helper has said what is wrong: its words, not its exit status. */
static bool
helper_fault(const char *program, struct proc_status status,
             struct fault *why)
{
    char text[sizeof(why->detail)], *start = text, *end;
    size_t name = strlen(program);

    if (status.end != PROC_END_EXIT)
        return false;
    (void)snprintf(text, sizeof(text), "%s", why->detail);
    if (strncmp(text, program, name) == 0
        && strncmp(text + name, ": ", 2) == 0)
        start += name + 2;
    end = strchr(start, '\n');
    if (end != NULL)
        *end++ = '\0';
    fault_set(why, status.code == 1 ? FAULT_CONFLICT
              : status.code == 2 ? FAULT_CONFIG : FAULT_PEER, "%s", start);
    if (end != NULL)
        fault_detail(why, end, strlen(end));
    return false;
}

bool
power_helper_run(const char *program, const char *const *words,
                 const char *input, int64_t limit_ms, struct buf *out,
                 struct fault *why)
{
    const char *argv[WORDS_MAX + 2];
    struct arena arena = ARENA_INIT;
    struct proc_status status = { PROC_END_NONE, 0 };
    struct proc_spec spec = PROC_SPEC_INIT;
    char *path = NULL;
    size_t count = 0;
    bool ok;

    ok = home_program(&arena, program, &path, why);
    if (!ok)
        goto out;
    argv[count++] = path;
    for (; *words != NULL; words++) {
        must(count <= WORDS_MAX);
        argv[count++] = *words;
    }
    argv[count] = NULL;
    spec.argv = argv;
    ok = proc_run_spec(&spec, input, input == NULL ? 0 : strlen(input),
                       limit_ms, out, &status, why)
        || helper_fault(program, status, why);
out:
    arena_free(&arena);
    return ok;
}
