/* hosts/bmc_redfish.c - power and boot order by Redfish, with libcurl.
 *
 * A session is made for the order and deleted after it; a service without a
 * session service is asked with basic authentication. Redirections are not
 * followed: a password goes to the host that the operator named. */
#include <config.h>

#include "hosts/bmc.h"

#include <curl/curl.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/redfish.h"
#include "hosts/secret.h"

#define ANSWER_MAX_BYTES (1 << 20)
#define SYSTEMS "/redfish/v1/Systems"
#define SESSIONS "/redfish/v1/SessionService/Sessions"
#define TOKEN_BYTES 256

struct redfish {
    CURL *curl;
    const json_t *config;
    int64_t until_ms;
    char *base;                 /* without '/' at its end */
    char password[SECRET_BYTES];
    bool basic;
    char token[TOKEN_BYTES];    /* of the session, "" when there is none */
    char session[REDFISH_PATH_BYTES];
    /* Of the last answer. */
    long status;
    struct buf body;
    bool too_long;
    char new_token[TOKEN_BYTES], location[REDFISH_PATH_BYTES];
};

static size_t
on_body(char *data, size_t size, size_t count, void *owner)
{
    struct redfish *redfish = owner;
    size_t bytes = size * count;

    if (redfish->body.len + bytes > ANSWER_MAX_BYTES) {
        redfish->too_long = true;
        return 0;
    }
    buf_add(&redfish->body, data, bytes);
    return bytes;
}

/* "Name: value\r\n" into 'out', if it is of that name and fits. */
static void
take_header(const char *line, size_t bytes, const char *name, char *out,
            size_t out_bytes)
{
    size_t skip = strlen(name);

    if (bytes <= skip || strncasecmp(line, name, skip) != 0)
        return;
    while (skip < bytes && line[skip] == ' ')
        skip++;
    while (bytes > skip && strchr(" \r\n", line[bytes - 1]) != NULL)
        bytes--;
    if (bytes - skip < out_bytes)
        (void)snprintf(out, out_bytes, "%.*s", (int)(bytes - skip),
                       line + skip);
}

static size_t
on_header(char *data, size_t size, size_t count, void *owner)
{
    struct redfish *redfish = owner;

    take_header(data, size * count, "X-Auth-Token:", redfish->new_token,
                sizeof(redfish->new_token));
    take_header(data, size * count, "Location:", redfish->location,
                sizeof(redfish->location));
    return size * count;
}

static void
set_tls(struct redfish *redfish)
{
    const char *tls = json_text(redfish->config, "tls");
    const char *ca_file = json_text(redfish->config, "ca_file");
    bool verify = tls == NULL || strcmp(tls, "verify") == 0;

    (void)curl_easy_setopt(redfish->curl, CURLOPT_SSL_VERIFYPEER,
                           verify ? 1L : 0L);
    (void)curl_easy_setopt(redfish->curl, CURLOPT_SSL_VERIFYHOST,
                           verify ? 2L : 0L);
    /* It alone, not besides those that the system trusts. */
    if (ca_file != NULL) {
        (void)curl_easy_setopt(redfish->curl, CURLOPT_CAINFO, ca_file);
        (void)curl_easy_setopt(redfish->curl, CURLOPT_CAPATH, NULL);
    }
}

static struct curl_slist *
make_headers(const struct redfish *redfish, const char *etag)
{
    struct curl_slist *list = NULL;
    char line[TOKEN_BYTES + 32];

    list = curl_slist_append(list, "Accept: application/json");
    list = curl_slist_append(list, "Content-Type: application/json");
    list = curl_slist_append(list, "OData-Version: 4.0");
    list = curl_slist_append(list, "Expect:");
    if (redfish->token[0] != '\0') {
        (void)snprintf(line, sizeof(line), "X-Auth-Token: %s",
                       redfish->token);
        list = curl_slist_append(list, line);
    }
    if (etag != NULL && etag[0] != '\0') {
        (void)snprintf(line, sizeof(line), "If-Match: %s", etag);
        list = curl_slist_append(list, line);
    }
    must(list != NULL);
    return list;
}

static bool
curl_fault(struct redfish *redfish, CURLcode code, const char *url,
           struct fault *why)
{
    if (redfish->too_long)
        return fault_set(why, FAULT_PEER, "redfish: %s answers without end",
                         url);
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        fault_set(why, FAULT_CONFIG, "redfish: %s: its certificate is not "
                  "trusted", url);
        return fault_hint(why, "name its authority in 'ca_file', or say "
                          "'tls: unverified'");
    }
    if (code == CURLE_SSL_CACERT_BADFILE)
        return fault_set(why, FAULT_CONFIG, "redfish: 'ca_file' %s cannot be "
                         "used", json_text(redfish->config, "ca_file"));
    return fault_set(why, code == CURLE_OPERATION_TIMEDOUT ? FAULT_TIMEOUT
                     : FAULT_PEER, "redfish: %s: %s", url,
                     curl_easy_strerror(code));
}

/* One request; 'body' NULL for none. True for every answer; its status is in
 * redfish->status. */
static bool
request(struct redfish *redfish, const char *method, const char *path,
        const json_t *body, const char *etag, struct fault *why)
{
    int64_t left = redfish->until_ms - clock_mono_ms(clock_system());
    CURL *curl = redfish->curl;
    struct curl_slist *headers = NULL;
    struct buf url = BUF_INIT;
    char *text = NULL;
    CURLcode code;

    buf_reset(&redfish->body);
    redfish->too_long = false;
    redfish->status = 0;
    redfish->new_token[0] = redfish->location[0] = '\0';
    buf_addf(&url, "%s%s", redfish->base, path);
    curl_easy_reset(curl);
    set_tls(redfish);
    headers = make_headers(redfish, etag);
    (void)curl_easy_setopt(curl, CURLOPT_URL, buf_text(&url));
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                           (long)(left > 1 ? left : 1));
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, redfish);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, redfish);
    if (redfish->basic) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME,
                               json_text(redfish->config, "user"));
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, redfish->password);
    }
    if (body != NULL) {
        text = json_dumps(body, JSON_COMPACT);
        must(text != NULL);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    }
    code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &redfish->status);
    if (code != CURLE_OK)
        curl_fault(redfish, code, buf_text(&url), why);
    curl_slist_free_all(headers);
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
    buf_free(&url);
    return code == CURLE_OK;
}

/* What the status of an answer means for an order. */
static bool
expect_good(struct redfish *redfish, const char *what, struct fault *why)
{
    char message[256];

    if (redfish->status >= 200 && redfish->status < 300)
        return true;
    redfish_message_parse(buf_text(&redfish->body), redfish->body.len,
                          message, sizeof(message));
    if (redfish->status == 401 || redfish->status == 403)
        return fault_set(why, FAULT_CONFIG, "redfish: user or password are "
                         "refused (%s: %ld)", what, redfish->status);
    return fault_set(why, FAULT_PEER, "redfish: %s: it answers %ld%s%s", what,
                     redfish->status, message[0] == '\0' ? "" : ": ",
                     message);
}

static bool
log_in(struct redfish *redfish, struct fault *why)
{
    const char *way = json_text(redfish->config, "session"), *path;
    json_t *body;
    bool ok;

    redfish->basic = way != NULL && strcmp(way, "basic") == 0;
    if (redfish->basic)
        return true;
    body = json_object();
    json_put_text(body, "UserName", json_text(redfish->config, "user"));
    json_put_text(body, "Password", redfish->password);
    ok = request(redfish, "POST", SESSIONS, body, NULL, why);
    json_decref(body);
    if (!ok)
        return false;
    if (redfish->status == 404 || redfish->status == 405
        || redfish->status == 501) {
        redfish->basic = true;
        return true;
    }
    if (!expect_good(redfish, "log in", why))
        return false;
    if (redfish->new_token[0] == '\0')
        return fault_set(why, FAULT_PEER, "redfish: a session without a "
                         "token");
    memcpy(redfish->token, redfish->new_token, sizeof(redfish->token));
    path = strstr(redfish->location, "/redfish/");
    (void)snprintf(redfish->session, sizeof(redfish->session), "%s",
                   path == NULL ? "" : path);
    return true;
}

/* What an order left, though the order has failed: services have few. */
static void
log_out(struct redfish *redfish)
{
    struct fault ignored = FAULT_INIT;

    if (redfish->session[0] != '\0'
        && !request(redfish, "DELETE", redfish->session, NULL, NULL,
                    &ignored))
        redfish->session[0] = '\0';
}

static bool
find_system(struct redfish *redfish, char path[static REDFISH_PATH_BYTES],
            struct fault *why)
{
    const char *given = json_text(redfish->config, "system_path");

    if (given != NULL) {
        (void)snprintf(path, REDFISH_PATH_BYTES, "%s", given);
        return true;
    }
    return request(redfish, "GET", SYSTEMS, NULL, NULL, why)
        && expect_good(redfish, SYSTEMS, why)
        && redfish_member_parse(buf_text(&redfish->body), redfish->body.len,
                                path, why);
}

static bool
get_system(struct redfish *redfish, const char *path,
           struct redfish_system *system_out, struct fault *why)
{
    return request(redfish, "GET", path, NULL, NULL, why)
        && expect_good(redfish, path, why)
        && redfish_system_parse(buf_text(&redfish->body), redfish->body.len,
                                system_out, why);
}

static bool
switch_system(struct redfish *redfish, const struct redfish_system *system_is,
              enum power_state want, struct fault *why)
{
    const char *way = want == POWER_ON ? system_is->on : system_is->off;
    json_t *body;
    bool ok;

    if (system_is->state == want && !system_is->moving)
        return true;
    if (way == NULL || system_is->reset[0] == '\0')
        return fault_set(why, FAULT_CONFIG, "redfish: the service cannot "
                         "switch the system %s", power_state_name(want));
    body = json_object();
    json_put_text(body, "ResetType", way);
    ok = request(redfish, "POST", system_is->reset, body, NULL, why)
        && expect_good(redfish, way, why);
    json_decref(body);
    return ok;
}

static bool
boot_system(struct redfish *redfish, const char *path,
            struct redfish_system *system_is, struct fault *why)
{
    static const struct {
        const char *name, *target, *mode;
    } boots[] = {
        { "pxe", "Pxe", "Legacy" },
        { "pxe-uefi", "Pxe", "UEFI" },
        { "http-uefi", "UefiHttp", "UEFI" },
        { "disk", "Hdd", NULL },
    };
    const char *name = json_text(redfish->config, "boot");
    json_t *boot = json_object(), *body = json_object();
    const char *target = "";
    bool ok;

    for (size_t i = 0; name != NULL && i < ARRAY_LEN(boots); i++) {
        if (strcmp(boots[i].name, name) != 0)
            continue;
        target = boots[i].target;
        if (boots[i].mode != NULL)
            json_put_text(boot, "BootSourceOverrideMode", boots[i].mode);
    }
    json_put_text(boot, "BootSourceOverrideTarget", target);
    json_put_text(boot, "BootSourceOverrideEnabled", "Once");
    must(json_object_set(body, "Boot", boot) == 0);
    ok = request(redfish, "PATCH", path, body, system_is->etag, why)
        && expect_good(redfish, "boot order", why)
        && get_system(redfish, path, system_is, why);
    if (ok && (strcmp(system_is->boot_target, target) != 0
               || strcmp(system_is->boot_enabled, "Once") != 0))
        ok = fault_set(why, FAULT_PEER, "redfish: the boot source was set to "
                       "%s and is %s, %s", target, system_is->boot_target,
                       system_is->boot_enabled);
    json_decref(boot);
    json_decref(body);
    return ok;
}

static bool
give(struct redfish *redfish, const struct bmc_order *order,
     enum power_state *state_out, struct fault *why)
{
    struct redfish_system system_is;
    char path[REDFISH_PATH_BYTES];

    if (!log_in(redfish, why) || !find_system(redfish, path, why)
        || !get_system(redfish, path, &system_is, why))
        return false;
    switch (order->verb) {
    case BMC_STATUS:
        *state_out = system_is.state;
        return true;
    case BMC_ON:
        return switch_system(redfish, &system_is, POWER_ON, why);
    case BMC_OFF:
        return switch_system(redfish, &system_is, POWER_OFF, why);
    case BMC_BOOT:
        return boot_system(redfish, path, &system_is, why);
    }
    must_never("the switch has all verbs");
}

bool
bmc_redfish(const struct bmc_order *order, enum power_state *state_out,
            struct fault *why)
{
    struct redfish redfish = {
        .config = order->config,
        .until_ms = clock_mono_ms(clock_system()) + order->limit_ms,
    };
    const char *url = json_text(order->config, "url");
    struct buf base = BUF_INIT;
    bool ok;

    buf_adds(&base, url == NULL ? "" : url);
    while (base.len > 0 && base.data[base.len - 1] == '/')
        base.data[--base.len] = '\0';
    redfish.base = buf_take(&base);
    redfish.curl = curl_easy_init();
    must(redfish.curl != NULL);
    ok = secret_read(order->config, "password", redfish.password, why)
        && give(&redfish, order, state_out, why);
    log_out(&redfish);
    explicit_bzero(redfish.password, sizeof(redfish.password));
    curl_easy_cleanup(redfish.curl);
    buf_free(&redfish.body);
    free(redfish.base);
    return ok;
}
