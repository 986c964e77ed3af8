/* hosts/host_yaml.c - the schema of host files, and what it cannot say. */
#include <config.h>

#include "hosts/host_yaml.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/yaml.h"
#include "hosts/console_driver.h"
#include "hosts/netboot.h"
#include "hosts/power.h"
#include "hosts/provision.h"

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 0, \
                           CYAML_UNLIMITED)
#define TEXT_MAYBE(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 0, CYAML_UNLIMITED)
#define TEXTS_MAYBE(key, type, member) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         type, member, &yaml_text_schema, 0, CYAML_UNLIMITED)

#define POWER_FIELD(key) TEXT_MAYBE(#key, struct host_file_power, key),
#define CONSOLE_FIELD(key) TEXT_MAYBE(#key, struct host_file_console, key),

static const cyaml_schema_field_t power_fields[] = {
    POWER_TEXTS(POWER_FIELD)
    TEXTS_MAYBE("on", struct host_file_power, on),
    TEXTS_MAYBE("off", struct host_file_power, off),
    TEXTS_MAYBE("status", struct host_file_power, status),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t console_fields[] = {
    CONSOLE_TEXTS(CONSOLE_FIELD)
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t driver_fields[] = {
    TEXT("driver", struct host_file_driver, driver),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t machine_fields[] = {
    TEXT("cpu", struct host_file_machine, cpu),
    TEXT("nic", struct host_file_machine, nic),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t host_fields[] = {
    TEXT("host", struct host_file, host),
    TEXT_MAYBE("site", struct host_file, site),
    TEXT("arch", struct host_file, arch),
    TEXT("firmware", struct host_file, firmware),
    TEXT("class", struct host_file, class),
    TEXTS_MAYBE("flags", struct host_file, flags),
    CYAML_FIELD_SEQUENCE("properties",
                         CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct host_file, properties, &yaml_pair_schema, 0,
                         CYAML_UNLIMITED),
    CYAML_FIELD_MAPPING("power", CYAML_FLAG_DEFAULT, struct host_file, power,
                        power_fields),
    CYAML_FIELD_MAPPING("console", CYAML_FLAG_DEFAULT, struct host_file,
                        console, console_fields),
    CYAML_FIELD_MAPPING("netboot", CYAML_FLAG_DEFAULT, struct host_file,
                        netboot, driver_fields),
    CYAML_FIELD_MAPPING("provision", CYAML_FLAG_DEFAULT, struct host_file,
                        provision, driver_fields),
    CYAML_FIELD_MAPPING_PTR("machine",
                            CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct host_file, machine, machine_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t host_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct host_file, host_fields),
};

/* The firmware of an architecture, and the words that are known at all. */
static const struct {
    const char *arch, *firmware;
} platforms[] = {
    { "amd64", "bios" },
    { "amd64", "uefi" },
    { "arm64", "uefi" },
};
static const char *const nics[] = { "e1000", "virtio" };

/* Properties that must be one of its kind on a wire. */
static const char *const unique_properties[] = { "mac", "address" };

const char *
host_yaml_property(const struct host_file *file, const char *name)
{
    for (unsigned i = 0; i < file->properties_count; i++) {
        if (strcmp(file->properties[i].key, name) == 0)
            return file->properties[i].value;
    }
    return "";
}

static void
put_maybe(json_t *object, const char *key, const char *text)
{
    if (text != NULL)
        json_put_text(object, key, text);
}

static void
put_texts(json_t *object, const char *key, char *const *texts, unsigned count)
{
    json_t *array;

    if (texts == NULL)
        return;
    array = json_array();
    for (unsigned i = 0; i < count; i++)
        must(json_array_append_new(array, json_string(texts[i])) == 0);
    must(json_object_set_new(object, key, array) == 0);
}

static json_t *
power_config(const struct host_file_power *power)
{
    json_t *object = json_object();

#define PUT(key) put_maybe(object, #key, power->key);
    POWER_TEXTS(PUT)
#undef PUT
    put_texts(object, "on", power->on, power->on_count);
    put_texts(object, "off", power->off, power->off_count);
    put_texts(object, "status", power->status, power->status_count);
    return object;
}

static json_t *
console_config(const struct host_file_console *console)
{
    json_t *object = json_object();

#define PUT(key) put_maybe(object, #key, console->key);
    CONSOLE_TEXTS(PUT)
#undef PUT
    return object;
}

static json_t *
driver_config(const struct host_file_driver *driver)
{
    json_t *object = json_object();

    json_put_text(object, "driver", driver->driver);
    return object;
}

json_t *
host_yaml_config(const struct host_file *file)
{
    json_t *config = json_object(), *machine;

    must(json_object_set_new(config, "power", power_config(&file->power))
         == 0);
    must(json_object_set_new(config, "console",
                             console_config(&file->console)) == 0);
    must(json_object_set_new(config, "netboot",
                             driver_config(&file->netboot)) == 0);
    must(json_object_set_new(config, "provision",
                             driver_config(&file->provision)) == 0);
    if (file->machine != NULL) {
        machine = json_object();
        json_put_text(machine, "cpu", file->machine->cpu);
        json_put_text(machine, "nic", file->machine->nic);
        must(json_object_set_new(config, "machine", machine) == 0);
    }
    return config;
}

static bool
check_platform(const struct host_file *file, struct fault *why)
{
    bool arch_known = false;

    for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
        if (strcmp(platforms[i].arch, file->arch) != 0)
            continue;
        if (strcmp(platforms[i].firmware, file->firmware) == 0)
            return true;
        arch_known = true;
    }
    if (!arch_known)
        return yaml_fault(why, file->path, "arch", "arch '%s' is none of "
                          "amd64, arm64", file->arch);
    return yaml_fault(why, file->path, "firmware", "there is no firmware "
                      "'%s' on %s", file->firmware, file->arch);
}

static bool
mac_is_valid(const char *mac)
{
    for (size_t i = 0; i < 17; i++) {
        if (i % 3 == 2 ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
            return false;
    }
    return mac[17] == '\0';
}

static bool
check_properties(const struct host_file *file, struct fault *why)
{
    const char *mac = host_yaml_property(file, "mac");
    const char *address = host_yaml_property(file, "address");
    unsigned char raw[sizeof(struct in6_addr)];

    if (mac[0] == '\0')
        return yaml_fault(why, file->path, "properties", "the property "
                          "'mac' is missing: nothing else tells which host "
                          "asks for a boot");
    if (!mac_is_valid(mac))
        return yaml_fault(why, file->path, "properties/mac",
                          "'%s' is no MAC address", mac);
    if (address[0] != '\0' && inet_pton(AF_INET, address, raw) != 1
        && inet_pton(AF_INET6, address, raw) != 1)
        return yaml_fault(why, file->path, "properties/address",
                          "'%s' is no IP address", address);
    return true;
}

/* A driver's own complaint, moved to the line that it is about. */
static bool
at_line(struct fault *why, const struct host_file *file, const char *path)
{
    char text[sizeof(why->text)];

    (void)snprintf(text, sizeof(text), "%s", why->text);
    return yaml_fault(why, file->path, path, "%s", text);
}

static bool
check_drivers(const struct host_file *file, struct fault *why)
{
    const struct console_driver *console;
    const struct netboot_driver *netboot;
    struct console_place place;
    json_t *config;
    bool ok;

    config = power_config(&file->power);
    ok = power_check(file->host, config, why) || at_line(why, file, "power");
    json_decref(config);
    if (!ok)
        return false;
    config = console_config(&file->console);
    console = console_driver_find(file->console.driver != NULL
                                  ? file->console.driver : "", why);
    ok = (console != NULL && console->place(file->host, config, &place, why))
        || at_line(why, file, "console");
    json_decref(config);
    if (!ok)
        return false;
    netboot = netboot_find(file->netboot.driver, why);
    if (netboot == NULL)
        return at_line(why, file, "netboot/driver");
    if (netboot->firmware != NULL
        && strcmp(netboot->firmware, file->firmware) != 0)
        return yaml_fault(why, file->path, "netboot/driver", "netboot "
                          "driver %s does not work on %s", netboot->name,
                          file->firmware);
    if (provision_find(file->provision.driver, why) == NULL)
        return at_line(why, file, "provision/driver");
    return true;
}

static bool
nic_is_known(const char *nic)
{
    for (size_t i = 0; i < ARRAY_LEN(nics); i++) {
        if (strcmp(nics[i], nic) == 0)
            return true;
    }
    return false;
}

static bool
check_machine(const struct host_file *file, struct fault *why)
{
    int64_t number;

    if (file->machine == NULL)
        return true;
    if (!nic_is_known(file->machine->nic))
        return yaml_fault(why, file->path, "machine/nic",
                          "nic '%s' is none of e1000, virtio",
                          file->machine->nic);
    if (!parse_int64(host_yaml_property(file, "memory_mb"), 64, 1 << 20,
                     &number))
        return yaml_fault(why, file->path, "properties/memory_mb", "a "
                          "machine of the lab needs the property "
                          "'memory_mb', a number");
    if (!parse_int64(host_yaml_property(file, "cpus"), 1, 64, &number))
        return yaml_fault(why, file->path, "properties/cpus", "a machine of "
                          "the lab needs the property 'cpus', a number");
    if (host_yaml_property(file, "address")[0] == '\0')
        return yaml_fault(why, file->path, "properties", "a machine of the "
                          "lab needs the property 'address'");
    return true;
}

static bool
check_file(const struct host_file *file, struct fault *why)
{
    if (!name_is_safe(file->host, 100))
        return yaml_fault(why, file->path, "host", "'%s' cannot be a host's "
                          "name: letters, digits, '.', '_' and '-'",
                          file->host);
    if (file->site != NULL && !name_is_safe(file->site, 100))
        return yaml_fault(why, file->path, "site",
                          "'%s' cannot be a site's name", file->site);
    return check_platform(file, why) && check_properties(file, why)
        && check_drivers(file, why) && check_machine(file, why);
}

bool
host_yaml_load(const char *path, struct host_file **file_out,
               struct fault *why)
{
    struct host_file *file;
    void *value = NULL;

    if (!yaml_load_file(path, &host_schema, &value, why))
        return false;
    file = value;
    file->path = xstrdup(path);
    if (!check_file(file, why)) {
        host_yaml_free(file);
        return false;
    }
    *file_out = file;
    return true;
}

void
host_yaml_free(struct host_file *file)
{
    if (file == NULL)
        return;
    xfree_str(&file->path);
    yaml_unload(&host_schema, file);
}

void
host_yaml_free_all(struct host_file **files, size_t count)
{
    for (size_t i = 0; files != NULL && i < count; i++)
        host_yaml_free(files[i]);
    free(files);
}

/* "b.yaml:3: property mac ... is also that of host h1 (a.yaml:5)". */
static bool
check_pair(const struct host_file *a, const struct host_file *b,
           struct fault *why)
{
    char path[64];

    if (strcmp(a->host, b->host) == 0)
        return yaml_fault(why, b->path, "host", "host %s is named twice: "
                          "first in %s:%d", b->host, a->path,
                          yaml_line_of(a->path, "host"));
    for (size_t i = 0; i < ARRAY_LEN(unique_properties); i++) {
        const char *name = unique_properties[i];
        const char *value = host_yaml_property(b, name);

        if (value[0] == '\0'
            || strcasecmp(value, host_yaml_property(a, name)) != 0)
            continue;
        (void)snprintf(path, sizeof(path), "properties/%s", name);
        return yaml_fault(why, b->path, path, "%s %s of host %s is that of "
                          "host %s too (%s:%d)", name, value, b->host,
                          a->host, a->path, yaml_line_of(a->path, path));
    }
    return true;
}

/* Keeps the first fault; the others become lines of its detail. */
static void
collect(struct fault *first, struct buf *rest, const struct fault *one)
{
    if (first->kind == FAULT_NONE) {
        *first = *one;
        buf_addf(rest, "%s%s", one->detail,
                 one->detail[0] == '\0' ? "" : "\n");
        return;
    }
    buf_addf(rest, "%s\n", one->text);
    if (one->detail[0] != '\0')
        buf_addf(rest, "%s\n", one->detail);
}

bool
host_yaml_load_all(const char *const *paths, size_t count,
                   struct host_file ***files_out, struct fault *why)
{
    struct host_file **files = xcalloc(count + 1, sizeof(*files));
    struct fault first = FAULT_INIT, one = FAULT_INIT;
    struct buf rest = BUF_INIT;
    bool ok;

    for (size_t i = 0; i < count; i++) {
        if (!host_yaml_load(paths[i], &files[i], &one))
            collect(&first, &rest, &one);
        for (size_t k = 0; files[i] != NULL && k < i; k++) {
            if (files[k] != NULL && !check_pair(files[k], files[i], &one))
                collect(&first, &rest, &one);
        }
    }
    ok = first.kind == FAULT_NONE;
    if (ok) {
        *files_out = files;
    } else {
        *why = first;
        fault_detail(why, buf_text(&rest), rest.len);
        host_yaml_free_all(files, count);
    }
    buf_free(&rest);
    return ok;
}
