/* hosts/console_site.c - the list of consoles. */
#include <config.h>

#include "hosts/console_site.h"

#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "hosts/console_ask.h"
#include "hosts/console_driver.h"
#include "hosts/console_list.h"
#include "hosts/console_mux.h"
#include "hosts/console_port.h"
#include "hosts/console_relay.h"

#define TICK_MS 250
#define LIST_LIMIT_MS 60000
#define LIST_RETRY_MS 5000
/* Helpers of libvirt at the same time, and how often each is asked again. */
#define ASKS_MAX 2
#define ASK_LIMIT_MS 20000
#define ASK_RETRY_TICKS (30000 / TICK_MS)

struct site_host {
    struct site_host *next;
    struct console_site *site;
    char *name;
    json_t *config;             /* NULL: adopted, no list has named it yet */
    const struct console_driver *driver;
    struct console_port *port;  /* NULL: misconfigured */
    struct console_ask *ask;
    struct console_relay relay;
    bool relayed;
    int ask_ticks;              /* until the helper is asked; -1: never */
    char *error;                /* why there is no port, or no place */
    bool listed;                /* while a list is compared */
};

struct console_site {
    uv_loop_t *loop;
    struct console_env *env;
    const char *config_path;
    struct site_host *hosts, **tail;
    size_t count;
    uv_timer_t tick;
    struct console_ask *list_ask;
    bool list_again;            /* asked for while one was on its way */
    int list_ticks;             /* until it is tried again; 0: not */
    int asks;                   /* helpers that run */
    console_site_loaded_fn *loaded;
    void *loaded_owner;
};

static void
say_loaded(struct console_site *site, const struct fault *why)
{
    if (site->loaded != NULL)
        site->loaded(site->loaded_owner, why);
}

/* Hosts ------------------------------------------------------------------- */

static struct site_host *
host_find(struct console_site *site, const char *name)
{
    struct site_host *host = site->hosts;

    while (host != NULL && strcmp(host->name, name) != 0)
        host = host->next;
    return host;
}

static struct site_host *
host_add(struct console_site *site, const char *name)
{
    struct site_host *host = xcalloc(1, sizeof(*host));

    host->site = site;
    host->name = xstrdup(name);
    host->ask_ticks = -1;
    host->relay.err = -1;
    *site->tail = host;
    site->tail = &host->next;
    site->count++;
    return host;
}

static void
host_free(struct site_host *host, bool for_good)
{
    if (host->ask != NULL)
        host->site->asks--;
    console_ask_cancel(host->ask);
    if (for_good)
        console_relay_stop(&host->relay);
    console_relay_fini(&host->relay);
    console_port_free(host->port, for_good);
    json_decref(host->config);
    free(host->error);
    free(host->name);
    free(host);
}

static void
host_error(struct site_host *host, const struct fault *why)
{
    const struct log_fields fields = { .host = host->name };

    if (why != NULL &&
        (host->error == NULL || strcmp(host->error, why->text) != 0))
        log_with(LOG_LEVEL_WARN, &fields, "console: %s", why->text);
    free(host->error);
    host->error = why != NULL ? xstrdup(why->text) : NULL;
}

static bool
host_port(struct site_host *host, struct fault *why)
{
    return host->port != NULL ||
           console_port_new(host->site->env, host->name, &host->port, why);
}

/* Gives the host what the list says of it. */
static void
host_configure(struct site_host *host, json_t *config)
{
    const char *name = json_text(config, "driver");
    struct console_place place;
    struct fault why = FAULT_INIT;
    bool ok;

    if (host->config != NULL && host->port != NULL &&
        json_equal(host->config, config))
        return;
    /* The one that carries it was told the old things. */
    if (host->config != NULL)
        console_relay_stop(&host->relay);
    host->relayed = false;
    json_decref(host->config);
    host->config = json_incref(config);
    ok = name != NULL ||
         fault_set(&why, FAULT_CONFIG, "the console has no driver");
    host->driver = ok ? console_driver_find(name, &why) : NULL;
    ok = host->driver != NULL &&
         host->driver->place(host->name, config, &place, &why) &&
         host_port(host, &why);
    host_error(host, ok ? NULL : &why);
    if (!ok) {
        host->ask_ticks = -1;
        console_port_free(host->port, true);
        host->port = NULL;
        return;
    }
    host->ask_ticks = host->driver->ask != NULL ? 0 : -1;
    host->relayed = place.relay;
    console_port_go(host->port, &place, host->driver->ask == NULL);
}

/* Helpers: where is it? ---------------------------------------------------- */

static void
on_asked(void *owner, const char *data, size_t bytes,
         const struct fault *failed)
{
    struct site_host *host = owner;
    const struct log_fields fields = { .host = host->name };
    struct fault why = FAULT_INIT;
    struct console_place place;

    host->ask = NULL;
    host->site->asks--;
    if (failed == NULL &&
        host->driver->answer(data, bytes, &place, &why)) {
        host->ask_ticks = -1;
        console_port_go(host->port, &place, true);
        return;
    }
    /* No such domain yet, most likely. */
    log_with(LOG_LEVEL_DEBUG, &fields, "console: %s",
             failed != NULL ? failed->text : why.text);
    host->ask_ticks = ASK_RETRY_TICKS;
}

static void
host_ask(struct site_host *host)
{
    struct fault why = FAULT_INIT;
    struct buf argv = BUF_INIT;

    host->driver->ask(host->config, &argv);
    if (console_ask_start(host->site->loop, &argv, ASK_LIMIT_MS, on_asked,
                          host, &host->ask, &why)) {
        host->site->asks++;
    } else {
        host_error(host, &why);
        host->ask_ticks = ASK_RETRY_TICKS;
    }
    buf_free(&argv);
}

/* The list ---------------------------------------------------------------- */

static void
use_list(struct console_site *site, json_t *list)
{
    struct site_host *host, **at;
    json_t *item;
    size_t i;

    for (host = site->hosts; host != NULL; host = host->next)
        host->listed = false;
    json_array_foreach(list, i, item) {
        const char *name = json_text(item, "host");

        host = host_find(site, name);
        if (host == NULL)
            host = host_add(site, name);
        host->listed = true;
        host_configure(host, json_object_get(item, "console"));
    }
    for (at = &site->hosts; *at != NULL;) {
        host = *at;
        if (host->listed) {
            at = &host->next;
            continue;
        }
        *at = host->next;
        site->count--;
        host_free(host, true);
    }
    site->tail = at;
    log_info("%zu consoles", site->count);
}

static void
list_done(struct console_site *site, json_t *list, const struct fault *why)
{
    if (why == NULL) {
        use_list(site, list);
        site->list_ticks = 0;
    } else {
        log_fault(LOG_LEVEL_ERROR, why, "read the list of consoles");
        site->list_ticks = LIST_RETRY_MS / TICK_MS;
    }
    json_decref(list);
    say_loaded(site, why);
}

static void
on_list(void *owner, const char *data, size_t bytes,
        const struct fault *failed)
{
    struct console_site *site = owner;
    struct fault why = FAULT_INIT;
    json_t *list = NULL;

    site->list_ask = NULL;
    if (site->list_again) {
        /* What it saw may be older than the wish to see it. */
        site->list_again = false;
        console_site_reload(site);
    } else if (failed != NULL) {
        list_done(site, NULL, failed);
    } else if (console_list_parse(data, bytes, &list, &why)) {
        list_done(site, list, NULL);
    } else {
        list_done(site, NULL, &why);
    }
}

void
console_site_reload(struct console_site *site)
{
    static const char words[] = "assay-console\0--list";
    struct fault why = FAULT_INIT;
    struct buf argv = BUF_INIT;
    json_t *list = NULL;

    site->list_ticks = 0;
    if (site->config_path != NULL) {
        if (console_list_file(site->config_path, &list, &why))
            list_done(site, list, NULL);
        else
            list_done(site, NULL, &why);
        return;
    }
    if (site->list_ask != NULL) {
        site->list_again = true;
        return;
    }
    buf_add(&argv, words, sizeof(words));
    if (!console_ask_start(site->loop, &argv, LIST_LIMIT_MS, on_list, site,
                           &site->list_ask, &why))
        list_done(site, NULL, &why);
    buf_free(&argv);
}

void
console_site_on_loaded(struct console_site *site,
                       console_site_loaded_fn *loaded, void *owner)
{
    site->loaded = loaded;
    site->loaded_owner = owner;
}

static void
on_tick(uv_timer_t *timer)
{
    struct console_site *site = timer->data;

    console_mux_tick(site->env->mux);
    if (site->list_ticks > 0 && --site->list_ticks == 0)
        console_site_reload(site);
    for (struct site_host *host = site->hosts; host != NULL;
         host = host->next) {
        if (host->port == NULL)
            continue;
        console_port_tick(host->port);
        if (host->relayed)
            console_relay_tick(&host->relay, site->env->clock, host->port,
                               host->config);
        if (host->ask_ticks > 0)
            host->ask_ticks--;
        else if (host->ask_ticks == 0 && host->ask == NULL &&
                 site->asks < ASKS_MAX)
            host_ask(host);
    }
}

/* Life -------------------------------------------------------------------- */

bool
console_site_new(struct uv_loop_s *loop, struct console_env *env,
                 const char *config_path, struct console_site **site_out,
                 struct fault *why)
{
    struct console_site *site;

    if (!console_mux_new(loop, &env->mux, why))
        return false;
    site = xcalloc(1, sizeof(*site));
    site->loop = loop;
    site->env = env;
    site->config_path = config_path;
    site->tail = &site->hosts;
    must(uv_timer_init(loop, &site->tick) == 0);
    site->tick.data = site;
    *site_out = site;
    return true;
}

void
console_site_adopt(struct console_site *site, const char *name, int fd)
{
    struct fault why = FAULT_INIT;
    struct site_host *host;
    char host_name[128];

    if (!console_port_kept_host(name, host_name)) {
        log_warn("the descriptor store gives \"%s\", which is nobody's",
                 name);
        fd_close(&fd);
        return;
    }
    host = host_find(site, host_name);
    if (host == NULL)
        host = host_add(site, host_name);
    if (host_port(host, &why)) {
        console_port_adopt(host->port, name, fd);
    } else {
        host_error(host, &why);
        fd_close(&fd);
    }
}

void
console_site_start(struct console_site *site)
{
    size_t kept = 0;

    for (struct site_host *host = site->hosts; host != NULL;
         host = host->next)
        if (host->port != NULL) {
            console_port_resume(host->port);
            kept++;
        }
    if (kept > 0)
        log_info("%zu consoles go on with their sockets", kept);
    must(uv_timer_start(&site->tick, on_tick, TICK_MS, TICK_MS) == 0);
}

struct console_port *
console_site_find(struct console_site *site, const char *name,
                  struct fault *why)
{
    struct site_host *host = host_find(site, name);

    if (host != NULL && host->port != NULL)
        return host->port;
    if (host != NULL) {
        fault_set(why, FAULT_CONFIG, "the console of %s is misconfigured: "
                  "%s", name, host->error != NULL ? host->error : "");
        return NULL;
    }
    fault_set(why, FAULT_NOT_FOUND, "assay-console serves no host '%s'",
              name);
    fault_hint(why, "see 'assay host list'; hosts of other sites have an "
               "assay-console of their own");
    return NULL;
}

static json_t *
describe(const struct site_host *host)
{
    json_t *object = json_object();

    must(object != NULL);
    json_put_text(object, "host", host->name);
    json_put_text(object, "driver",
                  host->driver != NULL ? host->driver->name : NULL);
    if (host->port != NULL)
        console_port_describe(host->port, object);
    else
        json_put_text(object, "state", "misconfigured");
    if (host->relayed)
        json_put_int(object, "relay", host->relay.pid);
    if (host->error != NULL)
        json_put_text(object, "why", host->error);
    else if (host->relay.why != NULL)
        json_put_text(object, "why", host->relay.why);
    return object;
}

json_t *
console_site_describe(struct console_site *site, const char *name)
{
    struct site_host *host = host_find(site, name);

    return host != NULL ? describe(host) : NULL;
}

json_t *
console_site_describe_all(struct console_site *site)
{
    json_t *array = json_array();

    must(array != NULL);
    for (struct site_host *host = site->hosts; host != NULL;
         host = host->next)
        must(json_array_append_new(array, describe(host)) == 0);
    return array;
}

size_t
console_site_count(const struct console_site *site)
{
    return site->count;
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
console_site_free(struct console_site *site)
{
    struct site_host *next;

    if (site == NULL)
        return;
    console_ask_cancel(site->list_ask);
    for (struct site_host *host = site->hosts; host != NULL; host = next) {
        next = host->next;
        host_free(host, false);
    }
    console_mux_free(site->env->mux);
    site->env->mux = NULL;
    uv_close((uv_handle_t *)&site->tick, on_closed);
}
