/* bisector/account.c - the runs of a search, as its journal tells them. */
#include <config.h>

#include "bisector/account.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bisector/graph.h"
#include "bisector/journal.h"
#include "harness/json.h"
#include "harness/mem.h"

static void
add(struct account *account, const json_t *line,
    const struct journal_run *run)
{
    struct account_run *out;

    account->runs = xgrow(account->runs, &account->cap, account->count,
                          sizeof(*account->runs));
    out = &account->runs[account->count++];
    *out = (struct account_run){
        .at = run->at, .result = run->result, .value = run->value,
        .ms = json_int(line, "ms", -1),
        .wall_ms = json_int(line, "wall", -1),
        .reason = json_text(line, "reason"),
        .output = json_text(line, "output"),
    };
    if (out->ms >= 0) {
        account->ms += out->ms;
        account->timed++;
    }
    if (out->reason != NULL && strcmp(out->reason, ACCOUNT_DIFFERENT) == 0)
        account->different++;
}

bool
account_read(const struct journal *journal, const struct graph *graph,
             struct account *out, struct fault *why)
{
    struct journal_run run;
    const json_t *line;
    size_t i;

    *out = (struct account){ .runs = NULL };
    json_array_foreach(journal->lines, i, line) {
        if (!journal_run(journal, graph, i, &run, why))
            return false;
        if (run.is_run)
            add(out, line, &run);
    }
    return true;
}

void
account_fini(struct account *account)
{
    free(account->runs);
    *account = (struct account){ .runs = NULL };
}

int64_t
account_left_ms(const struct account *account, double runs)
{
    if (account->timed == 0)
        return -1;
    return llround((double)account->ms / (double)account->timed * runs);
}

const struct account_run *
account_last(const struct account *account, enum search_result result,
             size_t tree, uint32_t node)
{
    const struct account_run *last = NULL;
    size_t i;

    for (i = account->count; i-- > 0;) {
        if (account->runs[i].result != result)
            continue;
        if (account->runs[i].at.at[tree] == node)
            return &account->runs[i];
        if (last == NULL)
            last = &account->runs[i];
    }
    return last;
}
