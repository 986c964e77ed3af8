/* hypervisor/build.c - see build.h. */
#include <config.h>

#include "hypervisor/build.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "harness/strv.h"
#include "hypervisor/build_cc.h"
#include "hypervisor/build_recipe.h"
#include "hypervisor/build_root.h"

#define TOOL_LIMIT_MS 20000
#define LOCK_POLL_MS 300
#define BIN "%s/.bin"           /* of the build's directory */
#define LOG_MAX_BYTES (256u << 20)
#define ROOM_LEAST (256 << 10)
/* Changes whenever the same inputs give other files than before. */
#define BUILDER_VERSION 2

struct run {
    const struct build_order *order;
    const char *arch;
    const struct build_arch *of_arch;   /* or NULL */
    struct arena *arena;
    struct build_root root;
    char key[65];
    char *dir;                  /* below it the worktrees */
    char *log;
    int log_fd;
    int64_t until_ms;           /* mono */
    const char *path;           /* where programs are looked up */
    char **env;                 /* all of it */
    char compilers_sha256[65];  /* of their versions */
};

static PRINTF_LIKE(2, 3) void
tell(const struct run *run, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    if (run->order->progress == NULL)
        return;
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    run->order->progress(run->order->owner, buf_text(&text));
    buf_free(&text);
}

const char *
build_machine_arch(void)
{
    struct utsname name;

    if (uname(&name) != 0)
        return NULL;
    return strcmp(name.machine, "x86_64") == 0 ? "amd64"
        : strcmp(name.machine, "aarch64") == 0 ? "arm64" : NULL;
}

/* Environment ------------------------------------------------------------- */

static const char *
pair_value(const struct yaml_pair *pairs, unsigned count, const char *key)
{
    unsigned i;

    for (i = 0; i < count; i++)
        if (strcmp(pairs[i].key, key) == 0)
            return pairs[i].value;
    return NULL;
}

static void
add_env(struct run *run, const char *name, const char *value)
{
    strv_add(&run->env, arena_printf(run->arena, "%s=%s", name, value));
}

static const char *
tree_dir(const struct run *run, unsigned i)
{
    return arena_printf(run->arena, "%s/%s", run->dir,
                        run->order->recipe->trees[i]);
}

/* The compiler's prefix when it is not for this machine; or NULL. */
static const char *
cross_prefix(const struct run *run)
{
    return run->of_arch == NULL ? NULL
        : pair_value(run->of_arch->environment,
                     run->of_arch->environment_count, "CROSS_COMPILE");
}

/* Nothing of the operator's own is an input, but what the recipe says and what
 * every program needs. */
static void
make_env(struct run *run)
{
    const struct build_recipe *recipe = run->order->recipe;
    unsigned i;

    run->path = pair_value(recipe->environment, recipe->environment_count,
                           "PATH");
    if (run->path == NULL)
        run->path = BUILD_CC_PATH;
    for (i = 0; i < recipe->environment_count; i++)
        add_env(run, recipe->environment[i].key,
                recipe->environment[i].value);
    for (i = 0; run->of_arch != NULL
         && i < run->of_arch->environment_count; i++)
        add_env(run, run->of_arch->environment[i].key,
                run->of_arch->environment[i].value);
    add_env(run, "LC_ALL", "C");
    add_env(run, "PATH", run->path);
}

/* And what only the steps see. */
static void
make_step_env(struct run *run)
{
    const struct build_recipe *recipe = run->order->recipe;
    long cpus = run->order->jobs > 0 ? run->order->jobs
        : sysconf(_SC_NPROCESSORS_ONLN);
    const char *name;
    unsigned i;

    for (i = 0; i < recipe->trees_count; i++) {
        name = recipe->trees[i];
        add_env(run, arena_printf(run->arena, "ASSAY_TREE_%s", name),
                tree_dir(run, i));
        add_env(run, arena_printf(run->arena, "ASSAY_REVISION_%s", name),
                run->order->trees[i].commit);
    }
    add_env(run, "ASSAY_ARCH", run->arch);
    add_env(run, "ASSAY_JOBS", arena_printf(run->arena, "%ld", cpus));
    add_env(run, "ASSAY_KCONFIG", arena_printf(run->arena, "%s/kconfig",
                                               run->dir));
    add_env(run, "HOME", run->dir);
    add_env(run, "PATH", arena_printf(run->arena, BIN ":%s", run->dir,
                                      run->path));
    add_env(run, "CCACHE_DIR", home_path(run->arena, "cache/ccache"));
    add_env(run, "CCACHE_BASEDIR", run->dir);
    add_env(run, "CCACHE_COMPILERCHECK",
            arena_printf(run->arena, "string:%s", run->compilers_sha256));
}

/* The command as it is started: in the root if there is one, with that
 * environment and no other. For strv_free(). */
static char **
command(const struct run *run, const char *cwd, const char *const *argv)
{
    char **in_root = build_root_argv(&run->root, run->dir, cwd, argv);
    char **out = NULL;
    size_t i;

    strv_add(&out, "env");
    strv_add(&out, "-i");
    for (i = 0; run->env[i] != NULL; i++)
        strv_add(&out, run->env[i]);
    for (i = 0; in_root[i] != NULL; i++)
        strv_add(&out, in_root[i]);
    strv_free(in_root);
    return out;
}

/* Inputs ------------------------------------------------------------------ */

/* '+gcc' is the compiler for the target. */
static const char *
tool_name(const struct run *run, const char *tool)
{
    const char *prefix = cross_prefix(run);

    if (tool[0] != '+')
        return tool;
    /* A machine of that architecture needs no other compiler. */
    return arena_printf(run->arena, "%s%s", prefix == NULL ? "" : prefix,
                        tool + 1);
}

static bool
add_tool(const struct run *run, const char *tool, json_t *tools,
         struct fault *why)
{
    const char *name = tool_name(run, tool);
    const char *argv[] = { name, "--version", NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct buf text = BUF_INIT;
    char **whole = command(run, "/", argv);
    bool ok;

    spec.argv = strv_const(whole);
    ok = proc_run_spec(&spec, NULL, 0, TOOL_LIMIT_MS, &text, NULL, why);
    if (ok) {
        buf_adds(&text, "");
        text.data[strcspn(text.data, "\n")] = '\0';
        json_put_text(tools, name, text.data);
    } else if (why->kind != FAULT_CANCELLED) {
        fault_set(why, FAULT_CONFIG, "build '%s' needs '%s', which does not "
                  "run here", run->order->recipe->name, name);
        fault_hint(why, "install it, or build in a clean root: "
                   "--root bookworm");
    }
    strv_free(whole);
    buf_free(&text);
    return ok;
}

static void
hash_json(const json_t *json, char hex[static 65])
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

    must(text != NULL);
    sha256_hex(text, strlen(text), hex);
    free(text);
}

static bool
make_inputs(struct run *run, json_t **out, struct fault *why)
{
    const struct build_recipe *recipe = run->order->recipe;
    json_t *inputs = json_object(), *trees = json_object();
    json_t *tools = json_object(), *kconfig = json_array();
    json_t *compilers = json_object(), *mirrors = json_object();
    const char *const *line = run->order->kconfig;
    unsigned i;
    bool ok = true;

    for (i = 0; i < recipe->trees_count; i++)
        json_put_text(trees, recipe->trees[i], run->order->trees[i].commit);
    for (i = 0; i < recipe->trees_count; i++)
        if (strcmp(recipe->trees[i], run->order->trees[i].source.tree) != 0)
            json_put_text(mirrors, recipe->trees[i],
                          run->order->trees[i].source.tree);
    for (; line != NULL && *line != NULL; line++)
        json_array_append_new(kconfig, json_string(*line));
    for (i = 0; ok && i < recipe->tools_count; i++)
        ok = add_tool(run, recipe->tools[i], tools, why)
            && (recipe->tools[i][0] != '+'
                || add_tool(run, recipe->tools[i], compilers, why));
    if (json_object_size(compilers) == 0)
        json_object_update(compilers, tools);
    if (run->root.packages != NULL)
        json_object_set(compilers, "root-packages", run->root.packages);
    hash_json(compilers, run->compilers_sha256);
    json_decref(compilers);
    json_put_int(inputs, "assay-build", BUILDER_VERSION);
    json_put_text(inputs, "recipe", recipe->name);
    json_put_text(inputs, "recipe-sha256", recipe->sha256);
    json_put_text(inputs, "arch", run->arch);
    json_object_set_new(inputs, "trees", trees);
    if (json_object_size(mirrors) > 0)  /* whose names are not the trees' */
        json_object_set(inputs, "mirrors", mirrors);
    json_decref(mirrors);
    json_object_set_new(inputs, "tools", tools);
    json_object_set_new(inputs, "kconfig", kconfig);
    if (run->order->root != NULL) {
        json_put_text(inputs, "root", run->order->root);
        json_object_set(inputs, "root-packages", run->root.packages);
    }
    hash_json(inputs, run->key);
    if (ok)
        *out = inputs;
    else
        json_decref(inputs);
    return ok;
}

/* Steps ------------------------------------------------------------------- */

/* What became of the build, before it is a row. */
struct end {
    bool pass;
    const char *step;
    struct buf reason;
};

static bool
read_log(const struct run *run, struct buf *out, struct fault *why)
{
    return fs_read_file(run->log, LOG_MAX_BYTES, out, why);
}

/* What fails on a full disk may have failed for that, and not all say so. */
static bool
is_full(const struct run *run, struct fault *why)
{
    int64_t left = fs_free_bytes(run->dir);

    if (left < 0 || left >= ROOM_LEAST)
        return false;
    fault_set(why, FAULT_SYSTEM, "%s is full: a build that fails there says "
              "nothing", run->dir);
    (void)fault_hint(why, "make room; the same command builds it then");
    return true;
}

/* These say something of the machine, and nothing of the inputs. */
static bool
machine_failed(const struct run *run, const struct buf *log,
               struct fault *why)
{
    static const char *const signs[] = {
        "No space left on device", "Killed signal terminated program",
        "Cannot allocate memory", "virtual memory exhausted",
    };
    size_t i;

    if (is_full(run, why))
        return true;
    for (i = 0; i < ARRAY_LEN(signs); i++)
        if (memmem(buf_text(log), log->len, signs[i], strlen(signs[i]))
            != NULL) {
            fault_set(why, FAULT_SYSTEM, "this machine could not build it: "
                      "%s", signs[i]);
            fault_hint(why, "the log is %s", run->log);
            return true;
        }
    return false;
}

/* A step that failed: the product's own, or is it the machine? */
static bool
judge(const struct run *run, const struct build_step *step,
      struct proc_status status, struct end *end, struct fault *why)
{
    struct buf log = BUF_INIT;
    char text[64];
    bool ok;

    if (status.end != PROC_END_EXIT) {
        proc_status_text(status, text);
        if (status.end == PROC_END_SIGNAL)
            fault_set(why, FAULT_SYSTEM, "step %s was %s", step->step, text);
        return fault_hint(why, "the log is %s", run->log);
    }
    ok = read_log(run, &log, why) && !machine_failed(run, &log, why);
    if (ok) {
        end->step = step->step;
        build_first_error(buf_text(&log), log.len, &end->reason);
        if (end->reason.len == 0)
            buf_addf(&end->reason, "step %s exited with status %d",
                     step->step, status.code);
    }
    buf_free(&log);
    return ok;
}

static bool
run_step(struct run *run, const struct build_step *step, bool *pass_out,
         struct end *end, struct fault *why)
{
    const char *shell[] = { "/bin/sh", "-e", "-c", step->sh, NULL };
    const char *const *argv = step->run_count > 0
        ? (const char *const *)step->run : shell;
    struct proc_spec spec = PROC_SPEC_INIT;
    struct proc_status status = { PROC_END_NONE, 0 };
    char **list = NULL, **whole;
    const char *cwd = tree_dir(run, 0);
    int64_t left = run->until_ms - clock_mono_ms(clock_system());
    unsigned i;
    bool ok;

    tell(run, "%s", step->step);
    for (i = 0; i < (step->run_count > 0 ? step->run_count : 4); i++)
        strv_add(&list, argv[i]);
    whole = command(run, cwd, strv_const(list));
    spec.argv = strv_const(whole);
    spec.cwd = cwd;
    spec.fds[1] = spec.fds[2] = run->log_fd;
    ok = dprintf(run->log_fd, "--- %s\n", step->step) > 0
        || fault_errno(why, FAULT_SYSTEM, "log %s", run->log);
    ok = ok && proc_run_spec(&spec, NULL, 0, left > 0 ? left : 1, NULL,
                             &status, why);
    *pass_out = ok;
    if (!ok && status.end != PROC_END_NONE) {
        ok = judge(run, step, status, end, why);
    } else if (!ok && why->kind == FAULT_TIMEOUT) {
        fault_set(why, FAULT_TIMEOUT, "step %s: the build took longer than "
                  "its limit", step->step);
        fault_hint(why, "the log is %s", run->log);
    }
    strv_free(whole);
    strv_free(list);
    return ok;
}

static bool
has_line(const struct buf *text, const char *line)
{
    size_t len = strlen(line);
    const char *at = buf_text(text);

    while ((at = strstr(at, line)) != NULL) {
        if ((at == text->data || at[-1] == '\n')
            && (at[len] == '\n' || at[len] == '\0'))
            return true;
        at++;
    }
    return false;
}

/* Kconfig drops without a word what it does not know or allow. */
static bool
check_kconfig(struct run *run, struct end *end, struct fault *why)
{
    const char *const *line = run->order->kconfig;
    const char *path;
    struct buf text = BUF_INIT;
    const char *absent;
    bool ok = true;

    if (line == NULL || *line == NULL)
        return true;
    path = arena_printf(run->arena, "%s/%s", tree_dir(run, 0),
                        run->order->recipe->kconfig);
    ok = fs_read_file(path, LOG_MAX_BYTES, &text, why);
    for (; ok && end->pass && *line != NULL; line++) {
        size_t len = strlen(*line);

        absent = arena_printf(run->arena, "%.*s=", (int)(len - 2), *line);
        if (has_line(&text, *line)
            || (strcmp(*line + len - 2, "=n") == 0
                && strstr(buf_text(&text), absent) == NULL))
            continue;
        end->pass = false;
        end->step = "kconfig";
        buf_addf(&end->reason, "%s did not take: this revision does not "
                 "know it, or needs something else for it", *line);
    }
    buf_free(&text);
    return ok;
}

static bool
take_outputs(struct run *run, struct build *build, struct end *end,
             struct fault *why)
{
    const struct build_recipe *recipe = run->order->recipe;
    struct build_part *parts =
        arena_alloc(run->arena, recipe->outputs_count * sizeof(*parts) + 1);
    char sha256[65];
    const char *path;
    unsigned i;

    for (i = 0; i < recipe->outputs_count; i++) {
        const struct build_output *output = &recipe->outputs[i];
        struct build_part *part = &parts[build->part_count];

        path = arena_printf(run->arena, "%s/%s", tree_dir(run, 0),
                            output->path);
        if (!build_output_is_for(output, run->arch)
            || (output->optional && !fs_exists(path)))
            continue;
        if (!fs_exists(path)) {
            end->pass = false;
            end->step = "outputs";
            buf_addf(&end->reason, "the build made no %s", output->path);
            return true;
        }
        if (!artefact_put_file(path, sha256, &part->bytes, why))
            return false;
        part->part = arena_strdup(run->arena, output->part);
        part->sha256 = arena_strdup(run->arena, sha256);
        build->part_count++;
    }
    build->parts = parts;
    return true;
}

/* The worktrees, the files beside them, and all steps. */
static bool
work(struct run *run, struct build *build, struct end *end,
     struct fault *why)
{
    const struct build_recipe *recipe = run->order->recipe;
    const char *const *line = run->order->kconfig;
    struct buf kconfig = BUF_INIT;
    unsigned i;
    bool ok = true;

    for (; line != NULL && *line != NULL; line++)
        buf_addf(&kconfig, "%s\n", *line);
    for (i = 0; ok && i < recipe->trees_count; i++) {
        tell(run, "check out %s %.12s", recipe->trees[i],
             run->order->trees[i].commit);
        ok = source_checkout(&run->order->trees[i].source,
                             run->order->trees[i].commit, tree_dir(run, i),
                             why);
    }
    if (!ok && why->kind != FAULT_CANCELLED)
        (void)is_full(run, why);
    ok = ok && fs_write_file(arena_printf(run->arena, "%s/kconfig", run->dir),
                             0644, buf_text(&kconfig), kconfig.len, why)
        && build_cc_make(run->root.dir == NULL ? "" : run->root.dir,
                         run->path, cross_prefix(run), run->dir,
                         arena_printf(run->arena, BIN, run->dir), why);
    end->pass = true;
    for (i = 0; ok && end->pass && i < recipe->steps_count; i++)
        ok = run_step(run, &recipe->steps[i], &end->pass, end, why);
    ok = ok && (!end->pass || (check_kconfig(run, end, why)
                               && (!end->pass
                                   || take_outputs(run, build, end, why))));
    buf_free(&kconfig);
    return ok;
}

/* All -------------------------------------------------------------------- */

/* The files first: after an interrupt git is not started any more, and the next
 * checkout makes it forget worktrees that are gone. */
static void
clean_up(struct run *run)
{
    const struct build_recipe *recipe = run->order->recipe;
    struct fault why = FAULT_INIT;
    unsigned i;

    if (!fs_remove_tree(run->dir, &why)) {
        tell(run, "%s stays: %s", run->dir, why.text);
        return;
    }
    for (i = 0; i < recipe->trees_count; i++)
        if (!source_remove(&run->order->trees[i].source, tree_dir(run, i),
                           &why))
            break;
}

static bool
save(struct run *run, struct db *db, struct build *build,
     const struct end *end, struct fault *why)
{
    struct utsname name = { .nodename = "" };
    char sha256[65];

    (void)uname(&name);
    build->pass = end->pass;
    build->step = end->pass ? NULL : end->step;
    build->reason = end->pass ? NULL
        : arena_strdup(run->arena, buf_text(&end->reason));
    build->node = arena_strdup(run->arena, name.nodename);
    if (!artefact_put_file(run->log, sha256, &build->log_bytes, why))
        return false;
    build->log = arena_strdup(run->arena, sha256);
    if (!build_db_save(db, build, why))
        return false;
    (void)unlink(run->log);
    return true;
}

static bool
build_it(struct run *run, struct db *db, struct build *build,
         struct fault *why)
{
    int64_t start = clock_mono_ms(clock_system());
    struct end end = { .pass = false, .reason = BUF_INIT };
    bool ok;

    run->until_ms = start + run->order->recipe->limit_ms;
    run->log_fd = open(run->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND
                       | O_CLOEXEC, 0644);
    ok = run->log_fd >= 0
        || fault_errno(why, FAULT_SYSTEM, "log %s", run->log);
    ok = ok && fs_mkdirs(run->dir, 0755, why)
        && work(run, build, &end, why);
    build->elapsed_ms = clock_mono_ms(clock_system()) - start;
    ok = ok && save(run, db, build, &end, why);
    fd_close(&run->log_fd);
    clean_up(run);
    buf_free(&end.reason);
    return ok;
}

/* A result counts as long as its files are there. */
static bool
find_done(struct run *run, struct db *db, struct build *out, bool *found_out,
          struct fault *why)
{
    size_t i;

    *found_out = false;
    if (!build_db_find(db, run->key, run->arena, out, found_out, why))
        return false;
    for (i = 0; *found_out && i < out->part_count; i++)
        if (!artefact_exists(out->parts[i].sha256)) {
            build_fini(out);
            *found_out = false;
        }
    return true;
}

/* Held by whoever builds these inputs, for as long as that lives. */
static bool
lock(const struct run *run, int *fd_out, struct fault *why)
{
    const char *path = arena_printf(run->arena, "%s.lock", run->dir);
    bool told = false;

    while (!fs_lock(path, false, fd_out, why)) {
        if (why->kind != FAULT_CONFLICT || !signals_check(why))
            return false;
        if (!told)
            tell(run, "another one builds the same: waiting for it");
        told = true;
        signals_pause_ms(LOCK_POLL_MS);
    }
    return true;
}

static bool
prepare(struct run *run, struct fault *why)
{
    const struct build_recipe *recipe = run->order->recipe;
    const char *home;

    run->arch = run->order->arch != NULL ? run->order->arch
                                         : build_machine_arch();
    if (run->arch == NULL)
        return fault_set(why, FAULT_USAGE, "this machine is neither amd64 "
                         "nor arm64: say --arch");
    run->of_arch = build_recipe_arch(recipe, run->arch);
    if (recipe->archs_count > 0 ? run->of_arch == NULL
        : build_machine_arch() == NULL
          || strcmp(run->arch, build_machine_arch()) != 0)
        return fault_set(why, FAULT_USAGE, "build '%s' is not for %s",
                         recipe->name, run->arch);
    make_env(run);
    return home_get(&home, why)
        && fs_mkdirs(home_path(run->arena, "cache/builds"), 0755, why)
        && (run->order->root == NULL
            || build_root_open(&run->root, run->arena, run->order->root,
                               (const char *const *)recipe->packages,
                               recipe->packages_count, why));
}

bool
build_run(struct db *db, const struct build_order *order,
          struct arena *arena, struct build *out, bool *reused_out,
          struct fault *why)
{
    struct run run = { .order = order, .arena = arena, .log_fd = -1 };
    json_t *inputs = NULL;
    int lock_fd = -1;
    bool ok;

    *reused_out = false;
    ok = prepare(&run, why) && make_inputs(&run, &inputs, why);
    if (!ok)
        goto out;
    run.dir = home_path(arena, "cache/builds/%.16s", run.key);
    run.log = arena_printf(arena, "%s.log", run.dir);
    make_step_env(&run);
    ok = lock(&run, &lock_fd, why)
        && (order->again || find_done(&run, db, out, reused_out, why));
    if (!ok || *reused_out)
        goto out;
    *out = (struct build){
        .key = arena_strdup(arena, run.key), .inputs = json_incref(inputs),
        .recipe = arena_strdup(arena, order->recipe->name),
        .arch = arena_strdup(arena, run.arch), .created_at = "now",
    };
    ok = build_it(&run, db, out, why);
    if (!ok)
        build_fini(out);
out:
    fd_close(&lock_fd);
    json_decref(inputs);
    strv_free(run.env);
    build_root_close(&run.root);
    return ok;
}

bool
build_find(struct db *db, const struct build_order *order,
           struct arena *arena, struct build *out, bool *found_out,
           struct fault *why)
{
    struct run run = { .order = order, .arena = arena, .log_fd = -1 };
    json_t *inputs = NULL;
    bool ok;

    ok = prepare(&run, why) && make_inputs(&run, &inputs, why)
        && find_done(&run, db, out, found_out, why);
    json_decref(inputs);
    strv_free(run.env);
    build_root_close(&run.root);
    return ok;
}
