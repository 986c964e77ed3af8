/* hypervisor/hypervisor_cmds.c - "assay candidate": add, list, show, verify. */
#include <config.h>

#include "hypervisor/hypervisor_cmds.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/signals.h"
#include "harness/strv.h"
#include "harness/table.h"
#include "hypervisor/build_db.h"
#include "hypervisor/candidate.h"
#include "hypervisor/candidate_db.h"

#define LINE_EVERY_MS 5000

/* One line that is overwritten on a terminal, else one now and then. */
struct progress {
    bool tty;
    bool open;                  /* a line that is not ended */
    char what[64];
    int64_t told_ms;
};

static void
show_progress(void *owner, const char *arch, const char *what, int64_t done,
              int64_t total)
{
    struct progress *progress = owner;
    int64_t now = clock_mono_ms(clock_system());
    char text[64], key[64];

    snprintf(key, sizeof(key), "%s: %s", arch, what);
    if (!progress->tty && strcmp(key, progress->what) == 0
        && now - progress->told_ms < LINE_EVERY_MS)
        return;
    text[0] = '\0';
    if (total > 0)
        snprintf(text, sizeof(text), " %.1f of %.1f MB", (double)done / 1e6,
                 (double)total / 1e6);
    fprintf(stderr, progress->tty ? "\r%s%s\033[K" : "%s%s\n", key, text);
    fflush(stderr);
    progress->open = progress->tty;
    progress->told_ms = now;
    snprintf(progress->what, sizeof(progress->what), "%s", key);
}

static void
end_progress(struct progress *progress)
{
    if (progress->open)
        fputs("\r\033[K", stderr);
    progress->open = false;
}

/* "amd64,arm64" */
static bool
parse_archs(const char *text, char ***out, struct fault *why)
{
    char *copy = xstrdup(text == NULL ? "" : text), *save = NULL, *word;
    char **list = strv_copy(NULL);
    bool ok = true;
    size_t i;

    for (word = strtok_r(copy, ",", &save); ok && word != NULL;
         word = strtok_r(NULL, ",", &save)) {
        for (i = 0; candidate_archs[i] != NULL; i++)
            if (strcmp(candidate_archs[i], word) == 0)
                break;
        ok = candidate_archs[i] != NULL;
        if (!ok)
            fault_set(why, FAULT_USAGE, "architecture '%s' is neither amd64 "
                      "nor arm64", word);
        else if (!strv_has(list, word))
            strv_add(&list, word);
    }
    if (ok && text != NULL && strv_count(list) == 0)
        ok = fault_set(why, FAULT_USAGE, "--arch names no architecture");
    if (ok) {
        *out = list;
        list = NULL;
    }
    strv_free(list);
    free(copy);
    return ok;
}

static const char *
part_summary(const struct candidate *candidate, struct buf *out)
{
    const char *version, *kernel;
    size_t i;

    for (i = 0; candidate_archs[i] != NULL; i++) {
        const char *arch = candidate_archs[i];

        if (candidate_find_part(candidate, arch, "xen") == NULL)
            continue;
        version = candidate_find_property(candidate, arch, "xen_version");
        kernel = candidate_find_property(candidate, arch, "kernel_version");
        buf_addf(out, "%s%s: Xen %s, Linux %s", out->len > 0 ? "; " : "",
                 arch, version == NULL ? "of unknown version" : version,
                 kernel == NULL ? "of unknown version" : kernel);
    }
    return buf_text(out);
}

static json_t *
candidate_json(const struct candidate *candidate)
{
    json_t *root = json_object(), *archs = json_object(), *arch, *part, *map;
    size_t i;

    json_put_text(root, "candidate", candidate->name);
    json_put_text(root, "source", candidate->source);
    json_put_text(root, "created_at", candidate->created_at);
    if (candidate->id != 0)
        json_put_int(root, "id", candidate->id);
    json_object_set_new(root, "archs", archs);
    for (i = 0; i < candidate->part_count; i++) {
        arch = json_object_get(archs, candidate->parts[i].arch);
        if (arch == NULL) {
            arch = json_object();
            json_object_set_new(arch, "parts", json_object());
            json_object_set_new(arch, "properties", json_object());
            json_object_set_new(archs, candidate->parts[i].arch, arch);
        }
        part = json_object();
        json_put_text(part, "sha256", candidate->parts[i].sha256);
        json_put_int(part, "bytes", candidate->parts[i].bytes);
        json_object_set_new(json_object_get(arch, "parts"),
                            candidate->parts[i].part, part);
    }
    for (i = 0; i < candidate->property_count; i++) {
        arch = json_object_get(archs, candidate->properties[i].arch);
        map = json_object_get(arch, "properties");
        if (map != NULL)
            json_put_text(map, candidate->properties[i].name,
                          candidate->properties[i].value);
    }
    return root;
}

static bool
print_candidate_json(const struct candidate *candidate, const char *saved,
                     struct fault *why)
{
    json_t *root = candidate_json(candidate);
    bool ok;

    if (saved != NULL)
        json_put_text(root, "saved", saved);
    ok = json_print(root, stdout, why);
    json_decref(root);
    return ok;
}

static bool
save(struct cmd_call *call, struct db *db, const struct candidate *candidate,
     struct fault *why)
{
    static const char *const words[] = {
        [CANDIDATE_SAVED_NONE] = "", [CANDIDATE_UNCHANGED] = "unchanged",
        [CANDIDATE_ADDED] = "added", [CANDIDATE_CHANGED] = "changed",
    };
    enum candidate_saved saved = CANDIDATE_SAVED_NONE;
    struct buf text = BUF_INIT;
    char *old_name = NULL;
    bool ok;

    ok = candidate_db_save(db, candidate, &saved, &old_name, why);
    if (ok && cmd_json(call)) {
        ok = print_candidate_json(candidate, words[saved], why);
    } else if (ok) {
        printf("%s: %s (%s)\n", candidate->name, words[saved],
               part_summary(candidate, &text));
        if (old_name != NULL)
            printf("the one before is now called %s\n", old_name);
    }
    free(old_name);
    buf_free(&text);
    return ok;
}

/* "--name", or the suite's name; a directory must be given one. */
static bool
choose_name(const struct cmd_call *call, const char *suite,
            const char **out, struct fault *why)
{
    const char *name = cmd_text(call, "name");

    if (name == NULL)
        name = suite;
    if (name == NULL)
        return fault_set(why, FAULT_USAGE, "--dir needs a --name for the "
                         "candidate");
    if (!name_is_safe(name, 90))
        return fault_set(why, FAULT_USAGE, "'%s' is no name for a candidate: "
                         "letters, digits, '.', '_' and '-'", name);
    *out = name;
    return true;
}

static bool
build(struct cmd_call *call, const struct candidate_options *options,
      struct db *db, struct candidate **out, struct fault *why)
{
    const char *suite = cmd_text(call, "deb"), *dir = cmd_text(call, "dir");
    struct candidate *old = NULL;
    struct fault unused = FAULT_INIT;
    bool ok;

    if (suite == NULL)
        return candidate_from_dir(options, dir, out, why);
    if (!candidate_db_find(db, options->name, &old, &unused)
        && unused.kind != FAULT_NOT_FOUND) {
        *why = unused;
        return false;
    }
    ok = candidate_from_deb(options, suite, old, out, why);
    candidate_free(old);
    return ok;
}

/* The hypervisor of a build, the rest of another candidate. */
static bool
add_build(struct cmd_call *call, struct fault *why)
{
    const char *base_name = cmd_text(call, "base"), *name;
    struct candidate *base = NULL, *candidate = NULL;
    struct arena arena = ARENA_INIT;
    struct build build = { .build = 0 };
    struct db *db = NULL;
    int64_t number = cmd_int(call, "build");
    bool ok;

    if (base_name == NULL)
        return fault_set(why, FAULT_USAGE, "--build needs a --base NAME, the "
                         "candidate that has the rest");
    name = arena_printf(&arena, "%s.build-%" PRId64, base_name, number);
    ok = choose_name(call, name, &name, why) && db_open("assay", &db, why)
        && candidate_db_find(db, base_name, &base, why)
        && build_db_get(db, number, &arena, &build, why)
        && candidate_from_build(name, &build, base, &candidate, why)
        && save(call, db, candidate, why);
    build_fini(&build);
    candidate_free(candidate);
    candidate_free(base);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
candidate_add(struct cmd_call *call, struct fault *why)
{
    const char *suite = cmd_text(call, "deb"), *dir = cmd_text(call, "dir");
    struct progress progress = { .tty = isatty(STDERR_FILENO) == 1 };
    struct candidate_options options = {
        .max_age_ms = cmd_int(call, "max-age"),
        .offline = cmd_flag(call, "offline"),
        .progress = show_progress, .owner = &progress,
    };
    struct candidate *candidate = NULL;
    struct db *db = NULL;
    char **archs = NULL;
    bool ok;

    if ((suite != NULL) + (dir != NULL) + (cmd_text(call, "build") != NULL)
        != 1)
        return fault_set(why, FAULT_USAGE, "give one of --deb SUITE, --dir "
                         "DIR and --build BUILD");
    signals_catch();
    if (cmd_text(call, "build") != NULL)
        return add_build(call, why);
    ok = choose_name(call, suite, &options.name, why)
        && parse_archs(cmd_text(call, "arch"), &archs, why);
    if (ok && suite != NULL && strv_count(archs) == 0)
        strv_add(&archs, "amd64");
    options.archs = strv_const(archs);
    ok = ok && db_open("assay", &db, why)
        && build(call, &options, db, &candidate, why);
    end_progress(&progress);
    ok = ok && save(call, db, candidate, why);
    candidate_free(candidate);
    db_close(db);
    strv_free(archs);
    return ok;
}

static bool
print_list(struct candidate *const *list, size_t count, struct fault *why)
{
    static const char *const names[] = { "CANDIDATE", "SOURCE", "ADDED",
                                         "~CONTENT", NULL };
    struct table *table = table_new(names);
    struct buf text = BUF_INIT;
    size_t i;
    bool ok;

    for (i = 0; i < count; i++) {
        const char *cells[] = { list[i]->name, list[i]->source,
                                list[i]->created_at, NULL };

        buf_reset(&text);
        cells[3] = part_summary(list[i], &text);
        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    buf_free(&text);
    return ok;
}

static bool
candidate_list(struct cmd_call *call, struct fault *why)
{
    struct candidate **list = NULL;
    struct db *db = NULL;
    json_t *root;
    size_t count = 0, i;
    bool ok;

    ok = db_open("assay", &db, why)
        && candidate_db_list(db, &list, &count, why);
    if (ok && cmd_json(call)) {
        root = json_array();
        for (i = 0; i < count; i++)
            json_array_append_new(root, candidate_json(list[i]));
        ok = json_print(root, stdout, why);
        json_decref(root);
    } else if (ok) {
        ok = print_list(list, count, why);
    }
    candidate_list_free(list, count);
    db_close(db);
    return ok;
}

static bool
print_parts(const struct candidate *candidate, struct fault *why)
{
    static const char *const names[] = { "ARCH", "PART", ">BYTES", "SHA-256",
                                         NULL };
    struct table *table = table_new(names);
    char bytes[32];
    size_t i;
    bool ok;

    for (i = 0; i < candidate->part_count; i++) {
        const struct candidate_part *part = &candidate->parts[i];
        const char *cells[] = { part->arch, part->part, bytes,
                                part->sha256 };

        snprintf(bytes, sizeof(bytes), "%" PRId64, part->bytes);
        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

/* The list of packages is a page long: only in JSON. */
static void
print_properties(const struct candidate *candidate)
{
    size_t i;

    for (i = 0; i < candidate->property_count; i++)
        if (strcmp(candidate->properties[i].name, "packages") != 0)
            printf("%s %s = %s\n", candidate->properties[i].arch,
                   candidate->properties[i].name,
                   candidate->properties[i].value);
}

static bool
candidate_show(struct cmd_call *call, struct fault *why)
{
    struct candidate *candidate = NULL;
    struct db *db = NULL;
    bool ok;

    ok = db_open("assay", &db, why)
        && candidate_db_find(db, cmd_arg(call, 0), &candidate, why);
    if (ok && cmd_json(call)) {
        ok = print_candidate_json(candidate, NULL, why);
    } else if (ok) {
        printf("candidate %s, from %s, added %s\n", candidate->name,
               candidate->source, candidate->created_at);
        print_properties(candidate);
        ok = print_parts(candidate, why);
    }
    candidate_free(candidate);
    db_close(db);
    return ok;
}

static bool
candidate_property(struct cmd_call *call, struct fault *why)
{
    struct candidate *candidate = NULL;
    struct db *db = NULL;
    const char *value;
    bool ok;

    ok = db_open("assay", &db, why)
        && candidate_db_find(db, cmd_arg(call, 0), &candidate, why);
    if (ok) {
        value = candidate_find_property(candidate, cmd_arg(call, 1),
                                        cmd_arg(call, 2));
        ok = value != NULL
            || fault_set(why, FAULT_NOT_FOUND,
                         "candidate %s has no property %s for %s",
                         candidate->name, cmd_arg(call, 2), cmd_arg(call, 1));
        if (ok)
            printf("%s\n", value);
    }
    candidate_free(candidate);
    db_close(db);
    return ok;
}

static bool
candidate_verify_cmd(struct cmd_call *call, struct fault *why)
{
    struct candidate *candidate = NULL;
    struct db *db = NULL;
    bool ok;

    ok = db_open("assay", &db, why)
        && candidate_db_find(db, cmd_arg(call, 0), &candidate, why)
        && candidate_verify(candidate, why);
    if (ok && cmd_json(call))
        ok = print_candidate_json(candidate, "verified", why);
    else if (ok)
        printf("%s: all %zu parts are what they were\n", candidate->name,
               candidate->part_count);
    candidate_free(candidate);
    db_close(db);
    return ok;
}

static const struct cmd_opt add_opts[] = {
    { "deb", CMD_OPT_TEXT, "SUITE", NULL, 0, 0,
      "take Xen, its tools and a kernel from this suite of Debian" },
    { "dir", CMD_OPT_TEXT, "DIR", NULL, 0, 0,
      "take the parts from this directory" },
    { "build", CMD_OPT_INT, "BUILD", NULL, 0, 0,
      "take what this build made; see assay build" },
    { "base", CMD_OPT_TEXT, "NAME", NULL, 0, 0,
      "with --build: the candidate that has the rest" },
    { "arch", CMD_OPT_TEXT, "ARCH[,ARCH]", NULL, 0, 0,
      "amd64, arm64 or both; default amd64, or what DIR has" },
    { "name", CMD_OPT_TEXT, "NAME", NULL, 0, 0,
      "name of the candidate; default the suite's, or BASE.build-BUILD" },
    { "max-age", CMD_OPT_DURATION, "TIME", "12h", 0, 0,
      "ask the mirror again when its lists are older" },
    { "offline", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "use only what has been fetched before" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

const struct cmd hypervisor_cmds[] = {
    { "candidate add", "", 0, 0, CMD_WRITES, add_opts, candidate_add,
      "add or renew a build of the hypervisor",
      "A candidate is one build of the hypervisor with all that is needed to "
      "boot it: the hypervisor, matching tools in a dom0 image, kernels, and "
      "a test guest. Its files are stored by their SHA-256.\n"
      "\n"
      "With --deb everything comes from a suite of Debian; the mirror is that "
      "of this machine's apt. Nothing is installed, and no privileges are "
      "needed. The same packages give the same files: adding again says "
      "\"unchanged\".\n"
      "\n"
      "With --dir the parts are files in DIR/amd64 and DIR/arm64, or in DIR "
      "itself with --arch: xen, kernel and initrd, and if wanted xen.efi, "
      "grub.efi, guest-kernel and guest-initrd. A file candidate.yaml beside "
      "them may give properties and hashes.\n"
      "\n"
      "With --build the hypervisor is one that \"assay build\" made, and its "
      "tools, kernel and guests are those of the candidate --base. The "
      "candidate's properties say so.\n"
      "\n"
      "Evidence refers to candidates, so one that was used is never changed: "
      "if it differs from what is added now, it is renamed to NAME+1." },
    { "candidate list", "", 0, 0, CMD_READS, NULL, candidate_list,
      "list the candidates, newest first", NULL },
    { "candidate property", "NAME ARCH PROPERTY", 3, 3, CMD_READS, NULL,
      candidate_property, "print one property of a candidate, for steps",
      NULL },
    { "candidate show", "NAME", 1, 1, CMD_READS, NULL, candidate_show,
      "show a candidate's versions and files", NULL },
    { "candidate verify", "NAME", 1, 1, CMD_READS, NULL,
      candidate_verify_cmd, "check every file of a candidate against its hash",
      NULL },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL },
};
