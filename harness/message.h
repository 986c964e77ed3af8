/* harness/message.h - a mail to be: who, to whom, what.
 *
 * The bytes of a mail are made, and taken apart, by GMime in a program of its
 * own, assay-mail, because its libraries take longer to load than most commands
 * to run. Whatever the texts here contain, they become no header. */
#ifndef HARNESS_MESSAGE_H
#define HARNESS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct fault;

struct message_person {
    const char *name;           /* any bytes; "": none */
    const char *address;        /* "a@b", as message_person_parse() takes it */
};

struct message_header {
    const char *name;           /* of letters, digits and "-" */
    const char *value;
};

struct message {
    struct message_person from;
    const struct message_person *to;
    size_t to_count;
    const char *subject;
    const char *id;             /* "assay-7-report@example.org" */
    int64_t date_ms;            /* since 1970 */
    const struct message_header *headers;   /* ended by a NULL name; or NULL */
    const char *body;
};

/* "a@b" or "Name <a@b>": the last pair of angle brackets has the address, what
 * stands before it is the name, whatever that is (git's way); quotes around the
 * whole name are taken off. An address is plain ASCII without quoting, is at
 * most 254 bytes, and never begins with '-', so that it can be an argument of
 * a program. FAULT_USAGE "'...' is no address of mail". In 'arena'. */
MUST_CHECK bool message_person_parse(const char *text, struct arena *arena,
                                     struct message_person *out,
                                     struct fault *why);
/* Any number of them, at least one, with ',' between; a ',' in quotes or angle
 * brackets separates nothing. */
MUST_CHECK bool message_people_parse(const char *text, struct arena *arena,
                                     struct message_person **out,
                                     size_t *count_out, struct fault *why);

/* Appends the whole message, its lines ended by "\n", as a sendmail program
 * wants them. Blocks. */
MUST_CHECK bool message_make(const struct message *message, struct buf *out,
                             struct fault *why);
/* The first part of a message that is text and has 'mark' in it, decoded;
 * '*found_out' false: there is none. Blocks. */
MUST_CHECK bool message_find(const void *data, size_t bytes, const char *mark,
                             struct buf *out, bool *found_out,
                             struct fault *why);

/* A message as text for assay-mail, and back: FAULT_DATA. */
MUST_CHECK char *message_pack(const struct message *message);
MUST_CHECK bool message_unpack(const char *data, size_t bytes,
                               struct arena *arena, struct message *out,
                               struct fault *why);

#endif
