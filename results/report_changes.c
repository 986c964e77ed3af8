/* results/report_changes.c - see report_changes.h. */
#include <config.h>

#include "results/report_changes.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/html.h"
#include "harness/json.h"
#include "harness/plain.h"
#include "results/changes.h"
#include "results/report_words.h"

#define CHANGES_SHOWN 200
#define COMMITS_IN_TEXT 20
#define COMMITS_IN_PAGE 100
#define ITEM_MAX 400

/* A flight that is only compared with is not called good. */
static const char *
which(const struct changes *changes)
{
    return changes->since_good ? "the last good one" : "the baseline";
}

/* Text --------------------------------------------------------------------- */

static void
text_of_commits(const struct change *change, struct arena *arena,
                struct buf *out)
{
    for (size_t i = 0; i < change->commit_count && i < COMMITS_IN_TEXT; i++) {
        const struct change_commit *commit = &change->commits[i];

        buf_adds(out, "    ");
        plain_wrap(out, arena_printf(arena, "%.12s %s: %s", commit->revision,
                                     commit->author, commit->subject),
                   ITEM_MAX, 4, 6);
    }
    if (change->commit_total > COMMITS_IN_TEXT)
        buf_addf(out, "    ... %zu commits in all\n", change->commit_total);
    if (change->note[0] != '\0') {
        buf_adds(out, "    ");
        plain_wrap(out, arena_printf(arena, "no log: %s", change->note),
                   ITEM_MAX, 4, 6);
    }
}

static const char *
side(const char *text)
{
    return text[0] == '\0' ? "none" : text;
}

void
report_changes_text(const struct changes *changes, struct arena *arena,
                    struct buf *out)
{
    if (changes == NULL)
        return;
    buf_addf(out, "\nWhat changed since flight %" PRId64 " of %s, %s:\n",
             changes->since, words_day(changes->since_ms, arena),
             which(changes));
    if (changes->count == 0)
        buf_adds(out, "  nothing that is recorded\n");
    for (size_t i = 0; i < changes->count && i < CHANGES_SHOWN; i++) {
        const struct change *change = &changes->list[i];
        bool all = change->jobs[0] == '\0';

        buf_adds(out, "  ");
        plain_wrap(out, arena_printf(arena, "%s %s%s%s%s: %s -> %s",
                                     change_kind_name(change->kind),
                                     change->what, all ? "" : " (of ",
                                     change->jobs, all ? "" : ")",
                                     side(change->from), side(change->to)),
                   ITEM_MAX, 2, 4);
        text_of_commits(change, arena, out);
    }
    if (changes->count > CHANGES_SHOWN)
        buf_addf(out, "  ... and %zu more\n", changes->count - CHANGES_SHOWN);
}

/* The page ----------------------------------------------------------------- */

static void
html_of_commits(const struct change *change, struct buf *out)
{
    if (change->note[0] != '\0') {
        buf_adds(out, "<p class=\"soft\">No log of ");
        html_text(out, change->what);
        buf_adds(out, ": ");
        html_text(out, change->note);
        buf_adds(out, "</p>\n");
    }
    if (change->commit_count == 0)
        return;
    buf_addf(out, "<details><summary>%zu commit%s of ",
             change->commit_total, change->commit_total == 1 ? "" : "s");
    html_text(out, change->what);
    buf_adds(out, "</summary>\n<div class=\"wide\"><table class=\"list\">"
             "<tbody>\n");
    for (size_t i = 0; i < change->commit_count && i < COMMITS_IN_PAGE; i++) {
        const struct change_commit *commit = &change->commits[i];

        buf_addf(out, "<tr><td class=\"keep\"><code>%.12s</code><td>",
                 commit->revision);
        html_text(out, commit->subject);
        buf_adds(out, "<td class=\"soft keep\">");
        html_text(out, commit->author);
        buf_adds(out, "</tr>\n");
    }
    buf_adds(out, "</tbody></table></div>\n");
    if (change->commit_total > COMMITS_IN_PAGE)
        buf_addf(out, "<p class=\"soft\">... the newest %d of %zu.</p>\n",
                 COMMITS_IN_PAGE, change->commit_total);
    buf_adds(out, "</details>\n");
}

static void
html_side(const char *text, struct buf *out)
{
    if (text[0] == '\0')
        buf_adds(out, "<i>none</i>");
    html_text(out, text);
}

static void
html_row(const struct change *change, struct buf *out)
{
    buf_addf(out, "<tr><td class=\"soft keep\">%s<td>",
             change_kind_name(change->kind));
    html_text(out, change->what);
    if (change->jobs[0] != '\0') {
        buf_adds(out, " <span class=\"soft\">of ");
        html_text(out, change->jobs);
        buf_adds(out, "</span>");
    }
    buf_adds(out, "<td class=\"mono\">");
    html_side(change->from, out);
    buf_adds(out, "<td class=\"mono\">");
    html_side(change->to, out);
    buf_adds(out, "</tr>\n");
}

void
report_changes_html(const struct changes *changes, struct buf *out)
{
    if (changes == NULL)
        return;
    buf_addf(out, "<h2 id=\"changes\">What changed since flight %" PRId64
             ", %s, ", changes->since, which(changes));
    html_time(out, changes->since_ms);
    buf_adds(out, "</h2>\n");
    if (changes->count == 0) {
        buf_adds(out, "<p>Nothing that is recorded: the same revisions, "
                 "packages, hosts, firmware, runvars and harness.</p>\n");
        return;
    }
    buf_adds(out, "<div class=\"wide\"><table class=\"list\"><thead><tr>"
             "<th>kind<th>what<th>before<th>now</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < changes->count && i < CHANGES_SHOWN; i++)
        html_row(&changes->list[i], out);
    buf_adds(out, "</tbody></table></div>\n");
    if (changes->count > CHANGES_SHOWN)
        buf_addf(out, "<p class=\"soft\">... and %zu more.</p>\n",
                 changes->count - CHANGES_SHOWN);
    for (size_t i = 0; i < changes->count; i++) {
        if (changes->list[i].kind == CHANGE_TREE)
            html_of_commits(&changes->list[i], out);
    }
}

/* JSON --------------------------------------------------------------------- */

static json_t *
json_of_commits(const struct change *change)
{
    json_t *list = json_array();

    for (size_t i = 0; i < change->commit_count; i++) {
        const struct change_commit *from = &change->commits[i];
        json_t *commit = json_object();

        json_put_text(commit, "revision", from->revision);
        json_put_text(commit, "author", from->author);
        json_put_text(commit, "email", from->email);
        json_put_text(commit, "subject", from->subject);
        json_array_append_new(list, commit);
    }
    return list;
}

json_t *
report_changes_json(const struct changes *changes)
{
    json_t *object, *list;

    if (changes == NULL)
        return json_null();
    object = json_object();
    list = json_array();
    json_put_int(object, "since", changes->since);
    json_put_time(object, "since_finished_at", changes->since_ms);
    json_object_set_new(object, "since_good",
                        json_boolean(changes->since_good));
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *from = &changes->list[i];
        json_t *change = json_object();

        json_put_text(change, "kind", change_kind_name(from->kind));
        json_put_text(change, "what", from->what);
        json_put_some(change, "from", from->from);
        json_put_some(change, "to", from->to);
        json_put_some(change, "jobs", from->jobs);
        if (from->kind == CHANGE_TREE) {
            json_object_set_new(change, "commits", json_of_commits(from));
            json_put_int(change, "commit_count",
                         (int64_t)from->commit_total);
            json_put_some(change, "note", from->note);
        }
        json_array_append_new(list, change);
    }
    json_object_set_new(object, "list", list);
    return object;
}
