/* hosts/probe.c - see probe.h. */
#include <config.h>

#include "hosts/probe.h"

#include <ctype.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"

#define SECTORS_PER_GB (2 * 1000 * 1000)

static const char *const flag_names[] = { "hap", "iommu", "smt" };

struct probe {
    json_t *found;
    struct buf nics, disks;
    bool xl, end;
};

/* A value from the machine: no control bytes, and not for ever long. */
static void
put(struct probe *probe, const char *name, const char *value)
{
    char text[PROBE_VALUE_BYTES];
    size_t n = 0;

    for (; *value != '\0' && n + 1 < sizeof(text); value++) {
        if (!iscntrl((unsigned char)*value))
            text[n++] = *value;
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    if (n > 0)
        json_put_text(probe->found, name, text);
}

static bool
has_word(const char *list, const char *word)
{
    size_t bytes = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at++) {
        if ((at == list || at[-1] == ' ')
            && (at[bytes] == '\0' || at[bytes] == ' '))
            return true;
    }
    return false;
}

static void
put_yes(struct probe *probe, const char *name, bool yes)
{
    put(probe, name, yes ? "yes" : "no");
}

/* "threads_per_core       : 2" */
static void
on_xl(struct probe *probe, const char *line)
{
    size_t key = strcspn(line, " :");
    const char *value = strchr(line, ':');
    int64_t number;

    if (key == 0 || value == NULL)
        return;
    value += 1 + strspn(value + 1, " ");
    probe->xl = true;
    if (key == 7 && strncmp(line, "nr_cpus", key) == 0) {
        put(probe, "cpus", value);
    } else if (key == 12 && strncmp(line, "total_memory", key) == 0) {
        put(probe, "memory_mb", value);
    } else if (key == 7 && strncmp(line, "hw_caps", key) == 0) {
        put(probe, "cpu_features", value);
    } else if (key == 16 && strncmp(line, "threads_per_core", key) == 0) {
        put_yes(probe, "smt", parse_int64(value, 2, 64, &number));
    } else if (key == 9 && strncmp(line, "virt_caps", key) == 0) {
        put_yes(probe, "hap", has_word(value, "hap"));
        put_yes(probe, "iommu", has_word(value, "hvm_directio")
                || has_word(value, "pv_directio"));
    }
}

static void
on_disk(struct probe *probe, const char *text)
{
    const char *size = strchr(text, ' ');
    int64_t sectors;

    if (size != NULL && parse_int64(size + 1, 0, INT64_MAX, &sectors))
        buf_addf(&probe->disks, "%s%.*s %lld GB",
                 probe->disks.len > 0 ? ", " : "", (int)(size - text), text,
                 (long long)(sectors / SECTORS_PER_GB));
}

static void
on_line(struct probe *probe, const char *line)
{
    if (strncmp(line, "serial ", 7) == 0)
        put(probe, "serial", line + 7);
    else if (strncmp(line, "cpu ", 4) == 0)
        put(probe, "cpu_model", line + 4);
    else if (strncmp(line, "xl ", 3) == 0)
        on_xl(probe, line + 3);
    else if (strncmp(line, "nic ", 4) == 0)
        buf_addf(&probe->nics, "%s%s", probe->nics.len > 0 ? ", " : "",
                 line + 4);
    else if (strncmp(line, "disk ", 5) == 0)
        on_disk(probe, line + 5);
    else if (strcmp(line, "end") == 0)
        probe->end = true;
}

bool
probe_parse(const char *data, size_t bytes, json_t **found_out,
            struct fault *why)
{
    struct probe probe = { .found = json_object(), .nics = BUF_INIT,
                           .disks = BUF_INIT };
    struct buf line = BUF_INIT;
    bool ok;

    for (size_t i = 0; i < bytes && !probe.end; i++) {
        if (data[i] != '\n') {
            if (data[i] != '\r' && data[i] != '\0')
                buf_addc(&line, data[i]);
            continue;
        }
        on_line(&probe, buf_text(&line));
        buf_reset(&line);
    }
    put(&probe, "nics", buf_text(&probe.nics));
    put(&probe, "disks", buf_text(&probe.disks));
    ok = probe.end && probe.xl;
    if (ok) {
        *found_out = probe.found;
    } else {
        json_decref(probe.found);
        fault_set(why, FAULT_PEER, "what the machine said of itself %s",
                  probe.end ? "has no line of xl info" : "is cut off");
    }
    buf_free(&line);
    buf_free(&probe.nics);
    buf_free(&probe.disks);
    return ok;
}

static void
add_difference(json_t *list, const char *name, const char *had,
               const char *found)
{
    json_t *one = json_object();

    json_put_text(one, "name", name);
    json_put_text(one, "had", had);
    json_put_text(one, "found", found);
    must(json_array_append_new(list, one) == 0);
}

json_t *
probe_compare(const json_t *had, const json_t *found)
{
    static const char prefix[] = PROBE_PREFIX;
    const size_t skip = sizeof(prefix) - 1;
    json_t *list = json_array(), *value;
    const char *name, *text, *old;
    void *at;
    char key[100];

    for (at = json_object_iter((json_t *)(uintptr_t)found); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)found, at)) {
        name = json_object_iter_key(at);
        value = json_object_iter_value(at);
        text = json_string_value(value);
        (void)snprintf(key, sizeof(key), "%s%s", prefix, name);
        old = json_text(had, key);
        if (text != NULL && (old == NULL || strcmp(old, text) != 0))
            add_difference(list, name, old, text);
    }
    for (at = json_object_iter((json_t *)(uintptr_t)had); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)had, at)) {
        name = json_object_iter_key(at);
        if (strncmp(name, prefix, skip) == 0
            && json_object_get(found, name + skip) == NULL)
            add_difference(list, name + skip,
                           json_string_value(json_object_iter_value(at)),
                           NULL);
    }
    return list;
}

json_t *
probe_flags(const json_t *found)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(flag_names); i++) {
        const char *value = json_text(found, flag_names[i]);

        if (value != NULL && strcmp(value, "yes") == 0)
            must(json_array_append_new(list, json_string(flag_names[i]))
                 == 0);
    }
    return list;
}
