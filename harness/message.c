/* harness/message.c - see message.h. */
#include <config.h>

#include "harness/message.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define ADDRESS_MAX 254
#define MAKE_LIMIT_MS 60000

/* Addresses ---------------------------------------------------------------- */

/* A part of RFC 5321's that every mail program takes without quotes. */
static bool
address_ok(const char *address)
{
    const char *at = strchr(address, '@');
    size_t local = at == NULL ? 0 : (size_t)(at - address);

    return local > 0 && strlen(address) <= ADDRESS_MAX
        && address[0] != '-' && address[0] != '.' && at[-1] != '.'
        && strspn(address, LETTERS DIGITS "!#$%&'*+-/=?^_`{|}~.") == local
        && at[1] != '\0' && at[1] != '-' && at[1] != '.'
        && at[1 + strspn(at + 1, LETTERS DIGITS "-.")] == '\0';
}

/* Without what is blank at both ends. */
static char *
trimmed(struct arena *arena, const char *text, size_t bytes)
{
    while (bytes > 0 && strchr(" \t\r\n", *text) != NULL) {
        text++;
        bytes--;
    }
    while (bytes > 0 && strchr(" \t\r\n", text[bytes - 1]) != NULL)
        bytes--;
    return arena_printf(arena, "%.*s", (int)bytes, text);
}

bool
message_person_parse(const char *text, struct arena *arena,
                     struct message_person *out, struct fault *why)
{
    const char *all = trimmed(arena, text, strlen(text));
    const char *open = strrchr(all, '<');
    size_t bytes = strlen(all);
    char *name;

    *out = (struct message_person){ .name = "", .address = all };
    if (open != NULL && all[bytes - 1] == '>') {
        name = trimmed(arena, all, (size_t)(open - all));
        bytes = strlen(name);
        if (bytes >= 2 && name[0] == '"' && name[bytes - 1] == '"') {
            name[bytes - 1] = '\0';
            name++;
        }
        out->name = name;
        out->address = arena_printf(arena, "%.*s",
                                    (int)(strlen(open) - 2), open + 1);
    }
    return address_ok(out->address)
        || fault_set(why, FAULT_USAGE, "'%s' is no address of mail", text);
}

/* Where the one at the start of 'text' ends. */
static size_t
person_span(const char *text)
{
    bool quoted = false, angled = false;
    size_t i;

    for (i = 0; text[i] != '\0'; i++) {
        if (text[i] == '"' && !angled)
            quoted = !quoted;
        else if (text[i] == '<' && !quoted)
            angled = true;
        else if (text[i] == '>' && !quoted)
            angled = false;
        else if (text[i] == ',' && !quoted && !angled)
            break;
    }
    return i;
}

bool
message_people_parse(const char *text, struct arena *arena,
                     struct message_person **out, size_t *count_out,
                     struct fault *why)
{
    struct message_person *list;
    size_t count = 0, bytes;

    list = arena_alloc(arena, (strlen(text) + 1) * sizeof *list);
    for (const char *p = text;; p += bytes + 1) {
        bytes = person_span(p);
        if (!message_person_parse(arena_printf(arena, "%.*s", (int)bytes, p),
                                  arena, &list[count++], why))
            return false;
        if (p[bytes] == '\0')
            break;
    }
    *out = list;
    *count_out = count;
    return true;
}

/* By assay-mail ------------------------------------------------------------ */

MUST_CHECK static json_t *
person_json(const struct message_person *person)
{
    json_t *json = json_object();

    json_put_text(json, "name", person->name);
    json_put_text(json, "address", person->address);
    return json;
}

char *
message_pack(const struct message *message)
{
    json_t *json = json_object(), *to = json_array(), *headers = json_array();
    char *text;

    for (size_t i = 0; i < message->to_count; i++)
        must(json_array_append_new(to, person_json(&message->to[i])) == 0);
    for (size_t i = 0; message->headers != NULL
         && message->headers[i].name != NULL; i++) {
        json_t *one = json_object();

        json_put_text(one, "name", message->headers[i].name);
        json_put_text(one, "value", message->headers[i].value);
        must(json_array_append_new(headers, one) == 0);
    }
    must(json_object_set_new(json, "from", person_json(&message->from)) == 0
         && json_object_set_new(json, "to", to) == 0
         && json_object_set_new(json, "headers", headers) == 0);
    json_put_text(json, "subject", message->subject);
    json_put_text(json, "id", message->id);
    json_put_int(json, "date_ms", message->date_ms);
    json_put_text(json, "body", message->body);
    text = json_dumps(json, JSON_COMPACT);
    must(text != NULL);
    json_decref(json);
    return text;
}

/* "" for what is not there. */
static const char *
take(const json_t *object, const char *key, struct arena *arena)
{
    const char *text = json_text(object, key);

    return text == NULL ? "" : arena_strdup(arena, text);
}

bool
message_unpack(const char *data, size_t bytes, struct arena *arena,
               struct message *out, struct fault *why)
{
    const json_t *from, *to, *headers;
    struct message_header *header;
    struct message_person *person;
    json_t *json = NULL;

    if (!json_parse(data, bytes, &json, why))
        return fault_context(why, "the message");
    from = json_object_get(json, "from");
    to = json_object_get(json, "to");
    headers = json_object_get(json, "headers");
    person = arena_alloc(arena, (json_array_size(to) + 1) * sizeof *person);
    header = arena_alloc(arena,
                         (json_array_size(headers) + 1) * sizeof *header);
    *out = (struct message){
        .from = { take(from, "name", arena), take(from, "address", arena) },
        .to = person, .to_count = json_array_size(to),
        .subject = take(json, "subject", arena),
        .id = take(json, "id", arena),
        .date_ms = json_int(json, "date_ms", 0),
        .headers = header, .body = take(json, "body", arena),
    };
    for (size_t i = 0; i < json_array_size(to); i++) {
        const json_t *one = json_array_get(to, i);

        person[i] = (struct message_person){ take(one, "name", arena),
                                             take(one, "address", arena) };
    }
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *one = json_array_get(headers, i);

        header[i] = (struct message_header){ take(one, "name", arena),
                                             take(one, "value", arena) };
    }
    json_decref(json);
    return true;
}

bool
message_make(const struct message *message, struct buf *out,
             struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char *program = NULL, *text = message_pack(message);
    bool ok = home_program(&arena, "assay-mail", &program, why);

    if (ok) {
        const char *const argv[] = { program, "build", NULL };

        ok = proc_run(argv, text, strlen(text), MAKE_LIMIT_MS, out, why);
    }
    free(text);
    arena_free(&arena);
    return ok;
}

bool
message_find(const void *data, size_t bytes, const char *mark,
             struct buf *out, bool *found_out, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    struct arena arena = ARENA_INIT;
    struct proc_status status;
    char *program = NULL;
    bool ok = home_program(&arena, "assay-mail", &program, why);

    if (ok) {
        const char *const argv[] = { program, "find", mark, NULL };

        spec.argv = argv;
        ok = proc_run_spec(&spec, data, bytes, MAKE_LIMIT_MS, out, &status,
                           why);
        *found_out = ok;
        /* 1 is its word for "no such part". */
        ok = ok || (status.end == PROC_END_EXIT && status.code == 1);
    }
    arena_free(&arena);
    return ok;
}
