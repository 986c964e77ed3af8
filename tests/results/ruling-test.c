/* tests/results/ruling-test.c - a decision as a file: written, read back, and
 * every way in which it can be no longer the one that was written. */
#include <config.h>

#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "results/ruling.h"
#include "tests/results/decide_world.h"
#include "tests/tap.h"

#define NEW "1111111111111111111111111111111111111111"
#define OLD "2222222222222222222222222222222222222222"

static const char policy[] =
    "policy: p\nversion: 3\nrules:\n"
    "  - rule: all\n"
    "    on: {failed: block, errored: block, missing: block,"
    " untested: block, excused: note}\n";
static const struct decide_version this_version = { "xen", NEW };
static const struct decide_version that_version = { "xen", OLD };
static const struct ruling_cell expected[] = {
    { "pair", "boot", 0 }, { "pair", "migrate", 0 },
};
static struct policy_lever waiver = {
    .id = 7, .kind = POLICY_WAIVE, .author = "ann", .reason = "old cable",
    .revision = "", .job = "pair", .testid = "migrate",
    .until_rc = "4.17.0-rc3",
};

static struct arena arena;

static struct ruling_input
input_of(const char *world)
{
    struct ruling_input input = {
        .about = { .branch = "b", .tree = "xen", .url = "/x.git",
                   .output = "refs/heads/master", .revision = NEW,
                   .old = OLD, .baseline = OLD, .stage = "full",
                   .harness = "v1", .purpose = POLICY_CANDIDATE, .run = 5,
                   .flight = 20, .at_ms = 1700000000000 },
        .branch_text = "branch: b\n", .policy_text = policy,
        .policy_file = "p.yaml", .evidence = world_input(&arena, world),
        .expected = expected, .expected_count = 2,
    };

    input.evidence.this_version = &this_version;
    input.evidence.this_count = 1;
    input.evidence.that_version = &that_version;
    input.evidence.that_count = 1;
    return input;
}

static struct ruling
make(const struct ruling_input *input)
{
    struct fault why = FAULT_INIT;
    struct ruling ruling;

    if (!ruling_make(input, &arena, &ruling, &why))
        tap_bail("%s", why.text);
    return ruling;
}

static void
is_ruling(const char *world, const char *text, const char *name)
{
    struct ruling_input input = input_of(world);
    struct ruling ruling = make(&input);
    char *got = xasprintf("%s: %s",
                          policy_verdict_name(ruling.answer.verdict),
                          ruling.answer.text);

    is_str(got, text, "%s", name);
    free(got);
}

static void
findings(void)
{
    is_ruling("20 T: pair=pass boot=pass migrate=pass\n"
              "10 B: pair=pass boot=pass migrate=pass\n",
              "push: nothing blocks", "as good as the baseline");
    is_ruling("20 T: pair=fail boot=pass migrate=fail\n"
              "10 B: pair=pass boot=pass migrate=pass\n"
              "passed pair migrate\n",
              "hold: 1 failed", "a regression");
    is_ruling("20 T: pair=fail boot=pass migrate=fail\n"
              "10 B: pair=fail boot=pass migrate=fail\n"
              "passed pair migrate\n",
              "push: nothing blocks", "it failed before, too");
    is_ruling("20 T: pair=broken boot=broken; x=pass y=pass\n"
              "10 B: pair=pass boot=pass migrate=pass\n"
              "passed pair boot\n",
              "hold: 1 errored", "the lab's fault holds it, under its name");
    is_ruling("20 T: pair=broken boot=broken; x=pass y=pass\n"
              "10 B: pair=broken boot=broken\npassed pair boot\n",
              "hold: 1 errored", "also what broke with the baseline, too");
    is_ruling("20 T: pair=broken boot=broken; x=pass y=pass\n"
              "21 TR: pair=pass boot=pass\n"
              "10 B: pair=broken boot=broken\npassed pair boot\n",
              "push: nothing blocks", "not if it passed in another run");
    is_ruling("20 T: pair=starved; x=pass y=pass\n"
              "10 B: pair=pass boot=pass migrate=pass\n",
              "hold: 1 missing", "a job that starved is missing, once");
    is_ruling("20 T: x=pass y=pass\n"
              "10 B: pair=pass boot=pass migrate=pass\n",
              "hold: 1 missing", "so is one that is not there");
    is_ruling("20 T: pair=pass boot=pass migrate=skip\n"
              "10 B: pair=pass boot=pass migrate=pass\n",
              "hold: 1 missing", "and a step that is skipped now");
    is_ruling("20 T: pair=fail boot=fail; x=pass y=pass\n"
              "10 B: pair=pass boot=pass migrate=pass\npassed pair boot\n"
              "21 TR: pair=pass boot=pass migrate=pass\n",
              "push: nothing blocks", "what another run excuses");
    is_ruling("20 T: pair=fail boot=fail\n"
              "10 B: pair=pass boot=pass migrate=pass\npassed pair boot\n"
              "21 TR: pair=pass boot=pass migrate=pass\n",
              "push: nothing blocks", "also when nothing passed but there");
    is_ruling("20 T: pair=fail boot=fail\n10 B: pair=fail boot=fail\n"
              "passed pair boot\n",
              "hold: 1 missing", "but not when nothing passed anywhere");
    is_ruling("20 T: pair=pass boot=pass migrate=pass\n",
              "hold: 1 untested", "a baseline without a run");
    is_ruling("20 T: pair=skip boot=skip\n"
              "10 B: pair=pass boot=pass migrate=pass\n",
              "hold: 2 missing", "nothing passed at all");
}

/* What the baseline did not run and a flight before it passed is asked for,
 * by that flight's name, also of the file. */
static void
eroded(void)
{
    static const struct ruling_cell before[] = {
        { "arm", "boot", 7 }, { "pair", "boot", 0 }, { "pair", "xtf", 8 },
    };
    struct ruling_input input = input_of(
        "20 T: pair=pass boot=pass; arm=starved\n"
        "10 B: pair=pass boot=pass; arm=starved\n");
    struct fault why = FAULT_INIT;
    struct ruling_file file;
    struct buf out = BUF_INIT, words = BUF_INIT;
    struct ruling ruling;

    input.expected = before;
    input.expected_count = ARRAY_LEN(before);
    ruling = make(&input);
    is_str(ruling.answer.text, "2 missing", "what was lost before is missing");
    ok(ruling_write(&input, &ruling, NULL, &out, &why)
           && ruling_check(buf_text(&out), out.len, &arena, &file, &why),
       "it comes back from the file");
    ruling_text(&file.input, &file.ruling, &words);
    has_str(buf_text(&words),
            "flight 7 passed 1 step of it; here it is starved", "a job");
    has_str(buf_text(&words), "flight 8 passed it; here it was not run",
            "a step");
    buf_free(&words);
    buf_free(&out);
}

static void
mismatches(void)
{
    const char *world = "20 T: pair=pass boot=pass migrate=pass\n"
                        "10 B: pair=pass boot=pass migrate=pass\n";
    struct ruling_input input = input_of(world);
    struct fault why = FAULT_INIT;
    struct ruling ruling;

    input.about.flight = 21;
    not_ok_fault(ruling_make(&input, &arena, &ruling, &why), &why,
                 FAULT_DATA, "evidence is of flight 20", "another flight");
    input = input_of(world);
    input.about.revision = OLD;
    not_ok_fault(ruling_make(&input, &arena, &ruling, &why), &why,
                 FAULT_DATA, "did not test xen " OLD, "another revision");
    input = input_of(world);
    input.about.baseline = NEW;
    not_ok_fault(ruling_make(&input, &arena, &ruling, &why), &why,
                 FAULT_DATA, "was not compared with", "another baseline");
    input = input_of(world);
    input.about.branch = "c";
    not_ok_fault(ruling_make(&input, &arena, &ruling, &why), &why,
                 FAULT_DATA, "evidence is of branch b", "another branch");
    input = input_of("20 B: pair=pass boot=pass migrate=pass\n");
    not_ok_fault(ruling_make(&input, &arena, &ruling, &why), &why,
                 FAULT_DATA, "did not test", "a flight of another version");
}

/* Files -------------------------------------------------------------------- */

static const char held[] =
    "20 T: pair=fail boot=pass migrate=fail; arm=fail boot=fail\n"
    "10 B: pair=pass boot=pass migrate=pass; arm=pass boot=pass\n"
    "passed pair migrate\npassed arm boot\n";

static struct buf
file_of(const char *fingerprint)
{
    struct ruling_input input = input_of(held);
    struct fault why = FAULT_INIT;
    struct buf out = BUF_INIT;
    struct ruling ruling;

    input.levers = &waiver;
    input.lever_count = 1;
    ruling = make(&input);
    if (!ruling_write(&input, &ruling, fingerprint, &out, &why))
        tap_bail("%s", why.text);
    return out;
}

static void
reads_back(const struct buf *text)
{
    struct fault why = FAULT_INIT;
    struct ruling_file file;
    struct buf words = BUF_INIT;

    ok_fault(ruling_check(buf_text(text), text->len, &arena, &file, &why),
             &why, "a file is read back");
    ok(!file.is_signed, "it is unsigned, and says so");
    is_int(file.ruling.answer.verdict, POLICY_HELD, "with its decision");
    is_str(file.input.about.revision, NEW, "its revision");
    is_int(file.input.levers[0].id, 7, "its levers");
    is_str(file.ruling.answer.text, "1 failed, 1 waived", "and its reasons");
    ruling_text(&file.input, &file.ruling, &words);
    has_str(buf_text(&words), "failed   arm boot  fail, REGR. vs. 10",
            "people read what blocks");
    has_str(buf_text(&words), "waived by lever 7", "and what was waived");
    buf_free(&words);
}

/* Every byte, changed in its lowest bit; and every length. */
static void
changed_bytes(struct buf *text)
{
    struct fault why = FAULT_INIT;
    struct ruling_file file;
    size_t passed = 0, cut = 0, step = text->len > 4000 ? 7 : 1;

    for (size_t i = 0; i < text->len; i++) {
        text->data[i] ^= 1;
        passed += ruling_read(text->data, text->len, &arena, &file, &why);
        text->data[i] ^= 1;
    }
    is_int((int64_t)passed, 0, "no changed byte of %zu goes unnoticed",
           text->len);
    for (size_t i = 0; i < text->len; i += step)
        cut += ruling_read(text->data, i, &arena, &file, &why);
    is_int((int64_t)cut, 0, "nor does a cut");
    ok_fault(ruling_read(text->data, text->len, &arena, &file, &why), &why,
             "the file itself still reads");
}

/* By one who knows the format, and makes digest and form right again. */
typedef void forge_fn(json_t *file);

static bool
forged(const struct buf *text, forge_fn *fn, struct fault *why)
{
    struct ruling_file file;
    json_t *json = NULL;
    char *plain, hex[65], *whole;
    bool ok;

    if (!json_parse(buf_text(text), text->len, &json, why))
        tap_bail("%s", why->text);
    fn(json);
    json_object_del(json, "sha256");
    plain = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    sha256_hex(plain, strlen(plain), hex);
    json_put_text(json, "sha256", hex);
    free(plain);
    plain = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    whole = xasprintf("%s\n", plain);
    ok = ruling_check(whole, strlen(whole), &arena, &file, why);
    free(whole);
    free(plain);
    json_decref(json);
    return ok;
}

static json_t *
member(json_t *object, const char *a, const char *b)
{
    json_t *value = json_object_get(object, a);

    return b == NULL ? value : json_object_get(value, b);
}

static void
forge_decision(json_t *file)
{
    json_put_text(member(file, "ruling", NULL), "decision", "push");
}

static void
forge_revision(json_t *file)
{
    json_put_text(member(file, "inputs", "about"), "revision", OLD);
}

static void
forge_lever(json_t *file)
{
    json_put_text(json_array_get(member(file, "inputs", "levers"), 0), "job",
                  "@@");
    json_put_text(json_array_get(member(file, "inputs", "levers"), 0),
                  "testid", "");
}

static void
forge_policy(json_t *file)
{
    json_put_text(member(file, "inputs", "policy"), "text",
                  "policy: p\nversion: 3\nrules:\n"
                  "  - {rule: a, on: {failed: note}}\n");
}

static void
forge_more(json_t *file)
{
    json_put_text(member(file, "inputs", NULL), "more", "x");
}

static void
forge_member(json_t *file)
{
    json_put_text(file, "more", "x");
}

static void
forge_signature(json_t *file)
{
    json_object_set_new(file, "signature", json_null());
}

static void
forge_nothing(json_t *file UNUSED)
{
}

static void
forgeries(const struct buf *text)
{
    struct fault why = FAULT_INIT;

    ok_fault(forged(text, forge_nothing, &why), &why,
             "the same by another hand is the same");
    not_ok_fault(forged(text, forge_decision, &why), &why, FAULT_DATA,
                 "does not follow from its inputs", "another decision");
    not_ok_fault(forged(text, forge_revision, &why), &why, FAULT_DATA,
                 "did not test", "another revision");
    not_ok_fault(forged(text, forge_lever, &why), &why, FAULT_DATA,
                 "does not follow", "a wider waiver");
    not_ok_fault(forged(text, forge_policy, &why), &why, FAULT_DATA,
                 "does not follow", "another policy");
    not_ok_fault(forged(text, forge_more, &why), &why, FAULT_DATA,
                 "its inputs say more", "an input that nobody knows");
    not_ok_fault(forged(text, forge_member, &why), &why, FAULT_DATA,
                 "other members", "another member");
}

/* Signatures --------------------------------------------------------------- */

static void
run(const char *const argv[])
{
    struct fault why = FAULT_INIT;

    if (!proc_run(argv, NULL, 0, 60000, NULL, &why))
        tap_bail("%s: %s", why.text, why.detail);
}

static void
home(const char *name)
{
    char *path = arena_printf(&arena, "%s/%s", tap_dir(), name);
    struct fault why = FAULT_INIT;

    if (!fs_mkdirs(path, 0700, &why) || setenv("GNUPGHOME", path, 1) != 0)
        tap_bail("%s", why.text);
}

static void
signatures(void)
{
    static const char *const keygen[] = {
        "gpg", "--batch", "--quiet", "--passphrase", "",
        "--quick-generate-key", "gate <gate@example.org>", "ed25519", "sign",
        "never", NULL };
    static const char *const quit[] = { "gpgconf", "--kill", "all", NULL };
    char fingerprint[SEAL_FINGERPRINT_BYTES] = "", other[72] = "";
    struct fault why = FAULT_INIT;
    struct ruling_file file;
    struct buf text, flipped = BUF_INIT;

    home("gpg");
    not_ok_fault(seal_key("gate@example.org", fingerprint, &why), &why,
                 FAULT_CONFIG, "no secret key", "no key yet");
    run(keygen);
    ok_fault(seal_key("gate@example.org", fingerprint, &why), &why, "a key");
    text = file_of(fingerprint);
    ok_fault(ruling_check(buf_text(&text), text.len, &arena, &file, &why),
             &why, "a signed ruling");
    ok(file.is_signed && file.seal.state == SEAL_GOOD, "its seal is good");
    is_str(file.seal.fingerprint, fingerprint, "by its key");
    is_str(file.seal.who, "gate <gate@example.org>", "of its owner");
    not_ok_fault(forged(&text, forge_signature, &why), &why, FAULT_DATA,
                 "was taken away", "without its signature");
    forgeries(&text);

    /* A signature of the same key, but of another ruling. */
    waiver.reason = "another cable";
    flipped = file_of(fingerprint);
    waiver.reason = "old cable";
    {
        json_t *a = NULL, *b = NULL;
        char *plain, hex[65], *whole;

        if (!json_parse(buf_text(&text), text.len, &a, &why) ||
            !json_parse(buf_text(&flipped), flipped.len, &b, &why))
            tap_bail("%s", why.text);
        json_object_set(a, "signature", json_object_get(b, "signature"));
        json_object_del(a, "sha256");
        plain = json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS);
        sha256_hex(plain, strlen(plain), hex);
        json_put_text(a, "sha256", hex);
        free(plain);
        plain = json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS);
        whole = xasprintf("%s\n", plain);
        ok_fault(ruling_check(whole, strlen(whole), &arena, &file, &why),
                 &why, "a signature of another ruling is told");
        is_int(file.seal.state, SEAL_BAD, "as bad");
        free(whole);
        free(plain);
        json_decref(a);
        json_decref(b);
    }
    run(quit);

    home("other");
    ok_fault(ruling_check(buf_text(&text), text.len, &arena, &file, &why),
             &why, "where the key is not known");
    is_int(file.seal.state, SEAL_NO_KEY, "that is told");
    ok(seal_key(fingerprint, other, &why) == false, "and nothing is signed");
    run(quit);
    buf_free(&text);
    buf_free(&flipped);
}

int
main(void)
{
    struct buf text;

    findings();
    eroded();
    mismatches();
    text = file_of(NULL);
    reads_back(&text);
    changed_bytes(&text);
    forgeries(&text);
    buf_free(&text);
    signatures();
    arena_free(&arena);
    return tap_done();
}
