/* tests/harness/git-test.c - refs of real bare repositories: read, set, and
 * races for them lost. */
#include <config.h>

#include "harness/git.h"

#include "harness/buf.h"
#include "harness/mem.h"
#include "tests/tap.h"

static char *dir, *bare, *work;

static char *
git_out(const char *where, const char *const *args)
{
    struct fault why = FAULT_INIT;
    char *out = NULL;

    if (!git_line(where, args, &out, &why))
        tap_bail("git %s: %s\n%s", args[0], why.text, why.detail);
    return out;
}

static char *
commit(const char *message)
{
    free(git_out(work, GIT_ARGS("-c", "user.name=a", "-c", "user.email=a@b",
                                "commit", "-q", "--allow-empty", "-m",
                                message)));
    return git_out(work, GIT_ARGS("rev-parse", "HEAD"));
}

static void
write_hook(const char *name, const char *body)
{
    char *path = xasprintf("%s/hooks/%s", bare, name);
    struct fault why = FAULT_INIT;

    if (!fs_write_file(path, 0755, body, strlen(body), &why))
        tap_bail("%s", why.text);
    free(path);
}

static void
words(void)
{
    ok(git_is_revision("0123456789abcdef0123456789abcdef01234567"), "sha1");
    ok(!git_is_revision("0123456789abcdef0123456789abcdef0123456"),
       "39 digits are none");
    ok(!git_is_revision("0123456789ABCDEF0123456789abcdef01234567"),
       "nor are capitals");
    ok(!git_is_revision(""), "nor is nothing");
    ok(git_is_ref("refs/heads/stable-4.17"), "a ref");
    ok(!git_is_ref("master"), "a short name is none");
    ok(!git_is_ref("refs/heads/a b") && !git_is_ref("refs/heads/a..b") &&
       !git_is_ref("refs/heads/") && !git_is_ref("refs/heads/x.lock") &&
       !git_is_ref("refs/heads/*") && !git_is_ref("refs/heads/a:b"),
       "nor what git refuses");
}

int
main(void)
{
    struct fault why = FAULT_INIT;
    enum git_push how = GIT_PUSH_NONE;
    char *one, *two, *three, *found = NULL;

    words();
    dir = xstrdup(tap_dir());
    bare = xasprintf("%s/bare.git", dir);
    work = xasprintf("%s/work", dir);
    free(git_out(NULL, GIT_ARGS("init", "-q", "--bare", bare)));
    free(git_out(NULL, GIT_ARGS("init", "-q", work)));
    one = commit("one");
    two = commit("two");
    three = commit("three");

    ok_fault(git_remote_ref(bare, "refs/heads/out", &found, &why), &why,
             "asks");
    is_str(found, NULL, "a ref that is not there");
    free(git_out(work, GIT_ARGS("push", "-q", bare,
                                "HEAD~2:refs/heads/out")));
    free(git_out(work, GIT_ARGS("push", "-q", bare,
                                "HEAD:refs/x/refs/heads/out")));
    ok_fault(git_remote_ref(bare, "refs/heads/out", &found, &why), &why,
             "asks");
    is_str(found, one, "the ref of exactly this name");
    xfree_str(&found);
    not_ok_fault(git_remote_ref("/nowhere/x.git", "refs/heads/out", &found,
                                &why), &why, FAULT_PEER, "ask /nowhere",
                 "a repository that is not there");

    ok_fault(git_push(work, bare, "refs/heads/out", one, two, &how, &found,
                      &why), &why, "pushes");
    is_int(how, GIT_PUSH_DONE, "done");
    is_str(found, two, "and there");
    xfree_str(&found);
    ok_fault(git_push(work, bare, "refs/heads/out", one, two, &how, &found,
                      &why), &why, "the same again");
    is_int(how, GIT_PUSH_ALREADY, "is there already");
    xfree_str(&found);
    ok_fault(git_push(work, bare, "refs/heads/out", one, three, &how, &found,
                      &why), &why, "from another value");
    is_int(how, GIT_PUSH_LOST, "is lost");
    is_str(found, two, "and nothing changed");
    xfree_str(&found);

    /* Somebody else comes between our look and our push. */
    write_hook("pre-receive", "#!/bin/sh\n"
               "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY\n"
               "exec git update-ref refs/heads/out refs/heads/out~1\n");
    ok_fault(git_push(work, bare, "refs/heads/out", two, three, &how, &found,
                      &why), &why, "another one is quicker");
    is_int(how, GIT_PUSH_LOST, "that is lost too");
    is_str(found, one, "and the other's value stays");
    xfree_str(&found);

    write_hook("pre-receive", "#!/bin/sh\necho no >&2\nexit 1\n");
    not_ok_fault(git_push(work, bare, "refs/heads/out", one, two, &how,
                          &found, &why), &why, FAULT_PEER, "push ",
                 "the other side refuses");
    has_str(why.detail, "no", "and its words are kept");
    free(one);
    free(two);
    free(three);
    free(dir);
    free(bare);
    free(work);
    return tap_done();
}
