/* harness/ssh_target.c - how to log in to a host that has come up. */
#include <config.h>

#include "harness/ssh_target.h"

#include <arpa/inet.h>
#include <jansson.h>
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"

#define FILE_MAX_BYTES 65536

static bool
is_address(const char *text)
{
    struct in6_addr any;

    return inet_pton(AF_INET, text, &any) == 1 ||
           inet_pton(AF_INET6, text, &any) == 1;
}

static bool
take(const json_t *object, struct ssh_target *target, struct fault *why)
{
    const char *address = json_text(object, "address"),
               *user = json_text(object, "user"),
               *key = json_text(object, "key"),
               *hostkey = json_text(object, "hostkey");
    int64_t port = json_int(object, "port", 22);

    if (address == NULL || !is_address(address))
        return fault_set(why, FAULT_DATA, "no numeric address");
    if (port < 1 || port > 65535)
        return fault_set(why, FAULT_DATA, "no valid port");
    if (user == NULL || key == NULL || user[0] == '\0' || key[0] != '/')
        return fault_set(why, FAULT_DATA, "no user, or no path of a key");
    if (hostkey == NULL || strchr(hostkey, ' ') == NULL)
        return fault_set(why, FAULT_DATA, "no public key of the host");
    *target = (struct ssh_target){
        .address = xstrdup(address), .port = (int)port,
        .user = xstrdup(user), .key = xstrdup(key),
        .hostkey = xstrdup(hostkey),
    };
    return true;
}

bool
ssh_target_load(const char *path, struct ssh_target *target,
                struct fault *why)
{
    struct buf text = BUF_INIT;
    json_t *object = NULL;
    bool ok;

    ok = fs_read_file(path, FILE_MAX_BYTES, &text, why);
    if (!ok) {
        if (why->kind == FAULT_NOT_FOUND)
            fault_set(why, FAULT_NOT_FOUND,
                      "it has not come up yet (there is no %s)", path);
        goto out;
    }
    ok = json_parse(buf_text(&text), text.len, &object, why) &&
         take(object, target, why);
    if (!ok)
        fault_context(why, "%s", path);
out:
    json_decref(object);
    buf_free(&text);
    return ok;
}

bool
ssh_target_save(const char *path, const struct ssh_target *target,
                struct fault *why)
{
    json_t *object = json_object();
    const char *slash = strrchr(path, '/');
    char *dir = NULL, *text = NULL;
    bool ok = true;

    json_put_text(object, "address", target->address);
    json_put_int(object, "port", target->port);
    json_put_text(object, "user", target->user);
    json_put_text(object, "key", target->key);
    json_put_text(object, "hostkey", target->hostkey);
    text = json_dumps(object, JSON_INDENT(2) | JSON_SORT_KEYS);
    must(text != NULL && slash != NULL);
    dir = xstrndup(path, (size_t)(slash - path));
    ok = fs_mkdirs(dir, 0755, why) &&
         fs_write_file(path, 0600, text, strlen(text), why);
    free(dir);
    free(text);
    json_decref(object);
    return ok;
}

void
ssh_target_fini(struct ssh_target *target)
{
    free(target->address);
    free(target->user);
    free(target->key);
    free(target->hostkey);
    *target = (struct ssh_target){.port = 0};
}

bool
ssh_target_equal(const struct ssh_target *a, const struct ssh_target *b)
{
    return a->port == b->port && strcmp(a->address, b->address) == 0 &&
           strcmp(a->user, b->user) == 0 && strcmp(a->key, b->key) == 0 &&
           strcmp(a->hostkey, b->hostkey) == 0;
}
