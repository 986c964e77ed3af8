/* flights/gate_point.h - the places in a run of the gate between which
 * something lasting happens. */
#ifndef FLIGHTS_GATE_POINT_H
#define FLIGHTS_GATE_POINT_H

/* Does nothing. A test has a function of this name that kills the process, at
 * each of them in turn: see tests/flights/gate-kill-test.c. */
void gate_point(const char *name);

#endif
