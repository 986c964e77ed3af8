/* hosts/console_driver.c - the table of console drivers. */
#include <config.h>

#include "hosts/console_driver.h"

#include <stdio.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "hosts/address.h"
#include "hosts/ipmi_words.h"
#include "hosts/secret.h"
#include "hosts/ssh_keys.h"
#include "hosts/telnet.h"

#define CONSERVER_PORT 782
#define IPMI_PORT 623
#define CONSOLE_WORD_MAX 100

static const char *const way_names[] = {
    [CONSOLE_WAY_NONE] = "unknown",
    [CONSOLE_WAY_LISTEN] = "listen",
    [CONSOLE_WAY_CONNECT] = "connect",
    [CONSOLE_WAY_PTY] = "pty",
};
_Static_assert(ARRAY_LEN(way_names) == CONSOLE_WAY_COUNT, "a name for each");

const char *
console_way_name(enum console_way way)
{
    must((size_t)way < ARRAY_LEN(way_names));
    return way_names[way];
}

bool
console_place_set(struct console_place *place, enum console_way way,
                  const char *path, struct fault *why)
{
    size_t bytes = strlen(path);

    if (path[0] != '/')
        return fault_set(why, FAULT_CONFIG,
                         "console path '%s' is not absolute", path);
    if (bytes >= sizeof(place->path))
        return fault_set(why, FAULT_CONFIG,
                         "console path '%s' is longer than %zu bytes", path,
                         sizeof(place->path) - 1);
    memset(place, 0, sizeof(*place));
    place->way = way;
    memcpy(place->path, path, bytes + 1);
    return true;
}

/* unix: a socket at "path"; "mode" says who listens ------------------------ */

static bool
unix_place(const char *host UNUSED, const json_t *config,
           struct console_place *place_out, struct fault *why)
{
    const char *path = json_text(config, "path");
    const char *mode = json_text(config, "mode");
    enum console_way way = CONSOLE_WAY_CONNECT;

    if (path == NULL)
        return fault_set(why, FAULT_CONFIG,
                         "console driver unix needs a path");
    if (mode != NULL && strcmp(mode, "listen") == 0)
        way = CONSOLE_WAY_LISTEN;
    else if (mode != NULL && strcmp(mode, "connect") != 0)
        return fault_set(why, FAULT_CONFIG,
                         "console mode '%s' is neither connect nor listen",
                         mode);
    return console_place_set(place_out, way, path, why);
}

/* libvirt: the serial port of "domain" ------------------------------------- */

/* Until the helper has answered, and in the lab always: QEMU connects to our
 * socket, which therefore must be there before the domain is switched on. */
static bool
libvirt_place(const char *host, const json_t *config,
              struct console_place *place_out, struct fault *why)
{
    const char *domain = json_text(config, "domain"), *home;
    struct arena arena = ARENA_INIT;
    bool ok;

    if (domain == NULL || domain[0] == '\0' || domain[0] == '-')
        return fault_set(why, FAULT_CONFIG,
                         "console driver libvirt needs a domain");
    ok = home_get(&home, why) &&
         console_place_set(place_out, CONSOLE_WAY_LISTEN,
                           home_path(&arena, "run/console/%s.sock", host),
                           why);
    place_out->lab = true;
    arena_free(&arena);
    return ok;
}

static void
libvirt_ask(const json_t *config, struct buf *argv)
{
    static const char *const words[] = { "assay-virt", "console" };
    const char *domain = json_text(config, "domain");

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        buf_add(argv, words[i], strlen(words[i]) + 1);
    buf_add(argv, domain, strlen(domain) + 1);
}

/* {"type": "unix", "mode": "connect"|"bind", "path": P} as the domain has it
 * (its "connect" is our listening), or {"type": "pty", "path": P}. */
static bool
libvirt_answer(const char *data, size_t bytes,
               struct console_place *place_out, struct fault *why)
{
    const char *type, *mode, *path;
    json_t *answer = NULL;
    bool ok;

    ok = json_parse(data, bytes, &answer, why);
    if (!ok)
        goto out;
    type = json_text(answer, "type");
    mode = json_text(answer, "mode");
    path = json_text(answer, "path");
    if (type != NULL && path != NULL && strcmp(type, "pty") == 0)
        ok = console_place_set(place_out, CONSOLE_WAY_PTY, path, why);
    else if (type != NULL && path != NULL && strcmp(type, "unix") == 0)
        ok = console_place_set(place_out,
                               mode != NULL && strcmp(mode, "bind") == 0
                                   ? CONSOLE_WAY_CONNECT
                                   : CONSOLE_WAY_LISTEN,
                               path, why);
    else
        ok = fault_set(why, FAULT_CONFIG,
                       "the domain's serial port is neither a Unix socket "
                       "nor a pseudo-terminal");
    place_out->lab = place_out->way == CONSOLE_WAY_LISTEN;
out:
    json_decref(answer);
    return ok;
}

/* On the network: assay-relay connects to our socket ----------------------- */

static bool
relay_place(const char *host, struct console_place *place_out,
            struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *home;
    bool ok;

    ok = home_get(&home, why)
        && console_place_set(place_out, CONSOLE_WAY_LISTEN,
                             home_path(&arena, "run/console/%s.sock", host),
                             why);
    place_out->relay = true;
    arena_free(&arena);
    return ok;
}

static bool
check_address(const json_t *config, unsigned port, struct fault *why)
{
    const char *text = json_text(config, "address");
    struct address address;

    if (text == NULL)
        return fault_set(why, FAULT_CONFIG, "console driver %s needs an "
                         "address", json_text(config, "driver"));
    return address_parse(text, port, &address, why);
}

static bool
sol_place(const char *host, const json_t *config,
          struct console_place *place_out, struct fault *why)
{
    return check_address(config, IPMI_PORT, why)
        && secret_check(config, "password", true, why)
        && ipmi_check_words(config, why)
        && relay_place(host, place_out, why);
}

static bool
telnet_place(const char *host, const json_t *config,
             struct console_place *place_out, struct fault *why)
{
    const char *speed = json_text(config, "speed");
    const char *line = json_text(config, "line");
    struct telnet_line parsed;
    int64_t number;

    if (speed != NULL && !parse_int64(speed, 1, UINT32_MAX, &number))
        return fault_set(why, FAULT_CONFIG, "console speed '%s' is no "
                         "number of bauds", speed);
    if (line != NULL && !telnet_line_parse(line, &parsed))
        return fault_set(why, FAULT_CONFIG, "console line '%s' is not like "
                         "8n1", line);
    if (line != NULL && speed == NULL)
        return fault_set(why, FAULT_CONFIG, "console line '%s' needs a speed",
                         line);
    return check_address(config, 0, why)
        && relay_place(host, place_out, why);
}

/* One word, for a protocol of lines. */
static bool
check_word(const json_t *config, const char *key, bool needed,
           struct fault *why)
{
    const char *text = json_text(config, key);

    if (text == NULL && !needed)
        return true;
    if (text == NULL || !name_is_safe(text, CONSOLE_WORD_MAX))
        return fault_set(why, FAULT_CONFIG, "console driver %s needs the key "
                         "'%s', a name", json_text(config, "driver"), key);
    return true;
}

static bool
conserver_place(const char *host, const json_t *config,
                struct console_place *place_out, struct fault *why)
{
    return check_address(config, CONSERVER_PORT, why)
        && check_word(config, "console", true, why)
        && check_word(config, "user", false, why)
        && secret_check(config, "password", false, why)
        && relay_place(host, place_out, why);
}

static bool
ssh_place(const char *host, const json_t *config,
          struct console_place *place_out, struct fault *why)
{
    return check_address(config, SSH_KEYS_PORT, why)
        && ssh_keys_check(config, "console", why)
        && relay_place(host, place_out, why);
}

static const struct console_driver drivers[] = {
    { "conserver", conserver_place, NULL, NULL },
    { "ipmi-sol", sol_place, NULL, NULL },
    { "libvirt", libvirt_place, libvirt_ask, libvirt_answer },
    { "ssh", ssh_place, NULL, NULL },
    { "telnet", telnet_place, NULL, NULL },
    { "unix", unix_place, NULL, NULL },
};

const struct console_driver *
console_driver_at(size_t i)
{
    return i < ARRAY_LEN(drivers) ? &drivers[i] : NULL;
}

const struct console_driver *
console_driver_find(const char *name, struct fault *why)
{
    struct buf known = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (strcmp(drivers[i].name, name) == 0)
            return &drivers[i];
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        buf_addf(&known, "%s%s", i > 0 ? ", " : "", drivers[i].name);
    fault_set(why, FAULT_CONFIG, "console driver '%s' is not known", name);
    fault_hint(why, "there are: %s", buf_text(&known));
    buf_free(&known);
    return NULL;
}
