/* harness/git.c - see git.h. */
#include <config.h>

#include "harness/git.h"

#include <string.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/strv.h"

bool
git_run(const char *dir, const char *const *args, int64_t limit_ms,
        struct buf *out, int *code_out, struct fault *why)
{
    /* ssh would ask on the terminal, where nobody may sit. */
    static const char *const env[] = {
        "GIT_TERMINAL_PROMPT=0", "SSH_ASKPASS=/bin/false",
        "SSH_ASKPASS_REQUIRE=force", "LC_ALL=C", NULL
    };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct proc_status status;
    char **argv = NULL;
    bool ok;

    strv_add(&argv, "git");
    if (dir != NULL) {
        strv_add(&argv, "-C");
        strv_add(&argv, dir);
    }
    for (size_t i = 0; args[i] != NULL; i++)
        strv_add(&argv, args[i]);
    spec.argv = strv_const(argv);
    spec.env_add = env;
    ok = proc_run_spec(&spec, NULL, 0, limit_ms, out, &status, why);
    if (code_out != NULL && status.end == PROC_END_EXIT) {
        *code_out = status.code;
        ok = true;
    }
    strv_free(argv);
    return ok;
}

bool
git_line(const char *dir, const char *const *args, char **out,
         struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok = git_run(dir, args, 0, &text, NULL, why);

    if (ok) {
        while (text.len > 0 && text.data[text.len - 1] == '\n')
            text.data[--text.len] = '\0';
        buf_adds(&text, "");
        *out = buf_take(&text);
    }
    buf_free(&text);
    return ok;
}

bool
git_is_revision(const char *text)
{
    size_t len = strspn(text, "0123456789abcdef");

    return text[len] == '\0' && (len == 40 || len == 64);
}

/* The rules of git-check-ref-format(1). */
bool
git_is_ref(const char *text)
{
    size_t len = strlen(text);

    if (strncmp(text, "refs/", 5) != 0 || len > 200 || text[len - 1] == '/' ||
        text[len - 1] == '.' || strstr(text, "..") != NULL ||
        strstr(text, "//") != NULL || strstr(text, "/.") != NULL ||
        strstr(text, "@{") != NULL || strstr(text, ".lock/") != NULL ||
        (len > 5 && strcmp(text + len - 5, ".lock") == 0))
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p >= 0x7f || strchr("~^:?*[\\", *p) != NULL)
            return false;
    return true;
}

bool
git_remote_ref(const char *url, const char *ref, char **revision_out,
               struct fault *why)
{
    struct buf text = BUF_INIT;
    char *rest, *line;
    bool ok;

    *revision_out = NULL;
    ok = git_run(NULL, GIT_ARGS("ls-remote", "-q", "--", url, ref),
                 GIT_REMOTE_LIMIT_MS, &text, NULL, why);
    if (!ok) {
        fault_context(why, "ask %s for %s", url, ref);
        goto out;
    }
    /* The pattern may match "refs/x/REF" too. */
    rest = text.data;
    while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
        char *name = strchr(line, '\t');

        if (name == NULL || strcmp(name + 1, ref) != 0)
            continue;
        *name = '\0';
        ok = git_is_revision(line);
        if (!ok)
            fault_set(why, FAULT_PEER, "%s says that %s is '%s'", url, ref,
                      line);
        else if (*revision_out == NULL)
            *revision_out = xstrdup(line);
    }
out:
    if (!ok)
        xfree_str(revision_out);
    buf_free(&text);
    return ok;
}

static bool
same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Before and after, the ref is looked at: the answer of a push that was cut
 * off is unknown, what the other side has is not. The lease is what decides
 * a race. */
bool
git_push(const char *dir, const char *url, const char *ref, const char *old,
         const char *new, enum git_push *how_out, char **found_out,
         struct fault *why)
{
    char *lease = xasprintf("--force-with-lease=%s:%s", ref, old);
    char *what = xasprintf("%s:%s", new, ref);
    struct fault push_why = FAULT_INIT;
    char *found = NULL;
    bool ok, pushed;

    must(git_is_revision(old) && git_is_revision(new) && git_is_ref(ref));
    ok = git_remote_ref(url, ref, &found, why);
    if (!ok)
        goto out;
    if (same(found, new) || !same(found, old)) {
        *how_out = same(found, new) ? GIT_PUSH_ALREADY : GIT_PUSH_LOST;
        goto out;
    }
    pushed = git_run(dir, GIT_ARGS("push", "-q", "--no-follow-tags",
                                   "--no-verify", lease, "--", url, what),
                     GIT_REMOTE_LIMIT_MS, NULL, NULL, &push_why);
    xfree_str(&found);
    ok = git_remote_ref(url, ref, &found, why);
    if (!ok)
        goto out;
    if (pushed && same(found, new)) {
        *how_out = GIT_PUSH_DONE;
    } else if (same(found, new)) {
        *how_out = GIT_PUSH_ALREADY;
    } else if (pushed || !same(found, old)) {
        /* Ours was overwritten at once, or another one came first. */
        *how_out = pushed ? GIT_PUSH_DONE : GIT_PUSH_LOST;
    } else {
        *why = push_why;
        ok = fault_context(why, "push %s to %s", new, ref);
    }
out:
    if (ok) {
        *found_out = found;
        found = NULL;
    }
    xfree_str(&found);
    xfree_str(&lease);
    xfree_str(&what);
    return ok;
}
