/* hypervisor/candidate_db.c - candidates as rows. */
#include <config.h>

#include "hypervisor/candidate_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "hypervisor/artefact_db.h"

struct candidate *
candidate_new(const char *name, const char *source)
{
    struct candidate *candidate = xcalloc(1, sizeof(*candidate));

    candidate->name = xstrdup(name);
    candidate->source = xstrdup(source);
    candidate->created_at = xstrdup("");
    return candidate;
}

void
candidate_free(struct candidate *candidate)
{
    size_t i;

    if (candidate == NULL)
        return;
    for (i = 0; i < candidate->part_count; i++) {
        free(candidate->parts[i].arch);
        free(candidate->parts[i].part);
        free(candidate->parts[i].sha256);
    }
    for (i = 0; i < candidate->property_count; i++) {
        free(candidate->properties[i].arch);
        free(candidate->properties[i].name);
        free(candidate->properties[i].value);
    }
    free(candidate->parts);
    free(candidate->properties);
    free(candidate->name);
    free(candidate->source);
    free(candidate->created_at);
    free(candidate);
}

void
candidate_list_free(struct candidate **list, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        candidate_free(list[i]);
    free(list);
}

const struct candidate_part *
candidate_find_part(const struct candidate *candidate, const char *arch,
                    const char *part)
{
    size_t i;

    for (i = 0; i < candidate->part_count; i++)
        if (strcmp(candidate->parts[i].arch, arch) == 0
            && strcmp(candidate->parts[i].part, part) == 0)
            return &candidate->parts[i];
    return NULL;
}

static size_t
property_index(const struct candidate *candidate, const char *arch,
               const char *name)
{
    size_t i;

    for (i = 0; i < candidate->property_count; i++)
        if (strcmp(candidate->properties[i].arch, arch) == 0
            && strcmp(candidate->properties[i].name, name) == 0)
            break;
    return i;
}

const char *
candidate_find_property(const struct candidate *candidate, const char *arch,
                        const char *name)
{
    size_t i = property_index(candidate, arch, name);

    return i < candidate->property_count ? candidate->properties[i].value
                                         : NULL;
}

void
candidate_add_part(struct candidate *candidate, const char *arch,
                   const char *part, const char *sha256, int64_t bytes)
{
    struct candidate_part *slot;
    size_t i;

    for (i = 0; i < candidate->part_count; i++)
        if (strcmp(candidate->parts[i].arch, arch) == 0
            && strcmp(candidate->parts[i].part, part) == 0)
            break;
    if (i == candidate->part_count) {
        candidate->parts = xrealloc(candidate->parts,
                                    (i + 1) * sizeof(*candidate->parts));
        slot = &candidate->parts[i];
        slot->arch = xstrdup(arch);
        slot->part = xstrdup(part);
        candidate->part_count++;
    } else {
        slot = &candidate->parts[i];
        free(slot->sha256);
    }
    slot->sha256 = xstrdup(sha256);
    slot->bytes = bytes;
}

void
candidate_add_property(struct candidate *candidate, const char *arch,
                       const char *name, const char *value)
{
    size_t i = property_index(candidate, arch, name);
    struct candidate_property *slot;

    if (i == candidate->property_count) {
        candidate->properties = xrealloc(
            candidate->properties, (i + 1) * sizeof(*candidate->properties));
        slot = &candidate->properties[i];
        slot->arch = xstrdup(arch);
        slot->name = xstrdup(name);
        candidate->property_count++;
    } else {
        slot = &candidate->properties[i];
        free(slot->value);
    }
    slot->value = xstrdup(value);
}

static bool
load_parts(struct db *db, const char *id, struct candidate *candidate,
           struct fault *why)
{
    static const struct query Q_PARTS = {
        "candidate parts",
        "select p.arch, p.part, p.sha256, a.bytes"
        " from assay.candidate_part p"
        " join assay.artefact a using (sha256)"
        " where p.candidate = $1::bigint order by 1, 2",
        1, 4,
    };
    const char *params[1] = { id };
    struct db_rows *rows = NULL;
    int i;

    if (!db_run(db, &Q_PARTS, params, &rows, why))
        return false;
    for (i = 0; i < db_rows_count(rows); i++)
        candidate_add_part(candidate, db_text(rows, i, 0), db_text(rows, i, 1),
                           db_text(rows, i, 2), db_int(rows, i, 3, 0));
    db_rows_free(rows);
    return true;
}

static bool
load_properties(struct db *db, const char *id, struct candidate *candidate,
                struct fault *why)
{
    static const struct query Q_PROPERTIES = {
        "candidate properties",
        "select arch, name, value from assay.candidate_property"
        " where candidate = $1::bigint order by 1, 2",
        1, 3,
    };
    const char *params[1] = { id };
    struct db_rows *rows = NULL;
    int i;

    if (!db_run(db, &Q_PROPERTIES, params, &rows, why))
        return false;
    for (i = 0; i < db_rows_count(rows); i++)
        candidate_add_property(candidate, db_text(rows, i, 0),
                               db_text(rows, i, 1), db_text(rows, i, 2));
    db_rows_free(rows);
    return true;
}

/* A row of: candidate, name, source, created_at. */
static bool
load_row(struct db *db, const struct db_rows *rows, int row,
         struct candidate **out, struct fault *why)
{
    const char *id = db_text(rows, row, 0);
    struct candidate *candidate;
    bool ok;

    candidate = candidate_new(db_text(rows, row, 1), db_text(rows, row, 2));
    candidate->id = db_int(rows, row, 0, 0);
    free(candidate->created_at);
    candidate->created_at = xstrdup(db_text(rows, row, 3));
    ok = load_parts(db, id, candidate, why)
        && load_properties(db, id, candidate, why);
    if (ok) {
        *out = candidate;
        candidate = NULL;
    }
    candidate_free(candidate);
    return ok;
}

#define CANDIDATE_COLS "candidate, name, source," \
    " to_char(created_at, 'YYYY-MM-DD HH24:MI:SS')"

static bool
find(struct db *db, const struct query *query, const char *key,
     struct candidate **out, struct fault *why)
{
    const char *params[1] = { key };
    struct db_rows *rows = NULL;
    bool ok;

    *out = NULL;
    ok = db_run(db, query, params, &rows, why)
        && (db_rows_count(rows) == 0 || load_row(db, rows, 0, out, why));
    db_rows_free(rows);
    return ok;
}

static bool
hint_names(struct db *db, struct fault *why)
{
    static const struct query Q_NAMES = {
        "candidate names",
        "select string_agg(name, ', ' order by name) from assay.candidate",
        0, 1,
    };
    struct fault unused = FAULT_INIT;
    struct db_rows *rows = NULL;
    const char *names = NULL;

    if (db_run(db, &Q_NAMES, NULL, &rows, &unused))
        names = db_text(rows, 0, 0);
    if (names != NULL)
        fault_hint(why, "there are: %s", names);
    else
        fault_hint(why, "there is none yet; add one, for example with "
                   "'assay candidate add --deb bookworm'");
    db_rows_free(rows);
    return false;
}

static const struct query Q_BY_NAME = {
    "candidate by name",
    "select " CANDIDATE_COLS " from assay.candidate where name = $1::text",
    1, 4,
};

bool
candidate_db_find(struct db *db, const char *name, struct candidate **out,
                  struct fault *why)
{
    if (!find(db, &Q_BY_NAME, name, out, why))
        return false;
    if (*out != NULL)
        return true;
    fault_set(why, FAULT_NOT_FOUND, "there is no candidate '%s'", name);
    return hint_names(db, why);
}

bool
candidate_db_get(struct db *db, int64_t id, struct candidate **out,
                 struct fault *why)
{
    static const struct query Q_BY_ID = {
        "candidate by id",
        "select " CANDIDATE_COLS
        " from assay.candidate where candidate = $1::bigint",
        1, 4,
    };
    char key[DB_INT_BYTES];

    db_int_text(key, id);
    if (!find(db, &Q_BY_ID, key, out, why))
        return false;
    return *out != NULL
        || fault_set(why, FAULT_NOT_FOUND, "there is no candidate %s", key);
}

bool
candidate_db_list(struct db *db, struct candidate ***out, size_t *count_out,
                  struct fault *why)
{
    static const struct query Q_ALL = {
        "candidates",
        "select " CANDIDATE_COLS
        " from assay.candidate order by candidate desc",
        0, 4,
    };
    struct candidate **list = NULL;
    struct db_rows *rows = NULL;
    size_t count = 0;
    bool ok;
    int i;

    ok = db_run(db, &Q_ALL, NULL, &rows, why);
    if (!ok)
        goto out;
    list = xcalloc((size_t)db_rows_count(rows) + 1, sizeof(struct candidate *));
    for (i = 0; ok && i < db_rows_count(rows); i++) {
        ok = load_row(db, rows, i, &list[count], why);
        count += ok ? 1 : 0;
    }
    if (ok) {
        *out = list;
        *count_out = count;
        list = NULL;
        count = 0;
    }
out:
    candidate_list_free(list, count);
    db_rows_free(rows);
    return ok;
}

static bool
same_content(const struct candidate *a, const struct candidate *b)
{
    const struct candidate_part *part;
    const char *value;
    size_t i;

    if (a->part_count != b->part_count
        || a->property_count != b->property_count
        || strcmp(a->source, b->source) != 0)
        return false;
    for (i = 0; i < a->part_count; i++) {
        part = candidate_find_part(b, a->parts[i].arch, a->parts[i].part);
        if (part == NULL || strcmp(part->sha256, a->parts[i].sha256) != 0)
            return false;
    }
    for (i = 0; i < a->property_count; i++) {
        value = candidate_find_property(b, a->properties[i].arch,
                                        a->properties[i].name);
        if (value == NULL || strcmp(value, a->properties[i].value) != 0)
            return false;
    }
    return true;
}

/* One that nothing was done with goes; else it gets the first free NAME+N. */
static bool
retire(struct db *db, const struct candidate *old, char **name_out,
       struct fault *why)
{
    static const struct query Q_DELETE = {
        "candidate delete",
        "delete from assay.candidate c where candidate = $1::bigint"
        " and not exists (select from assay.job j"
        "   where j.candidate = c.candidate)"
        " and not exists (select from assay.boot b"
        "   where b.candidate = c.candidate)"
        " returning candidate",
        1, 1,
    };
    static const struct query Q_RENAME = {
        "candidate rename",
        "update assay.candidate set name = ("
        "  select left(c.name, 90) || '+' || n"
        "  from generate_series(1, 1000000) n where not exists ("
        "    select from assay.candidate o"
        "    where o.name = left(c.name, 90) || '+' || n)"
        "  limit 1)"
        " from assay.candidate c"
        " where candidate.candidate = $1::bigint"
        " and c.candidate = candidate.candidate"
        " returning candidate.name",
        1, 1,
    };
    const char *params[1];
    struct db_rows *rows = NULL;
    char id[DB_INT_BYTES];
    bool ok;

    db_int_text(id, old->id);
    params[0] = id;
    ok = db_run(db, &Q_DELETE, params, &rows, why);
    if (!ok || db_rows_count(rows) == 1)
        goto out;
    db_rows_free(rows);
    rows = NULL;
    ok = db_run(db, &Q_RENAME, params, &rows, why);
    if (ok && db_rows_count(rows) == 1)
        *name_out = xstrdup(db_text(rows, 0, 0));
out:
    db_rows_free(rows);
    return ok;
}

static bool
insert_parts(struct db *db, const struct candidate *candidate,
             const char *id, struct fault *why)
{
    static const struct query Q_PART_ADD = {
        "candidate part add",
        "insert into assay.candidate_part (candidate, arch, part, sha256)"
        " values ($1::bigint, $2::text, $3::text, $4::text)",
        4, 0,
    };
    size_t i;

    for (i = 0; i < candidate->part_count; i++) {
        const struct candidate_part *part = &candidate->parts[i];
        const char *params[4] = { id, part->arch, part->part, part->sha256 };

        if (!artefact_db_add(db, part->sha256, part->bytes, part->part, why)
            || !db_run(db, &Q_PART_ADD, params, NULL, why))
            return false;
    }
    return true;
}

static bool
insert_properties(struct db *db, const struct candidate *candidate,
                  const char *id, struct fault *why)
{
    static const struct query Q_PROPERTY_ADD = {
        "candidate property add",
        "insert into assay.candidate_property (candidate, arch, name, value)"
        " values ($1::bigint, $2::text, $3::text, $4::text)",
        4, 0,
    };
    size_t i;

    for (i = 0; i < candidate->property_count; i++) {
        const struct candidate_property *p = &candidate->properties[i];
        const char *params[4] = { id, p->arch, p->name, p->value };

        if (!db_run(db, &Q_PROPERTY_ADD, params, NULL, why))
            return false;
    }
    return true;
}

struct save {
    const struct candidate *candidate;
    enum candidate_saved saved;
    char *old_name;
};

static bool
save_tx(struct db *db, void *arg, struct fault *why)
{
    static const struct query Q_LOCK = {
        "candidate lock", "lock table assay.candidate in exclusive mode", 0, 0,
    };
    static const struct query Q_ADD = {
        "candidate add",
        "insert into assay.candidate (name, source)"
        " values ($1::text, $2::text) returning candidate",
        2, 1,
    };
    struct save *save = arg;
    const char *params[2] = { save->candidate->name, save->candidate->source };
    struct candidate *old = NULL;
    struct db_rows *rows = NULL;
    bool ok;

    xfree_str(&save->old_name);         /* of a try before */
    save->saved = CANDIDATE_SAVED_NONE;
    ok = db_run(db, &Q_LOCK, NULL, NULL, why)
        && find(db, &Q_BY_NAME, save->candidate->name, &old, why);
    if (!ok)
        goto out;
    if (old != NULL && same_content(old, save->candidate)) {
        save->saved = CANDIDATE_UNCHANGED;
        goto out;
    }
    ok = (old == NULL || retire(db, old, &save->old_name, why))
        && db_run(db, &Q_ADD, params, &rows, why)
        && insert_parts(db, save->candidate, db_text(rows, 0, 0), why)
        && insert_properties(db, save->candidate, db_text(rows, 0, 0), why);
    if (ok)
        save->saved = old == NULL ? CANDIDATE_ADDED : CANDIDATE_CHANGED;
out:
    db_rows_free(rows);
    candidate_free(old);
    return ok;
}

bool
candidate_db_save(struct db *db, const struct candidate *candidate,
                  enum candidate_saved *saved_out, char **old_name_out,
                  struct fault *why)
{
    struct save save = { .candidate = candidate };
    bool ok = db_transact(db, save_tx, &save, why);

    if (ok) {
        *saved_out = save.saved;
        *old_name_out = save.old_name;
    } else {
        xfree_str(&save.old_name);
    }
    return ok;
}
