/* tests/harness/table-test.c - tables, and lines of the log. */
#include <config.h>

#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/log.h"
#include "harness/table.h"
#include "tests/tap.h"

static struct fault why = FAULT_INIT;

static void
test_table(void)
{
    static const char *const names[] = { "NAME", ">N", "~TEXT", NULL };
    static const char *const one[] = { "a", "1", "x" };
    static const char *const two[] = { "long\x1b[31m", "1000", NULL };
    struct table *table = table_new(names);
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);

    must(to != NULL);
    ok_fault(table_print(table, to, &why), &why, "an empty table");
    table_add(table, one);
    table_add(table, two);
    ok_fault(table_print(table, to, &why), &why, "a table");
    fclose(to);
    is_str(text, "NAME N TEXT\n"
           "NAME            N TEXT\n"
           "a               1 x\n"
           "long\\x1b[31m 1000 -\n",
           "the names alone; aligned, escaped, not padded");
    free(text);
    to = fopen("/dev/full", "w");
    if (to != NULL) {
        setvbuf(to, NULL, _IONBF, 0);
        not_ok_fault(table_print(table, to, &why), &why, FAULT_SYSTEM,
                     "No space left", "a full device");
        fclose(to);
    }
    table_free(table);
    table_free(NULL);
}

/* What 'say' writes to standard error. */
static char *
logged(void (*say)(void))
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    const char *path = arena_printf(&arena, "%s/log", tap_dir());
    FILE *file = fopen(path, "w");
    int saved = dup(STDERR_FILENO);

    must(file != NULL && saved >= 0);
    must(dup2(fileno(file), STDERR_FILENO) >= 0);
    say();
    must(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    fclose(file);
    must(fs_read_file(path, 100000, &text, &why));
    arena_free(&arena);
    return buf_take(&text);
}

static void
say_lines(void)
{
    const struct log_fields one = { .flight = "1", .job = "smoke" };
    const struct log_fields host = { .host = "h\n1" };
    struct fault fault = FAULT_INIT;

    unsetenv("ASSAY_LOG");
    log_init("assay-test");
    log_debug("not said");
    log_info("plain \x1b[2J\xff");
    log_set_context(&one);
    log_with(LOG_LEVEL_WARN, &host, "with %d", 1);
    fault_set(&fault, FAULT_PEER, "it broke");
    fault_detail(&fault, "a\nb", 3);
    log_fault(LOG_LEVEL_ERROR, &fault, "step %s", "x");
    log_set_context(&(struct log_fields){ .flight = NULL });
    setenv("ASSAY_LOG", "error", 1);
    log_init("assay-test");
    log_warn("not said either");
    setenv("ASSAY_LOG", "debug", 1);
    setenv("ASSAY_LOG_FORMAT", "json", 1);
    log_init("assay-test");
    log_set_context(&one);
    log_debug("a \"quoted\" \xff\n");
}

/* The line that starts at *p, from its program's name on. */
static const char *
next_line(char **p)
{
    char *line = *p, *nl = strchr(line, '\n'), *name;

    if (nl == NULL)
        return "";
    *nl = '\0';
    *p = nl + 1;
    name = strstr(line, "assay-test");
    return name != NULL ? name : line;
}

static void
test_log(void)
{
    char *text = logged(say_lines), *p = text;

    is_str(next_line(&p), "assay-test info: plain \\x1b[2J\\xff",
           "a plain line");
    is_str(next_line(&p), "assay-test warn flight=1 job=smoke host=h\\x0a1: "
           "with 1", "context, and a field of its own");
    is_str(next_line(&p), "assay-test error flight=1 job=smoke: step x: it "
           "broke [a\\x0ab]", "a fault");
    has_str(p, "\"level\":\"debug\",\"flight\":\"1\",\"job\":\"smoke\","
            "\"text\":\"a \\\"quoted\\\" \xef\xbf\xbd\\n\"}\n", "as JSON");
    (void)next_line(&p);
    is_str(p, "", "and no line more");
    free(text);
}

int
main(void)
{
    test_table();
    test_log();
    return tap_done();
}
