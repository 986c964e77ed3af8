/* results/report_parts.c - what the text and the page both need. */
#include <config.h>

#include "results/report_parts.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "results/console_slice.h"
#include "results/logfile.h"
#include "results/report.h"

const char *
report_artefact_path(const char *sha256, struct arena *arena)
{
    return arena_printf(arena, "artefacts/%.2s/%s", sha256,
                        strlen(sha256) > 2 ? sha256 + 2 : "");
}

#define CONSOLE_BYTES (1u << 20)

/* 'path' as it is below ASSAY_HOME, when it is absolute and there. */
static const char *
path_below_root(const char *path, const char *root)
{
    size_t bytes = root == NULL ? 0 : strlen(root);

    return bytes > 0 && strncmp(path, root, bytes) == 0 && path[bytes] == '/'
        ? path + bytes + 1 : path;
}

static bool
lines_from(const char *file, int64_t want,
           const struct report_options *options, struct arena *arena,
           struct report_lines *out, struct fault *why)
{
    int64_t bytes = 0;
    int fd = -1;
    bool ok;

    ok = logfile_open(options->root, file, &fd, &bytes, why)
        && excerpt_read(options->patterns, fd, bytes, want, arena,
                        &out->excerpt, why);
    if (ok)
        out->file = file;
    fd_close(&fd);
    return ok && out->excerpt.count > 0;
}

/* The strongest sign on the consoles of the job's hosts while the step ran:
 * a panic is on the console, and in no log of ours. */
static bool
lines_from_consoles(const struct verdict_trouble *trouble,
                    const struct report_options *options,
                    struct arena *arena, struct report_lines *out)
{
    const struct evidence_job *job = trouble->job;
    const struct evidence_step *step = trouble->step;
    struct console_slice slice;
    struct excerpt excerpt;

    if (step == NULL || step->started_ms < 0)
        return false;
    for (size_t i = 0; i < job->role_count; i++) {
        struct fault why = FAULT_INIT;

        if (job->roles[i].host[0] == '\0'
            || !console_slice_read(options->root, job->roles[i].host,
                                   step->started_ms, step->finished_ms < 0
                                   ? INT64_MAX : step->finished_ms,
                                   CONSOLE_BYTES, arena, &slice, &why)
            || slice.bytes == 0)
            continue;               /* no console is no trouble of its own */
        excerpt_data(options->patterns, slice.data, slice.bytes, slice.line,
                     0, arena, &excerpt);
        if (excerpt.weight >= EXCERPT_STRONG
            && excerpt.weight > out->excerpt.weight) {
            for (int j = 0; j < excerpt.count; j++)
                excerpt.lines[j].byte += slice.offset;
            out->excerpt = excerpt;
            out->file = slice.file;
        }
    }
    return out->excerpt.weight > 0;
}

void
report_lines_of(const struct verdict_trouble *trouble,
                const struct report_options *options, struct arena *arena,
                struct report_lines *out)
{
    const struct evidence_pointer *pointer = &trouble->pointer;
    const char *log = trouble->step == NULL ? "" : trouble->step->log_path;
    const char *file = path_below_root(pointer->file, options->root);
    struct fault why = FAULT_INIT;

    *out = (struct report_lines){ .file = "", .note = "" };
    if (options->root != NULL) {
        if (lines_from_consoles(trouble, options, arena, out))
            return;
        /* Of the step's own log the pointer only knows the last line. */
        if (file[0] != '\0' && strcmp(file, log) != 0
            && lines_from(file, pointer->line, options, arena, out, &why))
            return;
        if (log[0] != '\0'
            && lines_from(log, 0, options, arena, out, &why))
            return;
    }
    out->excerpt.count = 0;
    out->file = file;
    if (pointer->text[0] != '\0') {
        out->excerpt.count = 1;
        out->excerpt.sign = "evidence";
        out->excerpt.lines[0] = (struct excerpt_line){
            .number = pointer->line, .byte = evidence_byte(pointer),
            .text = pointer->text,
            .marked = true,
        };
    }
    if (why.kind != FAULT_NONE)
        out->note = arena_strdup(arena, why.text);
}

const char *
report_place_text(const struct excerpt *excerpt, struct arena *arena)
{
    const struct excerpt_line *mark = excerpt_mark(excerpt);

    if (mark == NULL || mark->number == 0)
        return "";
    if (mark->byte < 0)
        return arena_printf(arena, ":%" PRId64, mark->number);
    return arena_printf(arena, ":%" PRId64 " (byte %" PRId64 ")",
                        mark->number, mark->byte);
}

const char *
report_hosts_text(const struct evidence_job *job, struct arena *arena)
{
    struct buf text = BUF_INIT;
    const char *hosts;

    for (size_t i = 0; i < job->role_count; i++) {
        const struct evidence_role *role = &job->roles[i];

        if (role->host[0] == '\0')
            continue;
        if (text.len > 0)
            buf_adds(&text, ", ");
        if (job->role_count > 1)
            buf_addf(&text, "%s ", role->role);
        buf_adds(&text, role->host);
    }
    hosts = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return hosts;
}

const char *
report_end_text(const struct evidence_step *step, struct arena *arena)
{
    if (step->exit_signal > 0)
        return arena_printf(arena, "signal %d", step->exit_signal);
    if (step->exit_code >= 0)
        return arena_printf(arena, "exit %d", step->exit_code);
    return "";
}

const struct verdict_trouble *
report_trouble_of(const struct evidence *evidence,
                  const struct verdict *verdict, size_t index)
{
    for (size_t i = 0; i < verdict->trouble_count; i++) {
        if (verdict->troubles[i].job == &evidence->jobs[index])
            return &verdict->troubles[i];
    }
    return NULL;
}

int64_t
report_job_ms(const struct evidence_job *job)
{
    return job->started_ms < 0 || job->finished_ms < 0 ? -1
        : job->finished_ms - job->started_ms;
}

int64_t
report_step_ms(const struct evidence_step *step)
{
    if (step->elapsed_ms >= 0)
        return step->elapsed_ms;
    return step->started_ms < 0 || step->finished_ms < 0 ? -1
        : step->finished_ms - step->started_ms;
}

/* A testid that is not in the list goes after the one that stood before it in
 * its own job, so that the columns keep each job's order as far as the jobs
 * agree. */
const char *const *
report_testids(const struct evidence *evidence, const char *recipe,
               struct arena *arena, size_t *count_out)
{
    const char **list, **out;
    size_t count = 0, cap = 0;

    list = NULL;
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];
        size_t place = 0;

        if (recipe != NULL && strcmp(job->recipe, recipe) != 0)
            continue;
        for (size_t j = 0; j < job->step_count; j++) {
            const char *testid = job->steps[j].testid;
            size_t at = 0;

            /* In most jobs it is where the one before it was. */
            if (place < count && strcmp(list[place], testid) == 0)
                at = place;
            else
                while (at < count && strcmp(list[at], testid) != 0)
                    at++;
            if (at == count) {
                list = xgrow(list, &cap, count, sizeof *list);
                memmove(list + place + 1, list + place,
                        (count - place) * sizeof *list);
                list[place] = testid;
                count++;
                at = place;
            }
            place = at + 1;
        }
    }
    out = arena_alloc(arena, count * sizeof *out + 1);
    if (count > 0)
        memcpy(out, list, count * sizeof *out);
    free(list);
    *count_out = count;
    return out;
}
