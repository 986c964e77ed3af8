/* harness/nice.h - programs that go after others. */
#ifndef HARNESS_NICE_H
#define HARNESS_NICE_H

#include <sys/types.h>

/* From now on this process goes after others: it gets a tenth of what they
 * get, if they want, and none of them waits until its time slice is over. A
 * courtesy: where it is refused, all goes on as it is. It cannot be taken
 * back, and children inherit it. */
void nice_begin(void);
/* Makes the process 'pid' as nice as this one, if this one is. */
void nice_follow(pid_t pid);

#endif
