/* harness/git.h - git plumbing, run as a program, without a shell. It never
 * asks for a password: who has no key fails. */
#ifndef HARNESS_GIT_H
#define HARNESS_GIT_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct buf;
struct fault;

#define GIT_ARGS(...) ((const char *const []){ __VA_ARGS__, NULL })
/* What one talk with another machine may take. */
#define GIT_REMOTE_LIMIT_MS (30 * 60 * 1000)

/* Runs git in 'dir' (NULL: where we are). Its output is appended to 'out', or
 * lost when that is NULL. 'code_out' (or NULL) takes the exit status, and then
 * a status other than 0 is no failure. 'limit_ms' as proc_run() has it. */
MUST_CHECK bool git_run(const char *dir, const char *const *args,
                        int64_t limit_ms, struct buf *out, int *code_out,
                        struct fault *why);
/* What it says, without the newline; malloc'ed. */
MUST_CHECK bool git_line(const char *dir, const char *const *args, char **out,
                         struct fault *why);

/* A whole name of an object, 40 or 64 lower-case hexadecimal digits. */
bool git_is_revision(const char *text);
/* A whole name of a ref that git would take: "refs/heads/master". */
bool git_is_ref(const char *text);

/* What 'ref' of the repository at 'url' is now; '*revision_out' (malloc'ed) is
 * NULL when there is no such ref. FAULT_PEER when it cannot be asked. */
MUST_CHECK bool git_remote_ref(const char *url, const char *ref,
                               char **revision_out, struct fault *why);

enum git_push {
    GIT_PUSH_NONE = 0,
    GIT_PUSH_DONE,              /* the ref was 'old' and is 'new' now */
    GIT_PUSH_ALREADY,           /* somebody had set it to 'new' before */
    GIT_PUSH_LOST               /* it was something else; nothing changed */
};
/* Sets 'ref' at 'url' to the commit 'new', which 'dir' has, if it is 'old' at
 * that moment. '*found_out' (malloc'ed) is what it is after; NULL: it is not
 * there. A push that the other side refuses is FAULT_PEER. */
MUST_CHECK bool git_push(const char *dir, const char *url, const char *ref,
                         const char *old, const char *new,
                         enum git_push *how_out, char **found_out,
                         struct fault *why);

#endif
