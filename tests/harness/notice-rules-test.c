/* tests/harness/notice-rules-test.c - the rules of notices: what is refused,
 * with file and line, and who hears of what. And addresses. */
#include <config.h>

#include <string.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/notice_rules.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;

#define RULES \
    "from: The Lab <lab@example.org>\n" \
    "url: https://lab.example.org/assay\n" \
    "rules:\n" \
    "  - on: [regression, recovery, cause]\n" \
    "    branch: xen-*\n" \
    "    to: [\"Xen, Devel <devel@example.org>\", ann@example.org]\n" \
    "  - on: [culprit]\n" \
    "    confidence: 0.9\n" \
    "    to: [ANN@example.org, bob@example.org]\n" \
    "    people: true\n" \
    "  - on: [host, lease, culprit]\n" \
    "    to: [ops@example.org]\n"

static void
test_read(void)
{
    struct fault why = FAULT_INIT;
    struct notice_rules rules;

    if (!notice_rules_parse("r", RULES, strlen(RULES), &arena, &rules, &why))
        tap_bail("%s", why.text);
    is_str(rules.from.name, "The Lab", "who");
    is_str(rules.from.address, "lab@example.org", "from where");
    is_str(rules.sendmail[0], "/usr/sbin/sendmail", "the usual program");
    ok(rules.limit_ms == 60000 && rules.stale_ms == 3 * 86400000,
       "the usual limits");
    is_str(rules.url, "https://lab.example.org/assay", "the pages");
    is_int((int64_t)rules.count, 3, "three rules");
    is_int(rules.rules[1].line, 7, "with their lines");
    is_str(rules.rules[0].to[0].name, "Xen, Devel", "a name");
}

static void
refuses(const char *text, const char *says)
{
    struct fault why = FAULT_INIT;
    struct notice_rules rules;

    not_ok_fault(notice_rules_parse("r", text, strlen(text), &arena, &rules,
                                    &why), &why, FAULT_CONFIG, says,
                 "refuses: %s", says);
}

static void
test_refused(void)
{
    refuses("from: a@b.org\nurl: ftp://lab\nrules: []\n",
            "r:2: 'ftp://lab' is no address like");
    refuses("from: a@b.org\nurl: https://lab/\nrules: []\n", "r:2: ");
    refuses("from: a@b.org\nurl: \"https://a\\nb\"\nrules: []\n", "r:2: ");
    refuses("rules: []\n", "from");
    refuses("from: nobody\nrules: []\n",
            "r:1: 'nobody' is no address of mail");
    refuses("from: a@b\nrules:\n  - {on: [regresion], to: [a@b]}\n",
            "r:3: there are no notices of kind 'regresion' (regression, ");
    refuses("from: a@b\nrules:\n  - {on: [], to: [a@b]}\n", "r:3:");
    refuses("from: a@b\nrules:\n  - {to: [a@b]}\n", "r:3:");
    refuses("from: a@b\nrules:\n  - {on: [host]}\n",
            "r:3: the rule tells nobody");
    refuses("from: a@b\nrules:\n  - {on: [host], to: [-fx@b]}\n",
            "r:3: '-fx@b' is no address");
    refuses("from: a@b\nrules:\n  - {on: [host], too: [a@b]}\n", "r:3:");
    refuses("from: a@b\nrules:\n  - {on: [culprit], to: [a@b],\n"
            "     confidence: 1.5}\n", "r:4: '1.5' is no confidence");
    refuses("from: a@b\nrules:\n  - {on: [host], to: [a@b],\n"
            "     confidence: 0.5}\n", "r:4: only notices of kind 'culprit'");
    refuses("from: a@b\nlimit: soon\nrules: []\n", "r:2: 'soon' is no time");
    refuses("from: a@b\nstale: 0\nrules: []\n", "r:2: '0' is no time");
    refuses("from: a@b\nsendmail: [sendmail]\nrules: []\n",
            "r:2: 'sendmail' is no absolute path");
    refuses("from: a@b\nsendmail: []\nrules: []\n", "r:2:");
}

/* "a@b c@d": who hears of it. */
static const char *
told(const struct notice_rules *rules, const char *kind, const char *branch,
     double confidence)
{
    static const struct message_person people[] = {
        { "Carl", "carl@example.org" }, { "Bob", "Bob@Example.org" },
    };
    const struct notice_facts facts = {
        .kind = kind, .branch = branch, .confidence = confidence,
        .people = people, .people_count = 2,
    };
    struct message_person *list = NULL;
    const char *text = "";
    size_t count = 0;

    notice_rules_match(rules, &facts, &arena, &list, &count);
    for (size_t i = 0; i < count; i++)
        text = arena_printf(&arena, "%s%s%.*s", text, i == 0 ? "" : " ",
                            (int)strcspn(list[i].address, "@"),
                            list[i].address);
    return text;
}

static void
test_match(void)
{
    struct fault why = FAULT_INIT;
    struct notice_rules rules;

    if (!notice_rules_parse("r", RULES, strlen(RULES), &arena, &rules, &why))
        tap_bail("%s", why.text);
    is_str(told(&rules, "regression", "xen-unstable", 0), "devel ann",
           "a branch of the rule");
    is_str(told(&rules, "regression", "linux", 0), "", "another branch");
    is_str(told(&rules, "regression", NULL, 0), "", "no branch");
    is_str(told(&rules, "host", NULL, 0), "ops", "a rule without a branch");
    is_str(told(&rules, "culprit", "linux", 0.95), "ANN bob carl ops",
           "its people, each once");
    is_str(told(&rules, "culprit", "linux", 0.5), "ops",
           "nobody is named to the people if that is not sure enough");
}

static void
test_addresses(void)
{
    static const struct {
        const char *text, *name, *address;
    } GOOD[] = {
        { "a@b", "", "a@b" },
        { " A B <a.b+c@d-e.f> ", "A B", "a.b+c@d-e.f" },
        { "\"B, A\" <a@b>", "B, A", "a@b" },
        { "J\xc3\xbcrgen \"J\" <x@y> <a@b>", "J\xc3\xbcrgen \"J\" <x@y>",
          "a@b" },
        { "\xff\n<a@b>", "\xff", "a@b" },
    };
    static const char *const BAD[] = {
        "", "<>", "a", "a@", "@b", "-a@b", ".a@b", "a.@b", "a@-b", "a@.b",
        "a b@c", "a@b c", "a@b\nc", "a@b, c@d", "a@b@c", "\"a b\"@c",
        "a@[1.2.3.4]", "a@b>", "a@b <", "root@(none)",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b",
    };
    struct message_person person, *list = NULL;
    struct fault why = FAULT_INIT;
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        ok(message_person_parse(GOOD[i].text, &arena, &person, &why)
           && strcmp(person.name, GOOD[i].name) == 0
           && strcmp(person.address, GOOD[i].address) == 0,
           "an address: %s", GOOD[i].address);
    }
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        not_ok_fault(message_person_parse(BAD[i], &arena, &person, &why),
                     &why, FAULT_USAGE, "is no address of mail",
                     "no address: %zu", i);
    ok(message_people_parse("\"B, A\" <a@b>, c@d,e@f", &arena, &list, &count,
                            &why) && count == 3, "three of them");
    not_ok_fault(message_people_parse("a@b,", &arena, &list, &count, &why),
                 &why, FAULT_USAGE, "no address", "an empty one");
}

int
main(void)
{
    test_read();
    test_refused();
    test_match();
    test_addresses();
    arena_free(&arena);
    return tap_done();
}
