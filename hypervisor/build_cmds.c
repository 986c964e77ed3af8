/* hypervisor/build_cmds.c - assay tree add|fetch|list, assay build run|list|
 * show|log. */
#include <config.h>

#include "hypervisor/build_cmds.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "harness/strv.h"
#include "harness/table.h"
#include "hypervisor/build.h"
#include "hypervisor/build_recipe.h"
#include "hypervisor/source.h"
#include "hypervisor/source_deb.h"

#define LIST_DEFAULT "20"
#define SHORT_BYTES 12
#define LOG_PIECE_BYTES 65536

/* Trees ------------------------------------------------------------------- */

static bool
tree_add(struct cmd_call *call, struct fault *why)
{
    const char *url = cmd_arg(call, 1);
    const char *package = cmd_text(call, "deb-source");
    struct arena arena = ARENA_INIT;
    bool ok = true;

    if ((url != NULL) == (package != NULL))
        return fault_set(why, FAULT_USAGE, "say where the tree is: a URL, or "
                         "--deb-source PACKAGE");
    if (package == NULL && cmd_text(call, "suites") != NULL)
        return fault_set(why, FAULT_USAGE, "--suites goes with "
                         "--deb-source");
    signals_catch();
    if (package != NULL)
        ok = source_deb_url(&arena, package, cmd_text(call, "suites"), &url,
                            why);
    ok = ok && source_add(cmd_arg(call, 0), url, why);
    arena_free(&arena);
    return ok;
}

static bool
tree_fetch(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct source source;
    bool ok;

    signals_catch();
    ok = source_find(&arena, cmd_arg(call, 0), &source, why)
        && source_fetch(&source, why);
    arena_free(&arena);
    return ok;
}

static bool
tree_list(struct cmd_call *call, struct fault *why)
{
    static const char *const names[] = { "TREE", "URL", NULL };
    struct arena arena = ARENA_INIT;
    struct table *table = table_new(names);
    json_t *root = json_array(), *one;
    struct source *list = NULL;
    size_t count = 0, i;
    bool ok;

    ok = source_list(&arena, &list, &count, why);
    for (i = 0; ok && i < count; i++) {
        const char *cells[] = { list[i].tree, list[i].url, NULL };

        table_add(table, cells);
        one = json_object();
        json_put_text(one, "tree", list[i].tree);
        json_put_text(one, "url", list[i].url);
        json_put_text(one, "mirror", list[i].dir);
        json_array_append_new(root, one);
    }
    if (ok)
        ok = cmd_json(call) ? json_print(root, stdout, why)
                            : table_print(table, stdout, why);
    json_decref(root);
    table_free(table);
    arena_free(&arena);
    return ok;
}

/* Showing ----------------------------------------------------------------- */

static json_t *
build_json(const struct build *build)
{
    json_t *root = json_object(), *parts = json_array(), *part;
    size_t i;

    json_put_int(root, "build", build->build);
    json_put_text(root, "key", build->key);
    json_put_text(root, "recipe", build->recipe);
    json_put_text(root, "arch", build->arch);
    json_put_text(root, "status", build->pass ? "pass" : "fail");
    json_put_text(root, "step", build->step);
    json_put_text(root, "reason", build->reason);
    json_put_text(root, "log", build->log);
    json_put_int(root, "elapsed_ms", build->elapsed_ms);
    json_put_text(root, "node", build->node);
    json_put_text(root, "created_at", build->created_at);
    json_object_set(root, "inputs", build->inputs);
    for (i = 0; i < build->part_count; i++) {
        part = json_object();
        json_put_text(part, "part", build->parts[i].part);
        json_put_text(part, "sha256", build->parts[i].sha256);
        json_put_int(part, "bytes", build->parts[i].bytes);
        json_array_append_new(parts, part);
    }
    json_object_set_new(root, "parts", parts);
    return root;
}

/* "xen 59d0bf62861f debug=y", of the inputs. */
static void
describe(const struct build *build, struct buf *out)
{
    const char *tree;
    json_t *commit, *line;
    size_t i;

    json_object_foreach(json_object_get(build->inputs, "trees"), tree, commit)
        buf_addf(out, "%s%s %.*s", out->len > 0 ? ", " : "", tree,
                 SHORT_BYTES, json_string_value(commit));
    json_array_foreach(json_object_get(build->inputs, "kconfig"), i, line)
        buf_addf(out, " %s", json_string_value(line) + strlen("CONFIG_"));
    if (json_text(build->inputs, "root") != NULL)
        buf_addf(out, " in %s", json_text(build->inputs, "root"));
}

static void
print_line(const struct build *build, bool reused)
{
    struct buf what = BUF_INIT;
    char took[32];

    describe(build, &what);
    clock_human(build->elapsed_ms, took);
    printf("build %" PRId64 ": %s, %s, %s: %s", build->build, build->recipe,
           build->arch, buf_text(&what), build->pass ? "pass" : "fail");
    if (!build->pass)
        printf(" in %s: %s", build->step, build->reason);
    printf(" (%s%s)\n", reused ? "was built before, in " : "", took);
    buf_free(&what);
}

/* Run --------------------------------------------------------------------- */

struct talk {
    const char *prefix;
};

static void
show_progress(void *owner, const char *text)
{
    const struct talk *talk = owner;

    fprintf(stderr, "%s%s\n", talk->prefix, text);
}

/* "--tree [NAME=]REV[,REV...]" for the recipe's tree 'name': the list after
 * '=', or NULL. */
static const char *
revisions_of(struct cmd_call *call, const struct build_recipe *recipe,
             const char *name)
{
    size_t len = strlen(name);
    const char *text;
    int i;

    for (i = 0; (text = cmd_list(call, "tree", i)) != NULL; i++) {
        if (strchr(text, '=') == NULL && strcmp(name, recipe->trees[0]) == 0)
            return text;
        if (strncmp(text, name, len) == 0 && text[len] == '=')
            return text + len + 1;
    }
    return NULL;
}

static bool
check_trees(struct cmd_call *call, const struct build_recipe *recipe,
            struct fault *why)
{
    const char *text, *equals;
    unsigned t;
    int i;

    for (i = 0; (text = cmd_list(call, "tree", i)) != NULL; i++) {
        equals = strchr(text, '=');
        for (t = 0; equals != NULL && t < recipe->trees_count; t++)
            if (strncmp(recipe->trees[t], text, (size_t)(equals - text)) == 0
                && recipe->trees[t][equals - text] == '\0')
                break;
        if (equals != NULL && t == recipe->trees_count)
            return fault_set(why, FAULT_USAGE, "--tree '%s': build '%s' has "
                             "no such tree", text, recipe->name);
    }
    for (t = 0; t < recipe->trees_count; t++)
        if (revisions_of(call, recipe, recipe->trees[t]) == NULL)
            return fault_set(why, FAULT_USAGE, "which revision? Say --tree "
                             "%s=REVISION", recipe->trees[t]);
    return true;
}

/* One build of several that differ in the revision of one tree. */
struct wanted {
    struct build_tree *trees;
};
/* Of each of them there may be several variants. */
struct variant {
    const char *text;           /* of --kconfig */
    char **lines;
};

/* "REVISION" of the mirror that is called as the recipe's tree is, or
 * "MIRROR:REVISION". */
static bool
resolve(struct arena *arena, const char *tree, const char *revision,
        struct build_tree *out, struct fault *why)
{
    const char *colon = strchr(revision, ':');

    if (colon != NULL && colon != revision) {
        tree = arena_printf(arena, "%.*s", (int)(colon - revision), revision);
        revision = colon + 1;
    }
    return source_find(arena, tree, &out->source, why)
        && source_resolve(arena, &out->source, revision, &out->commit, why);
}

/* All that is asked for; revisions that are the same commit count once. */
static bool
collect(struct cmd_call *call, const struct build_recipe *recipe,
        struct arena *arena, struct wanted **out, size_t *count_out,
        unsigned *varies_out, struct fault *why)
{
    struct build_tree *base =
        arena_alloc(arena, recipe->trees_count * sizeof(*base));
    char *list = NULL, *save = NULL, *word;
    struct wanted *all = NULL;
    const char *text;
    size_t count = 0, i;
    unsigned t, varies = 0, many = 0;
    bool ok = true;

    for (t = 0; t < recipe->trees_count; t++)
        if (strchr(revisions_of(call, recipe, recipe->trees[t]), ',')
            != NULL) {
            varies = t;
            many++;
        }
    if (many > 1)
        return fault_set(why, FAULT_USAGE, "only one tree may have several "
                         "revisions");
    for (t = 0; ok && t < recipe->trees_count; t++)
        ok = t == varies
            || resolve(arena, recipe->trees[t],
                       revisions_of(call, recipe, recipe->trees[t]),
                       &base[t], why);
    text = revisions_of(call, recipe, recipe->trees[varies]);
    list = arena_strdup(arena, text);
    all = arena_alloc(arena, (strlen(text) / 2 + 1) * sizeof(*all));
    for (word = strtok_r(list, ",", &save); ok && word != NULL;
         word = strtok_r(NULL, ",", &save)) {
        struct build_tree *trees =
            arena_alloc(arena, recipe->trees_count * sizeof(*trees));

        memcpy(trees, base, recipe->trees_count * sizeof(*trees));
        ok = resolve(arena, recipe->trees[varies], word, &trees[varies],
                     why);
        if (ok && count > 0
            && strcmp(all[0].trees[varies].source.tree,
                      trees[varies].source.tree) != 0)
            ok = fault_set(why, FAULT_USAGE, "--tree %s: revisions of one "
                           "mirror only", recipe->trees[varies]);
        for (i = 0; ok && i < count; i++)
            if (strcmp(all[i].trees[varies].commit, trees[varies].commit)
                == 0)
                break;
        if (ok && i == count)
            all[count++].trees = trees;
    }
    if (ok && count == 0)
        ok = fault_set(why, FAULT_USAGE, "--tree names no revision");
    *out = all;
    *count_out = count;
    *varies_out = varies;
    return ok;
}

/* Each in a process of its own, which ends when GNU parallel does. */
static bool
run_parallel(struct cmd_call *call, const struct build_recipe *recipe,
             const struct wanted *all, size_t count, unsigned varies,
             const struct variant *variants, size_t variant_count,
             struct arena *arena, struct fault *why)
{
    static const char *const pass_on[] = { "arch", "root", "jobs" };
    const char *home, *joblog;
    struct proc_spec spec = PROC_SPEC_INIT;
    struct proc_status status = { PROC_END_NONE, 0 };
    char **argv = NULL, *program = NULL;
    unsigned t;
    size_t i;
    bool ok;

    if (!home_get(&home, why) || !home_program(arena, "assay", &program, why)
        || !fs_mkdirs(home_path(arena, "cache/builds"), 0755, why))
        return false;
    joblog = home_path(arena, "cache/builds/joblog.%ld", (long)getpid());
    fprintf(stderr, "job log: %s\n", joblog);
    strv_add(&argv, "parallel");
    strv_add(&argv, "--will-cite");
    strv_add(&argv, "--quote");
    strv_add(&argv, "--line-buffer");
    strv_add(&argv, "--joblog");
    strv_add(&argv, joblog);
    strv_add(&argv, arena_printf(arena, "-j%" PRId64,
                                 cmd_int(call, "parallel")));
    strv_add(&argv, "setpriv");
    strv_add(&argv, "--pdeathsig");
    strv_add(&argv, "TERM");
    strv_add(&argv, program);
    strv_add(&argv, "build");
    strv_add(&argv, "run");
    strv_add(&argv, cmd_arg(call, 0));
    for (i = 0; i < ARRAY_LEN(pass_on); i++)
        if (cmd_text(call, pass_on[i]) != NULL)
            strv_add(&argv, arena_printf(arena, "--%s=%s", pass_on[i],
                                         cmd_text(call, pass_on[i])));
    if (cmd_flag(call, "again"))
        strv_add(&argv, "--again");
    for (t = 0; t < recipe->trees_count; t++)
        strv_add(&argv, arena_printf(arena, "--tree=%s=%s:%s",
                                     recipe->trees[t],
                                     all[0].trees[t].source.tree,
                                     t == varies ? "{1}"
                                     : all[0].trees[t].commit));
    strv_add(&argv, "--kconfig={2}");
    strv_add(&argv, ":::");
    for (i = 0; i < count; i++)
        strv_add(&argv, all[i].trees[varies].commit);
    strv_add(&argv, ":::");
    for (i = 0; i < variant_count; i++)
        strv_add(&argv, variants[i].text);
    spec.argv = strv_const(argv);
    spec.fds[2] = STDERR_FILENO;
    ok = proc_run_spec(&spec, NULL, 0, 0, NULL, &status, why);
    /* Its status is how many failed: each of them is looked at below. */
    if (!ok && status.end == PROC_END_EXIT && status.code <= 101)
        ok = true;
    strv_free(argv);
    return ok;
}

struct results {
    json_t *list;
    size_t failed, missing;
};

/* Several: what there is by now is all there will be. */
static bool
one_build(struct cmd_call *call, struct db *db,
          const struct build_order *order, bool only_find,
          struct arena *arena, struct results *results, struct fault *why)
{
    struct build build = { .build = 0 };
    bool reused = false, found = true;
    json_t *json;

    if (only_find ? !build_find(db, order, arena, &build, &found, why)
                  : !build_run(db, order, arena, &build, &reused, why))
        return false;
    if (!found) {
        results->missing++;
        return true;
    }
    results->failed += build.pass ? 0 : 1;
    if (cmd_json(call)) {
        json = build_json(&build);
        json_object_set_new(json, "reused", json_boolean(reused));
        json_array_append_new(results->list, json);
    } else {
        print_line(&build, reused);
    }
    build_fini(&build);
    return true;
}

static bool
finish(struct cmd_call *call, const struct results *results, size_t count,
       struct fault *why)
{
    if (cmd_json(call)
        && !json_print(count == 1 && results->missing == 0
                       ? json_array_get(results->list, 0) : results->list,
                       stdout, why))
        return false;
    if (results->missing > 0)
        return fault_set(why, FAULT_SYSTEM, "%zu of %zu could not be built "
                         "on this machine", results->missing, count);
    cmd_exit_status(call, results->failed > 0 ? 1 : 0);
    return true;
}

static bool
run_all(struct cmd_call *call, const struct build_recipe *recipe,
        struct build_order *order, const struct variant *variants,
        size_t variant_count, struct arena *arena, struct fault *why)
{
    struct results results = { .list = json_array() };
    struct wanted *all = NULL;
    struct db *db = NULL;
    size_t count = 0, total, i;
    unsigned varies = 0;
    bool ok;

    ok = check_trees(call, recipe, why)
        && collect(call, recipe, arena, &all, &count, &varies, why)
        && db_open("assay", &db, why);
    total = count * variant_count;
    ok = ok && (total == 1
                || run_parallel(call, recipe, all, count, varies, variants,
                                variant_count, arena, why));
    for (i = 0; ok && i < total; i++) {
        const struct wanted *one = &all[i / variant_count];
        const struct variant *variant = &variants[i % variant_count];
        struct talk talk = {
            arena_printf(arena, "%s %.*s%s%s: ", recipe->trees[varies],
                         SHORT_BYTES, one->trees[varies].commit,
                         variant->text[0] == '\0' ? "" : " ", variant->text)
        };

        order->trees = one->trees;
        order->kconfig = strv_const(variant->lines);
        order->owner = &talk;
        ok = one_build(call, db, order, total > 1, arena, &results, why);
    }
    ok = ok && finish(call, &results, total, why);
    json_decref(results.list);
    db_close(db);
    return ok;
}

/* At least one, without options when none are asked for. The lines are for
 * strv_free(). */
static bool
read_variants(struct cmd_call *call, const struct build_recipe *recipe,
              struct arena *arena, struct variant **out, size_t *count_out,
              struct fault *why)
{
    struct variant *list;
    size_t count = 0;
    bool ok = true;

    while (cmd_list(call, "kconfig", (int)count) != NULL)
        count++;
    list = arena_alloc(arena, (count + 1) * sizeof(*list));
    *out = list;
    do {
        list->text = cmd_list(call, "kconfig", (int)*count_out);
        if (list->text == NULL)
            list->text = "";
        ok = build_recipe_kconfig(recipe, list->text, &list->lines, why);
        *count_out += ok ? 1 : 0;
        list++;
    } while (ok && *count_out < count);
    return ok;
}

static bool
build_run_cmd(struct cmd_call *call, struct fault *why)
{
    struct build_order order = {
        .arch = cmd_text(call, "arch"), .root = cmd_text(call, "root"),
        .jobs = (int)cmd_int(call, "jobs"), .again = cmd_flag(call, "again"),
        .progress = show_progress,
    };
    struct build_recipe *recipe = NULL;
    struct arena arena = ARENA_INIT;
    struct variant *variants = NULL;
    size_t count = 0, i;
    bool ok;

    signals_catch();
    ok = build_recipe_load(cmd_arg(call, 0), &recipe, why)
        && read_variants(call, recipe, &arena, &variants, &count, why);
    order.recipe = recipe;
    ok = ok && run_all(call, recipe, &order, variants, count, &arena, why);
    for (i = 0; i < count; i++)
        strv_free(variants[i].lines);
    build_recipe_free(recipe);
    arena_free(&arena);
    return ok;
}

/* List, show, log --------------------------------------------------------- */

static bool
build_list(struct cmd_call *call, struct fault *why)
{
    static const char *const names[] = { ">BUILD", "RECIPE", "ARCH", "STATUS",
                                         ">TIME", "MADE", "~OF", NULL };
    struct arena arena = ARENA_INIT;
    struct table *table = table_new(names);
    struct build *list = NULL;
    struct db *db = NULL;
    json_t *root = json_array();
    size_t count = 0, i;
    bool ok;

    ok = db_open("assay", &db, why)
        && build_db_list(db, (int)cmd_int(call, "limit"), &arena, &list,
                         &count, why);
    for (i = 0; i < count; i++) {
        const struct build *b = &list[i];
        struct buf what = BUF_INIT;
        char number[24], took[32];
        const char *cells[] = { number, b->recipe, b->arch,
                                b->pass ? "pass" : "fail", took,
                                b->created_at, NULL, NULL };

        describe(b, &what);
        if (!b->pass)
            buf_addf(&what, ": %s", b->reason);
        cells[6] = buf_text(&what);
        snprintf(number, sizeof(number), "%" PRId64, b->build);
        clock_human(b->elapsed_ms, took);
        table_add(table, cells);
        json_array_append_new(root, build_json(b));
        buf_free(&what);
        build_fini(&list[i]);
    }
    if (ok)
        ok = cmd_json(call) ? json_print(root, stdout, why)
                            : table_print(table, stdout, why);
    json_decref(root);
    table_free(table);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
get_build(struct cmd_call *call, struct arena *arena, struct build *out,
          struct fault *why)
{
    struct db *db = NULL;
    int64_t number;
    bool ok;

    if (!cmd_number(call, 0, "a build", &number, why))
        return false;
    ok = db_open("assay", &db, why)
        && build_db_get(db, number, arena, out, why);
    db_close(db);
    return ok;
}

static void
print_build(const struct build *build)
{
    const char *key;
    json_t *value;
    size_t i;

    print_line(build, false);
    printf("made %s on %s\n", build->created_at, build->node);
    json_object_foreach(json_object_get(build->inputs, "trees"), key, value)
        printf("tree %s = %s\n", key, json_string_value(value));
    json_array_foreach(json_object_get(build->inputs, "kconfig"), i, value)
        printf("kconfig %s\n", json_string_value(value));
    json_object_foreach(json_object_get(build->inputs, "tools"), key, value)
        printf("tool %s = %s\n", key, json_string_value(value));
    value = json_object_get(build->inputs, "root-packages");
    if (json_array_size(value) > 0)
        printf("root %s, %zu packages\n", json_text(build->inputs, "root"),
               json_array_size(value));
    for (i = 0; i < build->part_count; i++)
        printf("part %s = %s, %" PRId64 " bytes\n", build->parts[i].part,
               build->parts[i].sha256, build->parts[i].bytes);
    printf("key %s\nlog %s, %" PRId64 " bytes\n", build->key, build->log,
           build->log_bytes);
}

static bool
build_show(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct build build = { .build = 0 };
    json_t *json;
    bool ok = get_build(call, &arena, &build, why);

    if (ok && cmd_json(call)) {
        json = build_json(&build);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (ok) {
        print_build(&build);
    }
    build_fini(&build);
    arena_free(&arena);
    return ok;
}

static bool
build_log(struct cmd_call *call, struct fault *why)
{
    char *piece = xmalloc(LOG_PIECE_BYTES);
    struct arena arena = ARENA_INIT;
    struct build build = { .build = 0 };
    int64_t bytes;
    ssize_t n = 0;
    int fd = -1;
    bool ok;

    ok = get_build(call, &arena, &build, why)
        && artefact_open(build.log, &fd, &bytes, why);
    while (ok && (n = read(fd, piece, LOG_PIECE_BYTES)) > 0)
        ok = fwrite(piece, 1, (size_t)n, stdout) == (size_t)n
            || fault_errno(why, FAULT_SYSTEM, "write");
    if (ok && n < 0)
        ok = fault_errno(why, FAULT_SYSTEM, "read the log");
    fd_close(&fd);
    build_fini(&build);
    arena_free(&arena);
    free(piece);
    return ok;
}

static const struct cmd_opt run_opts[] = {
    { "tree", CMD_OPT_LIST, "[NAME=][MIRROR:]REVISION[,REVISION...]", NULL, 0,
      0,
      "what to build, of the mirror NAME or another; of one tree there may "
      "be several" },
    { "arch", CMD_OPT_TEXT, "ARCH", NULL, 0, 0,
      "amd64 or arm64; default this machine's" },
    { "kconfig", CMD_OPT_LIST, "NAME=VALUE,...", NULL, 0, 0,
      "a variant: debug=y,sched=credit2; there may be several" },
    { "root", CMD_OPT_TEXT, "SUITE", NULL, 0, 0,
      "build in a clean root of this suite of Debian" },
    { "jobs", CMD_OPT_INT, "N", NULL, 0, 0,
      "processes of one build; default one a processor" },
    { "parallel", CMD_OPT_INT, "K", "1", 1, 256,
      "builds at once, when there are several" },
    { "again", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "build also what has been built before" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

static const struct cmd_opt tree_opts[] = {
    { "deb-source", CMD_OPT_TEXT, "PACKAGE[=VERSION]", NULL, 0, 0,
      "the versions of Debian's source package, with a commit for each patch" },
    { "suites", CMD_OPT_TEXT, "SUITE,...", NULL, 0, 0,
      "with --deb-source: of these; default this machine's" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

static const struct cmd_opt list_opts[] = {
    { "limit", CMD_OPT_INT, "N", LIST_DEFAULT, 1, 100000,
      "so many of the latest" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

const struct cmd build_cmds[] = {
    { "build run", "RECIPE", 1, 1, CMD_WRITES, run_opts, build_run_cmd,
      "build a hypervisor from git; exit 1 when it does not build",
      "RECIPE is a shipped one (xen) or a file. What has been built of the "
      "same revisions, options and tools, whether it passed or failed, is not "
      "built again. Each build is made in a fresh worktree of the mirrors "
      "that \"assay tree\" keeps.\n"
      "\n"
      "Several revisions and variants are built, each with each, through GNU "
      "parallel, whose job log is below cache/builds. An interrupt ends "
      "the build and removes what it left." },
    { "build list", "", 0, 0, CMD_READS, list_opts, build_list,
      "list the latest builds", NULL },
    { "build log", "BUILD", 1, 1, CMD_READS, NULL, build_log,
      "print the log of a build", NULL },
    { "build show", "BUILD", 1, 1, CMD_READS, NULL, build_show,
      "show a build's inputs, parts or first error", NULL },
    { "tree add", "NAME [URL]", 1, 2, CMD_WRITES, tree_opts, tree_add,
      "mirror a git tree under a name, or bring its mirror up to date",
      "With --deb-source the tree is made of Debian's source package, as "
      "apt's own sources have it: each version is a commit of what it "
      "unpacks to and one commit a patch, on top of the version before, and "
      "ends at the tag debian/VERSION." },
    { "tree fetch", "NAME", 1, 1, CMD_WRITES, NULL, tree_fetch,
      "bring the mirror of a tree up to date", NULL },
    { "tree list", "", 0, 0, CMD_READS, NULL, tree_list,
      "list the trees and where they come from", NULL },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL },
};
