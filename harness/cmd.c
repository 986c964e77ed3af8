/* harness/cmd.c - the command line as tables: finding the row, parsing,
 * running. What is printed from the tables is in cmd_text.c. */
#include <config.h>

#include "harness/cmd.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/cmd_text.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/signals.h"

#define WORDS_MAX 4             /* of a path */
#define LIKE_MAX 31             /* bytes of a word that may be meant */
#define LIKE_FAR 3              /* letters that it may differ in */

struct value {
    bool given;
    const char *text;
    int64_t number;
    const char **list;
    size_t list_len, list_cap;
};

struct cmd_call {
    const struct cmd *cmd;
    struct value *values;       /* parallel to cmd->opts */
    const char **args;
    size_t arg_count, arg_cap;
    bool json;
    bool help;
    int exit_status;
    bool exit_status_set;
};

static size_t
opt_count(const struct cmd *cmd)
{
    size_t n = 0;

    while (cmd->opts != NULL && cmd->opts[n].type != CMD_OPT_END)
        n++;
    return n;
}

static bool
bounds(const struct cmd_opt *opt, int64_t *min, int64_t *max)
{
    bool any = opt->min == 0 && opt->max == 0;

    *min = opt->min;
    *max = any ? INT64_MAX : opt->max;
    return !any;
}

static bool
set_number(const struct cmd_opt *opt, const char *text, struct value *value,
           struct fault *why)
{
    bool duration = opt->type == CMD_OPT_DURATION, bounded, ok;
    const char *unit = duration ? " ms" : "";
    int64_t min, max;

    bounded = bounds(opt, &min, &max);
    ok = duration ? parse_duration_ms(text, &value->number)
                  : parse_int64(text, INT64_MIN, INT64_MAX, &value->number);
    if (!ok)
        return fault_set(why, FAULT_USAGE, "--%s: '%s' is not a %s",
                         opt->name, text,
                         duration ? "time such as 250ms, 30s, 5m or 2h"
                                  : "whole number");
    if (value->number >= min && value->number <= max)
        return true;
    if (!bounded)
        return fault_set(why, FAULT_USAGE, "--%s: '%s' is below 0",
                         opt->name, text);
    return fault_set(why, FAULT_USAGE,
                     "--%s: '%s' is not between %lld and %lld%s", opt->name,
                     text, (long long)min, (long long)max, unit);
}

static bool
set_value(const struct cmd_opt *opt, const char *text, struct value *value,
          struct fault *why)
{
    if (value->given && opt->type != CMD_OPT_LIST)
        return fault_set(why, FAULT_USAGE, "--%s is given twice", opt->name);
    value->given = true;
    value->text = text;
    switch (opt->type) {
    case CMD_OPT_LIST:
        value->list = xgrow(value->list, &value->list_cap, value->list_len,
                            sizeof(*value->list));
        value->list[value->list_len++] = text;
        return true;
    case CMD_OPT_INT:
    case CMD_OPT_DURATION:
        return set_number(opt, text, value, why);
    case CMD_OPT_FLAG:
    case CMD_OPT_TEXT:
        return true;
    case CMD_OPT_END:
    default:
        must_never("no such type of option");
    }
}

/* 'word' is "--name" or "--name=value"; may take the next word too. */
static bool
parse_option(struct cmd_call *call, const char *word, const char *next,
             bool *took_next, struct fault *why)
{
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name), i;
    const struct cmd_opt *opt;

    *took_next = false;
    if (equals == NULL && strcmp(name, "help") == 0) {
        call->help = true;
        return true;
    }
    if (equals == NULL && strcmp(name, "json") == 0) {
        call->json = true;
        return true;
    }
    for (i = 0; i < opt_count(call->cmd); i++) {
        opt = &call->cmd->opts[i];
        if (strlen(opt->name) != len || strncmp(opt->name, name, len) != 0)
            continue;
        if (opt->type == CMD_OPT_FLAG) {
            if (equals != NULL)
                return fault_set(why, FAULT_USAGE, "--%s takes no value",
                                 opt->name);
            return set_value(opt, "", &call->values[i], why);
        }
        if (equals != NULL)
            return set_value(opt, equals + 1, &call->values[i], why);
        if (next == NULL)
            return fault_set(why, FAULT_USAGE, "--%s wants %s", opt->name,
                             opt->arg != NULL ? opt->arg : "a value");
        *took_next = true;
        return set_value(opt, next, &call->values[i], why);
    }
    return fault_set(why, FAULT_USAGE, "there is no option --%.*s", (int)len,
                     name);
}

static void
add_arg(struct cmd_call *call, const char *arg)
{
    call->args = xgrow(call->args, &call->arg_cap, call->arg_count + 1,
                       sizeof(*call->args));
    call->args[call->arg_count++] = arg;
    call->args[call->arg_count] = NULL;
}

static bool
parse_words(struct cmd_call *call, int argc, char **argv, struct fault *why)
{
    const struct cmd *cmd = call->cmd;
    bool took, only_args = false;
    int i;

    for (i = 0; i < argc; i++) {
        if (only_args || argv[i][0] != '-' || argv[i][1] == '\0') {
            add_arg(call, argv[i]);
        } else if (strcmp(argv[i], "--") == 0) {
            only_args = true;
        } else if (argv[i][1] != '-') {
            return fault_set(why, FAULT_USAGE, "there is no option %s",
                             argv[i]);
        } else {
            if (!parse_option(call, argv[i], i + 1 < argc ? argv[i + 1] : NULL,
                              &took, why))
                return false;
            i += took ? 1 : 0;
        }
    }
    if (call->help)
        return true;
    if (call->arg_count < (size_t)cmd->args_min)
        return fault_set(why, FAULT_USAGE, "too few arguments: %s is wanted",
                         cmd->args);
    if (cmd->args_max >= 0 && call->arg_count > (size_t)cmd->args_max)
        return fault_set(why, FAULT_USAGE, "'%s' is one argument too many",
                         call->args[cmd->args_max]);
    return true;
}

static void
set_defaults(struct cmd_call *call)
{
    size_t i;

    for (i = 0; i < opt_count(call->cmd); i++) {
        const struct cmd_opt *opt = &call->cmd->opts[i];
        struct value *value = &call->values[i];

        if (value->given || opt->dflt == NULL)
            continue;
        must(opt->type != CMD_OPT_LIST && opt->type != CMD_OPT_FLAG);
        must(set_value(opt, opt->dflt, value, NULL));
        value->given = false;
    }
}

const struct cmd *
cmd_find(const struct cmd_program *program, const char *path)
{
    const struct cmd *const *table, *cmd;

    for (table = program->tables; *table != NULL; table++) {
        for (cmd = *table; cmd->path != NULL; cmd++) {
            if (strcmp(cmd->path, path) == 0)
                return cmd;
        }
    }
    return NULL;
}

/* True when "path " starts some row: a group such as "flight". */
static bool
is_group(const struct cmd_program *program, const char *path)
{
    const struct cmd *const *table, *cmd;
    size_t len = strlen(path);

    for (table = program->tables; *table != NULL; table++) {
        for (cmd = *table; cmd->path != NULL; cmd++) {
            if (strncmp(cmd->path, path, len) == 0 && cmd->path[len] == ' ')
                return true;
        }
    }
    return false;
}

/* The row with the longest path that the words start with. 'words_out' is how
 * many it took. NULL with the group it got to in 'group'. */
static const struct cmd *
find_row(const struct cmd_program *program, int argc, char **argv,
         int *words_out, struct buf *group)
{
    const struct cmd *found = cmd_find(program, ""), *cmd;
    struct buf path = BUF_INIT;
    int i;

    *words_out = 0;
    for (i = 0; i < argc && i < WORDS_MAX && argv[i][0] != '-'; i++) {
        buf_addf(&path, "%s%s", i > 0 ? " " : "", argv[i]);
        cmd = cmd_find(program, buf_text(&path));
        if (cmd != NULL) {
            found = cmd;
            *words_out = i + 1;
        }
        if (is_group(program, buf_text(&path))) {
            buf_reset(group);
            buf_adds(group, buf_text(&path));
        }
    }
    buf_free(&path);
    return found;
}

static int
usage_fault(const struct cmd_program *program, const char *path,
            struct fault *why)
{
    if (why->hint[0] == '\0')
        fault_hint(why, "%s%s%s --help", program->name,
                   path[0] != '\0' ? " " : "", path);
    fault_print(why);
    return fault_exit_status(why);
}

/* How many single letters, and swaps of two, lie between the words: Damerau and
 * Levenshtein's optimal string alignment. Long words are far from all. */
static size_t
distance(const char *a, const char *b)
{
    size_t rows[3][LIKE_MAX + 1], *before = rows[0], *last = rows[1],
           *now = rows[2], *swap, m = strlen(a), n = strlen(b);

    if (m > LIKE_MAX || n > LIKE_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        last[j] = j;
    for (size_t i = 1; i <= m; i++) {
        now[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]
                && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        swap = before;
        before = last;
        last = now;
        now = swap;
    }
    return last[n];
}

/* The word below 'group' that was likely meant by 'word', in 'out'. */
static bool
likely(const struct cmd_program *program, const char *group, const char *word,
       char out[static LIKE_MAX + 1])
{
    size_t skip = strlen(group), best = SIZE_MAX;
    const struct cmd *const *table, *cmd;

    for (table = program->tables; *table != NULL; table++) {
        for (cmd = *table; cmd->path != NULL; cmd++) {
            const char *name = cmd->path + skip + (skip > 0);
            char known[LIKE_MAX + 1];
            size_t far;

            if (cmd->access == CMD_HIDDEN
                || strncmp(cmd->path, group, skip) != 0
                || (skip > 0 && cmd->path[skip] != ' ')
                || strcspn(name, " ") > LIKE_MAX)
                continue;
            (void)snprintf(known, sizeof(known), "%.*s",
                           (int)strcspn(name, " "), name);
            far = distance(word, known);
            if (far < best && far <= strlen(known) / 2 && far <= LIKE_FAR) {
                best = far;
                memcpy(out, known, sizeof(known));
            }
        }
    }
    return best != SIZE_MAX;
}

static int
no_such_row(const struct cmd_program *program, int argc, char **argv,
            const char *group)
{
    struct fault why = FAULT_INIT;
    char meant[LIKE_MAX + 1];
    size_t skip = 0;
    const char *p;

    for (p = group; *p != '\0'; p++)
        skip += *p == ' ' ? 1 : 0;
    if (group[0] != '\0')
        skip++;
    if (group[0] != '\0'
        && ((size_t)argc == skip || strcmp(argv[skip], "--help") == 0)) {
        bool asked = (size_t)argc > skip;

        cmd_text_group(program, group, asked ? stdout : stderr);
        return asked ? 0 : 2;
    }
    if ((size_t)argc > skip && argv[skip][0] == '-')
        fault_set(&why, FAULT_USAGE, "there is no option %s", argv[skip]);
    else
        fault_set(&why, FAULT_USAGE, "there is no subcommand '%s%s%s'", group,
                  group[0] != '\0' ? " " : "", argv[skip]);
    if (argv[skip][0] != '-' && likely(program, group, argv[skip], meant))
        fault_hint(&why, "'%s%s%s' is near; '%s%s%s --help' lists them all",
                   group, group[0] != '\0' ? " " : "", meant, program->name,
                   group[0] != '\0' ? " " : "", group);
    return usage_fault(program, group, &why);
}

static int
run_row(const struct cmd_program *program, const struct cmd *cmd, int argc,
        char **argv)
{
    struct cmd_call call = { .cmd = cmd };
    struct fault why = FAULT_INIT;
    int status = 0;
    size_t i;
    bool ok;

    call.values = xcalloc(opt_count(cmd) + 1, sizeof(*call.values));
    call.args = xgrow(NULL, &call.arg_cap, 0, sizeof(*call.args));
    call.args[0] = NULL;
    if (!parse_words(&call, argc, argv, &why)) {
        status = usage_fault(program, cmd->path, &why);
        goto out;
    }
    if (call.help) {
        cmd_text_row(program, cmd, stdout);
        goto out;
    }
    set_defaults(&call);
    ok = cmd->run(&call, &why);
    if (!ok && why.kind != FAULT_NONE)
        fault_print(&why);
    status = call.exit_status;
    if (!call.exit_status_set)
        status = ok ? 0 : fault_exit_status(&why);
out:
    for (i = 0; i < opt_count(cmd); i++)
        free(call.values[i].list);
    free(call.values);
    free(call.args);
    return status;
}

static int
run_builtin(const struct cmd_program *program, int argc, char **argv,
            bool *done)
{
    struct buf group = BUF_INIT;
    const struct cmd *cmd;
    int words, status = 0;

    *done = true;
    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        printf("%s %s (%s)\n", program->name, PACKAGE_VERSION,
               harness_revision());
    } else if (argc == 1 && strcmp(argv[0], "command-table") == 0) {
        cmd_text_table(program, stdout);
    } else if (argc == 1 && strcmp(argv[0], "command-manual") == 0) {
        cmd_text_manual(program, stdout);
    } else if (cmd_find(program, "") != NULL) {
        *done = false;          /* no subcommands: the rest is its own */
    } else if (argc > 0 && strcmp(argv[0], "--help") == 0) {
        cmd_text_program(program, stdout);
    } else if (argc == 0) {
        cmd_text_program(program, stderr);
        status = 2;
    } else if (strcmp(argv[0], "help") == 0) {
        cmd = find_row(program, argc - 1, argv + 1, &words, &group);
        if (argc == 1)
            cmd_text_program(program, stdout);
        else if (cmd != NULL && words == argc - 1)
            cmd_text_row(program, cmd, stdout);
        else if (group.len > 0)
            cmd_text_group(program, buf_text(&group), stdout);
        else
            status = no_such_row(program, argc - 1, argv + 1, "");
    } else if (argc == 2 && strcmp(argv[0], "completion") == 0
               && strcmp(argv[1], "bash") == 0) {
        cmd_text_bash(program, stdout);
    } else {
        *done = false;
    }
    buf_free(&group);
    return status;
}

int
cmd_main(const struct cmd_program *program, int argc, char **argv)
{
    struct buf group = BUF_INIT;
    const struct cmd *cmd;
    int words, status;
    bool done;

    setlocale(LC_CTYPE, "");    /* the width of text in tables */
    log_init(program->name);
    argc = argc > 0 ? argc - 1 : 0;
    argv++;
    status = run_builtin(program, argc, argv, &done);
    if (!done) {
        cmd = find_row(program, argc, argv, &words, &group);
        if (cmd == NULL)
            status = no_such_row(program, argc, argv, buf_text(&group));
        else
            status = run_row(program, cmd, argc - words, argv + words);
    }
    buf_free(&group);
    /* What was not written was not said. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        struct fault why = FAULT_INIT;

        fault_errno(&why, FAULT_SYSTEM, "write standard output");
        fault_print(&why);
        if (status == 0)
            status = fault_exit_status(&why);
    }
    /* Who asked us to stop may go on signalling, as timeout(1) and a terminal
     * that hangs up do: whatever runs at a normal exit is not for that. */
    if (signals_stop_asked() != 0)
        _exit(status);
    return status;
}

/* A handler that asks for an option that its row has not, is a bug. */
static struct value *
get(const struct cmd_call *call, const char *name,
    const struct cmd_opt **opt_out)
{
    size_t i;

    for (i = 0; i < opt_count(call->cmd); i++) {
        if (strcmp(call->cmd->opts[i].name, name) == 0) {
            *opt_out = &call->cmd->opts[i];
            return &call->values[i];
        }
    }
    fprintf(stderr, "no option --%s in the row of '%s'\n", name,
            call->cmd->path);
    abort();
}

int
cmd_argc(const struct cmd_call *call)
{
    return (int)call->arg_count;
}

const char *
cmd_arg(const struct cmd_call *call, int i)
{
    return i >= 0 && (size_t)i < call->arg_count ? call->args[i] : NULL;
}

bool
cmd_number(const struct cmd_call *call, int i, const char *what, int64_t *out,
           struct fault *why)
{
    const char *text = cmd_arg(call, i);

    if (text == NULL)
        return fault_set(why, FAULT_USAGE, "the number of %s is wanted",
                         what);
    return parse_int64(text, 1, INT64_MAX, out)
        || fault_set(why, FAULT_USAGE, "'%s' is no number of %s", text, what);
}

const char *const *
cmd_argv(const struct cmd_call *call)
{
    return call->args;
}

bool
cmd_json(const struct cmd_call *call)
{
    return call->json;
}

bool
cmd_flag(const struct cmd_call *call, const char *name)
{
    const struct cmd_opt *opt;
    const struct value *value = get(call, name, &opt);

    must(opt->type == CMD_OPT_FLAG);
    return value->given;
}

const char *
cmd_text(const struct cmd_call *call, const char *name)
{
    const struct cmd_opt *opt;
    const struct value *value = get(call, name, &opt);

    must(opt->type != CMD_OPT_FLAG && opt->type != CMD_OPT_LIST);
    return value->text;
}

int64_t
cmd_int(const struct cmd_call *call, const char *name)
{
    const struct cmd_opt *opt;
    const struct value *value = get(call, name, &opt);

    must(opt->type == CMD_OPT_INT || opt->type == CMD_OPT_DURATION);
    return value->number;
}

const char *
cmd_list(const struct cmd_call *call, const char *name, int i)
{
    const struct cmd_opt *opt;
    const struct value *value = get(call, name, &opt);

    must(opt->type == CMD_OPT_LIST);
    return i >= 0 && (size_t)i < value->list_len ? value->list[i] : NULL;
}

void
cmd_exit_status(struct cmd_call *call, int status)
{
    call->exit_status = status;
    call->exit_status_set = true;
}
