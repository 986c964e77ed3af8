/* hosts/host_db.c - the SQL of hosts. */
#include <config.h>

#include "hosts/host_db.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/yaml.h"
#include "hosts/host_yaml.h"
#include "hosts/probe.h"
#include "hosts/site.h"

/* Rows that stay are updated, not made anew: an insert cannot see what the
 * same statement deletes. */
static const struct query Q_LOAD = {
    "host_db_load",
    "with h as ("
    "  insert into assay.host (host, site, arch, firmware, class, config,"
    "         source, state)"
    "  values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::jsonb,"
    "          $7::text, $10::text)"
    "  on conflict (host) do update set site = excluded.site,"
    "     arch = excluded.arch, firmware = excluded.firmware,"
    "     class = excluded.class, config = excluded.config,"
    "     source = excluded.source, updated_at = now()"
    "  returning host, xmax = 0 as fresh), "
    "noted as (insert into assay.host_health (host, was, state, who, why,"
    "    last_of_class)"
    "  select h.host, 'new', $10::text, 'assay',"
    "    'no check has passed on it yet', false"
    "   from h where h.fresh and $10::text <> 'good'), "
    "old_p as (delete from assay.host_property p"
    "   where p.host = $1::text and not $8::jsonb ? p.name"
    "     and not starts_with(p.name, '" PROBE_PREFIX "')), "
    "old_f as (delete from assay.host_flag f"
    "   where f.host = $1::text and not $9::jsonb ? f.flag), "
    "new_p as (insert into assay.host_property (host, name, value)"
    "  select h.host, e.key, e.value from h, jsonb_each_text($8::jsonb) e"
    "  on conflict (host, name) do update set value = excluded.value) "
    "insert into assay.host_flag (host, flag)"
    " select h.host, e.value from h, jsonb_array_elements_text($9::jsonb) e"
    " on conflict do nothing", 10, 0
};
static const struct query Q_TWINS = {
    "host_db_twins",
    "select p.name, min(p.value),"
    "  string_agg(h.host || ' (' || h.source || ')', ' and ' order by h.host)"
    " from assay.host_property p join assay.host h on h.host = p.host"
    " where p.name in ('mac', 'address') and h.state <> 'retired'"
    " group by p.name, lower(p.value),"
    "  case when p.name = 'mac' then '' else h.site::text end"
    " having count(*) > 1 order by 1, 2 limit 1", 0, 3
};

#define NOT_UP "not in the lab that is up"
static const struct query Q_LAB = {
    "host_db_lab",
    "with up as (select jsonb_array_elements_text($1::jsonb) as host), "
    "old as ("
    "  select h.host, h.state,"
    "    case when u.host is null then 'maintenance' else 'good' end as want"
    "   from assay.host h left join up u on u.host = h.host"
    "   where h.config ? 'machine' and h.site in (select m.site"
    "      from assay.host m join up on up.host = m.host)"
    "    and case when u.host is null then h.state = 'good'"
    "      else h.state = 'maintenance' and '" NOT_UP "' = ("
    "        select x.why from assay.host_health x where x.host = h.host"
    "         order by x.health desc limit 1) end"
    "   for no key update of h), "
    "new as ("
    "  update assay.host h set state = old.want, updated_at = now()"
    "   from old where h.host = old.host) "
    "insert into assay.host_health"
    "  (host, was, state, who, why, last_of_class)"
    " select host, state, want, 'assay',"
    "  case want when 'good' then 'in the lab that is up' else '" NOT_UP "'"
    "  end, false from old order by host", 1, 0
};

#define HOST_COLUMNS \
    "h.host, h.site, h.arch, h.firmware, h.class, h.state, h.source," \
    " h.config::text," \
    " coalesce((select jsonb_object_agg(p.name, p.value)" \
    "   from assay.host_property p where p.host = h.host), '{}')::text," \
    " coalesce((select jsonb_agg(f.flag order by f.flag)" \
    "   from assay.host_flag f where f.host = h.host), '[]')::text," \
    " coalesce((select case when a.flight is null then t.comment" \
    "     else 'flight ' || a.flight || ' job ' || a.job end" \
    "   from assay.allocation a join assay.task t on t.task = a.task" \
    "   where a.host = h.host and a.ended_at is null), '')," \
    " coalesce((select a.task from assay.allocation a" \
    "   where a.host = h.host and a.ended_at is null), 0)," \
    " case when h.state <> 'good' then coalesce((select x.who || ': '" \
    "     || x.why from assay.host_health x where x.host = h.host" \
    "     order by x.health desc limit 1), 'no reason is known')" \
    "   else coalesce((select w.kind || ' of ' || w.who || ' until '" \
    "     || to_char(w.until_at, 'YYYY-MM-DD HH24:MI') || ' UTC: ' || w.why" \
    "     from assay.host_window w where w.host = h.host" \
    "     and w.ended_at is null and w.from_at <= clock_timestamp()" \
    "     and w.until_at > clock_timestamp()" \
    "     order by w.until_at desc limit 1), '') end"

enum {
    COL_NAME, COL_SITE, COL_ARCH, COL_FIRMWARE, COL_CLASS, COL_STATE,
    COL_SOURCE, COL_CONFIG, COL_PROPERTIES, COL_FLAGS, COL_OWNER,
    COL_TASK, COL_OUT, COL_COUNT
};

static const struct query Q_GET = {
    "host_db_get",
    "select " HOST_COLUMNS " from assay.host h where h.host = $1::text",
    1, COL_COUNT
};
static const struct query Q_LIST = {
    "host_db_list",
    "select " HOST_COLUMNS " from assay.host h order by h.host",
    0, COL_COUNT
};
static const struct query Q_NAMES = {
    "host_db_names",
    "select coalesce(string_agg(host, ', ' order by host), '')"
    " from assay.host", 0, 1
};
/* Given as the differences are: found null is gone. */
static const struct query Q_FOUND = {
    "host_db_found",
    "with one as ("
    "  select '" PROBE_PREFIX "' || (d->>'name') as name, d->>'found' as value"
    "   from jsonb_array_elements($2::jsonb) d), "
    "old as (delete from assay.host_property p using one"
    "   where p.host = $1::text and p.name = one.name"
    "     and one.value is null), "
    "new as (insert into assay.host_property (host, name, value)"
    "  select $1::text, one.name, one.value from one"
    "   where one.value is not null"
    "  on conflict (host, name) do update set value = excluded.value) "
    "insert into assay.host_flag (host, flag)"
    " select $1::text, e.value"
    "  from jsonb_array_elements_text($3::jsonb) e"
    " on conflict do nothing", 3, 0
};

struct load {
    struct host_file *const *files;
    const char **states;        /* of those that are new */
    size_t count;
};

static char *
dump(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

    must(text != NULL);
    return text;
}

static const char *
site_of(const struct host_file *file)
{
    return file->site == NULL ? "lab" : file->site;
}

static bool
load_one(struct db *db, const struct host_file *file, const char *state,
         struct fault *why)
{
    json_t *config = host_yaml_config(file), *properties = json_object();
    json_t *flags = json_array();
    char *config_text, *property_text, *flag_text;
    bool ok;

    for (unsigned i = 0; i < file->properties_count; i++)
        json_put_text(properties, file->properties[i].key,
                      file->properties[i].value);
    for (unsigned i = 0; i < file->flags_count; i++)
        must(json_array_append_new(flags, json_string(file->flags[i])) == 0);
    config_text = dump(config);
    property_text = dump(properties);
    flag_text = dump(flags);
    {
        const char *params[] = {
            file->host, site_of(file), file->arch, file->firmware,
            file->class, config_text, file->path, property_text, flag_text,
            state,
        };

        ok = db_run(db, &Q_LOAD, params, NULL, why);
    }
    free(config_text);
    free(property_text);
    free(flag_text);
    json_decref(config);
    json_decref(properties);
    json_decref(flags);
    return ok;
}

static bool
load_all(struct db *db, void *arg, struct fault *why)
{
    const struct load *load = arg;
    struct db_rows *rows = NULL;
    bool ok = true;

    for (size_t i = 0; ok && i < load->count; i++)
        ok = load_one(db, load->files[i], load->states[i], why);
    ok = ok && db_run(db, &Q_TWINS, NULL, &rows, why);
    if (ok && db_rows_count(rows) > 0)
        ok = fault_set(why, FAULT_CONFIG, "%s %s is that of hosts %s",
                       db_text(rows, 0, 0), db_text(rows, 0, 1),
                       db_text(rows, 0, 2));
    db_rows_free(rows);
    return ok;
}

bool
host_db_load(struct db *db, struct host_file *const *files, size_t count,
             struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct load load = { .files = files, .count = count };
    struct site site;
    bool ok = true;

    load.states = arena_alloc(&arena, (count + 1) * sizeof *load.states);
    for (size_t i = 0; ok && i < count; i++) {
        ok = site_load(site_of(files[i]), &arena, &site, why);
        load.states[i] = ok && site.checks != NULL && site.checks->newcomers
            ? "suspect" : "good";
    }
    ok = ok && db_transact(db, load_all, &load, why);
    arena_free(&arena);
    return ok;
}

bool
host_db_lab(struct db *db, struct host_file *const *files, size_t count,
            struct fault *why)
{
    json_t *names = json_array();
    const char *params[1];
    char *text;
    bool ok;

    for (size_t i = 0; i < count; i++)
        must(json_array_append_new(names, json_string(files[i]->host)) == 0);
    params[0] = text = dump(names);
    ok = db_run(db, &Q_LAB, params, NULL, why);
    free(text);
    json_decref(names);
    return ok;
}

static bool
parse_cell(const struct db_rows *rows, int row, int col, json_t **out,
           struct fault *why)
{
    const char *text = db_text(rows, row, col);

    return json_parse(text, strlen(text), out, why)
        || fault_context(why, "host %s in the database",
                         db_text(rows, row, COL_NAME));
}

static char *
dup_cell(const struct db_rows *rows, int row, int col)
{
    const char *text = db_text(rows, row, col);

    return xstrdup(text == NULL ? "" : text);
}

static bool
from_row(const struct db_rows *rows, int row, struct host **host_out,
         struct fault *why)
{
    struct host *host = xcalloc(1, sizeof(*host));
    bool ok;

    host->name = dup_cell(rows, row, COL_NAME);
    host->site = dup_cell(rows, row, COL_SITE);
    host->arch = dup_cell(rows, row, COL_ARCH);
    host->firmware = dup_cell(rows, row, COL_FIRMWARE);
    host->class = dup_cell(rows, row, COL_CLASS);
    host->state = dup_cell(rows, row, COL_STATE);
    host->source = dup_cell(rows, row, COL_SOURCE);
    host->owner = dup_cell(rows, row, COL_OWNER);
    host->owner_task = db_int(rows, row, COL_TASK, 0);
    host->out = dup_cell(rows, row, COL_OUT);
    ok = parse_cell(rows, row, COL_CONFIG, &host->config, why)
        && parse_cell(rows, row, COL_PROPERTIES, &host->properties, why)
        && parse_cell(rows, row, COL_FLAGS, &host->flags, why);
    if (ok)
        *host_out = host;
    else
        host_free(host);
    return ok;
}

static bool
say_unknown(struct db *db, const char *name, struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_NAMES, NULL, &rows, why))
        return false;
    fault_set(why, FAULT_NOT_FOUND, "there is no host '%s'", name);
    if (db_text(rows, 0, 0)[0] == '\0')
        fault_hint(why, "no host is registered: assay lab up, or assay host "
                   "add FILE");
    else
        fault_hint(why, "there are: %s", db_text(rows, 0, 0));
    db_rows_free(rows);
    return false;
}

bool
host_db_get(struct db *db, const char *name, struct host **host_out,
            struct fault *why)
{
    const char *params[] = { name };
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, &Q_GET, params, &rows, why);
    if (ok && db_rows_count(rows) == 0)
        ok = say_unknown(db, name, why);
    else
        ok = ok && from_row(rows, 0, host_out, why);
    db_rows_free(rows);
    return ok;
}

bool
host_db_list(struct db *db, struct host ***hosts_out, size_t *count_out,
             struct fault *why)
{
    struct db_rows *rows = NULL;
    struct host **hosts = NULL;
    size_t count = 0;
    bool ok;

    ok = db_run(db, &Q_LIST, NULL, &rows, why);
    if (ok) {
        hosts = xcalloc((size_t)db_rows_count(rows) + 1, sizeof(*hosts));
        for (int i = 0; ok && i < db_rows_count(rows); i++) {
            ok = from_row(rows, i, &hosts[count], why);
            count += ok;
        }
    }
    db_rows_free(rows);
    if (ok) {
        *hosts_out = hosts;
        *count_out = count;
        return true;
    }
    for (size_t i = 0; i < count; i++)
        host_free(hosts[i]);
    free(hosts);
    return false;
}

bool
host_db_found(struct db *db, const char *name, const json_t *differences,
              const json_t *flags, struct fault *why)
{
    char *list = dump(differences), *words = dump(flags);
    const char *params[] = { name, list, words };
    bool ok = db_run(db, &Q_FOUND, params, NULL, why);

    free(list);
    free(words);
    return ok;
}

bool
host_check_ours(const struct host *host, struct fault *why)
{
    const char *text = getenv("ASSAY_TASK");
    int64_t task = 0;

    if (host->owner_task == 0
        || (text != NULL && parse_int64(text, 1, INT64_MAX, &task)
            && task == host->owner_task))
        return true;
    fault_set(why, FAULT_CONFLICT, "host %s belongs to %s", host->name,
              host->owner[0] == '\0' ? "another task" : host->owner);
    fault_hint(why, "--force does it all the same, and breaks that");
    return false;
}

const char *
host_property(const struct host *host, const char *name)
{
    return json_text(host->properties, name);
}

void
host_free(struct host *host)
{
    if (host == NULL)
        return;
    free(host->name);
    free(host->site);
    free(host->arch);
    free(host->firmware);
    free(host->class);
    free(host->state);
    free(host->source);
    free(host->owner);
    free(host->out);
    json_decref(host->config);
    json_decref(host->properties);
    json_decref(host->flags);
    free(host);
}
