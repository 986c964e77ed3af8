/* harness/message_mime.c - see message_mime.h. */
#include <config.h>

#include "harness/message_mime.h"

#include <stdint.h>
#include <string.h>

#include <gmime/gmime.h>

#include "harness/buf.h"
#include "harness/message.h"
#include "harness/plain.h"

#define HEADER_MAX 900          /* bytes of a header's value: one line */
#define PARTS_MAX 100

/* One line of UTF-8, whatever it was: what could end a header is a blank. */
static void
clean(const char *text, struct buf *out)
{
    size_t bytes = strlen(text), span;

    buf_reset(out);
    for (size_t i = 0; i < bytes && out->len < HEADER_MAX; i += span) {
        unsigned char c = (unsigned char)text[i];

        span = utf8_span(text + i, bytes - i);
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && span == 2
                                      && (unsigned char)text[i + 1] < 0xa0)
            || plain_is_deceptive(text + i, span))
            buf_addc(out, ' ');
        else if (span == 0)
            buf_adds(out, "\xef\xbf\xbd");
        else
            buf_add(out, text + i, span);
        span += span == 0;
    }
}

static bool
name_ok(const char *name)
{
    return name[0] != '\0'
        && name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static void
add_person(GMimeMessage *message, GMimeAddressType type,
           const struct message_person *person)
{
    struct buf name = BUF_INIT, address = BUF_INIT;

    clean(person->name, &name);
    clean(person->address, &address);
    g_mime_message_add_mailbox(message, type,
                               name.len == 0 ? NULL : buf_text(&name),
                               buf_text(&address));
    buf_free(&name);
    buf_free(&address);
}

static void
add_headers(GMimeMessage *message, const struct message_header *headers)
{
    GMimeHeaderList *list
        = g_mime_object_get_header_list(GMIME_OBJECT(message));
    struct buf value = BUF_INIT;

    for (int i = 0; headers != NULL && headers[i].name != NULL; i++) {
        if (!name_ok(headers[i].name))
            continue;
        clean(headers[i].value, &value);
        g_mime_header_list_append(list, headers[i].name, buf_text(&value),
                                  NULL);
    }
    buf_free(&value);
}

static void
set_date(GMimeMessage *message, int64_t date_ms)
{
    GDateTime *date = g_date_time_new_from_unix_utc(date_ms / 1000);

    if (date == NULL)
        return;
    g_mime_message_set_date(message, date);
    g_date_time_unref(date);
}

/* Whatever a line of it came from, it does nothing to a terminal. */
static void
add_plain(const char *body, struct buf *out)
{
    for (const char *p = body; *p != '\0';) {
        size_t bytes = strcspn(p, "\n");

        plain_add(out, p, bytes, SIZE_MAX);
        p += bytes;
        if (*p == '\n') {
            buf_addc(out, '\n');
            p++;
        }
    }
}

static void
set_body(GMimeMessage *message, const char *body)
{
    GMimeTextPart *part = g_mime_text_part_new_with_subtype("plain");
    GMimeContentEncoding encoding;
    GMimeDataWrapper *content;
    GMimeStream *stream;

    g_mime_text_part_set_charset(part, "utf-8");
    /* (g_mime_text_part_set_text() would choose another character set.) */
    stream = g_mime_stream_mem_new_with_buffer(body, strlen(body));
    content = g_mime_data_wrapper_new_with_stream(
        stream, GMIME_CONTENT_ENCODING_DEFAULT);
    g_mime_part_set_content(GMIME_PART(part), content);
    g_object_unref(content);
    g_object_unref(stream);
    encoding = g_mime_part_get_best_content_encoding(
        GMIME_PART(part), GMIME_ENCODING_CONSTRAINT_8BIT);
    if (encoding == GMIME_CONTENT_ENCODING_DEFAULT)
        encoding = GMIME_CONTENT_ENCODING_8BIT;
    g_mime_part_set_content_encoding(GMIME_PART(part), encoding);
    g_mime_message_set_mime_part(message, GMIME_OBJECT(part));
    g_object_unref(part);
}

void
message_mime_build(const struct message *message, struct buf *out)
{
    struct buf line = BUF_INIT, body = BUF_INIT;
    GMimeMessage *mime;
    char *text;

    g_mime_init();
    mime = g_mime_message_new(FALSE);
    add_person(mime, GMIME_ADDRESS_TYPE_FROM, &message->from);
    for (size_t i = 0; i < message->to_count; i++)
        add_person(mime, GMIME_ADDRESS_TYPE_TO, &message->to[i]);
    add_plain(message->body, &body);
    clean(message->subject, &line);
    g_mime_message_set_subject(mime, buf_text(&line), "utf-8");
    clean(message->id, &line);
    g_mime_message_set_message_id(mime, buf_text(&line));
    set_date(mime, message->date_ms);
    add_headers(mime, message->headers);
    set_body(mime, buf_text(&body));
    text = g_mime_object_to_string(GMIME_OBJECT(mime), NULL);
    buf_adds(out, text);
    g_free(text);
    g_object_unref(mime);
    buf_free(&line);
    buf_free(&body);
}

struct search {
    const char *mark;
    struct buf *found;
    int parts;
    bool has;
};

static void
look_at(GMimeObject *parent UNUSED, GMimeObject *object, gpointer arg)
{
    struct search *search = arg;
    GMimeDataWrapper *content;
    GMimeStream *stream;
    GByteArray *bytes;

    if (search->has || !GMIME_IS_TEXT_PART(object)
        || search->parts++ >= PARTS_MAX)
        return;
    content = g_mime_part_get_content(GMIME_PART(object));
    if (content == NULL)
        return;
    stream = g_mime_stream_mem_new();
    g_mime_data_wrapper_write_to_stream(content, stream);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    if (bytes->len > 0 && memmem(bytes->data, bytes->len, search->mark,
                                 strlen(search->mark)) != NULL) {
        buf_add(search->found, bytes->data, bytes->len);
        search->has = true;
    }
    g_object_unref(stream);
}

bool
message_mime_find(const void *data, size_t bytes, const char *mark,
                  struct buf *out)
{
    struct search search = { .mark = mark, .found = out };
    GMimeMessage *message;
    GMimeParser *parser;
    GMimeStream *stream;

    g_mime_init();
    stream = g_mime_stream_mem_new_with_buffer(data, bytes);
    parser = g_mime_parser_new_with_stream(stream);
    message = g_mime_parser_construct_message(parser, NULL);
    if (message != NULL) {
        g_mime_message_foreach(message, look_at, &search);
        g_object_unref(message);
    }
    g_object_unref(parser);
    g_object_unref(stream);
    return search.has;
}
