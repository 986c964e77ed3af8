/* results/issue_reach.c - see issue_reach.h. The SQL is issue_db.c's. */
#include <config.h>

#include "results/issue_reach.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "results/issue_db.h"
#include "results/repo.h"

bool
issue_reach_add(struct db *db, int64_t issue, const char *tree,
                const char *revision, const char *author, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *root, *commit = NULL;
    bool ok;

    ok = home_get(&root, why)
        && repo_resolve(root, tree, revision, &arena, &commit, why)
        && issue_commit(db, issue, tree, commit, author, why);
    arena_free(&arena);
    return ok;
}

bool
issue_reach_ask(struct db *db, int64_t issue, struct arena *arena,
                struct issue_answer **out, size_t *count_out,
                struct fault *why)
{
    const char *root;
    bool ok;

    ok = home_get(&root, why)
        && issue_asks(db, issue, arena, out, count_out, why);
    for (size_t i = 0; ok && i < *count_out; i++) {
        struct issue_answer *answer = &(*out)[i];
        const char *commits[] = { answer->commit, answer->tested };
        struct fault none = FAULT_INIT;
        const char *path = NULL;

        answer->known = repo_find(root, answer->tree, commits,
                                  ARRAY_LEN(commits), arena, &path, &none)
            && repo_contains(path, answer->commit, answer->tested,
                             &answer->contains, &none);
        if (answer->known)
            ok = issue_reached(db, answer, why);
        else
            answer->note = arena_strdup(arena, none.text);
    }
    return ok;
}
