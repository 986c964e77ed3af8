/* hosts/web_route.h - what a request asks for: the only reader of its target.
 *
 * No I/O. Whatever a stranger sends becomes one of a few shapes whose texts
 * are of fixed alphabets: no path, no "..", nothing that is looked up in a
 * directory. */
#ifndef HOSTS_WEB_ROUTE_H
#define HOSTS_WEB_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum web_kind {
    WEB_NONE = 0,               /* there is no such place */
    WEB_BAD,                    /* malformed: 'why' says how */
    WEB_HEALTH,                 /* /health */
    WEB_SCRIPT,                 /* /ipxe?mac=M, /grub?mac=M */
    WEB_PART,                   /* /b/NONCE/NAME */
    WEB_UP,                     /* POST /b/NONCE/up */
    WEB_LOADER,                 /* /loader/NAME[?mac=M]: UEFI's HTTP boot */
    WEB_FLIGHTS,                /* / and /flights */
    WEB_FLIGHT,                 /* /flight/N */
    WEB_FLIGHT_JSON,            /* /flight/N.json */
    WEB_HOSTS,                  /* /hosts */
    WEB_HOST,                   /* /host/NAME */
    WEB_JOB,                    /* /job/NAME */
    WEB_LOG,                    /* /log/FLIGHT/JOB/STEP */
    WEB_ARTEFACT,               /* /artefact/SHA256 */
    WEB_KIND_COUNT
};

/* Loopback and the lab are different worlds: a machine under test may netboot,
 * and must not read what was found of others. */
enum web_side { WEB_SIDE_BOTH = 0, WEB_SIDE_BOOT, WEB_SIDE_PAGES };

#define WEB_NAME_MAX 100
struct web_route {
    enum web_kind kind;
    const char *why;            /* BAD: static text */
    bool wants_post;            /* else GET or HEAD */
    enum web_side side;
    const char *loader;         /* SCRIPT: "ipxe" or "grub" */
    char mac[18];               /* "52:54:00:aa:00:11"; LOADER: or "" */
    char nonce[33];             /* 32 lower-case hexadecimal digits */
    char name[WEB_NAME_MAX + 1];        /* PART, LOADER, LOG (the job),
                                         * ARTEFACT, HOST, JOB */
    int64_t flight;             /* >= 1 */
    int step;                   /* >= 1 */
};

/* 'target' is what stands in the request line, as sent. */
void web_route_parse(const char *target, struct web_route *out);

/* Of "Range: bytes=..." with one range, on a thing of 'total' bytes. NONE:
 * answer with all of it (also for what we do not understand); BAD: 416. */
enum web_range { WEB_RANGE_NONE = 0, WEB_RANGE_PART, WEB_RANGE_BAD };
enum web_range web_range_parse(const char *value, int64_t total,
                               int64_t *first_out, int64_t *last_out);

/* A host's public keys, as sshd writes them: one to four lines "TYPE BASE64
 * [COMMENT]". The bytes need not end in NUL. True when they are nothing
 * else; *bytes_out is their length without what is blank at the end. */
bool web_hostkey_is_valid(const char *data, size_t bytes,
                          size_t *bytes_out);
/* What follows "NAME=" in the first line of a body that begins so; false when
 * there is none. Borrowed. */
bool web_line_find(const char *body, size_t bytes, const char *name,
                   const char **out, size_t *bytes_out);
/* The key in the body of a call: all of it, or the line "hostkey=KEY" among
 * others of that form. False when there is none that is valid. Borrowed. */
bool web_hostkey_find(const char *body, size_t bytes, const char **key_out,
                      size_t *key_bytes_out);

#endif
