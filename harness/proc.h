/* harness/proc.h - the only place that starts programs.
 *
 * Every child gets its own process group, closed descriptors except those
 * named, argv only (no shell), default signals. A failed exec is reported to
 * the caller as FAULT_SYSTEM naming the program, never as an exit status. */
#ifndef HARNESS_PROC_H
#define HARNESS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>
#include "harness/attr.h"

struct buf;
struct fault;

/* How a child ended. PROC_END_NONE means no verdict. */
enum proc_end { PROC_END_NONE = 0, PROC_END_EXIT, PROC_END_SIGNAL };
struct proc_status {
    enum proc_end end;
    int code;                   /* exit status, or signal number */
};
/* "exited with status 3", "killed by SIGSEGV": borrowed static text. */
void proc_status_text(struct proc_status status, char out[static 64]);
bool proc_status_ok(struct proc_status status);

#define PROC_FDS_MAX 8
struct proc_spec {
    const char *const *argv;    /* argv[0] is looked up in PATH if no '/' */
    const char *const *env_add; /* "NAME=value", NULL-ended, or NULL */
    const char *cwd;            /* NULL: inherited */
    const char *run_as;         /* user name, only honoured for root; NULL */
    int fds[PROC_FDS_MAX];      /* child's fd i is our fds[i]; -1 means
                                 * /dev/null for 0..2 and closed above */
    bool new_session;           /* setsid (detached services) */
    bool die_with_parent;       /* PR_SET_PDEATHSIG SIGKILL: this process
                                 * alone, not what it starts */
};
#define PROC_SPEC_INIT { .fds = { -1, -1, -1, -1, -1, -1, -1, -1 } }

/* Starts; returns after the exec has succeeded or failed. */
MUST_CHECK bool proc_start(const struct proc_spec *spec, pid_t *pid_out,
                           struct fault *why);
/* Becomes 'argv', terminal and all: for interactive programs. Returns only
 * on failure. */
bool proc_replace(const char *const argv[], struct fault *why);
/* For a child of proc_start() that nobody else watches: true when it has
 * ended, after killing the rest of its group; PROC_END_NONE if it was not
 * ours to reap. Does not block. */
MUST_CHECK bool proc_poll_end(pid_t pid, struct proc_status *status_out);

/* Runs to the end, blocking: only from command-line programs and helpers.
 * 'input' may be NULL. Standard output is appended to 'out', or goes to
 * /dev/null when that is NULL; descriptors that 'spec' names are left alone.
 * On 'limit_ms' (0: none) the group gets TERM, then KILL, and FAULT_TIMEOUT is
 * set; FAULT_CANCELLED when we are asked to stop (signals.h). A non-zero end
 * is a FAULT_PEER whose detail is the tail of stderr; 'status_out' (or NULL)
 * then has it, and PROC_END_NONE for all other faults. */
MUST_CHECK bool proc_run(const char *const argv[], const char *input,
                         size_t input_bytes, int64_t limit_ms,
                         struct buf *out, struct fault *why);
MUST_CHECK bool proc_run_spec(const struct proc_spec *spec,
                              const char *input, size_t input_bytes,
                              int64_t limit_ms, struct buf *out,
                              struct proc_status *status_out,
                              struct fault *why);

/* A child supervised from the loop. Embedded in its owner. */
struct proc;
typedef void proc_exit_fn(struct proc *proc, void *owner,
                          struct proc_status status);
/* Asked once, from the loop, when the first process has ended and the rest of
 * its group still stands. True leaves the group, and the pid, as they are until
 * proc_release(); no limit runs meanwhile. */
typedef bool proc_hold_fn(struct proc *proc, void *owner);
struct proc {
    pid_t pid;                  /* 0: idle */
    uv_loop_t *loop;
    uv_timer_t timer;           /* the deadline, then the grace */
    proc_exit_fn *done;
    void *owner;
    proc_hold_fn *hold;         /* NULL, or set after proc_spawn() */
    struct proc *next;          /* list of the loop's children */
    struct proc_status status;
    bool ended;                 /* reaped, 'done' is under way */
    bool held, released;
    bool stopping;
    bool timed_out;             /* the deadline, not the owner, ended it */
    int64_t grace_ms;
};

/* Watches SIGCHLD on 'loop', reaping only pids that proc_* started. Once. */
MUST_CHECK bool proc_watch_init(uv_loop_t *loop, struct fault *why);
void proc_watch_fini(uv_loop_t *loop);
/* 'limit_ms' 0: no deadline. On it: TERM to the group, 'grace_ms', KILL.
 * 'done' runs once, from the loop, after the whole group has been killed; the
 * owner may free or reuse 'proc' in it. 'proc' is zeroed before the first
 * use. */
MUST_CHECK bool proc_spawn(struct proc *proc, uv_loop_t *loop,
                           const struct proc_spec *spec, int64_t limit_ms,
                           int64_t grace_ms, proc_exit_fn *done, void *owner,
                           struct fault *why);
/* TERM, grace, KILL to the group; 'done' still runs. Idempotent. */
void proc_stop(struct proc *proc);
bool proc_is_active(const struct proc *proc);
/* Ends what 'hold' began: the group is killed, and 'done' runs. */
void proc_release(struct proc *proc);
/* True if proc_spawn() started 'pid' and has not reaped it yet. */
bool proc_is_watched(pid_t pid);

/* Kills everything in the group of 'pid', and waits until it is gone. For a
 * leader that has been reaped or is not our child. */
void proc_kill_group(pid_t pid);
/* Start time of 'pid' in clock ticks since boot (from /proc), 0 if it does not
 * exist: a pid file with this number cannot name a stranger. */
uint64_t proc_start_time(pid_t pid);

#endif
