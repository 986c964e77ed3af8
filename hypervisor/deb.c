/* hypervisor/deb.c - Debian packages, by apt in a private root. */
#include <config.h>

#include "hypervisor/deb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "harness/strv.h"

#define APT_LIMIT_MS (20 * 60 * 1000)
#define TEXT_MAX_BYTES ((size_t)4 << 20)
#define LOG_TAIL_BYTES 4000
#define SPARE_BYTES ((int64_t)256 << 20)

/* Below DIR/cache/apt/SUITE-ARCH:
 *   apt.conf, sources.list, status     how this apt is different
 *   state/, none/                      its own
 *   debs/                              what was fetched
 *   fresh                              its time: when the lists were */
struct deb_root {
    const struct deb_options *options;
    struct arena arena;
    char *dir, *debs;
    char *env[4];
    int lock_fd;
};

static void
tell(const struct deb_root *root, const char *what, int64_t done,
     int64_t total)
{
    if (root->options->progress != NULL)
        root->options->progress(root->options->owner, what, done, total);
}

/* Runs a tool of apt: with our configuration, or as the machine's own. */
static bool
run_apt(struct deb_root *root, const char *const argv[], bool ours,
        struct buf *out, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;

    spec.argv = argv;
    spec.env_add = strv_const(ours ? root->env : root->env + 1);
    return proc_run_spec(&spec, NULL, 0, APT_LIMIT_MS, out, NULL, why);
}

/* The machine's settings of how to fetch (proxies and the like) are ours too;
 * its hooks, pins and targets are not. */
static void
copy_settings(const char *dump, struct buf *out)
{
    static const char *const skipped[] = {
        "Acquire::IndexTargets", "Acquire::Languages", "Acquire::Changelogs",
    };
    const char *line, *next;
    size_t i;

    for (line = dump; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n' ? 1 : 0;
        for (i = 0; i < ARRAY_LEN(skipped); i++)
            if (strncmp(line, skipped[i], strlen(skipped[i])) == 0)
                break;
        if (i == ARRAY_LEN(skipped) && strncmp(line, "Acquire::", 9) == 0)
            buf_add(out, line, (size_t)(next - line));
    }
}

static bool
write_config(struct deb_root *root, struct fault *why)
{
    static const char *const argv[] = { "apt-config", "dump", NULL };
    struct buf dump = BUF_INIT, out = BUF_INIT;
    const char *dir = root->dir, *arch = root->options->arch;
    bool ok;

    ok = run_apt(root, argv, false, &dump, why);
    if (!ok)
        goto out;
    buf_addf(&out, "Dir \"%s\";\nDir::Cache \"%s/state\";\n"
             "Dir::Cache::archives \"%s/none\";\n", dir, dir, dir);
    buf_addf(&out, "Dir::State \"%s/state\";\n"
             "Dir::State::lists \"%s/state/lists\";\n"
             "Dir::State::status \"%s/status\";\nDir::Log \"%s/state\";\n",
             dir, dir, dir, dir);
    buf_addf(&out, "Dir::Etc::sourcelist \"%s/sources.list\";\n", dir);
    buf_adds(&out, "Dir::Etc::sourceparts \"/dev/null\";\n"
             "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n"
             "Dir::Etc::preferences \"/dev/null\";\n"
             "Dir::Etc::preferencesparts \"/dev/null\";\n"
             "Dir::Etc::netrc \"/etc/apt/auth.conf\";\n"
             "Dir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n");
    /* The caller's own rights will do; root's _apt cannot write here. */
    buf_adds(&out, "APT::Sandbox::User \"\";\n"
             "APT::Install-Recommends \"0\";\n"
             "APT::Get::Assume-Yes \"1\";\n"
             "APT::Get::Show-User-Simulation-Note \"0\";\n"
             "Debug::NoLocking \"1\";\nAcquire::Languages \"none\";\n"
             "Acquire::ForceHash \"SHA256\";\nAcquire::Retries \"3\";\n");
    buf_addf(&out, "APT::Architecture \"%s\";\n"
             "APT::Architectures { \"%s\"; };\n", arch, arch);
    copy_settings(buf_text(&dump), &out);
    ok = fs_write_file(arena_printf(&root->arena, "%s/apt.conf", dir), 0644,
                       buf_text(&out), out.len, why)
        && fs_write_file(arena_printf(&root->arena, "%s/status", dir), 0644,
                         "", 0, why);
out:
    buf_free(&out);
    buf_free(&dump);
    return ok;
}

/* VERSION_CODENAME of os-release is also what the machine's sources say. */
bool
deb_own_suite(struct arena *arena, char **out, struct fault *why)
{
    static const char key[] = "VERSION_CODENAME=";
    struct buf text = BUF_INIT;
    const char *at;
    size_t len;
    bool ok;

    ok = fs_read_file("/etc/os-release", TEXT_MAX_BYTES, &text, why);
    if (!ok)
        goto out;
    at = strstr(buf_text(&text), key);
    at = at == NULL ? "unstable" : at + strlen(key);
    at += *at == '"' ? 1 : 0;
    len = strcspn(at, "\"\n");
    *out = arena_printf(arena, "%.*s", (int)len, at);
out:
    buf_free(&text);
    return ok;
}

static const char *
keyring_path(void)
{
    static const char *const paths[] = {
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "/usr/share/keyrings/debian-archive-keyring.pgp",
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(paths); i++)
        if (fs_exists(paths[i]))
            return paths[i];
    return NULL;
}

/* 'changed_out': the mirror is another one than last time. */
static bool
write_sources(struct deb_root *root, bool *changed_out, struct fault *why)
{
    static const char *const argv[] = {
        "apt-get", "indextargets", "--format",
        "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", NULL,
    };
    char *file = arena_printf(&root->arena, "%s/sources.list", root->dir);
    const char *keyring = keyring_path();
    struct buf targets = BUF_INIT, old = BUF_INIT;
    struct fault unused = FAULT_INIT;
    char *suite = NULL, *text = NULL;
    bool ok;

    ok = keyring != NULL;
    if (!ok) {
        fault_set(why, FAULT_CONFIG, "the Debian archive's keys are missing");
        fault_hint(why, "apt install debian-archive-keyring");
        goto out;
    }
    ok = deb_own_suite(&root->arena, &suite, why)
        && run_apt(root, argv, false, &targets, why)
        && deb_make_sources(buf_text(&targets), suite, root->options->suite,
                            root->options->sources, keyring, &text, why);
    if (!ok)
        goto out;
    *changed_out = !fs_read_file(file, TEXT_MAX_BYTES, &old, &unused)
        || strcmp(buf_text(&old), text) != 0;
    ok = !*changed_out
        || fs_write_file(file, 0644, text, strlen(text), why);
out:
    free(text);
    buf_free(&old);
    buf_free(&targets);
    return ok;
}

static bool
lists_are_fresh(const struct deb_root *root, const char *stamp)
{
    struct stat st;
    time_t now = time(NULL);

    if (stat(stamp, &st) != 0)
        return false;
    return root->options->offline
        || (st.st_mtime <= now
            && (int64_t)(now - st.st_mtime) * 1000
                < root->options->max_age_ms);
}

static bool
no_such_suite(const struct fault *why)
{
    return strstr(why->detail, "does not have a Release file") != NULL
        || strstr(why->detail, "no longer has a Release file") != NULL;
}

static bool
update(struct deb_root *root, struct fault *why)
{
    static const char *const argv[] = { "apt-get", "-q", "--error-on=any",
                                        "update", NULL };
    char *stamp = arena_printf(&root->arena, "%s/fresh", root->dir);
    const struct deb_options *options = root->options;
    struct fault cause = FAULT_INIT;
    bool changed = false;

    if (!write_sources(root, &changed, why))
        return false;
    if (changed && !options->offline)
        unlink(stamp);
    if (lists_are_fresh(root, stamp))
        return true;
    if (options->offline)
        return fault_set(why, FAULT_NOT_FOUND, "the cache has no package "
                         "lists of %s for %s", options->suite, options->arch);
    tell(root, "asking the mirror", 0, 0);
    if (run_apt(root, argv, true, NULL, &cause))
        return fs_write_file(stamp, 0644, "", 0, why);
    if (cause.kind == FAULT_CANCELLED) {
        *why = cause;
        return false;
    }
    if (no_such_suite(&cause))
        return fault_set(why, FAULT_NOT_FOUND, "the mirror has no suite '%s'",
                         options->suite);
    if (fs_exists(stamp)) {
        log_fault(LOG_LEVEL_WARN, &cause, "the mirror does not answer; using "
                  "the package lists of %s as they are", options->suite);
        return true;
    }
    *why = cause;
    return fault_context(why, "fetch the package lists of %s",
                         options->suite);
}

bool
deb_open(const struct deb_options *options, struct deb_root **out,
         struct fault *why)
{
    static const char *const parts[] = { "", "/state/lists/partial", "/none",
                                         "/none/partial", "/debs" };
    struct deb_root *root = xcalloc(1, sizeof(*root));
    const char *home;
    size_t i;
    bool ok;

    root->options = options;
    root->lock_fd = -1;
    ok = name_is_safe(options->suite, 60);
    if (!ok) {
        fault_set(why, FAULT_USAGE, "'%s' is no name of a suite",
                  options->suite);
        goto out;
    }
    ok = home_get(&home, why);
    if (!ok)
        goto out;
    root->dir = arena_printf(&root->arena, "%s/cache/apt/%s-%s%s%s", home,
                             options->suite, options->arch,
                             options->purpose == NULL ? "" : "-",
                             options->purpose == NULL ? "" : options->purpose);
    root->debs = arena_printf(&root->arena, "%s/debs", root->dir);
    root->env[0] = arena_printf(&root->arena, "APT_CONFIG=%s/apt.conf",
                                root->dir);
    root->env[1] = arena_printf(&root->arena, "LC_ALL=C");
    root->env[2] = arena_printf(&root->arena, "DEBIAN_FRONTEND=noninteractive");
    for (i = 0; ok && i < ARRAY_LEN(parts); i++)
        ok = fs_mkdirs(arena_printf(&root->arena, "%s%s", root->dir,
                                    parts[i]), 0755, why);
    ok = ok && fs_lock(arena_printf(&root->arena, "%s/lock", root->dir), true,
                       &root->lock_fd, why)
        && write_config(root, why)
        && update(root, why);
    if (ok) {
        *out = root;
        root = NULL;
    } else if (why->kind == FAULT_NOT_FOUND && root->dir != NULL) {
        struct fault unused = FAULT_INIT;

        /* A mistyped suite leaves no trace. */
        if (!fs_exists(arena_printf(&root->arena, "%s/fresh", root->dir))
            && !fs_remove_tree(root->dir, &unused))
            log_fault(LOG_LEVEL_WARN, &unused, "clean up");
    }
out:
    deb_close(root);
    return ok;
}

void
deb_close(struct deb_root *root)
{
    if (root == NULL)
        return;
    fd_close(&root->lock_fd);
    arena_free(&root->arena);
    free(root);
}

static bool
no_such_package(struct fault *why)
{
    char *at = strstr(why->detail, "Unable to locate package ");
    char *name;

    if (at == NULL)
        return false;
    at += strlen("Unable to locate package ");
    name = xstrndup(at, strcspn(at, "\n"));
    fault_set(why, FAULT_NOT_FOUND, "there is no package '%s'", name);
    why->detail[0] = '\0';
    free(name);
    return true;
}

bool
deb_resolve(struct deb_root *root, const char *const *names,
            struct deb_package **out, size_t *count_out, struct fault *why)
{
    static const char *const command[] = { "apt-get", "-qq", "--print-uris",
                                           "install", "--", NULL };
    struct buf text = BUF_INIT;
    char **argv = strv_copy(command);
    size_t i;
    bool ok;

    for (i = 0; names[i] != NULL; i++)
        strv_add(&argv, names[i]);
    ok = run_apt(root, strv_const(argv), true, &text, why);
    if (!ok) {
        no_such_package(why);
        fault_context(why, "%s for %s", root->options->suite,
                      root->options->arch);
    }
    ok = ok && deb_parse_uris(buf_text(&text), root->debs, out, count_out,
                              why);
    strv_free(argv);
    buf_free(&text);
    return ok;
}

/* Is it there, and what it must be? A wrong one is taken away. */
static bool
is_good(const struct deb_package *package)
{
    struct fault why = FAULT_INIT;
    struct stat st;
    char hex[65];

    if (stat(package->file, &st) != 0)
        return false;
    if (st.st_size == package->bytes
        && fs_sha256_file(package->file, hex, NULL, &why)
        && strcmp(hex, package->sha256) == 0)
        return true;
    log_warn("%s in the cache is damaged; fetching it again", package->file);
    unlink(package->file);
    return false;
}

/* "dlstatus:3:41.2:Retrieving file 3 of 7 (2s remaining)" */
static void
report(const struct deb_root *root, char *line, int64_t total)
{
    char *save = NULL, *word;
    double percent;

    word = strtok_r(line, ":", &save);
    if (word == NULL || strcmp(word, "dlstatus") != 0
        || strtok_r(NULL, ":", &save) == NULL)
        return;
    word = strtok_r(NULL, ":", &save);
    if (word != NULL && parse_double(word, &percent) && percent >= 0
        && percent <= 100)
        tell(root, "fetching packages", (int64_t)((double)total * percent
                                                  / 100), total);
}

/* Reads apt's progress until it closes it. */
static bool
follow(const struct deb_root *root, int fd, int64_t total, struct fault *why)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    struct buf line = BUF_INIT;
    char chunk[512];
    char *nl;
    ssize_t n = 1;
    bool ok = true;

    while (ok && n != 0) {
        ok = signals_check(why);
        if (!ok || poll(&poll_fd, 1, 200) <= 0)
            continue;
        n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno != EINTR)
            ok = fault_errno(why, FAULT_SYSTEM, "read apt's progress");
        if (n <= 0)
            continue;
        buf_add(&line, chunk, (size_t)n);
        while ((nl = memchr(line.data, '\n', line.len)) != NULL) {
            *nl = '\0';
            n = nl - line.data + 1;
            report(root, line.data, total);
            buf_drop(&line, (size_t)n);
        }
    }
    buf_free(&line);
    return ok;
}

static void
add_log(const char *file, struct fault *why)
{
    struct buf text = BUF_INIT;
    struct fault unused = FAULT_INIT;
    size_t from;

    if (fs_read_file(file, TEXT_MAX_BYTES, &text, &unused)) {
        from = text.len > LOG_TAIL_BYTES ? text.len - LOG_TAIL_BYTES : 0;
        fault_detail(why, text.data == NULL ? "" : text.data + from,
                     text.len - from);
    }
    buf_free(&text);
}

/* Waits for a child that has closed its progress, or was killed. */
static void
wait_for(pid_t pid, struct proc_status *status)
{
    while (!proc_poll_end(pid, status))
        signals_pause_ms(10);
}

static bool
download(struct deb_root *root, char *const *argv, int64_t total,
         struct fault *why)
{
    char *log = arena_printf(&root->arena, "%s/download.log", root->dir);
    struct proc_status status = { .end = PROC_END_NONE };
    struct proc_spec spec = PROC_SPEC_INIT;
    int pipe_fd[2] = { -1, -1 }, log_fd = -1;
    pid_t pid = 0;
    bool ok;

    log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ok = log_fd >= 0 && pipe2(pipe_fd, O_CLOEXEC) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "prepare %s", log);
        goto out;
    }
    spec.argv = strv_const(argv);
    spec.env_add = strv_const(root->env);
    spec.cwd = root->debs;
    spec.fds[1] = log_fd;
    spec.fds[2] = log_fd;
    spec.fds[3] = pipe_fd[1];
    spec.die_with_parent = true;
    ok = proc_start(&spec, &pid, why);
    if (!ok)
        goto out;
    fd_close(&pipe_fd[1]);
    ok = follow(root, pipe_fd[0], total, why);
    if (!ok)
        proc_kill_group(pid);
    wait_for(pid, &status);
    if (ok && !proc_status_ok(status)) {
        ok = fault_set(why, FAULT_PEER, "cannot fetch packages of %s",
                       root->options->suite);
        add_log(log, why);
    }
out:
    fd_close(&log_fd);
    fd_close(&pipe_fd[0]);
    fd_close(&pipe_fd[1]);
    return ok;
}

static bool
check_room(const struct deb_root *root, int64_t bytes, struct fault *why)
{
    int64_t have = fs_free_bytes(root->debs);

    if (have < 0 || have >= bytes + SPARE_BYTES)
        return true;
    return fault_set(why, FAULT_SYSTEM, "no room in %s: %lld MB of packages "
                     "to fetch, %lld MB free", root->debs,
                     (long long)(bytes >> 20), (long long)(have >> 20));
}

static bool
check_all(const struct deb_package *packages, size_t count,
          struct fault *why)
{
    char hex[65];
    size_t i;

    for (i = 0; i < count; i++) {
        if (!signals_check(why)
            || !fs_sha256_file(packages[i].file, hex, NULL, why))
            return false;
        if (strcmp(hex, packages[i].sha256) == 0)
            continue;
        unlink(packages[i].file);
        return fault_set(why, FAULT_DATA, "package %s %s is damaged: its "
                         "SHA-256 is %s, not %s", packages[i].name,
                         packages[i].version, hex, packages[i].sha256);
    }
    return true;
}

/* Old versions would pile up, 100 MB each. */
static void
prune(const struct deb_root *root, const struct deb_package *packages,
      size_t count)
{
    struct dirent *entry;
    DIR *stream = opendir(root->debs);
    size_t i, len;

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        len = strlen(entry->d_name);
        if (len < 4 || strcmp(entry->d_name + len - 4, ".deb") != 0)
            continue;
        for (i = 0; i < count; i++)
            if (strcmp(strrchr(packages[i].file, '/') + 1, entry->d_name)
                == 0)
                break;
        if (i == count)
            unlinkat(dirfd(stream), entry->d_name, 0);
    }
    if (stream != NULL)
        closedir(stream);
}

bool
deb_fetch(struct deb_root *root, const struct deb_package *packages,
          size_t count, struct fault *why)
{
    static const char *const command[] = {
        "apt-get", "-q", "-o", "APT::Status-Fd=3", "download", "--", NULL,
    };
    char **argv = strv_copy(command);
    size_t missing = 0, i;
    int64_t bytes = 0;
    bool ok = true;

    tell(root, "checking packages", 0, 0);
    for (i = 0; ok && i < count; i++) {
        ok = signals_check(why);
        if (!ok || is_good(&packages[i]))
            continue;
        strv_add(&argv, arena_printf(&root->arena, "%s=%s", packages[i].name,
                                     packages[i].version));
        bytes += packages[i].bytes;
        missing++;
    }
    if (ok && missing > 0 && root->options->offline)
        ok = fault_set(why, FAULT_NOT_FOUND, "%zu packages of %s for %s are "
                       "not in the cache", missing, root->options->suite,
                       root->options->arch);
    if (ok && missing > 0)
        ok = check_room(root, bytes, why) && download(root, argv, bytes, why)
            && check_all(packages, count, why);
    if (ok)
        prune(root, packages, count);
    strv_free(argv);
    return ok;
}

bool
deb_list_source(struct deb_root *root, const char *name, char ***out,
                struct fault *why)
{
    const char *const argv[] = { "apt-cache", "showsrc", "--only-source",
                                 "--", name, NULL };
    struct buf text = BUF_INIT;
    bool ok = run_apt(root, argv, true, &text, why);

    if (ok)
        deb_parse_showsrc(buf_text(&text), name, out);
    else if (strstr(why->detail, "Unable to locate package") != NULL)
        ok = true;
    buf_free(&text);
    return ok;
}

bool
deb_fetch_source(struct deb_root *root, const char *name,
                 const char *version, const char *dir, struct fault *why)
{
    const char *const argv[] = {
        "apt-get", "-q", "--only-source", "--download-only", "source", "--",
        arena_printf(&root->arena, "%s=%s", name, version), NULL
    };
    struct proc_spec spec = PROC_SPEC_INIT;

    tell(root, arena_printf(&root->arena, "fetching %s %s", name, version),
         0, 0);
    spec.argv = argv;
    spec.env_add = strv_const(root->env);
    spec.cwd = dir;
    return proc_run_spec(&spec, NULL, 0, APT_LIMIT_MS, NULL, NULL, why)
        || fault_context(why, "fetch the source of %s %s", name, version);
}
