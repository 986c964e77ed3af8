/* results/report_words.h - the sentences of the first screen, which the mail
 * and the page have in common. All texts are the arena's or static, and may
 * have outside text in them. */
#ifndef RESULTS_REPORT_WORDS_H
#define RESULTS_REPORT_WORDS_H

#include <stdint.h>

struct arena;
struct report;
struct report_age;
struct report_since;

/* May this be released? "" when it was compared with nothing. */
const char *words_advice(const struct report *report, struct arena *arena);
/* "flight 12, xen 89abcdef"; "" when nobody asked. */
const char *words_against(const struct report *report, struct arena *arena);
const char *words_coverage(const struct report *report, struct arena *arena);
/* "flight 5 of 2026-11-20, 3 days ago". */
const char *words_good(const struct report_age *age, struct arena *arena);
/* "since flight 6 of 2026-11-21, 2 days, 2 attempts"; "" for none. */
const char *words_since(const struct report_age *age,
                        const struct report_since *since,
                        struct arena *arena);
/* "2026-11-21", "-" for none. */
const char *words_day(int64_t wall_ms, struct arena *arena);

#endif
