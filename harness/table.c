/* harness/table.c - tables on a terminal, by libsmartcols. */
#include <config.h>

#include "harness/table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libsmartcols.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"

struct table {
    struct libscols_table *scols;
    size_t columns;
};

struct table *
table_new(const char *const names[])
{
    struct table *table = xcalloc(1, sizeof(*table));
    const char *name;
    int flags;

    table->scols = scols_new_table();
    must(table->scols != NULL);
    /* Cells are escaped here, the same way as everywhere else. */
    must(scols_table_enable_noencoding(table->scols, 1) == 0);
    for (; (name = names[table->columns]) != NULL; table->columns++) {
        flags = 0;
        if (name[0] == '>')
            flags = SCOLS_FL_RIGHT;
        else if (name[0] == '~')
            flags = SCOLS_FL_TRUNC;
        must(scols_table_new_column(table->scols,
                                    flags != 0 ? name + 1 : name, 0, flags)
             != NULL);
    }
    return table;
}

void
table_add(struct table *table, const char *const cells[])
{
    struct libscols_line *line = scols_table_new_line(table->scols, NULL);
    struct buf text = BUF_INIT;
    size_t i;

    must(line != NULL);
    for (i = 0; i < table->columns; i++) {
        buf_reset(&text);
        if (cells[i] != NULL)
            buf_add_escaped(&text, cells[i], strlen(cells[i]));
        else
            buf_addc(&text, '-');
        must(scols_line_set_data(line, i, buf_text(&text)) == 0);
    }
    buf_free(&text);
}

/* The names of the columns alone: libsmartcols prints nothing of an empty
 * table, which reads as if nothing had been asked. */
static bool
print_names(struct table *table, FILE *to, struct fault *why)
{
    size_t count = scols_table_get_ncols(table->scols);

    for (size_t i = 0; i < count; i++) {
        struct libscols_column *column =
            scols_table_get_column(table->scols, i);
        const char *name =
            scols_cell_get_data(scols_column_get_header(column));

        if (fprintf(to, "%s%s", name, i + 1 < count ? " " : "\n") < 0)
            return fault_errno(why, FAULT_SYSTEM, "write");
    }
    return true;
}

/* A pipe gets whole cells. libsmartcols pads the last column, which is put
 * right here. */
bool
table_print(struct table *table, FILE *to, struct fault *why)
{
    char *text = NULL, *line, *nl, *end;
    bool ok;

    if (scols_table_get_nlines(table->scols) == 0)
        return print_names(table, to, why);
    if (isatty(fileno(to)) == 1)
        scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_ALWAYS);
    else
        scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
    ok = scols_print_table_to_string(table->scols, &text) == 0;
    if (!ok)
        return fault_set(why, FAULT_SYSTEM, "print a table");
    for (line = text; ok && *line != '\0'; line = nl) {
        nl = strchr(line, '\n');
        end = nl != NULL ? nl : line + strlen(line);
        nl = nl != NULL ? nl + 1 : end;
        while (end > line && end[-1] == ' ')
            end--;
        ok = fwrite(line, 1, (size_t)(end - line), to)
                == (size_t)(end - line)
            && fputc('\n', to) != EOF;
    }
    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "write");
    free(text);
    return ok;
}

void
table_free(struct table *table)
{
    if (table == NULL)
        return;
    scols_unref_table(table->scols);
    free(table);
}
