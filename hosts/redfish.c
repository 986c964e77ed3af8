/* hosts/redfish.c - see redfish.h. The names are those of DMTF's DSP2046. */
#include <config.h>

#include "hosts/redfish.h"

#include "harness/fault.h"
#include "harness/json.h"

static const struct {
    const char *name;
    enum power_state state;
    bool moving;
} states[] = {
    { "On", POWER_ON, false },
    { "Off", POWER_OFF, false },
    { "PoweringOn", POWER_OFF, true },
    { "PoweringOff", POWER_ON, true },
    { "Paused", POWER_ON, false },
};

/* In the order in which they are preferred: hard, since a machine that hangs
 * must obey too. */
static const char *const ways_on[] = { "On", "ForceOn", NULL };
static const char *const ways_off[] = { "ForceOff", "PowerOff",
                                        "PushPowerButton", NULL };

/* Printable ASCII without what would end a path; "" otherwise. */
static void
copy_path(const char *text, char out[static REDFISH_PATH_BYTES])
{
    out[0] = '\0';
    if (text == NULL || text[0] != '/' || text[1] == '/'
        || strlen(text) >= REDFISH_PATH_BYTES)
        return;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}#@", *c) != NULL)
            return;
    }
    (void)snprintf(out, REDFISH_PATH_BYTES, "%s", text);
}

/* For a header: printable, in one piece. */
static void
copy_token(const char *text, char *out, size_t bytes)
{
    out[0] = '\0';
    if (text == NULL || strlen(text) >= bytes)
        return;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            return;
    }
    (void)snprintf(out, bytes, "%s", text);
}

/* The first of 'ways' that the service offers; the first, if it does not
 * say. */
static const char *
choose(const json_t *offered, const char *const *ways)
{
    const json_t *one;
    size_t k;

    if (!json_is_array(offered))
        return ways[0];
    for (size_t i = 0; ways[i] != NULL; i++) {
        json_array_foreach(offered, k, one) {
            if (json_is_string(one)
                && strcmp(json_string_value(one), ways[i]) == 0)
                return ways[i];
        }
    }
    return NULL;
}

static void
read_actions(const json_t *root, struct redfish_system *system_out)
{
    const json_t *reset = json_object_get(
        json_object_get(root, "Actions"), "#ComputerSystem.Reset");
    const json_t *offered = json_object_get(
        reset, "ResetType@Redfish.AllowableValues");

    copy_path(json_text(reset, "target"), system_out->reset);
    system_out->on = choose(offered, ways_on);
    system_out->off = choose(offered, ways_off);
}

bool
redfish_system_parse(const char *data, size_t bytes,
                     struct redfish_system *system_out, struct fault *why)
{
    struct redfish_system found = { .state = POWER_UNKNOWN };
    json_t *root = NULL;
    const json_t *boot;
    const char *name;
    bool ok;

    ok = json_parse(data, bytes, &root, why);
    if (!ok) {
        why->kind = FAULT_PEER;
        return fault_context(why, "redfish: its answer");
    }
    name = json_text(root, "PowerState");
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(states); i++) {
        if (strcmp(states[i].name, name) == 0) {
            found.state = states[i].state;
            found.moving = states[i].moving;
        }
    }
    ok = found.state != POWER_UNKNOWN
        || fault_set(why, FAULT_PEER, "redfish: PowerState is '%s'",
                     name == NULL ? "" : name);
    boot = json_object_get(root, "Boot");
    copy_token(json_text(boot, "BootSourceOverrideTarget"),
               found.boot_target, sizeof(found.boot_target));
    copy_token(json_text(boot, "BootSourceOverrideEnabled"),
               found.boot_enabled, sizeof(found.boot_enabled));
    copy_token(json_text(root, "@odata.etag"), found.etag,
               sizeof(found.etag));
    read_actions(root, &found);
    if (ok)
        *system_out = found;
    json_decref(root);
    return ok;
}

bool
redfish_member_parse(const char *data, size_t bytes,
                     char path[static REDFISH_PATH_BYTES], struct fault *why)
{
    json_t *root = NULL;
    const json_t *members;
    size_t count;
    bool ok;

    ok = json_parse(data, bytes, &root, why);
    if (!ok) {
        why->kind = FAULT_PEER;
        return fault_context(why, "redfish: its answer");
    }
    members = json_object_get(root, "Members");
    count = json_array_size(members);
    path[0] = '\0';
    if (count > 1) {
        ok = fault_set(why, FAULT_CONFIG, "redfish: the service has %zu "
                       "systems", count);
        fault_hint(why, "say which in the key 'system_path'");
    } else {
        copy_path(json_text(json_array_get(members, 0), "@odata.id"), path);
        ok = path[0] != '\0'
            || fault_set(why, FAULT_PEER, "redfish: the service names no "
                         "system");
    }
    json_decref(root);
    return ok;
}

void
redfish_message_parse(const char *data, size_t bytes, char *out,
                      size_t out_bytes)
{
    struct fault ignored = FAULT_INIT;
    json_t *root = NULL;
    const json_t *error, *more;
    const char *text;

    out[0] = '\0';
    if (!json_parse(data, bytes, &root, &ignored))
        return;
    error = json_object_get(root, "error");
    more = json_array_get(json_object_get(error, "@Message.ExtendedInfo"), 0);
    text = json_text(more, "Message");
    if (text == NULL)
        text = json_text(error, "message");
    (void)snprintf(out, out_bytes, "%.200s", text == NULL ? "" : text);
    json_decref(root);
}
