/* tests/hosts/console-log-test.c - the files of a console's log: offsets over
 * rotations, what a full disk does, and reading it all back. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "hosts/console_log.h"
#include "hosts/console_read.h"
#include "tests/tap.h"

static struct clock now;
static struct fault why;
static char dir[64];

static struct console_log *
open_log(const char *host, int64_t file_bytes)
{
    struct console_log *log = NULL;
    char *path = xasprintf("%s/%s", dir, host);

    if (!console_log_open(path, file_bytes, &now, &log, &why))
        tap_bail("open %s: %s", path, why.text);
    free(path);
    return log;
}

/* All that a reader gets from 'offset' on; holes are counted. */
static void
read_all(const char *host, int64_t offset, struct buf *out, int64_t *holes)
{
    char *path = xasprintf("%s/%s", dir, host), data[1000];
    struct console_reader *reader = console_reader_new(path);
    int64_t skipped;
    size_t got;

    buf_reset(out);
    *holes = 0;
    for (;;) {
        if (!console_reader_get(reader, &offset, data, sizeof(data), &got,
                                &skipped, &why))
            tap_bail("read: %s", why.text);
        *holes += skipped;
        if (got == 0)
            break;
        buf_add(out, data, got);
        offset += (int64_t)got;
    }
    console_reader_free(reader);
    free(path);
}

static int
count_files(const char *host, const char *suffix)
{
    char *path = xasprintf("%s/%s", dir, host);
    DIR *d = opendir(path);
    struct dirent *entry;
    int count = 0;

    while (d != NULL && (entry = readdir(d)) != NULL)
        count += strstr(entry->d_name, suffix) != NULL;
    if (d != NULL)
        closedir(d);
    free(path);
    return count;
}

static const char *
file_text(const char *host, const char *name)
{
    static struct buf text;
    char *path = xasprintf("%s/%s/%s", dir, host, name);

    buf_reset(&text);
    if (!fs_read_file(path, 1 << 20, &text, &why))
        buf_adds(&text, "");
    free(path);
    return buf_text(&text);
}

/* Bytes of all values in no order that hides an error. */
static char *
noise(size_t bytes)
{
    char *data = xmalloc(bytes);
    uint32_t state = 2463534242u;

    for (size_t i = 0; i < bytes; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        data[i] = (char)(state & 0xff);
    }
    return data;
}

static void
test_rotation(void)
{
    enum { BYTES = 100000, FILE_BYTES = 4096 };
    struct console_log *log = open_log("rotate", FILE_BYTES);
    char *data = noise(BYTES), link[64] = "", *path;
    struct buf out = BUF_INIT;
    size_t at = 0, part = 1;
    int64_t holes;

    is_int(console_log_offset(log), 0, "a new log begins at 0");
    is_int(count_files("rotate", ".log"), 0, "no file before a byte");
    while (at < BYTES) {
        if (part > BYTES - at)
            part = BYTES - at;
        if (console_log_append(log, data + at, part) != part)
            tap_bail("append failed");
        at += part;
        part = part * 7 % 9001 + 1;
        /* Now and then another process goes on. */
        if (part % 5 == 0) {
            console_log_close(log);
            log = open_log("rotate", FILE_BYTES);
            if (console_log_offset(log) != (int64_t)at)
                tap_bail("reopened at %" PRId64 " instead of %zu",
                         console_log_offset(log), at);
        }
    }
    is_int(console_log_offset(log), BYTES, "the offset counts all bytes");
    is_int(count_files("rotate", ".log"), (BYTES + FILE_BYTES - 1) /
           FILE_BYTES, "files rotate by size");
    read_all("rotate", 0, &out, &holes);
    is_int((int64_t)out.len, BYTES, "all bytes can be read");
    ok(memcmp(out.data, data, BYTES) == 0, "they are the same bytes");
    is_int(holes, 0, "there is no hole");
    read_all("rotate", 54321, &out, &holes);
    ok(out.len == BYTES - 54321 &&
       memcmp(out.data, data + 54321, out.len) == 0,
       "reading begins at any offset");
    path = xasprintf("%s/rotate/current", dir);
    ok(readlink(path, link, sizeof(link) - 1) == 10, "current is a link");
    is_str(link, "000025.log", "current names the newest file");
    free(path);
    console_log_close(log);

    /* Without an index the files themselves say where they begin. */
    path = xasprintf("%s/rotate/000025.idx", dir);
    ok(unlink(path) == 0, "the newest index is lost");
    free(path);
    log = open_log("rotate", FILE_BYTES);
    is_int(console_log_offset(log), BYTES, "the offset is found all the same");
    console_log_close(log);
    buf_free(&out);
    free(data);
}

static void
test_times(void)
{
    struct console_log *log = open_log("times", 200);
    struct console_reader *reader;
    char *path = xasprintf("%s/times", dir);
    struct console_spot spot;
    int64_t offset, begin = clock_wall_ms(&now);

    /* 20 bytes each 10 s, ten lines a file. */
    for (int i = 0; i < 50; i++) {
        if (console_log_append(log, "nineteen bytes here\n", 20) != 20)
            tap_bail("append failed");
        clock_warp(&now, 10000);
    }
    reader = console_reader_new(path);
    for (int i = 0; i < 50; i += 7) {
        if (!console_reader_at_time(reader, begin + i * 10000 + 5000,
                                    &offset, &why))
            tap_bail("%s", why.text);
        is_int(offset, i * 20, "line %d is found by its time", i);
    }
    ok_fault(console_reader_at_time(reader, 0, &offset, &why), &why,
             "a time before the log");
    is_int(offset, 0, "is its beginning");
    ok_fault(console_reader_tail(reader, 3, &offset, &why), &why, "tail");
    is_int(offset, 47 * 20, "the last three lines");
    ok_fault(console_reader_tail(reader, 1000, &offset, &why), &why, "tail");
    is_int(offset, 0, "more lines than there are");
    ok_fault(console_reader_tail(reader, 0, &offset, &why), &why, "tail");
    is_int(offset, 1000, "no line");
    ok(console_reader_spot(reader, 345, &spot, &why) && spot.number == 2
       && spot.byte == 145 && spot.line == 8, "byte 345 is in the eighth line "
       "of the second file");
    ok(console_reader_spot(reader, 400, &spot, &why) && spot.number == 3
       && spot.byte == 0 && spot.line == 1, "400 begins the third");
    ok(console_reader_spot(reader, 999, &spot, &why) && spot.number == 5,
       "999 is the last byte");
    ok(!console_reader_spot(reader, 1000, &spot, &why)
       && why.kind == FAULT_NOT_FOUND, "the next one is not there yet");
    console_reader_free(reader);
    console_log_close(log);
    free(path);
}

static void
test_marks(void)
{
    struct console_log *log = open_log("marks", 4096);
    int64_t offset = -1;
    char name[20];

    if (console_log_append(log, "0123456789", 10) != 10)
        tap_bail("append failed");
    console_log_mark(log, "boot", -1);
    console_log_mark(log, "early", 3);
    ok(console_log_find_mark(log, "boot", &offset), "a mark is found");
    is_int(offset, 10, "it names the present offset");
    console_log_close(log);
    log = open_log("marks", 4096);
    ok(console_log_find_mark(log, "early", &offset), "marks are kept");
    is_int(offset, 3, "with their offset");
    ok(!console_log_find_mark(log, "never", &offset), "others are not there");
    for (int i = 0; i < CONSOLE_MARKS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        console_log_mark(log, name, i % 10);
    }
    ok(!console_log_find_mark(log, "boot", &offset), "the oldest is forgotten");
    ok(console_log_find_mark(log, "m0", &offset), "the latest 64 are not");
    console_log_close(log);
}

/* A limit on the size of files stands in for a full disk. */
static void
limit_files(rlim_t bytes)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        tap_bail("getrlimit");
    limit.rlim_cur = bytes;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        tap_bail("setrlimit");
}

static void
test_full(void)
{
    struct console_log *log = open_log("full", 1 << 20);
    struct buf out = BUF_INIT;
    int64_t since, holes;
    int error = 0;
    char *data = noise(10000);

    is_int((int64_t)console_log_append(log, data, 1000), 1000, "room");
    limit_files(3000);
    is_int((int64_t)console_log_append(log, data + 1000, 9000), 2000,
           "as much as there is room for is written");
    ok(console_log_in_trouble(log, &since, &error), "that is trouble");
    is_int(error, EFBIG, "its error is known");
    is_int(since, clock_mono_ms(&now), "its time is known");
    is_int((int64_t)console_log_append(log, "x", 1), 0, "nothing more");
    console_log_lose(log, 4000);
    console_log_lose(log, 500);
    console_log_note(log, CONSOLE_INDEX_GAP, "something else happened");
    is_int(console_log_offset(log), 7500, "lost bytes count");
    is_int(console_log_lost(log), 4500, "and are counted");
    limit_files(0);
    ok(!console_log_mend(log), "no mending while nothing can be written");
    console_log_lose(log, 500);
    limit_files(RLIM_INFINITY);
    ok(console_log_mend(log), "mended when there is room");
    ok(!console_log_in_trouble(log, &since, &error), "the trouble is over");
    is_int((int64_t)console_log_append(log, data + 8000, 2000), 2000,
           "writing goes on");
    read_all("full", 0, &out, &holes);
    ok(out.len == 5000 && memcmp(out.data, data, 3000) == 0 &&
       memcmp(out.data + 3000, data + 8000, 2000) == 0,
       "the log has what was there before and after");
    is_int(holes, 5000, "and a hole of the right size");
    has_str(file_text("full", "000001.idx"), " 3000 4500 bytes: File too",
            "the index says how many bytes are lost, where, and why");
    has_str(file_text("full", "000001.idx"), " 7500 500 bytes: File too",
            "also those lost while it could not be said");
    has_str(file_text("full", "events"), "lost: 4500 bytes", "events too");
    has_str(file_text("full", "events"), "something else",
            "what happened meanwhile is said later");
    console_log_close(log);
    log = open_log("full", 1 << 20);
    is_int(console_log_offset(log), 10000, "another process goes on there");
    console_log_close(log);

    /* From the start. */
    limit_files(0);
    log = open_log("empty", 1 << 20);
    is_int((int64_t)console_log_append(log, data, 10), 0, "no room at all");
    console_log_lose(log, 10);
    limit_files(RLIM_INFINITY);
    ok(console_log_mend(log), "mended");
    is_int((int64_t)console_log_append(log, data + 10, 10), 10, "writes");
    read_all("empty", 0, &out, &holes);
    ok(out.len == 10 && holes == 10, "the first bytes are a hole");
    console_log_close(log);
    buf_free(&out);
    free(data);
}

static void
test_index(void)
{
    static const char *const bad[] = {
        "", "t", "t 1 2", "t 1 2 ", "x 1 2 3", "t -1 2 3", "t 1 2 3x",
        "t  1 2 3", "t 1 2 99999999999999999999", "t1 2 3 4 5 6",
    };
    struct console_index_line line = { .kind = CONSOLE_INDEX_GAP,
                                       .wall_ms = 1, .mono_ms = 2,
                                       .offset = 3 };
    struct console_index_line back;
    struct buf text = BUF_INIT;

    memset(line.text, '\n', CONSOLE_INDEX_TEXT_MAX);
    console_index_add(&text, &line);
    ok(memchr(text.data, '\n', text.len) == text.data + text.len - 1,
       "a line is one line, whatever its text");
    ok(console_index_parse(text.data, text.len - 1, &back),
       "it is short enough to be read back");
    is_int(back.offset, 3, "with its offset");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ok(!console_index_parse(bad[i], strlen(bad[i]), &back),
           "not a line: '%s'", bad[i]);
    is_int(console_index_number("000012.log"), 12, "number of a log");
    is_int(console_index_number("1234567.idx"), 1234567, "of an index");
    is_int(console_index_number("00012.log"), 0, "too few digits");
    is_int(console_index_number("000012.log.gz"), 0, "another suffix");
    is_int(console_index_number("000000.log"), 0, "there is no file 0");
    is_int(console_index_number("current"), 0, "no number at all");
    buf_free(&text);
}

int
main(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/console-log-test.XXXXXX");
    if (mkdtemp(dir) == NULL)
        tap_bail("mkdtemp");
    (void)signal(SIGXFSZ, SIG_IGN);
    clock_init_warped(&now, 1700000000000);
    test_index();
    test_rotation();
    test_times();
    test_marks();
    test_full();
    if (tap.failed == 0 && !fs_remove_tree(dir, &why))
        diag("%s", why.text);
    return tap_done();
}
