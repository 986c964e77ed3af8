/* harness/notice_point.h - the places in a mail's way between which something
 * lasting happens. */
#ifndef HARNESS_NOTICE_POINT_H
#define HARNESS_NOTICE_POINT_H

/* Does nothing. A test has a function of this name that kills the process, at
 * each of them in turn: see tests/harness/notice-send-test.c. */
void notice_point(const char *name);

#endif
