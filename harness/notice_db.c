/* harness/notice_db.c - the notices' rows; see notice.h. */
#include <config.h>

#include "harness/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/message.h"

#define WORD(word, help) word,
const char *const notice_kinds[] = { NOTICE_KINDS(WORD) NULL };

static const struct query Q_ADD = { "notice-add",
    "insert into assay.notice (key, kind, about, cause, branch, subject, body,"
    " headers, people, confidence) values ($1::text, $2::text, $3::text,"
    " $4::text, $5::text, $6::text, $7::text, $8::jsonb, $9::jsonb,"
    " $10::double precision) on conflict (key) do nothing",
    10, 0 };

static bool
is_kind(const char *word)
{
    for (int i = 0; notice_kinds[i] != NULL; i++)
        if (strcmp(notice_kinds[i], word) == 0)
            return true;
    return false;
}

/* A NUL between them: no two triples have one key. */
static void
make_key(const struct notice *notice, char hex[static 65])
{
    struct buf text = BUF_INIT;

    buf_adds(&text, notice->kind);
    buf_addc(&text, '\0');
    buf_adds(&text, notice->about);
    buf_addc(&text, '\0');
    buf_adds(&text, notice->cause);
    sha256_hex(text.data, text.len, hex);
    buf_free(&text);
}

/* [{"name": ..., "value": ...}, ...]; the caller frees it. */
static char *
headers_json(const struct message_header *headers)
{
    json_t *list = json_array();
    char *text;

    for (int i = 0; headers != NULL && headers[i].name != NULL; i++) {
        json_t *one = json_object();

        json_put_text(one, "name", headers[i].name);
        json_put_text(one, "value", headers[i].value);
        must(json_array_append_new(list, one) == 0);
    }
    text = json_dumps(list, JSON_COMPACT);
    must(text != NULL);
    json_decref(list);
    return text;
}

/* [{"address": ...}, ...]; the caller frees it. */
static char *
people_json(const char *const *people)
{
    json_t *list = json_array();
    char *text;

    for (int i = 0; people != NULL && people[i] != NULL; i++) {
        json_t *one = json_object();

        json_put_text(one, "address", people[i]);
        must(json_array_append_new(list, one) == 0);
    }
    text = json_dumps(list, JSON_COMPACT);
    must(text != NULL);
    json_decref(list);
    return text;
}

bool
notice_add(struct db *db, const struct notice *notice, bool *fresh,
           struct fault *why)
{
    char key[65], confidence[32];
    char *headers = headers_json(notice->headers);
    char *people = people_json(notice->people);
    const char *params[] = {
        key, notice->kind, notice->about, notice->cause, notice->branch,
        notice->subject, notice->body, headers, people,
        notice->confidence > 0 ? confidence : NULL,
    };
    struct db_rows *rows = NULL;
    bool ok;

    must(is_kind(notice->kind));
    make_key(notice, key);
    snprintf(confidence, sizeof confidence, "%.17g", notice->confidence);
    ok = db_run(db, &Q_ADD, params, &rows, why);
    if (!ok)
        (void)fault_context(why, "notice of %s: %s", notice->about,
                            notice->subject);
    else if (fresh != NULL)
        *fresh = db_rows_affected(rows) == 1;
    db_rows_free(rows);
    free(headers);
    free(people);
    return ok;
}
