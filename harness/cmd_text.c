/* harness/cmd_text.c - what cmd.c prints from the tables. */
#include <config.h>

#include "harness/cmd_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/mem.h"

#define HELP_COLUMNS 80u

struct rows {
    const struct cmd **list;
    size_t len, cap;
};

static int
by_path(const void *a, const void *b)
{
    const struct cmd *const *x = a, *const *y = b;

    return strcmp((*x)->path, (*y)->path);
}

/* The rows whose path starts with the words of 'group' ("" for all). */
static void
rows_collect(const struct cmd_program *program, const char *group,
             bool hidden, struct rows *rows)
{
    const struct cmd *const *table, *cmd;
    size_t len = strlen(group);

    for (table = program->tables; *table != NULL; table++) {
        for (cmd = *table; cmd->path != NULL; cmd++) {
            if (cmd->access == CMD_HIDDEN && !hidden)
                continue;
            if (len != 0 && (strncmp(cmd->path, group, len) != 0
                             || (cmd->path[len] != ' '
                                 && cmd->path[len] != '\0')))
                continue;
            rows->list = xgrow(rows->list, &rows->cap, rows->len,
                               sizeof(const struct cmd *));
            rows->list[rows->len++] = cmd;
        }
    }
    if (rows->len > 1)
        qsort(rows->list, rows->len, sizeof(const struct cmd *), by_path);
}

static void
print_rows(const struct rows *rows, FILE *to)
{
    size_t width = 0, i, len;

    for (i = 0; i < rows->len; i++) {
        len = strlen(rows->list[i]->path);
        width = len > width ? len : width;
    }
    for (i = 0; i < rows->len; i++)
        fprintf(to, "  %-*s  %s\n", (int)width, rows->list[i]->path,
                rows->list[i]->help);
}

/* "...: abort, create, ...", indented where it is continued. */
static void
print_group(const struct cmd_program *program, const struct cmd_group *group,
            int width, FILE *to)
{
    struct rows rows = { NULL, 0, 0 };
    const struct cmd *own = cmd_find(program, group->name);
    struct buf text = BUF_INIT;
    const char *between = ": ", *p;
    size_t len = strlen(group->name), room = HELP_COLUMNS - 4 - (size_t)width;

    must(group->help != NULL || own != NULL);
    buf_adds(&text, group->help != NULL ? group->help : own->help);
    rows_collect(program, group->name, false, &rows);
    for (size_t i = 0; i < rows.len; i++) {
        if (rows.list[i]->path[len] != ' ')
            continue;
        buf_addf(&text, "%s%s", between, rows.list[i]->path + len + 1);
        between = ", ";
    }
    fprintf(to, "  %-*s  ", width, group->name);
    for (p = buf_text(&text); strlen(p) > room;) {
        size_t part = room;

        while (part > 0 && p[part] != ' ')
            part--;
        must(part > 0);
        fprintf(to, "%.*s\n%*s", (int)part, p, width + 4, "");
        p += part + 1;
    }
    fprintf(to, "%s\n", p);
    buf_free(&text);
    free(rows.list);
}

void
cmd_text_program(const struct cmd_program *program, FILE *to)
{
    const struct cmd_group *group;
    size_t width = 0;

    fprintf(to, "usage: %s SUBCOMMAND [OPTION...] [ARGUMENT...]\n\n%s\n",
            program->name, program->help);
    for (group = program->groups; group->name != NULL; group++)
        if (strlen(group->name) > width)
            width = strlen(group->name);
    for (group = program->groups; group->name != NULL; group++) {
        if (group->title != NULL)
            fprintf(to, "\n%s\n", group->title);
        print_group(program, group, (int)width, to);
    }
    fprintf(to, "\n'%s help SUBCOMMAND' says more about each;\n"
            "'%s completion bash' prints a completion script.\n",
            program->name, program->name);
}

void
cmd_text_group(const struct cmd_program *program, const char *group, FILE *to)
{
    struct rows rows = { NULL, 0, 0 };

    fprintf(to, "usage: %s %s SUBCOMMAND [OPTION...] [ARGUMENT...]\n\n"
            "subcommands:\n", program->name, group);
    rows_collect(program, group, false, &rows);
    print_rows(&rows, to);
    free(rows.list);
}

static void
print_option(const char *name, const char *arg, const char *help,
             const char *dflt, FILE *to)
{
    struct buf left = BUF_INIT;

    buf_addf(&left, "--%s%s%s", name, arg != NULL ? " " : "",
             arg != NULL ? arg : "");
    fprintf(to, "  %-24s  %s", buf_text(&left), help);
    if (dflt != NULL)
        fprintf(to, " (default: %s)", dflt);
    fputc('\n', to);
    buf_free(&left);
}

/* Lines that are longer than a terminal are broken at blanks. */
static void
filled_text(const char *text, FILE *to)
{
    while (*text != '\0') {
        size_t whole = strcspn(text, "\n"), len = whole;

        if (len > HELP_COLUMNS) {
            for (len = HELP_COLUMNS; len > 0 && text[len] != ' '; len--)
                continue;
            if (len == 0)       /* one long word */
                len = strcspn(text, " \n");
        }
        fprintf(to, "%.*s\n", (int)len, text);
        text += len;
        text += *text != '\0';
    }
}

void
cmd_text_row(const struct cmd_program *program, const struct cmd *cmd,
             FILE *to)
{
    const struct cmd_opt *opt;

    fprintf(to, "usage: %s%s%s [OPTION...]%s%s\n\n%s\n", program->name,
            cmd->path[0] != '\0' ? " " : "", cmd->path,
            cmd->args[0] != '\0' ? " " : "", cmd->args, cmd->help);
    if (cmd->text != NULL) {
        fputc('\n', to);
        filled_text(cmd->text, to);
    }
    fputs("\noptions:\n", to);
    for (opt = cmd->opts; opt != NULL && opt->type != CMD_OPT_END; opt++)
        print_option(opt->name, opt->arg, opt->help, opt->dflt, to);
    print_option("json", NULL, "print the result as JSON", NULL, to);
    print_option("help", NULL, "print this", NULL, to);
}

void
cmd_text_table(const struct cmd_program *program, FILE *to)
{
    static const char *const access[] = { "reads", "writes", "hidden" };
    struct rows rows = { NULL, 0, 0 };
    const struct cmd_opt *opt;
    size_t i;

    static_assert(ARRAY_LEN(access) == CMD_HIDDEN + 1, "access");
    rows_collect(program, "", true, &rows);
    for (i = 0; i < rows.len; i++) {
        const struct cmd *cmd = rows.list[i];

        fprintf(to, "command\t%s\t%s\t%s\t%s\n", cmd->path, cmd->args,
                access[cmd->access], cmd->help);
        for (opt = cmd->opts; opt != NULL && opt->type != CMD_OPT_END; opt++)
            fprintf(to, "option\t%s\t--%s\t%s\t%s\n", cmd->path, opt->name,
                    opt->arg != NULL ? opt->arg : "", opt->help);
    }
    free(rows.list);
}

/* Text as roff takes it: no escapes, no requests. */
static void
put_roff(const char *text, size_t len, FILE *to)
{
    size_t i;

    if (len > 0 && (text[0] == '.' || text[0] == '\''))
        fputs("\\&", to);
    for (i = 0; i < len; i++) {
        if (text[i] == '\\')
            fputs("\\e", to);
        else if (text[i] == '-')
            fputs("\\-", to);
        else if (text[i] == '"')
            fputs("\\(dq", to);
        else
            fputc(text[i], to);
    }
}

/* Paragraphs stay; a line that starts with a space is an example. */
static void
manual_text(const char *text, FILE *to)
{
    size_t len;

    fputs(".Pp\n", to);
    while (*text != '\0') {
        len = strcspn(text, "\n");
        if (len == 0)
            fputs(".Pp", to);
        else if (text[0] == ' ')
            fputs(".Dl ", to);
        put_roff(text + strspn(text, " "), len - strspn(text, " "), to);
        fputc('\n', to);
        text += len;
        text += *text == '\n' ? 1 : 0;
    }
}

static void
manual_row(const struct cmd *cmd, FILE *to)
{
    const struct cmd_opt *opt;

    fputs(".It Xo\n.Nm Cm ", to);
    put_roff(cmd->path, strlen(cmd->path), to);
    if (cmd->args[0] != '\0') {
        fputs("\n.Ar \"", to);
        put_roff(cmd->args, strlen(cmd->args), to);
        fputc('"', to);
    }
    fputs("\n.Xc\n", to);
    put_roff(cmd->help, strlen(cmd->help), to);
    fputs(".\n", to);
    if (cmd->text != NULL)
        manual_text(cmd->text, to);
    if (cmd->opts == NULL || cmd->opts[0].type == CMD_OPT_END)
        return;
    fputs(".Bl -tag -width Ds -compact\n", to);
    for (opt = cmd->opts; opt->type != CMD_OPT_END; opt++) {
        fprintf(to, ".It Fl -%s", opt->name);
        if (opt->arg != NULL)
            fprintf(to, " Ar \"%s\"", opt->arg);
        fputc('\n', to);
        put_roff(opt->help, strlen(opt->help), to);
        if (opt->dflt != NULL) {
            fputs(" (default: ", to);
            put_roff(opt->dflt, strlen(opt->dflt), to);
            fputc(')', to);
        }
        fputs(".\n", to);
    }
    fputs(".El\n", to);
}

void
cmd_text_manual(const struct cmd_program *program, FILE *to)
{
    struct rows rows = { NULL, 0, 0 };
    const char *group = "";
    size_t i, len = 0;

    rows_collect(program, "", false, &rows);
    for (i = 0; i < rows.len; i++) {
        const char *path = rows.list[i]->path;

        if (i == 0 || strncmp(path, group, len) != 0
            || (path[len] != ' ' && path[len] != '\0')) {
            group = path;
            len = strcspn(path, " ");
            fprintf(to, "@group %.*s\n", (int)len, group);
        }
        manual_row(rows.list[i], to);
    }
    free(rows.list);
}

/* A word of 'path' after the words of 'prefix', or 0 when it is not below. */
static size_t
next_word(const char *path, const char *prefix, const char **word_out)
{
    size_t len = strlen(prefix);

    if (len != 0) {
        if (strncmp(path, prefix, len) != 0 || path[len] != ' ')
            return 0;
        path += len + 1;
    }
    *word_out = path;
    return strcspn(path, " ");
}

/* One case of the script: what may follow the words of 'prefix'. */
static void
bash_case(const struct cmd_program *program, const struct rows *rows,
          const char *prefix, FILE *to)
{
    const struct cmd *cmd = cmd_find(program, prefix);
    const struct cmd_opt *opt;
    const char *word, *last = "";
    size_t i, len, last_len = 0;

    fprintf(to, "    '%s') words='", prefix);
    for (i = 0; i < rows->len; i++) {
        len = next_word(rows->list[i]->path, prefix, &word);
        if (len == 0 || (len == last_len && strncmp(word, last, len) == 0))
            continue;
        fprintf(to, "%.*s ", (int)len, word);
        last = word;
        last_len = len;
    }
    if (cmd != NULL) {
        for (opt = cmd->opts; opt != NULL && opt->type != CMD_OPT_END; opt++)
            fprintf(to, "--%s ", opt->name);
        fputs("--json ", to);
    }
    if (prefix[0] == '\0')
        fputs("help completion --version ", to);
    fputs("--help' ;;\n", to);
}

void
cmd_text_bash(const struct cmd_program *program, FILE *to)
{
    struct rows rows = { NULL, 0, 0 };
    struct buf prefix = BUF_INIT, seen = BUF_INIT;
    size_t i;
    const char *space;

    rows_collect(program, "", false, &rows);
    fprintf(to, "_%s() {\n"
            "  local cur=${COMP_WORDS[COMP_CWORD]} path= words= i\n"
            "  local known='", program->name);
    buf_adds(&seen, "|");
    for (i = 0; i < rows.len; i++) {
        const char *path = rows.list[i]->path;

        for (space = path; space != NULL;) {
            space = strchr(space, ' ');
            buf_reset(&prefix);
            buf_add(&prefix, path,
                    space != NULL ? (size_t)(space - path) : strlen(path));
            buf_addc(&prefix, '|');
            if (space != NULL)
                space++;
            /* Sorted rows: a group that was seen is the last thing seen or
             * a prefix of it, so a plain search is enough. */
            {
                struct buf wanted = BUF_INIT;

                buf_addf(&wanted, "|%s", buf_text(&prefix));
                if (strstr(buf_text(&seen), buf_text(&wanted)) == NULL)
                    buf_adds(&seen, buf_text(&prefix));
                buf_free(&wanted);
            }
        }
    }
    fprintf(to, "%s'\n"
            "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
            "    case ${COMP_WORDS[i]} in help) continue ;; esac\n"
            "    case $known in\n"
            "      *\"|${path:+$path }${COMP_WORDS[i]}|\"*)\n"
            "        path=${path:+$path }${COMP_WORDS[i]} ;;\n"
            "      *) break ;;\n"
            "    esac\n"
            "  done\n"
            "  case $path in\n", buf_text(&seen));
    bash_case(program, &rows, "", to);
    {
        const char *p = buf_text(&seen) + 1, *bar;

        while ((bar = strchr(p, '|')) != NULL) {
            buf_reset(&prefix);
            buf_add(&prefix, p, (size_t)(bar - p));
            bash_case(program, &rows, buf_text(&prefix), to);
            p = bar + 1;
        }
    }
    fprintf(to, "  esac\n"
            "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
            "}\n"
            "complete -o default -F _%s %s\n", program->name, program->name);
    buf_free(&seen);
    buf_free(&prefix);
    free(rows.list);
}
