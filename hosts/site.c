/* hosts/site.c - see site.h. */
#include <config.h>

#include "hosts/site.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/yaml.h"
#include "harness/yaml_errors.h"

#define AGAIN "1h"
#define NOTICE "1h"
#define PRIORITY (-100)
#define RECIPE "smoke"

/* The file as libcyaml fills it. */
struct raw_checks {
    char *branch, *candidate, *recipe, *every, *again;
    int64_t *jobs, *priority;
    bool *newcomers, *after_failure;
};
struct raw_leases {
    char *notice;
    bool power_off;
};
struct raw_site {
    char *site;
    struct raw_checks *checks;
    struct raw_leases *leases;
};

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, \
                           CYAML_UNLIMITED)
#define TEXT_OPT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 1, CYAML_UNLIMITED)
#define OPT (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t checks_fields[] = {
    TEXT_OPT("branch", struct raw_checks, branch),
    TEXT_OPT("candidate", struct raw_checks, candidate),
    TEXT_OPT("recipe", struct raw_checks, recipe),
    TEXT_OPT("every", struct raw_checks, every),
    CYAML_FIELD_INT_PTR("jobs", OPT, struct raw_checks, jobs),
    CYAML_FIELD_BOOL_PTR("new", OPT, struct raw_checks, newcomers),
    CYAML_FIELD_BOOL_PTR("after_failure", OPT, struct raw_checks,
                         after_failure),
    TEXT_OPT("again", struct raw_checks, again),
    CYAML_FIELD_INT_PTR("priority", OPT, struct raw_checks, priority),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t leases_fields[] = {
    TEXT_OPT("notice", struct raw_leases, notice),
    CYAML_FIELD_BOOL("power_off", CYAML_FLAG_OPTIONAL, struct raw_leases,
                     power_off),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t site_fields[] = {
    TEXT("site", struct raw_site, site),
    CYAML_FIELD_MAPPING_PTR("checks", OPT, struct raw_site, checks,
                            checks_fields),
    CYAML_FIELD_MAPPING_PTR("leases", OPT, struct raw_site, leases,
                            leases_fields),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t site_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_site, site_fields),
};

static int64_t
duration(struct yaml_errors *errors, const char *path, const char *text,
         const char *dflt)
{
    int64_t ms = 0;

    text = text != NULL ? text : dflt;
    if (text != NULL && (!parse_duration_ms(text, &ms) || ms <= 0))
        yaml_error(errors, path, "'%s' is no duration (90m, 24h)", text);
    return ms;
}

static const char *
copy(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strdup(arena, text);
}

static void
check_name(struct yaml_errors *errors, const char *path, const char *name)
{
    if (name != NULL && !name_is_safe(name, 100))
        yaml_error(errors, path, "'%s' is no name: letters, digits and "
                   ". _ - only", name);
}

static void
read_checks(const struct raw_checks *raw, struct yaml_errors *errors,
            struct arena *arena, struct site *site)
{
    struct site_checks *checks = arena_alloc(arena, sizeof *checks);

    *checks = (struct site_checks){
        .branch = copy(arena, raw->branch),
        .candidate = copy(arena, raw->candidate),
        .recipe = copy(arena, raw->recipe != NULL ? raw->recipe : RECIPE),
        .every_ms = duration(errors, "checks/every", raw->every, NULL),
        .again_ms = duration(errors, "checks/again", raw->again, AGAIN),
        .jobs = raw->jobs != NULL ? *raw->jobs : 0,
        .priority = raw->priority != NULL ? *raw->priority : PRIORITY,
        .newcomers = raw->newcomers == NULL || *raw->newcomers,
        .after_failure = raw->after_failure == NULL || *raw->after_failure,
    };
    if ((raw->branch == NULL) == (raw->candidate == NULL))
        yaml_error(errors, "checks", "say which candidate is known to be "
                   "good: one of branch and candidate");
    check_name(errors, "checks/branch", raw->branch);
    check_name(errors, "checks/candidate", raw->candidate);
    if (raw->jobs != NULL && (*raw->jobs < 1 || *raw->jobs > 1000000))
        yaml_error(errors, "checks/jobs", "not a number from 1 to 1000000");
    if (checks->priority < -1000000 || checks->priority > 1000000)
        yaml_error(errors, "checks/priority", "not a number from -1000000 to "
                   "1000000");
    site->checks = checks;
}

void
site_default(const char *name, struct arena *arena, struct site *out)
{
    *out = (struct site){ .name = arena_strdup(arena, name) };
    must(parse_duration_ms(NOTICE, &out->notice_ms));
}

bool
site_parse(const char *source, const char *text, size_t bytes,
           struct arena *arena, struct site *out, struct fault *why)
{
    struct yaml_errors errors;
    const struct raw_site *raw;

    *out = (struct site){ .source = arena_strdup(arena, source) };
    if (!yaml_errors_begin(&errors, arena, source, text, bytes, &site_schema,
                           why))
        return false;
    raw = errors.value;
    out->name = arena_strdup(arena, raw->site);
    check_name(&errors, "site", raw->site);
    if (raw->checks != NULL)
        read_checks(raw->checks, &errors, arena, out);
    out->notice_ms = duration(&errors, "leases/notice",
                              raw->leases != NULL ? raw->leases->notice : NULL,
                              NOTICE);
    out->power_off = raw->leases != NULL && raw->leases->power_off;
    return yaml_errors_end(&errors, why);
}

bool
site_load(const char *name, struct arena *arena, struct site *out,
          struct fault *why)
{
    struct buf text = BUF_INIT;
    const char *home, *path;
    bool ok;

    site_default(name, arena, out);
    if (!home_get(&home, why))
        return false;
    path = home_path(arena, "sites/%s.yaml", name);
    if (!fs_exists(path))
        return true;
    ok = fs_read_file(path, YAML_MAX_BYTES, &text, why)
        && site_parse(path, buf_text(&text), text.len, arena, out, why);
    /* By its name it was found. */
    if (ok && strcmp(out->name, name) != 0)
        ok = yaml_fault(why, path, "site", "site '%s' is in a file of another "
                        "name", out->name);
    buf_free(&text);
    return ok;
}
