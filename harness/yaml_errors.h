/* harness/yaml_errors.h - what is wrong with a file that was read, all of it,
 * as one fault: the first as its text, the others in its detail. */
#ifndef HARNESS_YAML_ERRORS_H
#define HARNESS_YAML_ERRORS_H

#include <stdbool.h>
#include "harness/attr.h"
#include "harness/buf.h"
#include "harness/fault.h"

struct yaml_node;

struct yaml_errors {
    const char *file;           /* for messages */
    const struct yaml_node *tree;       /* for lines */
    int count;
    char first[sizeof((struct fault *)0)->text];
    struct buf more;
};

/* "FILE:LINE: text" of the node at 'path' (yaml_tree_find()). */
void yaml_error(struct yaml_errors *errors, const char *path, const char *fmt,
                ...) PRINTF_LIKE(3, 4);
/* True when there was none; else FAULT_CONFIG. Releases what was collected. */
MUST_CHECK bool yaml_errors_end(struct yaml_errors *errors,
                                struct fault *why);

#endif
