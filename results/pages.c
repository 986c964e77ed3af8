/* results/pages.c - the pages that assay-web shows. */
#include <config.h>

#include "results/pages.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/html.h"
#include "harness/json.h"
#include "harness/pattern_scan.h"
#include "results/logfile.h"
#include "results/overview_db.h"
#include "results/past.h"
#include "results/report.h"

#define FLIGHTS_SHOWN 200

static void
begin_bare(struct buf *out, const char *title)
{
    html_begin(out, title);
    buf_adds(out, "<p class=\"top\"><span>Assay</span><span>"
             "<a href=\"/flights\">flights</a>, <a href=\"/hosts\">hosts</a>"
             "</span></p>\n<main>\n");
}

static void
begin(struct buf *out, const char *title)
{
    begin_bare(out, title);
    buf_adds(out, "<h1>");
    html_text(out, title);
    buf_adds(out, "</h1>\n");
}

static void
end(struct buf *out)
{
    buf_adds(out, "</main>\n");
    html_end(out);
}

static void
flight_row(const struct overview_flight *flight, struct buf *out)
{
    buf_addf(out, "<tr><td class=\"right\"><a href=\"/flight/%" PRId64 "\">%"
             PRId64 "</a><td>", flight->flight, flight->flight);
    html_chip(out, flight->outcome);
    html_cell(out, NULL, flight->branch);
    buf_adds(out, " <span class=\"soft\">");
    html_text(out, flight->intended);
    buf_adds(out, "</span><td>");
    html_text(out, flight->candidates);
    buf_adds(out, "<td>");
    for (int i = 0, first = 1; i < OUTCOME_COUNT; i++) {
        if (flight->jobs[i] == 0)
            continue;
        buf_addf(out, "%s%" PRId64 " %s", first ? "" : ", ", flight->jobs[i],
                 outcome_name((enum outcome)i));
        first = 0;
    }
    buf_adds(out, "<td class=\"keep\">");
    html_time(out, flight->created_ms);
    buf_adds(out, "<td class=\"right keep\">");
    if (flight->started_ms >= 0 && flight->finished_ms >= 0)
        html_duration(out, flight->finished_ms - flight->started_ms);
    buf_adds(out, "</tr>\n");
}

bool
pages_flights(struct db *db, struct buf *out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct overview_flight *flights;
    size_t count;
    bool ok;

    ok = overview_flights(db, FLIGHTS_SHOWN, &arena, &flights, &count, why);
    if (!ok)
        goto out;
    begin(out, "flights");
    if (count == 0)
        buf_adds(out, "<p>No flight has been made yet.</p>\n");
    else
        buf_adds(out, "<div class=\"wide\"><table class=\"list\"><thead><tr>"
                 "<th class=\"right\">flight<th>outcome<th>branch<th>tested"
                 "<th>jobs<th>created<th class=\"right\">took</tr></thead>\n"
                 "<tbody>\n");
    for (size_t i = 0; i < count; i++)
        flight_row(&flights[i], out);
    if (count > 0)
        buf_adds(out, "</tbody></table></div>\n");
    if (count == FLIGHTS_SHOWN)
        buf_addf(out, "<p class=\"soft\">The last %d.</p>\n", FLIGHTS_SHOWN);
    end(out);
out:
    arena_free(&arena);
    return ok;
}

static void
host_row(const struct overview_host *host, struct buf *out)
{
    buf_adds(out, "<tr><td><a href=\"/host/");
    html_path(out, host->name);
    buf_adds(out, "\">");
    html_text(out, host->name);
    buf_adds(out, "</a><td>");
    html_text(out, host->arch);
    html_cell(out, NULL, host->class);
    html_cell(out, NULL, host->firmware);
    html_cell(out, NULL, host->flags);
    html_cell(out, NULL, host->state);
    buf_adds(out, "<td>");
    if (host->owner[0] == '\0')
        buf_adds(out, "<span class=\"soft\">free</span>");
    html_text(out, host->owner);
    html_cell(out, "keep", host->last_boot);
    if (host->last_boot_ms >= 0) {
        buf_adds(out, " <span class=\"soft\">");
        html_time(out, host->last_boot_ms);
        buf_adds(out, "</span>");
    }
    buf_adds(out, "</tr>\n");
}

bool
pages_hosts(struct db *db, struct buf *out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct overview_host *hosts;
    size_t count;
    bool ok;

    ok = overview_hosts(db, &arena, &hosts, &count, why);
    if (!ok)
        goto out;
    begin(out, "hosts");
    if (count == 0)
        buf_adds(out, "<p>No host is known.</p>\n");
    else
        buf_adds(out, "<div class=\"wide\"><table class=\"list\"><thead><tr>"
                 "<th>host<th>architecture<th>class<th>firmware<th>flags"
                 "<th>state<th>used by<th>last boot</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < count; i++)
        host_row(&hosts[i], out);
    if (count > 0)
        buf_adds(out, "</tbody></table></div>\n");
    end(out);
out:
    arena_free(&arena);
    return ok;
}

bool
pages_flight(struct db *db, const char *root, int64_t flight,
             struct buf *out, struct fault *why)
{
    struct report_options options = { .root = root,
                                      .links = REPORT_LINKS_WEB };
    struct arena arena = ARENA_INIT;
    struct report report;
    bool ok;

    ok = report_read(db, flight, NULL, &arena, &report, why);
    if (ok) {
        options.patterns = pattern_code_try();
        report_html(&report, &options, out);
        pattern_code_free(options.patterns);
    }
    arena_free(&arena);
    return ok;
}

bool
pages_flight_json(struct db *db, int64_t flight, struct buf *out,
                  struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct report report;
    json_t *json;
    char *text;
    bool ok;

    ok = report_read(db, flight, NULL, &arena, &report, why);
    if (ok) {
        json = report_json(&report);
        text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
        must(text != NULL);
        buf_adds(out, text);
        buf_addc(out, '\n');
        free(text);
        json_decref(json);
    }
    arena_free(&arena);
    return ok;
}

bool
pages_log(struct db *db, const char *root, int64_t flight, const char *job,
          int step, int *fd_out, int64_t *bytes_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *path;
    bool ok;

    ok = overview_log_path(db, flight, job, step, &arena, &path, why);
    if (ok && path[0] == '\0')
        ok = fault_set(why, FAULT_NOT_FOUND, "step %d of job %s has no log",
                       step, job);
    ok = ok && logfile_open(root, path, fd_out, bytes_out, why);
    arena_free(&arena);
    return ok;
}

/* A page around what 'past' says. */
static void
past_page(const struct past *past, struct buf *out)
{
    begin_bare(out, past->name);
    past_html(past, REPORT_LINKS_WEB, out);
    end(out);
}

bool
pages_job(struct db *db, const char *job, struct buf *out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct past past;
    bool ok;

    ok = past_read_job(db, job, "", PAST_RUNS_DEFAULT, &arena, &past, why);
    if (ok)
        past_page(&past, out);
    arena_free(&arena);
    return ok;
}

bool
pages_host(struct db *db, const char *host, struct buf *out,
           struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct past past;
    bool ok;

    ok = past_read_host(db, host, PAST_RUNS_DEFAULT, &arena, &past, why);
    if (ok)
        past_page(&past, out);
    arena_free(&arena);
    return ok;
}

void
pages_error(int status, const char *text, struct buf *out)
{
    char title[32];

    (void)snprintf(title, sizeof title, "error %d", status);
    begin(out, title);
    buf_adds(out, "<p>");
    html_text(out, text);
    buf_adds(out, "</p>\n");
    end(out);
}
