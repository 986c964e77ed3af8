/* results/pattern_cmds.c - assay pattern: the library of patterns, listed,
 * checked against its own samples, and tried on a log. */
#include <config.h>

#include "results/pattern_cmds.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "harness/table.h"

#define CHUNK_BYTES 65536

static json_t *
pattern_json(const struct pattern *pattern)
{
    json_t *row = json_object();

    json_put_text(row, "name", pattern->name);
    json_put_text(row, "kind", pattern_kind_name(pattern->kind));
    json_put_text(row, "lane", pattern->lane == LANE_NONE ? NULL
                  : lane_name(pattern->lane));
    json_put_text(row, "component", pattern->component);
    json_put_text(row, "sign", pattern->sign);
    json_put_int(row, "weight", pattern->weight);
    json_put_text(row, "regex", pattern->regex);
    json_put_text(row, "file", pattern->file);
    return row;
}

static bool
run_list(struct cmd_call *call, struct fault *why)
{
    static const char *const COLUMNS[] = {
        "name", "kind", "lane", "component", ">weight", "~regex", NULL,
    };
    struct pattern_set *set = NULL;
    struct table *table;
    char weight[16];
    json_t *json;
    bool ok;

    if (!pattern_set_load(&set, why))
        return false;
    json = json_array();
    table = table_new(COLUMNS);
    for (size_t i = 0; i < pattern_count(set); i++) {
        const struct pattern *p = pattern_at(set, i);

        (void)snprintf(weight, sizeof(weight), "%d", p->weight);
        table_add(table, (const char *const[]){
            p->name, pattern_kind_name(p->kind),
            p->lane == LANE_NONE ? NULL : lane_name(p->lane), p->component,
            weight, p->regex,
        });
        must(json_array_append_new(json, pattern_json(p)) == 0);
    }
    ok = cmd_json(call) ? json_print(json, stdout, why)
        : table_print(table, stdout, why);
    table_free(table);
    json_decref(json);
    pattern_set_free(set);
    return ok;
}

/* Wrong samples of one pattern, told on standard error. */
static int
count_wrong(struct pattern_code *code, const struct pattern *pattern)
{
    int wrong = 0;

    for (int side = 0; side < 2; side++) {
        const char *const *lines = side == 0 ? pattern->matches
                                             : pattern->misses;

        for (size_t i = 0; lines[i] != NULL; i++) {
            if (pattern_code_matches(code, pattern, lines[i],
                                     strlen(lines[i])) == (side == 0))
                continue;
            fprintf(stderr, "%s: pattern %s %s '%s'\n", pattern->file,
                    pattern->name, side == 0 ? "does not match" : "matches",
                    lines[i]);
            wrong++;
        }
    }
    return wrong;
}

static bool
run_check(struct cmd_call *call UNUSED, struct fault *why)
{
    struct pattern_code *code = pattern_code_load(why);
    const struct pattern_set *set;
    int wrong = 0;
    bool ok;

    if (code == NULL)
        return false;
    set = pattern_code_set(code);
    for (size_t i = 0; i < pattern_count(set); i++)
        wrong += count_wrong(code, pattern_at(set, i));
    ok = wrong == 0
        || fault_set(why, FAULT_CONFIG, "%d sample%s not as said", wrong,
                     wrong == 1 ? " is" : "s are");
    if (ok)
        printf("%zu patterns, all samples as said\n", pattern_count(set));
    pattern_code_free(code);
    return ok;
}

static void
print_found(void *owner UNUSED, const struct pattern *pattern, int64_t offset,
            const char *line, size_t bytes)
{
    struct buf text = BUF_INIT;

    buf_add_escaped(&text, line, bytes);
    printf("%" PRId64 "\t%s\t%s\t%s\n", offset, pattern->name,
           pattern_kind_name(pattern->kind), buf_text(&text));
    buf_free(&text);
}

static bool
run_match(struct cmd_call *call, struct fault *why)
{
    const char *file = cmd_arg(call, 0);
    struct pattern_code *code = NULL;
    struct pattern_scan *scan = NULL;
    char chunk[CHUNK_BYTES];
    ssize_t n = 0;
    int fd = -1;
    bool ok;

    fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO)
        : open(file, O_RDONLY | O_CLOEXEC);
    ok = fd >= 0 || fault_errno(why, FAULT_USAGE, "open '%s'", file);
    if (ok)
        code = pattern_code_load(why);
    ok = ok && code != NULL;
    if (!ok)
        goto out;
    scan = pattern_scan_new(code, print_found, NULL);
    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        pattern_scan_feed(scan, chunk, (size_t)n);
    pattern_scan_flush(scan);
    ok = n == 0 || fault_errno(why, FAULT_SYSTEM, "read '%s'", file);
out:
    pattern_scan_free(scan);
    pattern_code_free(code);
    fd_close(&fd);
    return ok;
}

const struct cmd pattern_cmds[] = {
    { .path = "pattern check", .args = "", .run = run_check,
      .help = "check every pattern against its own samples",
      .text = "Reads the shipped files and those in ASSAY_HOME/patterns. Exit "
              "status 2 with the\nfile of each pattern that is not as its "
              "samples say." },
    { .path = "pattern list", .args = "", .run = run_list,
      .help = "list what lines of consoles and logs are known to mean" },
    { .path = "pattern match", .args = "FILE", .args_min = 1, .args_max = 1,
      .run = run_match,
      .help = "show which lines of a log have a meaning",
      .text = "One line each: the offset in FILE, the pattern's name and "
              "kind, the line. '-' is\nstandard input." },
    { .path = NULL },
};
