/* harness/booking_db.c - see booking_db.h. */
#include <config.h>

#include "harness/booking_db.h"

#include <stdlib.h>

#include "harness/booking.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/host_match.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/plan_db.h"
#include "harness/plan_make.h"

/* A time is written again when it moved by this, and by this part of how far
 * away it is. */
#define MOVED_MS 5000
#define MOVED_PART 50

static const struct query Q_PUBLISH = {
    "booking-publish",
    "with gone as (delete from assay.booking b"
    "  using jsonb_to_recordset($2::jsonb) as x(flight bigint, job text)"
    "  where b.flight = x.flight and b.job = x.job)"
    " insert into assay.booking as b (flight, job, verdict, hosts, start_at,"
    "  end_at, start_sd_ms, end_sd_ms, ordered_at)"
    " select x.flight, x.job, x.verdict,"
    "  coalesce(string_to_array(nullif(x.hosts, ''), ','), '{}'),"
    "  to_timestamp(x.start_ms::double precision / 1000),"
    "  to_timestamp(x.end_ms::double precision / 1000),"
    "  x.start_sd_ms, x.end_sd_ms,"
    "  case when x.ordered then clock_timestamp() end"
    " from jsonb_to_recordset($1::jsonb) as x(flight bigint, job text,"
    "  verdict text, hosts text, start_ms bigint, end_ms bigint,"
    "  start_sd_ms bigint, end_sd_ms bigint, ordered boolean)"
    " on conflict (flight, job) do update set verdict = excluded.verdict,"
    "  hosts = excluded.hosts, start_at = excluded.start_at,"
    "  end_at = excluded.end_at, start_sd_ms = excluded.start_sd_ms,"
    "  end_sd_ms = excluded.end_sd_ms,"
    "  ordered_at = case when excluded.ordered_at is null then null"
    "   else coalesce(b.ordered_at, excluded.ordered_at) end,"
    "  made_at = clock_timestamp()",
    2, 0
};

struct changes {
    const struct plan_facts *facts;
    const struct plan_made *made;
    json_t *rows, *gone;
    bool *kept;                 /* bookings that speak of an open job */
};

static bool
moved(int64_t from_ms, int64_t to_ms, int64_t now_ms)
{
    int64_t by = llabs(to_ms - from_ms);

    return (from_ms == 0) != (to_ms == 0)
        || (by >= MOVED_MS && by >= llabs(to_ms - now_ms) / MOVED_PART);
}

/* It speaks of an open job. */
static const struct plan_booking *
keep(struct changes *changes, const struct plan_booking *booking)
{
    if (booking != NULL)
        changes->kept[booking - changes->facts->bookings] = true;
    return booking;
}

/* 'now' is the booking as it is now, 'was' as it was, or NULL. */
static void
note(struct changes *changes, const struct plan_booking *was,
     const struct plan_booking *now)
{
    int64_t now_ms = changes->facts->now_ms;
    json_t *row;

    if (was != NULL && strcmp(was->verdict, now->verdict) == 0
        && strcmp(was->hosts, now->hosts) == 0
        && was->ordered == now->ordered
        && !moved(was->start_ms, now->start_ms, now_ms)
        && !moved(was->end_ms, now->end_ms, now_ms))
        return;
    row = json_object();
    json_put_int(row, "flight", now->flight);
    json_put_text(row, "job", now->job);
    json_put_text(row, "verdict", now->verdict);
    json_put_text(row, "hosts", now->hosts);
    if (now->start_ms != 0) {
        json_put_int(row, "start_ms", now->start_ms);
        json_put_int(row, "end_ms", now->end_ms);
    }
    json_put_int(row, "start_sd_ms", now->start_sd_ms);
    json_put_int(row, "end_sd_ms", now->end_sd_ms);
    json_object_set_new(row, "ordered", json_boolean(now->ordered));
    json_array_append_new(changes->rows, row);
}

static void
add_name(struct buf *hosts, const char *name)
{
    buf_addf(hosts, "%s%s", hosts->len > 0 ? "," : "", name);
}

static void
note_waits(struct changes *changes, const bool *ordered, bool only_ordered)
{
    const struct plan_facts *facts = changes->facts;
    struct buf hosts = BUF_INIT;

    for (int w = 0; w < facts->wait_count; w++) {
        const struct plan_wait *wait = &facts->waits[w];
        const struct planner_slot *slot = &changes->made->plan.slots[w];
        struct plan_booking now = {
            .flight = wait->flight, .job = wait->job,
            .verdict = planner_verdict_name(slot->verdict),
            .ordered = ordered[w],
        };

        (void)keep(changes, wait->booking);
        if (ordered[w] != only_ordered)
            continue;
        buf_reset(&hosts);
        for (int u = 0; u < slot->host_count; u++)
            add_name(&hosts, facts->hosts[slot->hosts[u]].name);
        now.hosts = buf_text(&hosts);
        if (slot->verdict == PLANNER_NOW || slot->verdict == PLANNER_LATER) {
            now.start_ms = slot->start_ms;
            now.end_ms = slot->end_ms;
            now.start_sd_ms = slot->start_sd_ms;
            now.end_sd_ms = slot->end_sd_ms;
        }
        note(changes, wait->booking, &now);
    }
    buf_free(&hosts);
}

/* The holds of one job are neighbours no more than its hosts are: the first
 * one speaks for all. */
static void
note_holds(struct changes *changes)
{
    const struct plan_facts *facts = changes->facts;
    struct buf hosts = BUF_INIT;

    for (int i = 0; i < facts->hold_count; i++) {
        const struct plan_hold *hold = &facts->holds[i];
        const struct planner_hold *held = &changes->made->in.holds[i];
        struct plan_booking now = {
            .flight = hold->flight, .job = hold->job, .verdict = "runs",
            .start_ms = hold->begun_ms, .end_ms = held->until_ms,
            .end_sd_ms = held->spread_ms,
        };
        bool first = true;

        if (hold->job == NULL)
            continue;
        buf_reset(&hosts);
        for (int k = 0; k < facts->hold_count; k++) {
            const struct plan_hold *other = &facts->holds[k];

            if (other->flight != hold->flight || other->job == NULL
                || strcmp(other->job, hold->job) != 0)
                continue;
            first = first && k >= i;
            add_name(&hosts, facts->hosts[other->host].name);
        }
        now.hosts = buf_text(&hosts);
        if (first)
            note(changes, keep(changes, plan_booking_find(facts, hold->flight,
                                                          hold->job)), &now);
    }
    buf_free(&hosts);
}

static void
note_gone(struct changes *changes)
{
    const struct plan_facts *facts = changes->facts;

    for (int i = 0; i < facts->booking_count; i++) {
        json_t *row;

        if (changes->kept[i])
            continue;
        row = json_object();
        json_put_int(row, "flight", facts->bookings[i].flight);
        json_put_text(row, "job", facts->bookings[i].job);
        json_array_append_new(changes->gone, row);
    }
}

static bool
publish(struct db *db, struct changes *changes, struct fault *why)
{
    char *rows, *gone;
    const char *params[2];
    bool ok;

    if (json_array_size(changes->rows) + json_array_size(changes->gone) == 0)
        return true;
    params[0] = rows = json_dumps(changes->rows, JSON_COMPACT);
    params[1] = gone = json_dumps(changes->gone, JSON_COMPACT);
    must(rows != NULL && gone != NULL);
    ok = db_run(db, &Q_PUBLISH, params, NULL, why);
    free(rows);
    free(gone);
    return ok;
}

static bool
publish_some(struct db *db, const struct plan_facts *facts,
             const struct plan_made *made, const bool *ordered,
             bool only_ordered, struct fault *why)
{
    struct changes changes = {
        .facts = facts, .made = made,
        .rows = json_array(), .gone = json_array(),
        .kept = xcalloc((size_t)facts->booking_count + 1, sizeof(bool)),
    };
    bool ok;

    note_waits(&changes, ordered, only_ordered);
    if (!only_ordered) {
        note_holds(&changes);
        note_gone(&changes);
    }
    ok = publish(db, &changes, why);
    json_decref(changes.rows);
    json_decref(changes.gone);
    free(changes.kept);
    return ok;
}

bool
booking_db_order(struct db *db, const struct plan_facts *facts,
                 const struct plan_made *made, const bool *ordered,
                 struct fault *why)
{
    return publish_some(db, facts, made, ordered, true, why);
}

bool
booking_db_publish(struct db *db, const struct plan_facts *facts,
                   const struct plan_made *made, const bool *ordered,
                   struct fault *why)
{
    return publish_some(db, facts, made, ordered, false, why);
}

void
booking_db_read(const struct db_rows *rows, int row, int col,
                struct booking *out)
{
    *out = (struct booking){
        .start_ms = db_int(rows, row, col, 0),
        .end_ms = db_int(rows, row, col + 1, 0),
        .start_sd_ms = db_int(rows, row, col + 2, 0),
        .end_sd_ms = db_int(rows, row, col + 3, 0),
        .runs = db_text(rows, row, col + 4) != NULL
            && db_bool(rows, row, col + 4),
        .now_ms = db_int(rows, row, col + 5, 0),
    };
    out->known = out->end_ms != 0;
}
