/* results/decide_opts.c - see decide_opts.h. */
#include <config.h>

#include "results/decide_opts.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "results/decide_db.h"

#define FILE_MAX_BYTES (64 << 20)

static size_t
list_count(const struct cmd_call *call, const char *name)
{
    size_t count = 0;

    while (cmd_list(call, name, (int)count) != NULL)
        count++;
    return count;
}

/* The values TREE=REVISION of option 'name'. */
static bool
take_versions(const struct cmd_call *call, const char *name,
              struct arena *arena, const struct decide_version **out,
              size_t *count_out, struct fault *why)
{
    size_t count = list_count(call, name);
    struct decide_version *list = arena_alloc(arena,
                                              count * sizeof *list + 1);

    for (size_t i = 0; i < count; i++) {
        const char *value = cmd_list(call, name, (int)i);
        const char *equals = strchr(value, '=');

        if (equals == NULL || equals == value || equals[1] == '\0')
            return fault_set(why, FAULT_USAGE, "--%s '%s' is not "
                             "TREE=REVISION", name, value);
        list[i].tree = arena_printf(arena, "%.*s", (int)(equals - value),
                                    value);
        list[i].revision = equals + 1;
    }
    *out = list;
    *count_out = count;
    return true;
}

static bool
take_allow(const struct cmd_call *call, struct arena *arena,
           struct decide_request *request, struct fault *why)
{
    bool ok = true;

    for (int i = 0; ok && cmd_list(call, "allow", i) != NULL; i++) {
        const char *file = cmd_list(call, "allow", i);
        struct buf text = BUF_INIT;

        ok = fs_read_file(file, FILE_MAX_BYTES, &text, why)
            && decide_allow_parse(buf_text(&text), text.len, file, arena,
                                  &request->allow, &request->allow_count,
                                  why);
        buf_free(&text);
    }
    return ok;
}

static bool
take_number(const struct cmd_call *call, const char *name, int64_t *out,
            struct fault *why)
{
    const char *text = cmd_text(call, name);

    return text == NULL || parse_int64(text, 1, INT64_MAX, out)
        || fault_set(why, FAULT_USAGE, "--%s '%s' is no number of a flight",
                     name, text);
}

bool
decide_opts_take(const struct cmd_call *call, struct arena *arena,
                 struct decide_request *out, struct fault *why)
{
    size_t count = list_count(call, "blessing");
    const char **blessings = arena_alloc(arena, (count + 1)
                                                * sizeof *blessings);

    *out = (struct decide_request){ .baseline = 0 };
    for (size_t i = 0; i < count; i++)
        blessings[i] = cmd_list(call, "blessing", (int)i);
    if (count > 0)
        out->blessings = blessings;
    if (!take_number(call, "baseline", &out->baseline, why)
        || !take_number(call, "max-flight", &out->max_flight, why)
        || !take_versions(call, "this", arena, &out->this_version,
                          &out->this_count, why)
        || !take_versions(call, "that", arena, &out->that_version,
                          &out->that_count, why))
        return false;
    if (out->baseline != 0 && out->that_count > 0)
        return fault_set(why, FAULT_USAGE, "--baseline and --that both say "
                         "what to compare with");
    return take_allow(call, arena, out, why);
}

bool
decide_opts_refuse(const struct cmd_call *call, struct fault *why)
{
    static const struct cmd_opt OPTS[] = { DECIDE_OPTS };

    for (size_t i = 0; i < ARRAY_LEN(OPTS); i++) {
        const char *name = OPTS[i].name;

        if (OPTS[i].type == CMD_OPT_LIST ? cmd_list(call, name, 0) != NULL
            : cmd_text(call, name) != NULL)
            return fault_set(why, FAULT_USAGE, "--%s cannot change it", name);
    }
    return true;
}
