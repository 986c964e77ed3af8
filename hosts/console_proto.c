/* hosts/console_proto.c - parses what strangers say to assay-console. */
#include <config.h>

#include "hosts/console_proto.h"

#include <ctype.h>
#include <string.h>

#include "harness/fault.h"
#include "harness/json.h"

enum { HOST = 1, NAME = 2, HEX = 4, FROM = 8, WHO = 16, OFFSET = 32,
       WRITE = 64, FORCE = 128 };

static const struct {
    const char *name;
    enum console_op op;
    int may, must_have;
} ops[] = {
    { "status", CONSOLE_OP_STATUS, HOST, 0 },
    { "reload", CONSOLE_OP_RELOAD, 0, 0 },
    { "mark", CONSOLE_OP_MARK, HOST | NAME | OFFSET, HOST | NAME },
    { "send", CONSOLE_OP_SEND, HOST | HEX | FORCE, HOST | HEX },
    { "attach", CONSOLE_OP_ATTACH, HOST | FROM | WHO | WRITE | FORCE, HOST },
};

static const struct {
    const char *key;
    int bit;
    json_type type;
} keys[] = {
    { "host", HOST, JSON_STRING },      { "name", NAME, JSON_STRING },
    { "hex", HEX, JSON_STRING },        { "from", FROM, JSON_STRING },
    { "who", WHO, JSON_STRING },        { "offset", OFFSET, JSON_INTEGER },
    { "write", WRITE, JSON_TRUE },      { "force", FORCE, JSON_TRUE },
};

bool
console_mark_is_valid(const char *name)
{
    return name_is_safe(name, CONSOLE_NAME_MAX) &&
           name[strspn(name, "0123456789")] != '\0' &&
           strcmp(name, "now") != 0 && strcmp(name, "start") != 0;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool
parse_hex(const char *hex, struct buf *out, struct fault *why)
{
    size_t digits = strlen(hex);

    if (digits % 2 != 0 || digits > 2 * (size_t)CONSOLE_SEND_MAX)
        return fault_set(why, FAULT_USAGE,
                         "\"hex\" must be pairs of digits, at most %d",
                         CONSOLE_SEND_MAX);
    for (size_t i = 0; i < digits; i += 2) {
        int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);

        if (high < 0 || low < 0)
            return fault_set(why, FAULT_USAGE,
                             "\"hex\" holds what is no digit");
        buf_addc(out, (char)(high * 16 + low));
    }
    return true;
}

static bool
parse_from(const char *from, struct console_request *request,
           struct fault *why)
{
    if (from == NULL || strcmp(from, "now") == 0) {
        request->from = CONSOLE_FROM_NOW;
        return true;
    }
    if (strcmp(from, "start") == 0) {
        request->from = CONSOLE_FROM_START;
        return true;
    }
    if (parse_int64(from, 0, INT64_MAX, &request->offset)) {
        request->from = CONSOLE_FROM_OFFSET;
        return true;
    }
    if (!console_mark_is_valid(from))
        return fault_set(why, FAULT_USAGE, "'%s' is no place on a console",
                         from);
    request->from = CONSOLE_FROM_MARK;
    request->name = from;
    return true;
}

/* Each key is known, may be there, and is of its type. */
static bool
check_keys(json_t *json, const char *op, int may, int must_have,
           struct fault *why)
{
    const char *key;
    json_t *value;
    int seen = 0;
    size_t i;

    json_object_foreach(json, key, value) {
        if (strcmp(key, "op") == 0)
            continue;
        for (i = 0; i < ARRAY_LEN(keys); i++)
            if (strcmp(keys[i].key, key) == 0)
                break;
        if (i == ARRAY_LEN(keys) || (keys[i].bit & may) == 0)
            return fault_set(why, FAULT_USAGE, "%s has no key \"%s\"", op,
                             key);
        if (keys[i].type == JSON_TRUE ? !json_is_boolean(value)
                                      : json_typeof(value) != keys[i].type)
            return fault_set(why, FAULT_USAGE,
                             "key \"%s\" is of the wrong type", key);
        seen |= keys[i].bit;
    }
    for (i = 0; i < ARRAY_LEN(keys); i++)
        if ((must_have & ~seen & keys[i].bit) != 0)
            return fault_set(why, FAULT_USAGE, "%s needs key \"%s\"", op,
                             keys[i].key);
    return true;
}

static bool
parse_values(struct console_request *request, struct fault *why)
{
    const json_t *json = request->json;

    request->host = json_text(json, "host");
    request->name = json_text(json, "name");
    request->who = json_text(json, "who");
    request->write = json_flag(json, "write", false);
    request->force = json_flag(json, "force", false);
    request->offset = json_int(json, "offset", -1);
    if (json_object_get(json, "offset") != NULL && request->offset < 0)
        return fault_set(why, FAULT_USAGE, "\"offset\" is negative");
    if (request->op == CONSOLE_OP_MARK &&
        !console_mark_is_valid(request->name))
        return fault_set(why, FAULT_USAGE, "'%s' is no name for a mark",
                         request->name);
    if (request->op == CONSOLE_OP_SEND)
        return parse_hex(json_text(json, "hex"), &request->data, why);
    if (request->op == CONSOLE_OP_ATTACH)
        return parse_from(json_text(json, "from"), request, why);
    return true;
}

bool
console_request_parse(const char *line, size_t bytes,
                      struct console_request *request_out, struct fault *why)
{
    const char *op;
    size_t i;
    bool ok;

    memset(request_out, 0, sizeof(*request_out));
    ok = json_parse(line, bytes, &request_out->json, why);
    if (!ok) {
        why->kind = FAULT_USAGE;
        goto out;
    }
    op = json_text(request_out->json, "op");
    for (i = 0; op != NULL && i < ARRAY_LEN(ops); i++)
        if (strcmp(ops[i].name, op) == 0)
            break;
    ok = op != NULL && i < ARRAY_LEN(ops);
    if (!ok) {
        fault_set(why, FAULT_USAGE, "\"op\" is missing or not known");
        goto out;
    }
    request_out->op = ops[i].op;
    ok = check_keys(request_out->json, op, ops[i].may, ops[i].must_have,
                    why) &&
         parse_values(request_out, why);
out:
    if (!ok)
        console_request_fini(request_out);
    return ok;
}

void
console_request_fini(struct console_request *request)
{
    json_decref(request->json);
    buf_free(&request->data);
    memset(request, 0, sizeof(*request));
}

json_t *
console_answer_fault(const struct fault *why)
{
    json_t *answer = json_object();

    must(answer != NULL);
    must(json_object_set_new(answer, "ok", json_false()) == 0);
    json_put_text(answer, "kind", fault_kind_name(why->kind));
    json_put_text(answer, "error", why->text);
    if (why->detail[0] != '\0')
        json_put_text(answer, "detail", why->detail);
    if (why->hint[0] != '\0')
        json_put_text(answer, "hint", why->hint);
    return answer;
}

bool
console_answer_check(const json_t *answer, struct fault *why)
{
    const char *kind = json_text(answer, "kind");
    const char *error = json_text(answer, "error");
    const char *detail = json_text(answer, "detail");
    const char *hint = json_text(answer, "hint");
    int found = FAULT_PEER;

    if (json_flag(answer, "ok", false))
        return true;
    if (kind == NULL || error == NULL)
        return fault_set(why, FAULT_PEER,
                         "assay-console gives an answer that is none");
    for (int i = FAULT_NONE + 1; i < FAULT_KIND_COUNT; i++)
        if (strcmp(fault_kind_name((enum fault_kind)i), kind) == 0)
            found = i;
    fault_set(why, (enum fault_kind)found, "%s", error);
    if (detail != NULL)
        fault_detail(why, detail, strlen(detail));
    if (hint != NULL)
        fault_hint(why, "%s", hint);
    return false;
}

void
console_frame_head(char head[static CONSOLE_FRAME_HEAD],
                   enum console_frame type, size_t bytes)
{
    must(bytes <= CONSOLE_FRAME_MAX);
    head[0] = (char)type;
    head[1] = (char)(bytes >> 24 & 0xff);
    head[2] = (char)(bytes >> 16 & 0xff);
    head[3] = (char)(bytes >> 8 & 0xff);
    head[4] = (char)(bytes & 0xff);
}

int
console_frame_parse(const char *data, size_t bytes,
                    enum console_frame *type_out, const char **payload_out,
                    size_t *payload_bytes_out)
{
    const unsigned char *head = (const unsigned char *)data;
    size_t payload;

    if (bytes > 0 && (data[0] == '\0' || strchr("dnsqe", data[0]) == NULL))
        return -1;
    if (bytes < CONSOLE_FRAME_HEAD)
        return 0;
    payload = (size_t)head[1] << 24 | (size_t)head[2] << 16 |
              (size_t)head[3] << 8 | (size_t)head[4];
    if (payload > CONSOLE_FRAME_MAX)
        return -1;
    if (bytes < CONSOLE_FRAME_HEAD + payload)
        return 0;
    *type_out = (enum console_frame)data[0];
    *payload_out = data + CONSOLE_FRAME_HEAD;
    *payload_bytes_out = payload;
    return (int)(CONSOLE_FRAME_HEAD + payload);
}
