/* tests/fuzz/signature-fuzz.c - signatures of any bytes: printable, without a
 * digit, the same again, and the same whatever the numbers are. */
#include <config.h>

#include <ctype.h>

#include "harness/buf.h"
#include "harness/mem.h"
#include "harness/pattern.h"
#include "results/signature.h"
#include "tests/fuzz/fuzz.h"

static void
check_line(const char *text, size_t bytes)
{
    struct buf once = BUF_INIT, again = BUF_INIT;

    signature_line(text, bytes, NULL, &once);
    for (size_t i = 0; i < once.len; i++) {
        must((unsigned char)once.data[i] >= ' '
             && (unsigned char)once.data[i] < 0x7f);
        must(!isdigit((unsigned char)once.data[i]));
    }
    must(once.len <= 400);
    signature_line(text, bytes, NULL, &again);
    must(strcmp(buf_text(&once), buf_text(&again)) == 0);
    buf_free(&once);
    buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct pattern PATTERN = { .name = "p", .sign = "s" };
    static const char *const names[] = { "h1", "h1-long", NULL };
    const char *text = (const char *)data;
    struct signature a, b;
    char *other = xmalloc(bytes + 1);

    check_line(text, bytes);
    for (size_t at = 0; at <= bytes; at += 1 + bytes / 8) {
        signature_of_crash(&PATTERN, text, bytes, at, names, &a);
        must(strlen(a.id) == SIGNATURE_BYTES - 1 && a.title[0] != '\0');
        signature_fini(&a);
    }
    memcpy(other, text, bytes);
    other[bytes] = '\0';
    signature_of_line(NULL, other, "boot/src", NULL, &a);
    for (size_t i = 0; i < bytes; i++)
        if (text[i] >= '1' && text[i] <= '8')
            other[i] = (char)(text[i] + 1);
    signature_of_line(NULL, other, "boot/dst", NULL, &b);
    must(strcmp(a.id, b.id) == 0);
    signature_fini(&a);
    signature_fini(&b);
    free(other);
    return 0;
}
