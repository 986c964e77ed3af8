/* bisector/agent_db.c - the SQL of agents: see agent_db.h. */
#include <config.h>

#include "bisector/agent_db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"

/* A test is asked as long as the session that asks holds (LOCK, test). */
#define LOCK "16724"
#define UTC(column) \
    "to_char(" column " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

static void
random_hex(char *out, size_t digits)
{
    unsigned char raw[32];
    size_t i;

    must(digits / 2 <= sizeof(raw));
    must(getrandom(raw, digits / 2, 0) == (ssize_t)(digits / 2));
    for (i = 0; i < digits / 2; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", raw[i]);
    explicit_bzero(raw, sizeof(raw));
}

/* Tokens ------------------------------------------------------------------- */

static const struct query Q_TOKEN_ADD = { "agent-token-add",
    "insert into assay.agent_token (bisection, hash, note, made_by, until_at)"
    " values ($1::text, $2::text, $3::text, $4::text,"
    "  clock_timestamp() + $5::bigint * interval '1 ms')"
    " returning agent_token", 5, 1 };
static const struct query Q_TOKEN_LIST = { "agent-token-list",
    "select t.agent_token, t.bisection, t.note, t.made_by, "
    UTC("t.made_at") ", " UTC("t.until_at") ", " UTC("t.revoked_at") ", "
    UTC("t.seen_at") ", t.seen_peer,"
    "  t.revoked_at is null and t.until_at > clock_timestamp(),"
    "  (select count(*) from assay.agent_lease l"
    "    where l.agent_token = t.agent_token"
    "    and l.how in ('answered', 'late')),"
    "  (select count(*) from assay.agent_lease l"
    "    where l.agent_token = t.agent_token"
    "    and l.how in ('given-back', 'lost'))"
    " from assay.agent_token t"
    " where $1::text is null or t.bisection = $1::text"
    " order by t.agent_token", 1, 12 };
static const struct query Q_TOKEN_REVOKE = { "agent-token-revoke",
    "with gone as ("
    " update assay.agent_token set revoked_at = clock_timestamp()"
    "  where agent_token = $1::bigint and revoked_at is null"
    "  returning agent_token),"
    " lost as ("
    " update assay.agent_lease l set ended_at = clock_timestamp(),"
    "  how = 'lost', reason = 'its token was revoked'"
    "  from gone g where l.agent_token = g.agent_token"
    "  and l.ended_at is null)"
    " select (select count(*) from gone),"
    "  (select count(*) from assay.agent_token"
    "    where agent_token = $1::bigint)", 1, 2 };

bool
agent_db_token_add(struct db *db, const char *bisection, const char *note,
                   const char *who, int64_t life_ms,
                   char token_out[static AGENT_TOKEN_BYTES],
                   int64_t *number_out, struct fault *why)
{
    size_t prefix = strlen(AGENT_TOKEN_PREFIX);
    char hash[SHA256_HEX_BYTES], life[DB_INT_BYTES];
    const char *params[] = { bisection, hash, note, who, life };

    memcpy(token_out, AGENT_TOKEN_PREFIX, prefix);
    random_hex(token_out + prefix, AGENT_TOKEN_BYTES - 1 - prefix);
    sha256_hex(token_out, strlen(token_out), hash);
    db_int_text(life, life_ms);
    return db_value_int(db, &Q_TOKEN_ADD, params, 0, number_out, why);
}

bool
agent_db_token_list(struct db *db, const char *bisection, json_t **list_out,
                    struct fault *why)
{
    static const char *const texts[] = {
        "bisection", "for", "made_by", "made_at", "until_at", "revoked_at",
        "seen_at", "seen_peer",
    };
    const char *params[] = { bisection };
    struct db_rows *rows = NULL;
    json_t *list = json_array();
    int i, col;

    if (!db_run(db, &Q_TOKEN_LIST, params, &rows, why)) {
        json_decref(list);
        return false;
    }
    for (i = 0; i < db_rows_count(rows); i++) {
        json_t *one = json_object();

        json_put_int(one, "token", db_int(rows, i, 0, 0));
        for (col = 0; col < (int)ARRAY_LEN(texts); col++)
            json_put_text(one, texts[col], db_text(rows, i, col + 1));
        json_object_set_new(one, "valid", json_boolean(db_bool(rows, i, 9)));
        json_put_int(one, "answers", db_int(rows, i, 10, 0));
        json_put_int(one, "without_answer", db_int(rows, i, 11, 0));
        json_array_append_new(list, one);
    }
    db_rows_free(rows);
    *list_out = list;
    return true;
}

bool
agent_db_token_revoke(struct db *db, int64_t number, struct fault *why)
{
    char text[DB_INT_BYTES];
    const char *params[] = { text };
    struct db_rows *rows = NULL;
    bool done, known;

    db_int_text(text, number);
    if (!db_run(db, &Q_TOKEN_REVOKE, params, &rows, why))
        return false;
    done = db_int(rows, 0, 0, 0) > 0;
    known = db_int(rows, 0, 1, 0) > 0;
    db_rows_free(rows);
    if (!known)
        return fault_set(why, FAULT_NOT_FOUND, "there is no token %" PRId64,
                         number);
    return done || fault_set(why, FAULT_CONFLICT, "token %" PRId64 " was "
                             "revoked before", number);
}

/* The side of the one who asks --------------------------------------------- */

/* The row is not to be seen before its lock is held: one statement. */
static const struct query Q_ASK = { "agent-ask",
    "with made as ("
    " insert into assay.agent_test (bisection, spec)"
    " values ($1::text, $2::jsonb) returning agent_test)"
    " select agent_test, pg_try_advisory_lock(" LOCK ", agent_test::int)"
    " from made", 2, 2 };
#define LOSE \
    "update assay.agent_lease set ended_at = clock_timestamp()," \
    " how = 'lost', reason = host || ' was not heard of any more'" \
    " where ended_at is null and until_at <= clock_timestamp()"
static const struct query Q_LOSE = { "agent-lose",
    LOSE " and agent_test = $1::bigint", 1, 0 };
static const struct query Q_STANDING = { "agent-standing",
    "select t.result, t.answer::text,"
    "  (select l.host || ' (token ' || l.agent_token || ', ' || l.peer || ')'"
    "    from assay.agent_lease l where l.agent_test = t.agent_test"
    "    and (l.ended_at is null or l.how in ('answered', 'late'))"
    "    order by l.ended_at limit 1),"
    "  (select count(*) from assay.agent_lease l"
    "    where l.agent_test = t.agent_test"
    "    and l.how in ('given-back', 'lost')),"
    "  (select l.reason from assay.agent_lease l"
    "    where l.agent_test = t.agent_test"
    "    and l.how in ('given-back', 'lost')"
    "    order by l.ended_at desc limit 1)"
    " from assay.agent_test t where t.agent_test = $1::bigint", 1, 5 };

bool
agent_db_ask(struct db *db, const char *bisection, const json_t *spec,
             int64_t *test_out, struct fault *why)
{
    char *text = json_dumps(spec, JSON_COMPACT);
    const char *params[] = { bisection, text };
    struct db_rows *rows = NULL;
    bool ok;

    must(text != NULL);
    ok = db_run(db, &Q_ASK, params, &rows, why);
    if (ok) {
        *test_out = db_int(rows, 0, 0, 0);
        ok = db_bool(rows, 0, 1)
            || fault_set(why, FAULT_CONFLICT, "another session has the lock "
                         "of test %" PRId64, *test_out);
    }
    db_rows_free(rows);
    free(text);
    return ok;
}

static const char *
copy(struct arena *arena, const struct db_rows *rows, int col)
{
    const char *text = db_text(rows, 0, col);

    return text == NULL ? NULL : arena_strdup(arena, text);
}

bool
agent_db_standing(struct db *db, int64_t test, struct arena *arena,
                  struct agent_standing *out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number }, *answer;
    struct db_rows *rows = NULL;
    bool ok;

    memset(out, 0, sizeof(*out));
    db_int_text(number, test);
    if (!db_run(db, &Q_LOSE, params, NULL, why)
        || !db_run(db, &Q_STANDING, params, &rows, why))
        return false;
    ok = db_rows_count(rows) == 1
        || fault_set(why, FAULT_DATA, "test %" PRId64 " has gone", test);
    if (ok) {
        out->result = copy(arena, rows, 0);
        out->holder = copy(arena, rows, 2);
        out->tries = db_int(rows, 0, 3, 0);
        out->last_reason = copy(arena, rows, 4);
        answer = db_text(rows, 0, 1);
        ok = answer == NULL
            || json_parse(answer, strlen(answer), &out->answer, why);
    }
    db_rows_free(rows);
    return ok;
}

/* The agents' side --------------------------------------------------------- */

static const struct query Q_FIND = { "agent-token-find",
    "update assay.agent_token set seen_at = clock_timestamp(),"
    "  seen_peer = $2::text"
    " where hash = $1::text and revoked_at is null"
    " and until_at > clock_timestamp()"
    " returning agent_token, bisection", 2, 2 };
static const struct query Q_LOSE_ALL = { "agent-lose-all", LOSE, 0, 0 };
/* The index of open leases decides between two that come at once. */
static const struct query Q_TAKE = { "agent-take",
    "with free as ("
    " select t.agent_test, t.spec from assay.agent_test t"
    "  where t.bisection = $2::text and t.result is null"
    "  and exists (select from assay.agent_asked a"
    "    where a.agent_test = t.agent_test)"
    "  and not exists (select from assay.agent_lease l"
    "    where l.agent_test = t.agent_test and l.ended_at is null)"
    "  order by (select count(*) from assay.agent_lease l"
    "    where l.agent_test = t.agent_test"
    "    and l.agent_token = $3::bigint and l.how = 'given-back'),"
    "   t.agent_test limit 1),"
    " made as ("
    " insert into assay.agent_lease (agent_lease, agent_test, agent_token,"
    "  host, peer, until_at)"
    " select $1::text, f.agent_test, $3::bigint, $4::text, $5::text,"
    "  clock_timestamp() + $6::bigint * interval '1 ms' from free f"
    " on conflict do nothing returning agent_test)"
    " select m.agent_test, f.spec::text from made m"
    " join free f on f.agent_test = m.agent_test", 6, 2 };
#define MINE \
    " from assay.agent_test t where l.agent_lease = $1::text" \
    " and l.agent_token = $2::bigint and l.ended_at is null" \
    " and t.agent_test = l.agent_test and t.result is null"
/* One that is overdue, but that nobody has taken away, is renewed. */
static const struct query Q_RENEW = { "agent-renew",
    "update assay.agent_lease l set until_at ="
    " clock_timestamp() + $3::bigint * interval '1 ms'" MINE
    " and exists (select from assay.agent_asked a"
    "  where a.agent_test = t.agent_test)", 3, 0 };
static const struct query Q_GIVE_BACK = { "agent-give-back",
    "update assay.agent_lease l set ended_at = clock_timestamp(),"
    " how = 'given-back', reason = l.host || ': ' || $3::text" MINE, 3, 0 };
static const struct query Q_SPEC = { "agent-lease-spec",
    "select t.spec::text, t.result is null and exists ("
    "  select from assay.agent_asked a where a.agent_test = t.agent_test)"
    " from assay.agent_lease l"
    " join assay.agent_test t on t.agent_test = l.agent_test"
    " where l.agent_lease = $1::text and l.agent_token = $2::bigint", 2, 2 };
static const struct query Q_LOOK = { "agent-answer-look",
    "select t.agent_test, l.ended_at is not null,"
    "  coalesce(t.answer = $3::jsonb, false), t.result is not null,"
    "  exists (select from assay.agent_asked a"
    "   where a.agent_test = t.agent_test)"
    " from assay.agent_lease l"
    " join assay.agent_test t on t.agent_test = l.agent_test"
    " where l.agent_lease = $1::text and l.agent_token = $2::bigint"
    " for update of t", 3, 5 };
/* Who has it now need not go on: the lease of another is over, too. */
static const struct query Q_ANSWER = { "agent-answer",
    "with answered as ("
    " update assay.agent_test set answered_at = clock_timestamp(),"
    "  result = $3::text, answer = $4::jsonb"
    "  where agent_test = $1::bigint and result is null),"
    " others as ("
    " update assay.agent_lease set ended_at = clock_timestamp(),"
    "  how = 'lost', reason = 'another answer came before'"
    "  where agent_test = $1::bigint and agent_lease <> $2::text"
    "  and ended_at is null)"
    " update assay.agent_lease set"
    "  how = case when ended_at is null then 'answered' else 'late' end,"
    "  ended_at = clock_timestamp(), reason = null"
    "  where agent_lease = $2::text", 4, 0 };

bool
agent_db_token_find(struct db *db, const char *token, const char *peer,
                    struct agent_holder *out, struct fault *why)
{
    char hash[SHA256_HEX_BYTES];
    const char *params[] = { hash, peer };
    struct db_rows *rows = NULL;

    memset(out, 0, sizeof(*out));
    if (!agent_token_is_valid(token))
        return true;
    sha256_hex(token, strlen(token), hash);
    if (!db_run(db, &Q_FIND, params, &rows, why))
        return false;
    if (db_rows_count(rows) == 1) {
        out->token = db_int(rows, 0, 0, 0);
        (void)snprintf(out->bisection, sizeof(out->bisection), "%s",
                       db_text(rows, 0, 1));
    }
    db_rows_free(rows);
    return true;
}

bool
agent_db_take(struct db *db, const struct agent_holder *holder,
              const char *host, const char *peer, int64_t lease_ms,
              char lease_out[static AGENT_LEASE_BYTES], int64_t *test_out,
              json_t **spec_out, struct fault *why)
{
    char token[DB_INT_BYTES], ms[DB_INT_BYTES];
    const char *params[] = { lease_out, holder->bisection, token, host, peer,
                             ms }, *text;
    struct db_rows *rows = NULL;
    bool ok;

    *test_out = 0;
    random_hex(lease_out, AGENT_LEASE_BYTES - 1);
    db_int_text(token, holder->token);
    db_int_text(ms, lease_ms);
    ok = db_run(db, &Q_LOSE_ALL, NULL, NULL, why)
        && db_run(db, &Q_TAKE, params, &rows, why);
    if (ok && db_rows_count(rows) == 1) {
        text = db_text(rows, 0, 1);
        ok = json_parse(text, strlen(text), spec_out, why);
        *test_out = ok ? db_int(rows, 0, 0, 0) : 0;
    }
    db_rows_free(rows);
    return ok;
}

/* Runs what touches one lease of the holder, if it is held. */
static bool
change(struct db *db, const struct query *query,
       const struct agent_holder *holder, const char *lease,
       const char *third, bool *held_out, struct fault *why)
{
    char token[DB_INT_BYTES];
    const char *params[] = { lease, token, third };
    int64_t changed;

    db_int_text(token, holder->token);
    if (!db_value_changed(db, query, params, &changed, why))
        return false;
    *held_out = changed > 0;
    return true;
}

bool
agent_db_renew(struct db *db, const struct agent_holder *holder,
               const char *lease, int64_t lease_ms, bool *held_out,
               struct fault *why)
{
    char ms[DB_INT_BYTES];

    db_int_text(ms, lease_ms);
    return change(db, &Q_RENEW, holder, lease, ms, held_out, why);
}

bool
agent_db_give_back(struct db *db, const struct agent_holder *holder,
                   const char *lease, const char *reason, bool *held_out,
                   struct fault *why)
{
    return change(db, &Q_GIVE_BACK, holder, lease, reason, held_out, why);
}

bool
agent_db_lease_spec(struct db *db, const struct agent_holder *holder,
                    const char *lease, json_t **spec_out, bool *open_out,
                    struct fault *why)
{
    char token[DB_INT_BYTES];
    const char *params[] = { lease, token }, *text;
    struct db_rows *rows = NULL;
    bool ok = true;

    *spec_out = NULL;
    *open_out = false;
    db_int_text(token, holder->token);
    if (!db_run(db, &Q_SPEC, params, &rows, why))
        return false;
    if (db_rows_count(rows) == 1) {
        text = db_text(rows, 0, 0);
        *open_out = db_bool(rows, 0, 1);
        ok = json_parse(text, strlen(text), spec_out, why);
    }
    db_rows_free(rows);
    return ok;
}

struct answer_call {
    const struct agent_holder *holder;
    const struct agent_answer *answer;
    const char *text;
    bool may_take;
    enum agent_taken taken;
};

static bool
answer_in_tx(struct db *db, void *arg, struct fault *why)
{
    struct answer_call *call = arg;
    char token[DB_INT_BYTES], test[DB_INT_BYTES];
    const char *look[] = { call->answer->lease, token, call->text };
    const char *set[] = { test, call->answer->lease,
                          search_result_name(call->answer->result),
                          call->text };
    struct db_rows *rows = NULL;
    bool same, answered, asked;

    db_int_text(token, call->holder->token);
    if (!db_run(db, &Q_LOOK, look, &rows, why))
        return false;
    if (db_rows_count(rows) == 0) {
        db_rows_free(rows);
        return fault_set(why, FAULT_NOT_FOUND, "there is no such lease");
    }
    db_int_text(test, db_int(rows, 0, 0, 0));
    same = db_bool(rows, 0, 1) && db_bool(rows, 0, 2);
    answered = db_bool(rows, 0, 3);
    asked = db_bool(rows, 0, 4);
    db_rows_free(rows);
    call->taken = answered ? same ? AGENT_TAKEN_BEFORE : AGENT_TAKEN_OTHER
        : !asked ? AGENT_TAKEN_UNASKED
        : call->may_take ? AGENT_TAKEN : AGENT_TAKEN_NONE;
    return call->taken != AGENT_TAKEN
        || db_run(db, &Q_ANSWER, set, NULL, why);
}

bool
agent_db_answer(struct db *db, const struct agent_holder *holder,
                const struct agent_answer *answer, bool may_take,
                enum agent_taken *taken_out, struct fault *why)
{
    char *text = json_dumps(answer->json, JSON_COMPACT);
    struct answer_call call = { .holder = holder, .answer = answer,
                                .text = text, .may_take = may_take };
    bool ok;

    must(text != NULL);
    ok = db_transact(db, answer_in_tx, &call, why);
    *taken_out = ok ? call.taken : AGENT_TAKEN_NONE;
    free(text);
    return ok;
}
