/* hosts/web_route.c - what a request asks for. */
#include <config.h>

#include "hosts/web_route.h"

#include "harness/attr.h"
#include "harness/buf.h"
#include "hosts/boot_db.h"

#define TARGET_MAX 400
#define HOSTKEY_LINES_MAX 4
#define HEX "0123456789abcdef"

static void
bad(struct web_route *out, const char *why)
{
    *out = (struct web_route){ .kind = WEB_BAD, .why = why };
}

/* "52:54:00:AA:00:11", with ":", "-" or "%3a" between. */
static bool
mac_parse(const char *text, char mac[static 18])
{
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 2; j++, text++) {
            char c = *text >= 'A' && *text <= 'F' ? (char)(*text + 32)
                                                  : *text;

            if (c == '\0' || strchr(HEX, c) == NULL)
                return false;
            mac[3 * i + j] = c;
        }
        mac[3 * i + 2] = i < 5 ? ':' : '\0';
        if (i == 5)
            break;
        if (*text == ':' || *text == '-')
            text++;
        else if (strncmp(text, "%3a", 3) == 0 || strncmp(text, "%3A", 3) == 0)
            text += 3;
        else
            return false;
    }
    return *text == '\0' || *text == '&';
}

/* The value of the first parameter 'name', NULL without one. */
static const char *
query_value(const char *query, const char *name)
{
    size_t bytes = strlen(name);

    while (*query != '\0') {
        if (strncmp(query, name, bytes) == 0 && query[bytes] == '=')
            return query + bytes + 1;
        query += strcspn(query, "&");
        query += *query == '&';
    }
    return NULL;
}

/* Copies the next part of a path; false if it is empty or too long. */
static bool
take_part(const char **path, char *out, size_t cap)
{
    size_t bytes = strcspn(*path, "/");

    if (bytes == 0 || bytes >= cap)
        return false;
    memcpy(out, *path, bytes);
    out[bytes] = '\0';
    *path += bytes;
    *path += **path == '/';
    return true;
}

static void
parse_script(const char *loader, const char *query, struct web_route *out)
{
    const char *mac = query_value(query, "mac");

    if (mac == NULL) {
        bad(out, "the parameter mac is missing");
        return;
    }
    out->kind = WEB_SCRIPT;
    out->side = WEB_SIDE_BOOT;
    out->loader = loader;
    if (!mac_parse(mac, out->mac))
        bad(out, "the parameter mac is no address");
}

static void
parse_boot(const char *path, struct web_route *out)
{
    if (!take_part(&path, out->nonce, sizeof out->nonce)
        || !boot_nonce_is_valid(out->nonce)) {
        bad(out, "a nonce has 32 hexadecimal digits");
        return;
    }
    out->side = WEB_SIDE_BOOT;
    if (!take_part(&path, out->name, sizeof out->name) || *path != '\0'
        || !name_is_safe(out->name, WEB_NAME_MAX)) {
        bad(out, "a boot has no part of that name");
        return;
    }
    out->kind = WEB_PART;
    if (strcmp(out->name, "up") == 0) {
        out->kind = WEB_UP;
        out->wants_post = true;
    }
}

static void
parse_flight(const char *path, struct web_route *out)
{
    char number[24];
    size_t bytes;

    out->side = WEB_SIDE_PAGES;
    if (!take_part(&path, number, sizeof number) || *path != '\0') {
        bad(out, "a flight has a number");
        return;
    }
    out->kind = WEB_FLIGHT;
    bytes = strlen(number);
    if (bytes > 5 && strcmp(number + bytes - 5, ".json") == 0) {
        number[bytes - 5] = '\0';
        out->kind = WEB_FLIGHT_JSON;
    }
    if (!parse_int64(number, 1, INT64_MAX, &out->flight))
        bad(out, "a flight has a number");
}

/* What the database takes for the name of a job or a host. */
static bool
is_name(const char *text)
{
    static const char OTHERS[] = "._+-";

    for (const char *p = text; *p != '\0'; p++) {
        if (!(*p >= '0' && *p <= '9') && !(*p >= 'a' && *p <= 'z')
            && !(*p >= 'A' && *p <= 'Z')
            && (p == text || strchr(OTHERS, *p) == NULL))
            return false;
    }
    return text[0] != '\0';
}

static void
parse_log(const char *path, struct web_route *out)
{
    char flight[24], step[16];
    int64_t number = 0;

    out->side = WEB_SIDE_PAGES;
    out->kind = WEB_LOG;
    if (!take_part(&path, flight, sizeof flight)
        || !take_part(&path, out->name, sizeof out->name)
        || !take_part(&path, step, sizeof step) || *path != '\0'
        || !parse_int64(flight, 1, INT64_MAX, &out->flight)
        || !parse_int64(step, 1, 1000000, &number)) {
        bad(out, "a log is /log/FLIGHT/JOB/STEP");
        return;
    }
    out->step = (int)number;
    if (!is_name(out->name))
        bad(out, "a job has another name");
}

static void
parse_artefact(const char *path, struct web_route *out)
{
    out->side = WEB_SIDE_PAGES;
    out->kind = WEB_ARTEFACT;
    if (!take_part(&path, out->name, sizeof out->name) || *path != '\0'
        || strlen(out->name) != 64 || strspn(out->name, HEX) != 64)
        bad(out, "an artefact is named by its SHA-256");
}

static void
parse_named(enum web_kind kind, const char *path, struct web_route *out)
{
    out->side = kind == WEB_LOADER ? WEB_SIDE_BOOT : WEB_SIDE_PAGES;
    out->kind = kind;
    if (!take_part(&path, out->name, sizeof out->name) || *path != '\0'
        || !is_name(out->name))
        bad(out, "that is no name");
}

/* One for all, or, with the machine's address, its own. */
static void
parse_loader(const char *path, const char *query, struct web_route *out)
{
    const char *mac = query_value(query, "mac");

    parse_named(WEB_LOADER, path, out);
    if (out->kind == WEB_LOADER && mac != NULL && !mac_parse(mac, out->mac))
        bad(out, "the parameter mac is no address");
}

void
web_route_parse(const char *target, struct web_route *out)
{
    static const struct {
        const char *path;
        enum web_kind kind;
        enum web_side side;
    } PLAIN[] = {
        { "/", WEB_FLIGHTS, WEB_SIDE_PAGES },
        { "/flights", WEB_FLIGHTS, WEB_SIDE_PAGES },
        { "/health", WEB_HEALTH, WEB_SIDE_BOTH },
        { "/hosts", WEB_HOSTS, WEB_SIDE_PAGES },
    };
    char path[TARGET_MAX + 1];
    const char *query;
    size_t bytes;

    *out = (struct web_route){ .kind = WEB_NONE };
    if (strlen(target) > TARGET_MAX) {
        bad(out, "the target is too long");
        return;
    }
    bytes = strcspn(target, "?");
    query = target + bytes + (target[bytes] == '?');
    memcpy(path, target, bytes);
    path[bytes] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(PLAIN); i++) {
        if (strcmp(PLAIN[i].path, path) == 0) {
            out->kind = PLAIN[i].kind;
            out->side = PLAIN[i].side;
            return;
        }
    }
    if (strcmp(path, "/ipxe") == 0 || strcmp(path, "/grub") == 0)
        parse_script(path[1] == 'i' ? "ipxe" : "grub", query, out);
    else if (strncmp(path, "/b/", 3) == 0)
        parse_boot(path + 3, out);
    else if (strncmp(path, "/loader/", 8) == 0)
        parse_loader(path + 8, query, out);
    else if (strncmp(path, "/flight/", 8) == 0)
        parse_flight(path + 8, out);
    else if (strncmp(path, "/host/", 6) == 0)
        parse_named(WEB_HOST, path + 6, out);
    else if (strncmp(path, "/job/", 5) == 0)
        parse_named(WEB_JOB, path + 5, out);
    else if (strncmp(path, "/log/", 5) == 0)
        parse_log(path + 5, out);
    else if (strncmp(path, "/artefact/", 10) == 0)
        parse_artefact(path + 10, out);
}

/* Digits at '*p' as a number; -1 when there are none or too many. */
static int64_t
take_number(const char **p)
{
    char digits[20];
    size_t bytes = strspn(*p, "0123456789");
    int64_t number = -1;

    if (bytes == 0 || bytes >= sizeof digits)
        return -1;
    memcpy(digits, *p, bytes);
    digits[bytes] = '\0';
    *p += bytes;
    return parse_int64(digits, 0, INT64_MAX, &number) ? number : -1;
}

enum web_range
web_range_parse(const char *value, int64_t total, int64_t *first_out,
                int64_t *last_out)
{
    int64_t first, last = total - 1;
    const char *p;

    if (value == NULL || strncmp(value, "bytes=", 6) != 0)
        return WEB_RANGE_NONE;
    p = value + 6;
    if (*p == '-') {                    /* the last so many */
        p++;
        first = take_number(&p);
        if (first < 0 || *p != '\0')
            return WEB_RANGE_NONE;
        if (first == 0 || total == 0)
            return WEB_RANGE_BAD;
        first = first > total ? 0 : total - first;
    } else {
        first = take_number(&p);
        if (first < 0 || *p != '-')
            return WEB_RANGE_NONE;
        p++;
        if (*p != '\0') {
            last = take_number(&p);
            if (last < first || *p != '\0')
                return WEB_RANGE_NONE;
        }
        if (first >= total)
            return WEB_RANGE_BAD;
        if (last > total - 1)
            last = total - 1;
    }
    *first_out = first;
    *last_out = last;
    return WEB_RANGE_PART;
}

static size_t
span_of(const char *p, size_t bytes, const char *extra)
{
    size_t i = 0;

    while (i < bytes && ((p[i] >= 'a' && p[i] <= 'z')
                         || (p[i] >= '0' && p[i] <= '9')
                         || (p[i] != '\0' && strchr(extra, p[i]) != NULL)))
        i++;
    return i;
}

static bool
hostkey_line_is_valid(const char *p, size_t bytes)
{
    size_t type = span_of(p, bytes, "-.@"), key, i;

    if (type == 0 || type > 64 || type >= bytes || p[type] != ' ')
        return false;
    p += type + 1;
    bytes -= type + 1;
    key = span_of(p, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ+/=");
    if (key < 16 || (key < bytes && p[key] != ' '))
        return false;
    for (i = key; i < bytes; i++) {
        if (p[i] < ' ' || p[i] > '~')
            return false;
    }
    return true;
}

bool
web_hostkey_is_valid(const char *data, size_t bytes, size_t *bytes_out)
{
    size_t at = 0;
    int lines = 0;

    while (bytes > 0 && (data[bytes - 1] == '\n' || data[bytes - 1] == '\r'
                         || data[bytes - 1] == ' '))
        bytes--;
    if (bytes == 0)
        return false;
    while (at < bytes) {
        const char *end = memchr(data + at, '\n', bytes - at);
        size_t span = end == NULL ? bytes - at : (size_t)(end - data) - at;

        if (++lines > HOSTKEY_LINES_MAX
            || !hostkey_line_is_valid(data + at, span))
            return false;
        at += span + 1;
    }
    *bytes_out = bytes;
    return true;
}

bool
web_line_find(const char *body, size_t bytes, const char *name,
              const char **out, size_t *bytes_out)
{
    const size_t len = strlen(name);

    for (size_t at = 0; at < bytes;) {
        const char *end = memchr(body + at, '\n', bytes - at);
        size_t span = end == NULL ? bytes - at : (size_t)(end - body) - at;

        if (span > len && memcmp(body + at, name, len) == 0
            && body[at + len] == '=') {
            *out = body + at + len + 1;
            *bytes_out = span - len - 1;
            return *bytes_out > 0;
        }
        at += span + 1;
    }
    return false;
}

bool
web_hostkey_find(const char *body, size_t bytes, const char **key_out,
                 size_t *key_bytes_out)
{
    const char *line = body;
    size_t span = bytes;

    (void)web_line_find(body, bytes, "hostkey", &line, &span);
    *key_out = line;
    return web_hostkey_is_valid(line, span, key_bytes_out);
}
