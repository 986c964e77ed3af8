/* harness/job_exit.h - what assay-job's exit status tells assayd.
 *
 * The row says how the job went; the status only says whether assayd has
 * anything to do. Whatever else it is (a signal, 75), the task's lock is gone
 * and the reaper makes the job broken, unless it never took the job: then
 * assayd starts another runner, a few times. */
#ifndef HARNESS_JOB_EXIT_H
#define HARNESS_JOB_EXIT_H

/* The job has a final status; also when an abort ended it. */
#define JOB_EXIT_DONE 0
/* No host is free now: the job is queued again, its waits_for says why. */
#define JOB_EXIT_NO_HOSTS 3
/* Another live task has this job, or it is no longer queued: nothing done. */
#define JOB_EXIT_TAKEN 4
/* It gave way to another job and is queued again: see give_way_db.h. */
#define JOB_EXIT_GAVE_WAY 5

#endif
