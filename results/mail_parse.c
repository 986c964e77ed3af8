/* results/mail_parse.c - the results in a message.
 *
 * An archive may have dropped the headers, decoded the body, or added parts:
 * the results are looked for in each part that is text, and if there is no such
 * part, in the bytes as they are. */
#include <config.h>

#include "results/mail.h"

#include <gmime/gmime.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "results/records.h"
#include "results/records_private.h"

#define PARTS_MAX 100

struct search {
    struct buf found;           /* the first text that has results */
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
    if (bytes->len > 0 && memmem(bytes->data, bytes->len, RECORDS_BEGIN,
                                 strlen(RECORDS_BEGIN)) != NULL) {
        buf_add(&search->found, bytes->data, bytes->len);
        search->has = true;
    }
    g_object_unref(stream);
}

bool
mail_parse(const char *name, const void *data, size_t bytes,
           struct arena *arena, struct evidence *out, struct fault *why)
{
    struct search search = { .found = BUF_INIT };
    GMimeMessage *message;
    GMimeParser *parser;
    GMimeStream *stream;
    bool ok;

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
    ok = records_parse(name, search.has ? buf_text(&search.found) : data,
                       search.has ? search.found.len : bytes, arena, out,
                       why);
    buf_free(&search.found);
    return ok;
}
