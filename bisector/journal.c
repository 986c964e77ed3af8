/* bisector/journal.c - the state of a search: a file of results. */
#include <config.h>

#include "bisector/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bisector/graph.h"
#include "bisector/sample.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"

#define JOURNAL_BYTES (256u << 20)

/* The text up to the last newline; what comes after was cut off. */
static bool
parse(struct journal *journal, struct buf *text, struct fault *why)
{
    char *rest, *line, *end;
    json_t *value;
    int number = 0;

    journal->lines = json_array();
    end = text->data != NULL ? memrchr(text->data, '\n', text->len) : NULL;
    if (end == NULL)
        return true;            /* nothing whole yet */
    *end = '\0';
    for (rest = text->data; (line = strsep(&rest, "\n")) != NULL;) {
        number++;
        if (!json_parse(line, strlen(line), &value, why))
            return fault_context(why, "%s:%d", journal->path, number);
        if (journal->setup == NULL)
            journal->setup = value;
        else
            json_array_append_new(journal->lines, value);
    }
    return true;
}

bool
journal_read(struct journal *journal, const char *path, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok;

    journal->path = xstrdup(path);
    ok = fs_read_file(path, JOURNAL_BYTES, &text, why)
        && parse(journal, &text, why)
        && (journal->setup != NULL
            || fault_set(why, FAULT_DATA, "%s is empty", path));
    buf_free(&text);
    return ok;
}

static bool
cut_tail(struct journal *journal, const struct buf *text, struct fault *why)
{
    const char *end = text->data != NULL
        ? memrchr(text->data, '\n', text->len) : NULL;
    off_t whole = end != NULL ? end - text->data + 1 : 0;

    if ((size_t)whole == text->len)
        return true;
    return ftruncate(journal->fd, whole) == 0
        || fault_errno(why, FAULT_SYSTEM, "cut %s", journal->path);
}

bool
journal_open(struct journal *journal, const char *path, const json_t *setup,
             struct fault *why)
{
    struct buf text = BUF_INIT;
    char *lock = NULL;
    bool ok;

    journal->path = xstrdup(path);
    journal->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC
                       | (setup != NULL ? O_CREAT : 0), 0644);
    ok = journal->fd >= 0
        || fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_SYSTEM,
                       "journal %s", path);
    if (!ok)
        goto out;
    lock = xasprintf("%s.lock", path);
    ok = fs_lock(lock, false, &journal->lock, why);
    if (!ok) {
        if (why->kind == FAULT_CONFLICT)
            fault_context(why, "this search is running");
        goto out;
    }
    ok = fs_read_file(path, JOURNAL_BYTES, &text, why)
        && cut_tail(journal, &text, why) && parse(journal, &text, why);
    if (ok && journal->setup == NULL && setup == NULL)
        ok = fault_set(why, FAULT_DATA, "%s is empty", path);
    else if (ok && journal->setup == NULL)
        ok = journal_line(journal, setup, why);
    if (ok && journal->setup == NULL)
        journal->setup = json_deep_copy(setup);
out:
    buf_free(&text);
    xfree_str(&lock);
    return ok;
}

void
journal_close(struct journal *journal)
{
    char *lock;

    if (journal->lock >= 0) {   /* while it is ours */
        lock = xasprintf("%s.lock", journal->path);
        (void)unlink(lock);
        xfree_str(&lock);
    }
    fd_close(&journal->fd);
    fd_close(&journal->lock);
    json_decref(journal->setup);
    json_decref(journal->lines);
    xfree_str(&journal->path);
    *journal = (struct journal)JOURNAL_INIT;
}

bool
journal_line(struct journal *journal, const json_t *line, struct fault *why)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS);
    struct buf whole = BUF_INIT;
    bool ok;

    must(text != NULL);
    buf_adds(&whole, text);
    buf_addc(&whole, '\n');
    free(text);
    ok = fd_write_all(journal->fd, whole.data, whole.len, why);
    if (ok && fsync(journal->fd) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "sync");
    if (!ok)
        fault_context(why, "journal %s", journal->path);
    buf_free(&whole);
    return ok;
}

/* Names the revisions in 'line', which is released, and adds it. */
static bool
run_line(struct journal *journal, const struct graph *graph,
         const struct search_test *test, json_t *line, struct fault *why)
{
    char hex[GRAPH_HEX_BYTES];
    json_t *run = json_object();
    size_t t;
    bool ok;

    for (t = 0; t < graph->tree_count; t++) {
        graph_hex(graph, t, test->at[t], hex);
        json_put_text(run, graph->trees[t].name, hex);
    }
    json_object_set_new(line, "run", run);
    ok = journal_line(journal, line, why);
    json_decref(line);
    return ok;
}

bool
journal_result(struct journal *journal, const struct graph *graph,
               const struct search_test *test, enum search_result result,
               json_t *more, struct fault *why)
{
    json_t *line = more != NULL ? more : json_object();

    json_put_text(line, "result", search_result_name(result));
    return run_line(journal, graph, test, line, why);
}

bool
journal_value(struct journal *journal, const struct graph *graph,
              const struct search_test *test, double value, json_t *more,
              struct fault *why)
{
    json_t *line = more != NULL ? more : json_object();

    json_object_set_new(line, "value", json_real(value));
    return run_line(journal, graph, test, line, why);
}

static bool
line_run(const json_t *line, const struct graph *graph,
         struct journal_run *out, struct fault *why)
{
    const json_t *run = json_object_get(line, "run"), *value;
    const char *name = json_text(line, "result"), *hex;
    size_t t;

    *out = (struct journal_run){ .value = NAN };
    if (run == NULL)
        return true;            /* a scratch directory */
    out->is_run = true;
    for (t = 0; t < graph->tree_count; t++) {
        hex = json_text(run, graph->trees[t].name);
        if (hex == NULL || !graph_find(graph, t, hex, &out->at.at[t]))
            return fault_set(why, FAULT_DATA, "commit '%s' of tree %s is not "
                             "in this search", hex != NULL ? hex : "",
                             graph->trees[t].name);
    }
    value = json_object_get(line, "value");
    if (json_is_number(value)) {
        out->value = json_number_value(value);
        return true;
    }
    for (out->result = SEARCH_PASS; out->result < SEARCH_RESULT_COUNT;
         out->result++)
        if (name != NULL && strcmp(name, search_result_name(out->result)) == 0)
            return true;
    return fault_set(why, FAULT_DATA, "result '%s' is unknown",
                     name != NULL ? name : "");
}

bool
journal_run(const struct journal *journal, const struct graph *graph,
            size_t i, struct journal_run *out, struct fault *why)
{
    return line_run(json_array_get(journal->lines, i), graph, out, why)
        || fault_context(why, "%s:%zu", journal->path, i + 2);
}

bool
journal_replay(const struct journal *journal, const struct graph *graph,
               struct search *search, struct samples *samples,
               struct fault *why)
{
    struct journal_run run;
    size_t i;

    for (i = 0; i < json_array_size(journal->lines); i++) {
        if (!journal_run(journal, graph, i, &run, why))
            return false;
        if (run.result != SEARCH_RESULT_NONE)
            search_record(search, &run.at, run.result);
        if (samples != NULL && run.result != SEARCH_RESULT_NONE)
            samples_judged(samples, &run.at);
        else if (samples != NULL && run.is_run)
            samples_add(samples, &run.at, run.value);
    }
    return true;
}
