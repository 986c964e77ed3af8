/* tests/harness/history-check.c - reads histories of a lab, an event a line,
 * and says which rule one breaks. It knows the rules and nothing else: no part
 * of Assay but its string functions is linked in.
 *
 *     TIME history SEED           a new lab
 *     TIME host H good|bad
 *     TIME queue J N              job J waits, it needs N hosts
 *     TIME task T                 a process that may own hosts
 *     TIME take T J H...          it got these, in one transaction
 *     TIME start T J              it works on them
 *     TIME end T J RESULT         the job is over
 *     TIME yield T J              it gave way: it waits again
 *     TIME free T H
 *     TIME dead T                 the process is gone
 *     TIME over
 *
 * Rules: nobody gets a host that another has, or a bad one; a job's hosts are
 * taken together, all of them; it works only on what it has; two never work on
 * one job; who gives way was at work, and has nothing more to say of the job;
 * of a dead process everything is free again within HELD_MAX; in the
 * end each job has ended once and each host is free. */
#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/attr.h"
#include "harness/buf.h"

#define HELD_MAX 300            /* seconds */
#define IDS_MAX 4096
#define WORDS_MAX 64

struct lab {
    int64_t seed, now;
    int owner[IDS_MAX];         /* of a host: a task, 0 nobody */
    bool bad[IDS_MAX];
    int needs[IDS_MAX];         /* of a job: hosts; 0: unknown job */
    int worker[IDS_MAX];
    int gave[IDS_MAX];          /* of a task: the job it gave up, + 1 */
    int ends[IDS_MAX];
    bool known[IDS_MAX];        /* a task */
    int64_t died[IDS_MAX];      /* 0: lives */
    int job_of[IDS_MAX];        /* of a task: what it took hosts for */
    bool over;
};

static struct lab lab;
static int histories;

/* Always false. */
static bool
broken(const char *rule)
{
    printf("history %" PRId64 " at %" PRId64 ": %s\n", lab.seed, lab.now,
           rule);
    return false;
}

static int
hosts_of(int task)
{
    int count = 0;

    for (int h = 0; h < IDS_MAX; h++)
        count += task != 0 && lab.owner[h] == task;
    return count;
}

static bool
pass_time(void)
{
    for (int h = 0; h < IDS_MAX; h++) {
        int task = lab.owner[h];

        if (task != 0 && lab.died[task] != 0
            && lab.now > lab.died[task] + HELD_MAX)
            return broken("a host is held by nobody");
    }
    return true;
}

static bool
take(const int *ids, int count)
{
    int task = ids[0], job = ids[1];

    if (!lab.known[task] || lab.died[task] != 0)
        return broken("a process that is not there takes hosts");
    if (lab.needs[job] == 0 || lab.ends[job] > 0)
        return broken("hosts for a job that does not wait");
    if (count - 2 != lab.needs[job] || hosts_of(task) > 0)
        return broken("half of what a job needs is held");
    for (int i = 2; i < count; i++) {
        if (lab.owner[ids[i]] != 0)
            return broken("a host is booked twice");
        if (lab.bad[ids[i]])
            return broken("a bad host is given");
        lab.owner[ids[i]] = task;
    }
    lab.job_of[task] = job;
    return true;
}

static bool
start(int task, int job)
{
    if (lab.job_of[task] != job || hosts_of(task) != lab.needs[job])
        return broken("a job works on hosts that it has not got");
    if (lab.worker[job] != 0 && lab.died[lab.worker[job]] == 0)
        return broken("two work on one job");
    lab.worker[job] = task;
    return true;
}

static bool
yield(int task, int job)
{
    if (lab.worker[job] != task || lab.ends[job] > 0)
        return broken("a job gives way that is not at work");
    lab.worker[job] = 0;
    lab.gave[task] = job + 1;
    return true;
}

static bool
end_job(int task, int job)
{
    if (task != 0 && lab.gave[task] == job + 1)
        return broken("who gave a job up ends it");
    if (lab.needs[job] == 0 || lab.ends[job]++ > 0)
        return broken("a job ends that is not there, or twice");
    lab.worker[job] = 0;
    return true;
}

static bool
over(void)
{
    lab.over = true;
    histories++;
    for (int i = 0; i < IDS_MAX; i++) {
        if (lab.owner[i] != 0)
            return broken("a host is never free again");
        if (lab.needs[i] != 0 && lab.ends[i] != 1)
            return broken("a job is lost");
    }
    return true;
}

static bool
event(const char *what, const int *ids, int count, const char *last)
{
    if (strcmp(what, "host") == 0 && count == 1)
        lab.bad[ids[0]] = strcmp(last, "bad") == 0;
    else if (strcmp(what, "queue") == 0 && count == 2)
        lab.needs[ids[0]] = ids[1];
    else if (strcmp(what, "task") == 0 && count == 1)
        lab.known[ids[0]] = true;
    else if (strcmp(what, "take") == 0 && count > 2)
        return take(ids, count);
    else if (strcmp(what, "start") == 0 && count == 2)
        return start(ids[0], ids[1]);
    else if (strcmp(what, "end") == 0 && count == 2)
        return end_job(ids[0], ids[1]);
    else if (strcmp(what, "yield") == 0 && count == 2)
        return yield(ids[0], ids[1]);
    else if (strcmp(what, "free") == 0 && count == 2) {
        if (lab.owner[ids[1]] != ids[0])
            return broken("somebody frees what another has");
        lab.owner[ids[1]] = 0;
    } else if (strcmp(what, "dead") == 0 && count == 1)
        lab.died[ids[0]] = lab.now;
    else if (strcmp(what, "over") == 0 && count == 0)
        return over();
    else
        return broken("an event that nobody knows");
    return true;
}

static bool
read_line(char *line)
{
    char *word, *what = NULL, *last = NULL;
    int64_t time = -1, id;
    int ids[WORDS_MAX], count = 0;

    while ((word = strsep(&line, " \n")) != NULL) {
        if (word[0] == '\0')
            continue;
        last = word;
        if (time < 0) {
            if (!parse_int64(word, 0, INT64_MAX, &time))
                return broken("a line without a time");
        } else if (what == NULL) {
            what = word;
        } else if (count < WORDS_MAX
                   && parse_int64(word, 0, strcmp(what, "history") == 0
                                  ? INT32_MAX : IDS_MAX - 1, &id)) {
            ids[count++] = (int)id;
        }
    }
    if (what == NULL)
        return broken("an empty line");
    if (strcmp(what, "history") == 0) {
        if (histories > 0 && !lab.over)
            return broken("a history without an end");
        lab = (struct lab){ .seed = count > 0 ? ids[0] : 0, .now = time };
        return true;
    }
    if (time < lab.now || lab.over)
        return broken("time goes backwards");
    lab.now = time;
    return pass_time() && event(what, ids, count, last);
}

int
main(void)
{
    char line[4096];

    while (fgets(line, sizeof line, stdin) != NULL)
        if (!read_line(line))
            return 1;
    if (!lab.over) {
        printf("the last history has no end\n");
        return 1;
    }
    printf("%d histories, no rule broken\n", histories);
    return 0;
}
