/* hosts/console_list.c - the list of consoles, from a file or the database. */
#include <config.h>

#include "hosts/console_list.h"

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/yaml.h"
#include "hosts/console_driver.h"
#include "hosts/driver_keys.h"
#include "hosts/host_db.h"

#define MEMBER(key) char *key;
struct console_item {
    char *host;
    CONSOLE_TEXTS(MEMBER)
};
#undef MEMBER

struct console_file {
    struct console_item *consoles;
    unsigned consoles_count;
};

#define FIELD(key) \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           struct console_item, key, 0, CYAML_UNLIMITED),

static const cyaml_schema_field_t item_fields[] = {
    CYAML_FIELD_STRING_PTR(YAML_KEY, CYAML_FLAG_POINTER, struct console_item,
                           host, 0, CYAML_UNLIMITED),
    CONSOLE_TEXTS(FIELD)
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t item_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct console_item,
                        item_fields),
};
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_SEQUENCE("consoles", CYAML_FLAG_POINTER, struct console_file,
                         consoles, &item_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct console_file,
                        file_fields),
};

static void
list_add(json_t *list, const char *host, json_t *console)
{
    json_t *item = json_object();

    must(item != NULL);
    json_put_text(item, "host", host);
    must(json_object_set_new(item, "console", console) == 0);
    must(json_array_append_new(list, item) == 0);
}

bool
console_list_file(const char *path, json_t **list_out, struct fault *why)
{
    struct console_file *file;
    struct console_place place;
    json_t *list = json_array();
    void *value = NULL;
    char at[300];
    bool ok;

    must(list != NULL);
    ok = yaml_load_file(path, &file_schema, &value, why);
    file = value;
    for (unsigned i = 0; ok && i < file->consoles_count; i++) {
        const struct console_item *item = &file->consoles[i];
        const struct console_driver *driver;
        json_t *console = json_object();

#define PUT(key) \
        if (item->key != NULL) \
            json_put_text(console, #key, item->key);
        CONSOLE_TEXTS(PUT)
#undef PUT
        list_add(list, item->host, console);
        driver = console_driver_find(item->driver != NULL ? item->driver : "",
                                     why);
        ok = driver != NULL &&
             driver->place(item->host, console, &place, why);
        if (!ok) {
            struct fault what = *why;

            (void)snprintf(at, sizeof(at), "consoles/%.200s", item->host);
            yaml_fault(why, path, at, "%s", what.text);
        }
    }
    if (value != NULL)
        yaml_unload(&file_schema, value);
    if (ok)
        *list_out = list;
    else
        json_decref(list);
    return ok;
}

bool
console_list_database(const char *site, json_t **list_out,
                      struct fault *why)
{
    struct host **hosts = NULL;
    json_t *list = json_array();
    struct db *db = NULL;
    size_t count = 0;
    bool ok;

    must(list != NULL);
    ok = db_open("assay-console", &db, why) &&
         host_db_list(db, &hosts, &count, why);
    for (size_t i = 0; i < count; i++) {
        json_t *console = json_object_get(hosts[i]->config, "console");

        if (strcmp(hosts[i]->site, site) == 0 &&
            strcmp(hosts[i]->state, "retired") != 0 &&
            json_is_object(console))
            list_add(list, hosts[i]->name, json_incref(console));
        host_free(hosts[i]);
    }
    free(hosts);
    db_close(db);
    if (ok)
        *list_out = list;
    else
        json_decref(list);
    return ok;
}

bool
console_list_parse(const char *data, size_t bytes, json_t **list_out,
                   struct fault *why)
{
    json_t *list = NULL, *item;
    bool ok;
    size_t i;

    ok = json_parse(data, bytes, &list, why);
    if (ok && !json_is_array(list))
        ok = fault_set(why, FAULT_DATA, "the list of consoles is no array");
    json_array_foreach(list, i, item) {
        if (ok && (json_text(item, "host") == NULL ||
                   !json_is_object(json_object_get(item, "console"))))
            ok = fault_set(why, FAULT_DATA,
                           "item %zu of the list is no console", i);
    }
    if (ok)
        *list_out = list;
    else
        json_decref(list);
    return ok;
}
