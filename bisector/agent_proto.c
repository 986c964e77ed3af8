/* bisector/agent_proto.c - what a lab and an agent say to each other. */
#include <config.h>

#include "bisector/agent_proto.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/git.h"
#include "harness/json.h"
#include "harness/json_take.h"

#define LEASE_MS_LEAST 100
#define LEASE_MS_MOST (24LL * 3600 * 1000)
#define RUN_MS_MOST (30LL * 24 * 3600 * 1000)
#define NAME_MOST 100

static bool
is_hex(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdef") == digits
        && text[digits] == '\0';
}

bool
agent_token_is_valid(const char *text)
{
    size_t prefix = strlen(AGENT_TOKEN_PREFIX);

    return strncmp(text, AGENT_TOKEN_PREFIX, prefix) == 0
        && is_hex(text + prefix, AGENT_TOKEN_BYTES - 1 - prefix);
}

bool
agent_lease_is_valid(const char *text)
{
    return is_hex(text, AGENT_LEASE_BYTES - 1);
}

/* Places ------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum agent_place place;
} plain_places[] = {
    { "answer", AGENT_ANSWER }, { "give-back", AGENT_GIVE_BACK },
    { "next", AGENT_NEXT }, { "renew", AGENT_RENEW },
};

/* "WORD/LEASE/LAST"; returns LAST, or NULL. */
static const char *
lease_of(const char *rest, const char *word, char lease[AGENT_LEASE_BYTES])
{
    size_t len = strlen(word);

    if (strncmp(rest, word, len) != 0 || rest[len] != '/'
        || strlen(rest + len + 1) < AGENT_LEASE_BYTES)
        return NULL;
    rest += len + 1;
    memcpy(lease, rest, AGENT_LEASE_BYTES - 1);
    lease[AGENT_LEASE_BYTES - 1] = '\0';
    if (!agent_lease_is_valid(lease) || rest[AGENT_LEASE_BYTES - 1] != '/')
        return NULL;
    return rest + AGENT_LEASE_BYTES;
}

void
agent_route_parse(const char *target, struct agent_route *out)
{
    size_t prefix = strlen(AGENT_PREFIX), i;
    const char *rest, *last;

    memset(out, 0, sizeof(*out));
    if (strncmp(target, AGENT_PREFIX, prefix) != 0)
        return;
    rest = target + prefix;
    for (i = 0; i < ARRAY_LEN(plain_places); i++)
        if (strcmp(rest, plain_places[i].name) == 0)
            out->place = plain_places[i].place;
    last = lease_of(rest, "log", out->lease);
    if (last != NULL && parse_int64(last, 0, AGENT_LOG_MAX, &out->offset))
        out->place = AGENT_LOG;
    last = lease_of(rest, "file", out->lease);
    if (last != NULL && artefact_name_is_valid(last)) {
        memcpy(out->sha256, last, sizeof(out->sha256));
        out->place = AGENT_FILE;
    }
}

/* Texts that people will read ---------------------------------------------- */

static bool
check_text(const char *name, const char *text, struct fault *why)
{
    const char *at = text;

    if (strlen(text) > AGENT_TEXT_MOST)
        return fault_set(why, FAULT_DATA, "'%s' is longer than %d bytes",
                         name, AGENT_TEXT_MOST);
    while (*at != '\0' && !iscntrl((unsigned char)*at))
        at++;
    return *at == '\0'
        || fault_set(why, FAULT_DATA, "'%s' has control characters", name);
}

static bool
check_lease(const char *lease, struct fault *why)
{
    return agent_lease_is_valid(lease)
        || fault_set(why, FAULT_DATA, "'lease' is not 32 hexadecimal digits");
}

/* Parses into '*json', which is NULL afterwards if that fails. */
static bool
parse(const char *text, size_t bytes, const struct json_member *members,
      void *out, json_t **json, struct fault *why)
{
    *json = NULL;
    if (!json_parse(text, bytes, json, why))
        return false;
    return json_take(*json, members, out, why);
}

/* Requests ----------------------------------------------------------------- */

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct json_member next_members[] = {
    { "host", JSON_TAKE_NAME, AT(agent_ask, host) },
    { .type = JSON_TAKE_END },
};
static const struct json_member renew_members[] = {
    { "lease", JSON_TAKE_NAME, AT(agent_ask, lease) },
    { .type = JSON_TAKE_END },
};
static const struct json_member give_back_members[] = {
    { "lease", JSON_TAKE_NAME, AT(agent_ask, lease) },
    { "reason", JSON_TAKE_NAME, AT(agent_ask, reason) },
    { .type = JSON_TAKE_END },
};

bool
agent_ask_parse(enum agent_place place, const char *text, size_t bytes,
                struct agent_ask *out, struct fault *why)
{
    const struct json_member *members = place == AGENT_NEXT ? next_members
        : place == AGENT_RENEW ? renew_members : give_back_members;
    bool ok;

    memset(out, 0, sizeof(*out));
    ok = parse(text, bytes, members, out, &out->json, why)
        && (out->lease == NULL || check_lease(out->lease, why))
        && (out->host == NULL || check_text("host", out->host, why))
        && (out->reason == NULL || check_text("reason", out->reason, why));
    if (!ok)
        agent_ask_fini(out);
    return ok;
}

void
agent_ask_fini(struct agent_ask *ask)
{
    json_decref(ask->json);
    memset(ask, 0, sizeof(*ask));
}

/* An answer and where it stands. */
struct raw_answer {
    struct agent_answer answer;
    const char *result;
    const json_t *log;
};

static const struct json_member answer_members[] = {
    { "exit", JSON_TAKE_INT, AT(raw_answer, answer.exit), .min = -1,
      .max = 255 },
    { "lease", JSON_TAKE_NAME, AT(raw_answer, answer.lease) },
    { "log", JSON_TAKE_MAP, AT(raw_answer, log) },
    { "ms", JSON_TAKE_INT, AT(raw_answer, answer.ms), .min = 0,
      .max = RUN_MS_MOST },
    { "reason", JSON_TAKE_TEXT, AT(raw_answer, answer.reason) },
    { "result", JSON_TAKE_NAME, AT(raw_answer, result) },
    { .type = JSON_TAKE_END },
};
static const struct json_member log_members[] = {
    { "bytes", JSON_TAKE_INT, AT(agent_answer, log_bytes), .min = 0,
      .max = AGENT_FILE_MOST },
    { "sent", JSON_TAKE_FLAG, AT(agent_answer, log_sent) },
    { "sha256", JSON_TAKE_NAME, AT(agent_answer, log_sha256) },
    { .type = JSON_TAKE_END },
};

static bool
take_result(const char *name, enum search_result *out, struct fault *why)
{
    for (*out = SEARCH_PASS; *out < SEARCH_RESULT_COUNT; (*out)++)
        if (strcmp(name, search_result_name(*out)) == 0)
            return true;
    *out = SEARCH_RESULT_NONE;
    return fault_set(why, FAULT_DATA, "'result' is '%s', not good, bad or "
                     "cannot-tell", name);
}

bool
agent_answer_parse(const char *text, size_t bytes, struct agent_answer *out,
                   struct fault *why)
{
    struct raw_answer raw = { .result = NULL };
    bool ok;

    ok = parse(text, bytes, answer_members, &raw, &raw.answer.json, why);
    *out = raw.answer;
    ok = ok && check_lease(out->lease, why)
        && take_result(raw.result, &out->result, why)
        && check_text("reason", out->reason, why)
        && (json_take(raw.log, log_members, out, why)
            || fault_context(why, "'log'"))
        && (artefact_name_is_valid(out->log_sha256)
            || fault_set(why, FAULT_DATA, "'log': 'sha256' is not 64 "
                         "hexadecimal digits"))
        && (!out->log_sent || out->log_bytes <= AGENT_LOG_MAX
            || fault_set(why, FAULT_DATA, "'log': more than %d bytes cannot "
                         "have been sent", AGENT_LOG_MAX));
    if (!ok)
        agent_answer_fini(out);
    return ok;
}

void
agent_answer_fini(struct agent_answer *answer)
{
    json_decref(answer->json);
    memset(answer, 0, sizeof(*answer));
}

json_t *
agent_answer_json(const struct agent_answer *answer)
{
    json_t *json = json_object(), *log = json_object();

    json_put_int(log, "bytes", answer->log_bytes);
    json_put_text(log, "sha256", answer->log_sha256);
    json_object_set_new(log, "sent", json_boolean(answer->log_sent));
    json_put_text(json, "lease", answer->lease);
    json_put_text(json, "result", search_result_name(answer->result));
    json_put_int(json, "exit", answer->exit);
    json_put_int(json, "ms", answer->ms);
    json_put_text(json, "reason", answer->reason);
    json_object_set_new(json, "log", log);
    return json;
}

/* What is asked ------------------------------------------------------------ */

struct raw_spec {
    const json_t *revisions, *files;
    int64_t limit_ms;
};
struct raw_file {
    struct agent_file file;
    const char *kind;
};

static const struct json_member spec_members[] = {
    { "files", JSON_TAKE_LIST, AT(raw_spec, files) },
    { "limit_ms", JSON_TAKE_INT, AT(raw_spec, limit_ms), .min = 0,
      .max = RUN_MS_MOST },
    { "revisions", JSON_TAKE_MAP, AT(raw_spec, revisions) },
    { .type = JSON_TAKE_END },
};
static const struct json_member file_members[] = {
    { "bytes", JSON_TAKE_INT, AT(raw_file, file.bytes), .min = 0,
      .max = AGENT_FILE_MOST },
    { "kind", JSON_TAKE_NAME, AT(raw_file, kind) },
    { "name", JSON_TAKE_NAME, AT(raw_file, file.name) },
    { "sha256", JSON_TAKE_NAME, AT(raw_file, file.sha256) },
    { .type = JSON_TAKE_END },
};

/* It becomes the end of a variable's name. */
static bool
is_tree_name(const char *name)
{
    size_t len = strlen(name), i;

    for (i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    return len > 0 && len <= NAME_MOST;
}

static bool
take_revisions(const json_t *json, struct agent_spec *out, struct fault *why)
{
    json_t *revisions = (json_t *)(uintptr_t)json, *value;
    const char *name, *text;

    json_object_foreach(revisions, name, value) {
        text = json_string_value(value);
        if (out->tree_count == AGENT_TREES_MAX)
            return fault_set(why, FAULT_DATA, "more than %d trees",
                             AGENT_TREES_MAX);
        if (!is_tree_name(name))
            return fault_set(why, FAULT_DATA, "'%s' is no name of a tree",
                             name);
        if (text == NULL || !git_is_revision(text))
            return fault_set(why, FAULT_DATA, "tree %s: not the whole name "
                             "of a commit", name);
        out->tree[out->tree_count] = name;
        out->revision[out->tree_count++] = text;
    }
    return out->tree_count > 0
        || fault_set(why, FAULT_DATA, "'revisions' is empty");
}

static bool
take_file(const json_t *json, struct agent_spec *out, struct fault *why)
{
    struct raw_file raw = { .kind = NULL };
    struct agent_file *file = &raw.file;
    size_t i;

    if (!json_take(json, file_members, &raw, why))
        return false;
    if (!name_is_safe(file->name, NAME_MOST))
        return fault_set(why, FAULT_DATA, "'%s' is no name of a file",
                         file->name);
    if (!artefact_name_is_valid(file->sha256))
        return fault_set(why, FAULT_DATA, "file %s: 'sha256' is not 64 "
                         "hexadecimal digits", file->name);
    file->is_step = strcmp(raw.kind, "step") == 0;
    if (!file->is_step && strcmp(raw.kind, "artefact") != 0)
        return fault_set(why, FAULT_DATA, "file %s: 'kind' is '%s', not "
                         "artefact or step", file->name, raw.kind);
    for (i = 0; i < out->file_count; i++)
        if (out->files[i].is_step == file->is_step
            && strcmp(out->files[i].name, file->name) == 0)
            return fault_set(why, FAULT_DATA, "file %s is there twice",
                             file->name);
    out->files[out->file_count++] = *file;
    return true;
}

bool
agent_spec_take(const json_t *json, struct agent_spec *out,
                struct fault *why)
{
    struct raw_spec raw = { .files = NULL };
    const json_t *file;
    size_t i;

    memset(out, 0, sizeof(*out));
    if (!json_take(json, spec_members, &raw, why)
        || !take_revisions(raw.revisions, out, why))
        return false;
    out->limit_ms = raw.limit_ms;
    if (json_array_size(raw.files) > AGENT_FILES_MAX)
        return fault_set(why, FAULT_DATA, "more than %d files",
                         AGENT_FILES_MAX);
    json_array_foreach(raw.files, i, file)
        if (!take_file(file, out, why))
            return false;
    return true;
}

json_t *
agent_spec_json(const struct agent_spec *spec)
{
    json_t *json = json_object(), *revisions = json_object();
    json_t *files = json_array();
    size_t i;

    for (i = 0; i < spec->tree_count; i++)
        json_put_text(revisions, spec->tree[i], spec->revision[i]);
    for (i = 0; i < spec->file_count; i++) {
        const struct agent_file *file = &spec->files[i];
        json_t *one = json_object();

        json_put_text(one, "name", file->name);
        json_put_text(one, "kind", file->is_step ? "step" : "artefact");
        json_put_text(one, "sha256", file->sha256);
        json_put_int(one, "bytes", file->bytes);
        json_array_append_new(files, one);
    }
    json_object_set_new(json, "revisions", revisions);
    json_object_set_new(json, "files", files);
    json_put_int(json, "limit_ms", spec->limit_ms);
    return json;
}

const struct agent_file *
agent_spec_file(const struct agent_spec *spec, const char *sha256)
{
    size_t i;

    for (i = 0; i < spec->file_count; i++)
        if (strcmp(spec->files[i].sha256, sha256) == 0)
            return &spec->files[i];
    return NULL;
}

/* The lab's answer to "next" ----------------------------------------------- */

struct raw_order {
    struct agent_order order;
    const json_t *spec;
};

static const struct json_member order_members[] = {
    { "bisection", JSON_TAKE_NAME, AT(raw_order, order.bisection) },
    { "lease", JSON_TAKE_NAME, AT(raw_order, order.lease) },
    { "lease_ms", JSON_TAKE_INT, AT(raw_order, order.lease_ms),
      .min = LEASE_MS_LEAST, .max = LEASE_MS_MOST },
    { "spec", JSON_TAKE_MAP, AT(raw_order, spec) },
    { "test", JSON_TAKE_INT, AT(raw_order, order.test), .min = 1,
      .max = INT64_MAX },
    { .type = JSON_TAKE_END },
};
static const struct json_member nothing_members[] = {
    { "again_ms", JSON_TAKE_INT, AT(raw_order, order.again_ms), .min = 1,
      .max = LEASE_MS_MOST },
    { .type = JSON_TAKE_END },
};

bool
agent_order_parse(const char *text, size_t bytes, struct agent_order *out,
                  struct fault *why)
{
    struct raw_order raw = { .spec = NULL };
    bool has_test, ok;
    json_t *json;

    memset(out, 0, sizeof(*out));
    if (!json_parse(text, bytes, &json, why))
        return false;
    has_test = json_object_get(json, "again_ms") == NULL;
    ok = json_take(json, has_test ? order_members : nothing_members, &raw,
                   why);
    *out = raw.order;
    out->json = json;
    out->has_test = has_test;
    if (ok && has_test)
        ok = check_lease(out->lease, why)
            && (name_is_safe(out->bisection, NAME_MOST)
                || fault_set(why, FAULT_DATA, "'%s' is no name of a "
                             "bisection", out->bisection))
            && agent_spec_take(raw.spec, &out->spec, why);
    if (!ok)
        agent_order_fini(out);
    return ok;
}

void
agent_order_fini(struct agent_order *order)
{
    json_decref(order->json);
    memset(order, 0, sizeof(*order));
}

json_t *
agent_order_json(const char *bisection, int64_t test, const char *lease,
                 int64_t lease_ms, json_t *spec)
{
    json_t *json = json_object();

    json_put_text(json, "bisection", bisection);
    json_put_int(json, "test", test);
    json_put_text(json, "lease", lease);
    json_put_int(json, "lease_ms", lease_ms);
    json_object_set_new(json, "spec", spec);
    return json;
}

json_t *
agent_nothing_json(int64_t again_ms)
{
    json_t *json = json_object();

    json_put_int(json, "again_ms", again_ms);
    return json;
}

/* Refusals ----------------------------------------------------------------- */

void
agent_error_json(const char *text, struct buf *out)
{
    json_t *json = json_object();
    char *line;

    json_put_text(json, "error", text);
    line = json_dumps(json, JSON_COMPACT);
    must(line != NULL);
    buf_addf(out, "%s\n", line);
    free(line);
    json_decref(json);
}

void
agent_error_parse(const char *text, size_t bytes, struct buf *out)
{
    struct fault ignored = FAULT_INIT;
    const char *said;
    json_t *json;

    if (!json_parse(text, bytes, &json, &ignored))
        return;
    said = json_text(json, "error");
    if (said != NULL)
        buf_add_escaped(out, said, strlen(said));
    json_decref(json);
}
