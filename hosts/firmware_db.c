/* hosts/firmware_db.c - see firmware_db.h. */
#include <config.h>

#include "hosts/firmware_db.h"

#include "harness/buf.h"
#include "harness/db.h"
#include "harness/pattern.h"

static const struct query Q_ADD = {
    "firmware_add",
    "insert into assay.boot_firmware (boot, flight, job, host, source, said)"
    " select b.nonce, b.flight, b.job, b.host, $2::text, $3::text"
    " from assay.boot b where b.nonce = $1::text on conflict do nothing", 3, 0
};

bool
firmware_is_banner(const struct pattern *pattern)
{
    return pattern->kind == PATTERN_START
        && strcmp(pattern->component, "firmware") == 0;
}

/* After ESC, written as "\x1b" or as it is: "[...m" and its like, or one
 * letter. */
static const char *
skip_sequence(const char *p)
{
    if (*p != '[')
        return *p == '\0' ? p : p + 1;
    p++;
    while ((*p >= '0' && *p <= '?') || *p == ' ')
        p++;
    return *p == '\0' ? p : p + 1;
}

void
firmware_text(const char *line, struct buf *out)
{
    size_t start = out->len;
    bool gap = false;

    for (const char *p = line; *p != '\0' && strncmp(p, " -- ", 4) != 0;) {
        size_t left = FIRMWARE_TEXT_BYTES - (out->len - start);

        if (strncmp(p, "\\x1b", 4) == 0) {
            p = skip_sequence(p + 4);
        } else if (*p == '\033') {
            p = skip_sequence(p + 1);
        } else if (strncmp(p, "\\x", 2) == 0 && strlen(p) >= 4) {
            p += 4;
        } else if ((unsigned char)*p <= ' ' || *p == '\177') {
            gap = out->len > start;
            p++;
        } else {
            if (left < 2)
                break;
            if (gap)
                buf_addc(out, ' ');
            gap = false;
            buf_addc(out, *p++);
        }
    }
}

bool
firmware_record(struct db *db, const char *nonce, const char *source,
                const char *said, struct fault *why)
{
    struct buf text = BUF_INIT, plain = BUF_INIT;
    const char *params[] = { nonce, source, NULL };
    bool ok = true;

    firmware_text(said, &text);
    buf_add_escaped(&plain, buf_text(&text), text.len);
    params[2] = buf_text(&plain);
    if (plain.len > 0)
        ok = db_run(db, &Q_ADD, params, NULL, why);
    buf_free(&plain);
    buf_free(&text);
    return ok;
}
