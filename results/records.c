/* results/records.c - the results of a flight as lines: writing them.
 *
 * A record is a word and its fields, with single blanks between them; some end
 * with a text of several words. What is not plain ASCII, a percent sign, a
 * backslash, and a blank that mail might lose is %XX; an empty field is "-". A
 * line that ends with a backslash goes on in the next one, after its
 * indentation. */
#include <config.h>

#include "results/records.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "results/evidence.h"
#include "results/records_private.h"

#define WIDTH 76
#define VALUE_MAX 1000          /* a property that is longer is left out */

struct writer {
    struct buf line;            /* the record, not yet folded */
    struct buf all;             /* all of them, for the digest */
    struct buf *out;
    size_t count;
};

static void
add_escaped(struct buf *out, const char *text, bool blanks)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        bool lost = c == ' ' && (!blanks || p == text || p[1] == ' '
                                 || p[1] == '\0');

        if (c < 0x20 || c >= 0x7f || c == '%' || c == '\\' || lost)
            buf_addf(out, "%%%02X", c);
        else
            buf_addc(out, *p);
    }
}

static void
begin(struct writer *writer, const char *word)
{
    buf_reset(&writer->line);
    buf_adds(&writer->line, word);
}

static void
field(struct writer *writer, const char *text)
{
    buf_addc(&writer->line, ' ');
    if (text[0] == '\0')
        buf_addc(&writer->line, '-');
    else if (strcmp(text, "-") == 0 || strcmp(text, "=") == 0)
        buf_addf(&writer->line, "%%%02X", (unsigned char)text[0]);
    else
        add_escaped(&writer->line, text, false);
}

static void
field_int(struct writer *writer, int64_t value)
{
    buf_addf(&writer->line, " %" PRId64, value);
}

/* Moments and counts of which -1 means that there is none. */
static void
field_count(struct writer *writer, int64_t value)
{
    if (value < 0)
        buf_adds(&writer->line, " -");
    else
        field_int(writer, value);
}

/* "=": as 'usual'. */
static void
field_usual(struct writer *writer, const char *text, const char *usual)
{
    if (text[0] != '\0' && strcmp(text, usual) == 0)
        buf_adds(&writer->line, " =");
    else
        field(writer, text);
}

static void
text(struct writer *writer, const char *words)
{
    if (words[0] == '\0')
        return;
    buf_addc(&writer->line, ' ');
    add_escaped(&writer->line, words, true);
}

static void
end(struct writer *writer)
{
    const char *p = buf_text(&writer->line);
    size_t left = writer->line.len, width = WIDTH;

    buf_add(&writer->all, p, left);
    buf_addc(&writer->all, '\n');
    writer->count++;
    while (left > width) {
        size_t cut = width - 1;

        while (p[cut] == ' ')           /* never two in a row */
            cut--;
        buf_add(writer->out, p, cut);
        buf_adds(writer->out, "\\\n    ");
        p += cut;
        left -= cut;
        width = WIDTH - 4;
    }
    buf_add(writer->out, p, left);
    buf_addc(writer->out, '\n');
}

static void
add_pairs(struct writer *writer, const char *word,
          const struct evidence_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, "packages") == 0
            || strlen(pairs[i].value) > VALUE_MAX)
            continue;
        begin(writer, word);
        field(writer, pairs[i].name);
        text(writer, pairs[i].value);
        end(writer);
    }
}

static void
add_pointer(struct writer *writer, const struct evidence_pointer *pointer)
{
    if (pointer->file[0] == '\0' && pointer->text[0] == '\0')
        return;
    begin(writer, "at");
    field(writer, pointer->file);
    field_int(writer, pointer->line);
    text(writer, pointer->text);
    end(writer);
    if (pointer->byte <= 0)
        return;
    begin(writer, "byte");
    field_int(writer, pointer->byte);
    end(writer);
}

static void
add_step(struct writer *writer, const struct evidence *evidence,
         const struct evidence_job *job, const struct evidence_step *step)
{
    char log[RECORDS_LOG_BYTES];

    records_usual_log(evidence->flight, job->name, step->number, log);
    begin(writer, "step");
    field_int(writer, step->number);
    field(writer, step->testid);
    field(writer, outcome_name(step->status));
    field(writer, lane_name(step->lane));
    field_count(writer, step->exit_code);
    field_count(writer, step->exit_signal);
    field_count(writer, step->started_ms);
    field_count(writer, step->finished_ms);
    field_count(writer, step->elapsed_ms);
    field_usual(writer, step->log_path, log);
    field_usual(writer, step->harness, job->harness);
    text(writer, step->reason);
    end(writer);
    add_pointer(writer, &step->pointer);
    for (size_t i = 0; i < step->case_count; i++) {
        begin(writer, "case");
        field(writer, step->cases[i].id);
        field(writer, outcome_name(step->cases[i].status));
        text(writer, step->cases[i].note);
        end(writer);
    }
    for (size_t i = 0; i < step->metric_count; i++) {
        const struct evidence_metric *metric = &step->metrics[i];

        begin(writer, "metric");
        field(writer, metric->name);
        buf_addf(&writer->line, " %.17g", metric->value);
        field(writer, metric->unit);
        field(writer, metric->higher_is_better ? "higher" : "lower");
        end(writer);
    }
}

static void
add_job(struct writer *writer, const struct evidence *evidence,
        const struct evidence_job *job)
{
    begin(writer, "job");
    field(writer, job->name);
    field(writer, job->recipe);
    field(writer, job->arch);
    field(writer, outcome_name(job->status));
    field(writer, lane_name(job->lane));
    field_int(writer, job->candidate);
    field_usual(writer, job->harness, evidence->harness);
    field_count(writer, job->created_ms);
    field_count(writer, job->started_ms);
    field_count(writer, job->finished_ms);
    text(writer, job->reason);
    end(writer);
    add_pointer(writer, &job->pointer);
    if (job->waits_for[0] != '\0') {
        begin(writer, "waits");
        text(writer, job->waits_for);
        end(writer);
    }
    for (size_t i = 0; i < job->role_count; i++) {
        begin(writer, "role");
        field(writer, job->roles[i].role);
        field(writer, job->roles[i].arch);
        field(writer, job->roles[i].host);
        end(writer);
    }
    for (size_t i = 0; i < job->need_count; i++) {
        begin(writer, "need");
        field_int(writer, job->needs[i].flight);
        field(writer, job->needs[i].job);
        end(writer);
    }
    for (size_t i = 0; i < job->runvar_count; i++) {
        if (!job->runvars[i].result)
            continue;
        begin(writer, "runvar");
        field(writer, job->runvars[i].name);
        text(writer, job->runvars[i].value);
        end(writer);
    }
    for (size_t i = 0; i < job->step_count; i++)
        add_step(writer, evidence, job, &job->steps[i]);
}

static void
add_flight(struct writer *writer, const struct evidence *evidence)
{
    begin(writer, "flight");
    field_int(writer, evidence->flight);
    field(writer, outcome_name(evidence->outcome));
    field(writer, evidence->branch);
    field(writer, evidence->blessing);
    field(writer, evidence->intended);
    field(writer, evidence->harness);
    field(writer, evidence->source);
    field_count(writer, evidence->created_ms);
    field_count(writer, evidence->started_ms);
    field_count(writer, evidence->finished_ms);
    text(writer, evidence->abort_reason);
    end(writer);
    add_pairs(writer, "tree", evidence->trees, evidence->tree_count);
    for (size_t i = 0; i < evidence->build_count; i++) {
        const struct evidence_build *build = &evidence->builds[i];

        begin(writer, "build");
        field_int(writer, build->candidate);
        field(writer, build->name);
        field(writer, build->arch);
        text(writer, build->source);
        end(writer);
        add_pairs(writer, "property", build->properties,
                  build->property_count);
        add_pairs(writer, "part", build->parts, build->part_count);
    }
    for (size_t i = 0; i < evidence->host_count; i++) {
        const struct evidence_host *host = &evidence->hosts[i];

        begin(writer, "host");
        field(writer, host->name);
        field(writer, host->site);
        field(writer, host->arch);
        field(writer, host->firmware);
        field(writer, host->class);
        field(writer, host->state);
        end(writer);
    }
}

void
records_usual_log(int64_t flight, const char *job, int step,
                  char out[static RECORDS_LOG_BYTES])
{
    (void)snprintf(out, RECORDS_LOG_BYTES, "flights/%" PRId64 "/%s/%d.log",
                   flight, job, step);
}

void
records_add(const struct evidence *evidence, struct buf *out)
{
    struct writer writer = { .out = out };
    char digest[SHA256_HEX_BYTES];

    buf_adds(out, RECORDS_BEGIN "\n");
    add_flight(&writer, evidence);
    for (size_t i = 0; i < evidence->job_count; i++)
        add_job(&writer, evidence, &evidence->jobs[i]);
    sha256_hex(buf_text(&writer.all), writer.all.len, digest);
    buf_addf(out, RECORDS_END "%zu\nsha256 %s]\n", writer.count, digest);
    buf_free(&writer.line);
    buf_free(&writer.all);
}
