/* results/ruling_file.c - a ruling as a file: written, and read by somebody
 * who trusts nothing in it. */
#include <config.h>

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "results/decide_json.h"
#include "results/ruling.h"

#define FORMAT "assay-ruling"
#define FORMAT_VERSION 1

/* Canonical JSON and base64 ------------------------------------------------ */

static char *
canonical(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS |
                                       JSON_ENCODE_ANY);

    must(text != NULL);         /* it was parsed, or made by us, as UTF-8 */
    return text;
}

static void
put_digest(json_t *object, const char *key, const json_t *value)
{
    char *text = canonical(value), hex[65];

    sha256_hex(text, strlen(text), hex);
    json_put_text(object, key, hex);
    free(text);
}

static char *
base64(const void *data, size_t bytes)
{
    char *out = xmalloc(4 * ((bytes + 2) / 3) + 1);

    must(bytes < INT32_MAX / 2);
    (void)EVP_EncodeBlock((unsigned char *)out, data, (int)bytes);
    return out;
}

/* False unless 'text' is what base64() makes of something. */
static bool
unbase64(const char *text, struct buf *out)
{
    size_t len = strlen(text), pad = 0;
    unsigned char *data = xmalloc(len + 1);
    int n = len < INT32_MAX / 2
                ? EVP_DecodeBlock(data, (const unsigned char *)text, (int)len)
                : -1;
    bool ok = n > 0;
    char *again;

    while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
        pad++;
    if (ok) {
        buf_add(out, data, (size_t)n - pad);
        again = base64(out->data, out->len);
        ok = strcmp(again, text) == 0;
        free(again);
    }
    free(data);
    return ok;
}

/* Inputs to JSON ----------------------------------------------------------- */

static const char *const purposes[] = {
    [POLICY_PURPOSE_NONE] = "none", [POLICY_CANDIDATE] = "candidate",
    [POLICY_BASELINE] = "baseline", [POLICY_CURRENT] = "current",
};
static const char *const lever_kinds[] = {
    [POLICY_LEVER_NONE] = "none", [POLICY_FORCE] = "force",
    [POLICY_FORCE_REV] = "force-rev", [POLICY_HOLD] = "block",
    [POLICY_WAIVE] = "waive",
};

static json_t *
about_json(const struct ruling_about *about)
{
    json_t *out = json_object();

    json_put_text(out, "branch", about->branch);
    json_put_text(out, "tree", about->tree);
    json_put_text(out, "url", about->url);
    json_put_text(out, "output", about->output);
    json_put_text(out, "revision", about->revision);
    json_put_text(out, "old", about->old);
    json_put_text(out, "baseline", about->baseline);
    json_put_text(out, "stage", about->stage);
    json_put_text(out, "harness", about->harness);
    json_put_text(out, "purpose", purposes[about->purpose]);
    json_put_int(out, "run", about->run);
    json_put_int(out, "flight", about->flight);
    json_put_int(out, "at_ms", about->at_ms);
    return out;
}

static json_t *
lever_json(const struct policy_lever *lever)
{
    json_t *out = json_object();

    json_put_int(out, "lever", lever->id);
    json_put_text(out, "kind", lever_kinds[lever->kind]);
    json_put_text(out, "author", lever->author);
    json_put_text(out, "reason", lever->reason);
    json_put_int(out, "at_ms", lever->at_ms);
    json_put_text(out, "revision", lever->revision);
    json_put_text(out, "job", lever->job);
    json_put_text(out, "testid", lever->testid);
    json_put_text(out, "until_rc", lever->until_rc);
    json_object_set_new(out, "rc_is_cut", json_boolean(lever->rc_is_cut));
    json_put_int(out, "passes_max", lever->passes_max);
    json_put_int(out, "passes", lever->passes);
    json_put_int(out, "issue", lever->issue);
    json_object_set_new(out, "issue_is_closed",
                        json_boolean(lever->issue_is_closed));
    return out;
}

static json_t *
cell_json(const struct ruling_cell *cell)
{
    json_t *out = json_array();

    json_array_append_new(out, json_string(cell->job));
    json_array_append_new(out, json_string(cell->testid));
    if (cell->flight != 0)
        json_array_append_new(out, json_integer(cell->flight));
    return out;
}

static json_t *
fact_json(const struct ruling_fact *fact)
{
    json_t *out = json_object();

    json_put_int(out, "flight", fact->flight);
    json_put_text(out, "job", fact->job);
    json_put_text(out, "testid", fact->testid);
    json_put_text(out, "text", fact->text);
    json_put_text(out, "where", fact->where);
    return out;
}

static json_t *
input_json(const struct ruling_input *input)
{
    json_t *out = json_object(), *levers = json_array();
    json_t *expected = json_array(), *policy = json_object();
    json_t *facts = json_array();

    for (size_t i = 0; i < input->lever_count; i++)
        json_array_append_new(levers, lever_json(&input->levers[i]));
    for (size_t i = 0; i < input->expected_count; i++)
        json_array_append_new(expected, cell_json(&input->expected[i]));
    for (size_t i = 0; i < input->fact_count; i++)
        json_array_append_new(facts, fact_json(&input->facts[i]));
    json_put_text(policy, "file", input->policy_file);
    json_put_text(policy, "text", input->policy_text);
    json_object_set_new(out, "about", about_json(&input->about));
    json_put_text(out, "branch", input->branch_text);
    json_object_set_new(out, "evidence",
                        decide_input_json(&input->evidence));
    json_object_set_new(out, "expected", expected);
    json_object_set_new(out, "facts", facts);
    json_object_set_new(out, "levers", levers);
    json_object_set_new(out, "policy", policy);
    return out;
}

/* The ruling to JSON ------------------------------------------------------- */

static json_t *
reason_json(const struct policy_reason *reason)
{
    json_t *out = json_object();

    json_put_text(out, "kind", policy_kind_name(reason->kind));
    json_put_text(out, "was", policy_kind_name(reason->was));
    json_object_set_new(out, "blocks",
                        json_boolean(reason->effect == POLICY_BLOCK));
    json_put_text(out, "job", reason->job);
    json_put_text(out, "testid", reason->testid);
    json_put_text(out, "text", reason->text);
    json_put_text(out, "rule", reason->rule);
    json_put_int(out, "lever", reason->lever);
    return out;
}

static json_t *
answer_json(const struct policy_answer *answer)
{
    json_t *out = json_object(), *reasons = json_array();
    json_t *counts = json_object(), *used = json_array();

    for (size_t i = 0; i < answer->reason_count; i++)
        json_array_append_new(reasons, reason_json(&answer->reasons[i]));
    for (int i = 1; i < POLICY_KIND_COUNT; i++)
        json_put_int(counts, policy_kind_name((enum policy_kind)i),
                     (int64_t)answer->counts[i]);
    for (size_t i = 0; i < answer->used_count; i++)
        json_array_append_new(used, json_integer(answer->used[i]));
    json_put_text(out, "decision", policy_verdict_name(answer->verdict));
    json_object_set_new(out, "clean", json_boolean(answer->clean));
    json_put_text(out, "text", answer->text);
    json_put_int(out, "decisive_lever",
                 answer->decisive != NULL ? answer->decisive->id : 0);
    json_object_set_new(out, "reasons", reasons);
    json_object_set_new(out, "counts", counts);
    json_object_set_new(out, "levers_used", used);
    return out;
}

/* With 'signer', which says who signed it, "" for nobody. */
static json_t *
make_json(const struct ruling_input *input, const struct ruling *ruling,
          const json_t *inputs, const char *signer)
{
    json_t *out = answer_json(&ruling->answer), *digests = json_object();
    json_t *policy = json_object();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)inputs, key, value)
        put_digest(digests, key, value);
    json_put_text(policy, "name", ruling->policy.name);
    json_put_int(policy, "version", ruling->policy.version);
    json_object_set_new(out, "about", about_json(&input->about));
    json_object_set_new(out, "inputs", digests);
    json_object_set_new(out, "policy", policy);
    json_object_set_new(out, "verdict",
                        decide_json(&input->evidence, &ruling->decision));
    json_put_text(out, "signer", signer);
    return out;
}

json_t *
ruling_json(const struct ruling_input *input, const struct ruling *ruling)
{
    json_t *inputs = input_json(input);
    json_t *out = make_json(input, ruling, inputs, "");

    json_object_del(out, "signer");
    json_decref(inputs);
    return out;
}

static bool
sign(json_t *file, const json_t *ruling, const char *fingerprint,
     struct fault *why)
{
    struct buf signature = BUF_INIT;
    char *text = canonical(ruling), *encoded;
    bool ok = seal_sign(fingerprint, text, strlen(text), &signature, why);

    if (ok) {
        encoded = base64(buf_text(&signature), signature.len);
        json_put_text(file, "signature", encoded);
        free(encoded);
    }
    free(text);
    buf_free(&signature);
    return ok;
}

bool
ruling_write(const struct ruling_input *input, const struct ruling *ruling,
             const char *fingerprint, struct buf *out, struct fault *why)
{
    json_t *file = json_object(), *inputs = input_json(input);
    json_t *made = make_json(input, ruling, inputs,
                             fingerprint != NULL ? fingerprint : "");
    bool ok = true;
    char *text;

    json_put_text(file, "format", FORMAT);
    json_put_int(file, "version", FORMAT_VERSION);
    json_object_set_new(file, "inputs", inputs);
    json_object_set_new(file, "ruling", made);
    json_object_set_new(file, "signature", json_null());
    if (fingerprint != NULL)
        ok = sign(file, made, fingerprint, why);
    if (ok) {
        put_digest(file, "sha256", file);
        text = canonical(file);
        buf_addf(out, "%s\n", text);
        free(text);
    }
    json_decref(file);
    return ok;
}

/* Reading ------------------------------------------------------------------ */

struct reader {
    struct arena *arena;
    struct fault *why;
};

static bool
bad(struct reader *r, const char *what)
{
    return fault_set(r->why, FAULT_DATA, "the ruling is not well-formed: %s",
                     what);
}

static bool
text_of(struct reader *r, const json_t *object, const char *key,
        const char **out)
{
    const char *text = json_text(object, key);

    if (text == NULL || strlen(text) != json_string_length(
                                            json_object_get(object, key)))
        return bad(r, arena_printf(r->arena, "no text '%s'", key));
    *out = arena_strdup(r->arena, text);
    return true;
}

static bool
int_of(struct reader *r, const json_t *object, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        return bad(r, arena_printf(r->arena, "no number '%s'", key));
    *out = json_integer_value(value);
    return true;
}

static bool
word_of(struct reader *r, const json_t *object, const char *key,
        const char *const words[], size_t count, size_t *out)
{
    const char *word;

    if (!text_of(r, object, key, &word))
        return false;
    for (size_t i = 1; i < count; i++)
        if (strcmp(words[i], word) == 0) {
            *out = i;
            return true;
        }
    return bad(r, arena_printf(r->arena, "'%s' is '%s'", key, word));
}

static bool
read_about(struct reader *r, const json_t *from, struct ruling_about *out)
{
    size_t purpose = 0;
    bool ok;

    ok = text_of(r, from, "branch", &out->branch) &&
         text_of(r, from, "tree", &out->tree) &&
         text_of(r, from, "url", &out->url) &&
         text_of(r, from, "output", &out->output) &&
         text_of(r, from, "revision", &out->revision) &&
         text_of(r, from, "old", &out->old) &&
         text_of(r, from, "baseline", &out->baseline) &&
         text_of(r, from, "stage", &out->stage) &&
         text_of(r, from, "harness", &out->harness) &&
         word_of(r, from, "purpose", purposes, ARRAY_LEN(purposes),
                 &purpose) &&
         int_of(r, from, "run", &out->run) &&
         int_of(r, from, "flight", &out->flight) &&
         int_of(r, from, "at_ms", &out->at_ms);
    out->purpose = (enum policy_purpose)purpose;
    return ok;
}

static bool
read_lever(struct reader *r, const json_t *from, struct policy_lever *out)
{
    size_t kind = 0;
    bool ok;

    ok = int_of(r, from, "lever", &out->id) &&
         word_of(r, from, "kind", lever_kinds, ARRAY_LEN(lever_kinds),
                 &kind) &&
         text_of(r, from, "author", &out->author) &&
         text_of(r, from, "reason", &out->reason) &&
         int_of(r, from, "at_ms", &out->at_ms) &&
         text_of(r, from, "revision", &out->revision) &&
         text_of(r, from, "job", &out->job) &&
         text_of(r, from, "testid", &out->testid) &&
         text_of(r, from, "until_rc", &out->until_rc) &&
         int_of(r, from, "passes_max", &out->passes_max) &&
         int_of(r, from, "passes", &out->passes) &&
         int_of(r, from, "issue", &out->issue);
    out->kind = (enum policy_lever_kind)kind;
    out->rc_is_cut = json_flag(from, "rc_is_cut", false);
    out->issue_is_closed = json_flag(from, "issue_is_closed", false);
    return ok;
}

static bool
read_levers(struct reader *r, const json_t *from, struct ruling_input *out)
{
    size_t count = json_array_size(from);
    struct policy_lever *levers =
        arena_alloc(r->arena, count * sizeof *levers + 1);

    if (!json_is_array(from))
        return bad(r, "no levers");
    for (size_t i = 0; i < count; i++)
        if (!read_lever(r, json_array_get(from, i), &levers[i]))
            return false;
    out->levers = levers;
    out->lever_count = count;
    return true;
}

static bool
read_expected(struct reader *r, const json_t *from, struct ruling_input *out)
{
    size_t count = json_array_size(from);
    struct ruling_cell *cells =
        arena_alloc(r->arena, count * sizeof *cells + 1);

    if (!json_is_array(from))
        return bad(r, "no expected cells");
    for (size_t i = 0; i < count; i++) {
        const json_t *cell = json_array_get(from, i);
        const char *job = json_string_value(json_array_get(cell, 0));
        const char *testid = json_string_value(json_array_get(cell, 1));
        json_int_t before = json_integer_value(json_array_get(cell, 2));

        if (job == NULL || testid == NULL ||
            json_array_size(cell) != (before > 0 ? 3 : 2))
            return bad(r, "an expected cell is no pair of texts, with or "
                       "without a flight");
        cells[i] = (struct ruling_cell){ arena_strdup(r->arena, job),
                                         arena_strdup(r->arena, testid),
                                         before };
    }
    out->expected = cells;
    out->expected_count = count;
    return true;
}

static bool
read_facts(struct reader *r, const json_t *from, struct ruling_input *out)
{
    size_t count = json_array_size(from);
    struct ruling_fact *facts =
        arena_alloc(r->arena, count * sizeof *facts + 1);

    if (!json_is_array(from))
        return bad(r, "no facts");
    for (size_t i = 0; i < count; i++) {
        const json_t *fact = json_array_get(from, i);

        if (!int_of(r, fact, "flight", &facts[i].flight) ||
            !text_of(r, fact, "job", &facts[i].job) ||
            !text_of(r, fact, "testid", &facts[i].testid) ||
            !text_of(r, fact, "text", &facts[i].text) ||
            !text_of(r, fact, "where", &facts[i].where))
            return false;
    }
    out->facts = facts;
    out->fact_count = count;
    return true;
}

static bool
read_input(struct reader *r, const json_t *from, struct ruling_input *out)
{
    const json_t *policy = json_object_get(from, "policy");

    return read_about(r, json_object_get(from, "about"), &out->about) &&
           text_of(r, from, "branch", &out->branch_text) &&
           text_of(r, policy, "file", &out->policy_file) &&
           text_of(r, policy, "text", &out->policy_text) &&
           read_expected(r, json_object_get(from, "expected"), out) &&
           read_facts(r, json_object_get(from, "facts"), out) &&
           read_levers(r, json_object_get(from, "levers"), out) &&
           decide_input_parse(json_object_get(from, "evidence"), r->arena,
                              &out->evidence, r->why);
}

/* Every byte stands for something: what is not canonical was touched. */
static bool
check_bytes(struct reader *r, json_t *file, const char *data, size_t bytes)
{
    char *text = canonical(file), *digest = NULL, hex[65];
    bool ok = strlen(text) + 1 == bytes &&
              memcmp(text, data, bytes - 1) == 0 && data[bytes - 1] == '\n';

    free(text);
    if (!ok)
        return bad(r, "it is not canonical, so a byte of it was changed");
    if (json_text(file, "sha256") == NULL)
        return bad(r, "it has no sha256");
    digest = xstrdup(json_text(file, "sha256"));
    json_object_del(file, "sha256");
    text = canonical(file);
    sha256_hex(text, strlen(text), hex);
    ok = strcmp(hex, digest) == 0;
    free(text);
    free(digest);
    return ok || fault_set(r->why, FAULT_DATA, "the ruling was changed after "
                           "it was written: its sha256 is another one");
}

/* The ruling that follows from the inputs, and the one in the file. */
static bool
check_ruling(struct reader *r, const json_t *file, struct ruling_file *out)
{
    const json_t *inputs = json_object_get(file, "inputs");
    const json_t *there = json_object_get(file, "ruling");
    const char *signer = json_text(there, "signer");
    json_t *made, *again;
    bool ok;

    if (!ruling_make(&out->input, r->arena, &out->ruling, r->why))
        return false;
    /* What was not read must not have been there. */
    again = input_json(&out->input);
    ok = json_equal(again, inputs) ||
         bad(r, "its inputs say more than is known of");
    json_decref(again);
    if (!ok)
        return false;
    made = make_json(&out->input, &out->ruling, inputs,
                     signer != NULL ? signer : "");
    ok = json_equal(made, there) ||
         fault_set(r->why, FAULT_DATA, "the ruling does not follow from its "
                   "inputs: they say %s, it says %s",
                   policy_verdict_name(out->ruling.answer.verdict),
                   json_text(there, "decision") != NULL
                       ? json_text(there, "decision") : "nothing");
    json_decref(made);
    return ok;
}

static bool
check_signature(struct reader *r, const json_t *file, bool ask,
                struct ruling_file *out)
{
    const json_t *ruling = json_object_get(file, "ruling");
    const json_t *signature = json_object_get(file, "signature");
    const char *signer = json_text(ruling, "signer");
    struct buf data = BUF_INIT;
    bool ok = true;
    char *text;

    out->is_signed = !json_is_null(signature);
    if (!out->is_signed)
        return signer[0] == '\0' ||
               fault_set(r->why, FAULT_DATA, "the signature of %s was taken "
                         "away", signer);
    if (!json_is_string(signature) ||
        !unbase64(json_string_value(signature), &data)) {
        ok = bad(r, "its signature is not base64");
    } else if (signer[0] == '\0') {
        ok = bad(r, "it is signed, and does not say by whom");
    } else if (ask) {
        text = canonical(ruling);
        ok = seal_check(text, strlen(text), buf_text(&data), data.len,
                        &out->seal, r->why);
        if (ok && out->seal.state == SEAL_GOOD &&
            strcmp(out->seal.fingerprint, signer) != 0)
            ok = fault_set(r->why, FAULT_DATA, "the ruling says that %s "
                           "signed it, but %s did", signer,
                           out->seal.fingerprint);
        free(text);
    }
    buf_free(&data);
    return ok;
}

static bool
read_file(const char *data, size_t bytes, struct arena *arena, bool ask,
          struct ruling_file *out, struct fault *why)
{
    struct reader r = { .arena = arena, .why = why };
    json_t *file = NULL;
    int64_t version = 0;
    bool ok;

    *out = (struct ruling_file){ .is_signed = false };
    sha256_hex(data, bytes, out->sha256);
    ok = json_parse(data, bytes, &file, why) ||
         fault_context(why, "the ruling is not well-formed");
    if (ok && strcmp(json_text(file, "format") != NULL
                         ? json_text(file, "format") : "", FORMAT) != 0)
        ok = fault_set(why, FAULT_DATA, "this is no ruling");
    ok = ok && int_of(&r, file, "version", &version);
    if (ok && version != FORMAT_VERSION)
        ok = fault_set(why, FAULT_DATA, "the ruling is of version %" PRId64
                       ", this program knows %d", version, FORMAT_VERSION);
    ok = ok && check_bytes(&r, file, data, bytes);
    if (ok && json_object_size(file) != 5)
        ok = bad(&r, "it has other members");
    ok = ok && read_input(&r, json_object_get(file, "inputs"), &out->input) &&
         check_ruling(&r, file, out) &&
         check_signature(&r, file, ask, out);
    json_decref(file);
    return ok;
}

bool
ruling_check(const char *data, size_t bytes, struct arena *arena,
             struct ruling_file *out, struct fault *why)
{
    return read_file(data, bytes, arena, true, out, why);
}

bool
ruling_read(const char *data, size_t bytes, struct arena *arena,
            struct ruling_file *out, struct fault *why)
{
    return read_file(data, bytes, arena, false, out, why);
}
