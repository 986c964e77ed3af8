/* hosts/netboot_web.c - the HTTP side of a boot. */
#include <config.h>

#include "hosts/netboot_web.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "hosts/boot_db.h"
#include "hosts/dhcp_conf.h"
#include "hosts/firmware_db.h"
#include "hosts/http_server.h"
#include "hosts/netboot.h"
#include "hosts/web_files.h"
#include "hosts/web_route.h"
#include "hosts/web_session.h"

#define RECORD_DELAY_MS 10
#define RECORDS_MAX 20000
#define PATH_SCRIPT "script"            /* what boot_db.h calls it */

/* One row of boot_fetch that is to be written. */
struct record {
    struct record *next;
    char nonce[BOOT_NONCE_BYTES];
    char peer[64], path[WEB_NAME_MAX + 1];
    int64_t bytes;
    int status;
};

struct netboot_web {
    struct web_session *session;
    struct web_files files;
    uv_timer_t timer;
    struct record *first, **last;
    size_t count;
};

/* Log lines about a boot: its host, flight and job as fields. */
static const struct log_fields *
fields_of(const struct boot *boot, char flight[static 24],
          struct log_fields *fields)
{
    *fields = (struct log_fields){ .host = boot->host };
    if (boot->flight > 0) {
        (void)snprintf(flight, 24, "%" PRId64, boot->flight);
        fields->flight = flight;
        fields->job = boot->job;
    }
    return fields;
}

/* Recording ---------------------------------------------------------------- */

void
netboot_web_flush(struct netboot_web *web)
{
    struct fault why = FAULT_INIT;
    struct db *db;

    while (web->first != NULL
           && (db = web_session_db(web->session)) != NULL) {
        struct record *record = web->first;

        if (!boot_record_fetch(db, record->nonce, record->peer, record->path,
                               record->bytes, record->status, &why)) {
            web_session_check(web->session);
            if (why.kind == FAULT_LOST || why.kind == FAULT_TIMEOUT)
                return;                 /* it stays, in its place */
            log_fault(LOG_LEVEL_ERROR, &why, "record a fetch of %s of boot %s",
                      record->path, record->nonce);
        }
        web->first = record->next;
        if (web->first == NULL)
            web->last = &web->first;
        web->count--;
        free(record);
    }
}

static void
on_flush(uv_timer_t *timer)
{
    netboot_web_flush(timer->data);
}

static struct record *
record_new(const char *nonce, const char *peer, const char *path)
{
    struct record *record = xcalloc(1, sizeof *record);

    (void)snprintf(record->nonce, sizeof record->nonce, "%s", nonce);
    (void)snprintf(record->peer, sizeof record->peer, "%s", peer);
    (void)snprintf(record->path, sizeof record->path, "%s", path);
    return record;
}

/* Takes the record over. */
static void
record_add(struct netboot_web *web, struct record *record)
{
    if (web->count >= RECORDS_MAX) {
        log_warn("a fetch of %s of boot %s is not recorded: there is no "
                 "database, and too many wait", record->path, record->nonce);
        free(record);
        return;
    }
    *web->last = record;
    web->last = &record->next;
    web->count++;
    if (!uv_is_active((uv_handle_t *)&web->timer))
        (void)uv_timer_start(&web->timer, on_flush, RECORD_DELAY_MS, 0);
}

void
netboot_web_done(struct netboot_web *web, void *token,
                 const struct http_result *result)
{
    struct record *record = token;

    if (result->head) {                 /* nothing was fetched */
        free(record);
        return;
    }
    record->bytes = result->bytes;
    /* 499: the peer went away. Such a fetch must not look whole. */
    if (record->status == 0)
        record->status = result->whole ? result->status : 499;
    if (!result->whole)
        log_info("%s broke off fetching %s of boot %s", record->peer,
                 record->path, record->nonce);
    record_add(web, record);
}

/* Answers ------------------------------------------------------------------ */

/* A plain explanation, which is also a log line. */
static void
refuse(struct http_reply *reply, const struct log_fields *fields, int status,
       const char *peer, const char *text)
{
    reply->status = status;
    buf_addf(&reply->text, "%s\n", text);
    log_with(status >= 500 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, fields,
             "refused %s: %s", peer, text);
}

static void
no_database(struct http_reply *reply)
{
    reply->status = 503;
    reply->retry_after_s = 2;
    buf_adds(&reply->text, "there is no database at the moment\n");
}

/* After a failure of the database: the peer may try again. */
static void
database_failed(struct netboot_web *web, const struct fault *why,
                struct http_reply *reply)
{
    web_session_check(web->session);
    log_fault(LOG_LEVEL_ERROR, why, "serve a boot");
    no_database(reply);
}

/* Loaders do not show the body of an error: to be read on the console, where
 * it is looked for, the explanation must come as a success. What is recorded
 * and logged is the truth. */
static bool
agent_hides_errors(const char *agent)
{
    return strncmp(agent, "iPXE/", 5) == 0 || strncmp(agent, "GRUB ", 5) == 0;
}

static void
refuse_script(const struct http_request *request,
              const struct web_route *route, const struct log_fields *fields,
              int status, const char *text, struct http_reply *reply)
{
    struct fault why = FAULT_INIT;
    const struct netboot_driver *driver;

    log_with(LOG_LEVEL_WARN, fields, "refused a netboot script to %s (%s): %s",
             route->mac, request->peer, text);
    driver = netboot_find(route->loader, &why);
    must(driver != NULL);               /* the route's table has its names */
    reply->status = agent_hides_errors(request->agent) ? 200 : status;
    buf_reset(&reply->text);
    driver->refusal(text, &reply->text);
}

/* Nothing is armed for the machine: says why, and what that means for the
 * boot that it has started again in the middle of. */
static void
explain_no_script(struct netboot_web *web, struct db *db,
                  const struct web_route *route,
                  const struct http_request *request,
                  struct http_reply *reply)
{
    struct fault why = FAULT_INIT;
    struct boot *boot = NULL;
    struct log_fields fields;
    struct record *record;
    char text[400], flight[24];

    if (!boot_last_by_mac(db, route->mac, &boot, &why)) {
        database_failed(web, &why, reply);
        return;
    }
    if (boot == NULL) {
        (void)snprintf(text, sizeof text, "Assay has no boot for %s",
                       route->mac);
        refuse_script(request, route, NULL, 404, text, reply);
        return;
    }
    (void)fields_of(boot, flight, &fields);
    if (boot->status == BOOT_SCRIPT_SERVED) {
        (void)snprintf(text, sizeof text, "%s asked for its netboot script "
                       "again, %" PRId64 " ms after the first time: it has "
                       "started again", boot->host,
                       boot->age_ms - boot->script_ms);
        if (!boot_fail(db, boot->nonce, text, &why))
            log_fault(LOG_LEVEL_ERROR, &why, "fail boot %s", boot->nonce);
        web_session_check(web->session);
    } else {
        (void)snprintf(text, sizeof text, "no boot is armed for %s: the last "
                       "one is %s%s%s", boot->host,
                       boot_status_name(boot->status),
                       boot->reason[0] != '\0' ? ": " : "", boot->reason);
    }
    refuse_script(request, route, &fields, 410, text, reply);
    record = record_new(boot->nonce, request->peer, PATH_SCRIPT);
    record->status = 410;
    reply->token = record;
    boot_free(boot);
}

static void
handle_script(struct netboot_web *web, struct db *db,
              const struct web_route *route,
              const struct http_request *request, struct http_reply *reply)
{
    struct fault why = FAULT_INIT;
    struct boot *boot = NULL;
    struct log_fields fields;
    char base[80], flight[24];
    const char *loader;
    json_t *spec = NULL;
    bool ok;

    /* Asking whether there is one must not take it. */
    if (strcmp(request->method, "HEAD") == 0) {
        reply->status = 405;
        reply->allow = "GET";
        return;
    }
    if (!boot_take_script(db, route->mac, &boot, &why)) {
        database_failed(web, &why, reply);
        return;
    }
    if (boot == NULL) {
        explain_no_script(web, db, route, request, reply);
        return;
    }
    (void)fields_of(boot, flight, &fields);
    (void)snprintf(base, sizeof base, "http://%s", request->local);
    ok = json_parse(boot->spec, strlen(boot->spec), &spec, &why);
    loader = ok ? json_text(spec, "netboot") : NULL;
    if (loader != NULL && strcmp(loader, route->loader) != 0)
        ok = fault_set(&why, FAULT_DATA, "%s asked with the loader %s, and "
                       "is to be netbooted by %s", boot->host, route->loader,
                       loader);
    ok = ok && netboot_script(spec, boot->nonce, base, &reply->text, &why);
    if (ok) {
        reply->status = 200;
        log_with(LOG_LEVEL_INFO, &fields, "gave the netboot script of boot %s "
                 "to %s", boot->nonce, request->peer);
    } else {
        struct fault ignored = FAULT_INIT;

        refuse_script(request, route, &fields, 500, why.text, reply);
        if (!boot_fail(db, boot->nonce, why.text, &ignored))
            log_fault(LOG_LEVEL_ERROR, &ignored, "fail boot %s", boot->nonce);
    }
    reply->token = record_new(boot->nonce, request->peer, PATH_SCRIPT);
    if (!ok)
        ((struct record *)reply->token)->status = 500;
    json_decref(spec);
    boot_free(boot);
}

/* The boot that may be served parts of; NULL when it is refused. */
static struct boot *
boot_for_part(struct netboot_web *web, struct db *db,
              const struct web_route *route,
              const struct http_request *request, struct http_reply *reply)
{
    struct fault why = FAULT_INIT;
    struct log_fields fields;
    struct boot *boot = NULL;
    struct record *record;
    char text[300], flight[24];
    int status;

    if (!boot_get(db, route->nonce, &boot, &why)) {
        database_failed(web, &why, reply);
        return NULL;
    }
    if (boot == NULL) {
        (void)snprintf(text, sizeof text, "there is no boot %s",
                       route->nonce);
        refuse(reply, NULL, 404, request->peer, text);
        return NULL;
    }
    /* After "up" too: dom0 may fetch its extra files when it likes. */
    if (boot->status == BOOT_SCRIPT_SERVED || boot->status == BOOT_UP)
        return boot;
    status = boot->status == BOOT_ARMED ? 404 : 410;
    (void)snprintf(text, sizeof text, "boot %s of %s is %s%s%s", boot->nonce,
                   boot->host, boot_status_name(boot->status),
                   boot->reason[0] != '\0' ? ": " : "", boot->reason);
    refuse(reply, fields_of(boot, flight, &fields), status, request->peer,
           text);
    record = record_new(boot->nonce, request->peer, route->name);
    record->status = status;
    reply->token = record;
    boot_free(boot);
    return NULL;
}

static void
handle_part(struct netboot_web *web, struct db *db,
            const struct web_route *route,
            const struct http_request *request, struct http_reply *reply)
{
    struct fault why = FAULT_INIT;
    struct log_fields fields;
    struct record *record;
    json_t *spec = NULL, *names = NULL;
    char flight[24];
    bool found = false, ok;
    struct boot *boot;

    boot = boot_for_part(web, db, route, request, reply);
    if (boot == NULL)
        return;
    record = record_new(boot->nonce, request->peer, route->name);
    reply->token = record;
    ok = json_parse(boot->spec, strlen(boot->spec), &spec, &why);
    if (!ok)
        goto out;
    names = netboot_parts(spec, route->name);
    if (json_array_size(names) > 0) {
        reply->status = 200;
        reply->type = "application/octet-stream";
        ok = web_files_add(&web->files, names, reply, &why);
        goto out;
    }
    ok = netboot_file(spec, route->name, &found, &reply->text, &why);
    if (ok && found) {
        reply->status = 200;
    } else if (ok) {
        refuse(reply, fields_of(boot, flight, &fields), 404, request->peer,
               "this boot has no such part");
        record->status = 404;
    }
out:
    if (!ok) {
        buf_reset(&reply->text);
        refuse(reply, fields_of(boot, flight, &fields), 500, request->peer,
               why.text);
        record->status = 500;
    }
    json_decref(names);
    json_decref(spec);
    boot_free(boot);
}

static void
explain_refused_call(struct netboot_web *web, struct db *db,
                     const struct web_route *route,
                     const struct http_request *request,
                     struct http_reply *reply)
{
    struct fault why = FAULT_INIT;
    struct log_fields fields;
    struct boot *boot = NULL;
    char text[300], flight[24];

    if (!boot_get(db, route->nonce, &boot, &why)) {
        database_failed(web, &why, reply);
        return;
    }
    if (boot == NULL) {
        (void)snprintf(text, sizeof text, "there is no boot %s",
                       route->nonce);
        refuse(reply, NULL, 404, request->peer, text);
        return;
    }
    (void)snprintf(text, sizeof text, "boot %s of %s waits for no call: it "
                   "is %s%s", boot->nonce, boot->host,
                   boot_status_name(boot->status),
                   boot->status == BOOT_UP ? ", with another key" : "");
    refuse(reply, fields_of(boot, flight, &fields), 410, request->peer, text);
    boot_free(boot);
}

/* What its tables say of its firmware. That it is up counts more. */
static void
keep_firmware(struct db *db, const char *nonce,
              const struct http_request *request)
{
    struct fault why = FAULT_INIT;
    const char *said;
    size_t bytes;
    char *text;

    if (!web_line_find(request->body, request->body_bytes, "smbios", &said,
                       &bytes))
        return;
    text = xstrndup(said, bytes);
    if (!firmware_record(db, nonce, "smbios", text, &why))
        log_fault(LOG_LEVEL_WARN, &why, "firmware of boot %s", nonce);
    free(text);
}

static void
handle_up(struct netboot_web *web, struct db *db,
          const struct web_route *route, const struct http_request *request,
          struct http_reply *reply)
{
    struct fault why = FAULT_INIT;
    enum boot_call call = BOOT_CALL_NONE;
    const char *found = NULL;
    size_t bytes = 0;
    char *key;

    if (!web_hostkey_find(request->body, request->body_bytes, &found,
                          &bytes)) {
        refuse(reply, NULL, 400, request->peer, "the body is no public host "
               "key");
        return;
    }
    /* What it fetched comes before what it says. */
    netboot_web_flush(web);
    key = xstrndup(found, bytes);
    if (!boot_record_up(db, route->nonce, key, request->peer, &call, &why)) {
        database_failed(web, &why, reply);
        free(key);
        return;
    }
    free(key);
    switch (call) {
    case BOOT_CALL_UP:
        keep_firmware(db, route->nonce, request);
        reply->status = 200;
        buf_adds(&reply->text, "up\n");
        log_info("boot %s is up at %s", route->nonce, request->peer);
        break;
    case BOOT_CALL_AGAIN:
        reply->status = 200;
        buf_adds(&reply->text, "up, and known already\n");
        break;
    case BOOT_CALL_NONE:
    case BOOT_CALL_REFUSED:
        explain_refused_call(web, db, route, request, reply);
        return;
    }
    reply->token = record_new(route->nonce, request->peer, "up");
}

/* The first loader, for firmware that fetches it by HTTP. It needs neither a
 * boot nor the database: what it then asks for does. */
static void
handle_loader(const struct web_route *route,
              const struct http_request *request, struct http_reply *reply)
{
    struct stat info;
    int fd = -1;

    for (size_t i = 0; dhcp_loaders[i] != NULL && fd < 0; i++) {
        if (strcmp(strrchr(dhcp_loaders[i], '/') + 1, route->name) == 0)
            fd = open(dhcp_loaders[i], O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0 || fstat(fd, &info) != 0) {
        fd_close(&fd);
        reply->status = 404;
        buf_adds(&reply->text, "there is no loader of that name\n");
        return;
    }
    log_info("%s fetches the loader %s", request->peer, route->name);
    reply->status = 200;
    reply->type = "application/efi";
    reply->parts[reply->part_count++] = (struct http_part){
        fd, 0, info.st_size };
}

/* A host's own loader, which comes with the candidate of the boot that is armed
 * for it. Asked for as often as the firmware likes, until it has started. */
static void
handle_own_loader(struct netboot_web *web, struct db *db,
                  const struct web_route *route,
                  const struct http_request *request,
                  struct http_reply *reply)
{
    json_t *spec = NULL, *names = json_array();
    struct fault why = FAULT_INIT;
    struct log_fields fields;
    struct boot *boot = NULL;
    const char *sha256;
    char flight[24];
    bool ok;

    if (!boot_last_by_mac(db, route->mac, &boot, &why)) {
        database_failed(web, &why, reply);
        goto out;
    }
    if (boot == NULL || boot->status != BOOT_ARMED
        || strcmp(route->name, DHCP_HOST_LOADER) != 0) {
        refuse(reply, NULL, 404, request->peer, "no boot with this loader is "
               "armed for the machine");
        goto out;
    }
    ok = json_parse(boot->spec, strlen(boot->spec), &spec, &why);
    sha256 = ok ? json_text(spec, "loader") : NULL;
    if (ok && sha256 == NULL)
        ok = fault_set(&why, FAULT_DATA, "boot %s has no loader", boot->nonce);
    if (ok) {
        must(json_array_append_new(names, json_string(sha256)) == 0);
        reply->status = 200;
        reply->type = "application/efi";
        ok = web_files_add(&web->files, names, reply, &why);
    }
    reply->token = record_new(boot->nonce, request->peer, route->name);
    if (!ok) {
        refuse(reply, fields_of(boot, flight, &fields), 500, request->peer,
               why.text);
        ((struct record *)reply->token)->status = 500;
    }
out:
    json_decref(names);
    json_decref(spec);
    boot_free(boot);
}

void
netboot_web_handle(struct netboot_web *web, const struct web_route *route,
                   const struct http_request *request,
                   struct http_reply *reply)
{
    struct db *db;

    if (route->kind == WEB_LOADER && route->mac[0] == '\0') {
        handle_loader(route, request, reply);
        return;
    }
    db = web_session_db(web->session);
    if (db == NULL) {
        no_database(reply);
        return;
    }
    if (route->kind == WEB_SCRIPT)
        handle_script(web, db, route, request, reply);
    else if (route->kind == WEB_LOADER)
        handle_own_loader(web, db, route, request, reply);
    else if (route->kind == WEB_UP)
        handle_up(web, db, route, request, reply);
    else
        handle_part(web, db, route, request, reply);
    web_session_check(web->session);
}

struct netboot_web *
netboot_web_new(uv_loop_t *loop, struct web_session *session)
{
    struct netboot_web *web = xcalloc(1, sizeof *web);

    web->session = session;
    web->last = &web->first;
    must(uv_timer_init(loop, &web->timer) == 0);
    web->timer.data = web;
    return web;
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
netboot_web_free(struct netboot_web *web)
{
    if (web == NULL)
        return;
    netboot_web_flush(web);
    while (web->first != NULL) {
        struct record *next = web->first->next;

        free(web->first);
        web->first = next;
    }
    (void)uv_timer_stop(&web->timer);
    uv_close((uv_handle_t *)&web->timer, on_closed);
}
