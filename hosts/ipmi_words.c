/* hosts/ipmi_words.c - see ipmi_words.h. */
#include <config.h>

#include "hosts/ipmi_words.h"

#ifdef HAVE_FREEIPMI
#include <freeipmi/freeipmi.h>
#include <ipmiconsole.h>
#endif

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"

#define CIPHER_SUITE 3
#define CIPHER_SUITE_MAX 17

static const char *const privilege_words[] = {
    "user", "operator", "admin", NULL
};
/* FreeIPMI's names and, where it is, the flags of its two libraries: 0 where
 * one does not know of it. */
#ifdef HAVE_FREEIPMI
#define FLAGS(session, sol) (session), (sol)
#else
#define FLAGS(session, sol) 0, 0
#endif
static const struct {
    const char *name;
    unsigned session, sol;
} workarounds[] = {
    { "authcap", FLAGS(
      IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_AUTHENTICATION_CAPABILITIES,
      IPMICONSOLE_WORKAROUND_AUTHENTICATION_CAPABILITIES) },
    { "intel20", FLAGS(
      IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_INTEL_2_0_SESSION,
      IPMICONSOLE_WORKAROUND_INTEL_2_0_SESSION) },
    { "supermicro20", FLAGS(
      IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_SUPERMICRO_2_0_SESSION,
      IPMICONSOLE_WORKAROUND_SUPERMICRO_2_0_SESSION) },
    { "sun20", FLAGS(
      IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_SUN_2_0_SESSION,
      IPMICONSOLE_WORKAROUND_SUN_2_0_SESSION) },
    { "opensesspriv", FLAGS(
      IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_OPEN_SESSION_PRIVILEGE,
      IPMICONSOLE_WORKAROUND_OPEN_SESSION_PRIVILEGE) },
    { "integritycheckvalue", FLAGS(
      IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_NON_EMPTY_INTEGRITY_CHECK_VALUE,
      IPMICONSOLE_WORKAROUND_NON_EMPTY_INTEGRITY_CHECK_VALUE) },
    { "solpayloadsize", FLAGS(0,
      IPMICONSOLE_WORKAROUND_IGNORE_SOL_PAYLOAD_SIZE) },
    { "solport", FLAGS(0, IPMICONSOLE_WORKAROUND_IGNORE_SOL_PORT) },
    { "solstatus", FLAGS(0,
      IPMICONSOLE_WORKAROUND_SKIP_SOL_ACTIVATION_STATUS) },
    { "solchannelsupport", FLAGS(0,
      IPMICONSOLE_WORKAROUND_SKIP_CHANNEL_PAYLOAD_SUPPORT) },
};

bool
word_check(const json_t *config, const char *key, const char *const *words,
           struct fault *why)
{
    const char *text = json_text(config, key);
    struct buf known = BUF_INIT;

    if (text == NULL)
        return true;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            buf_free(&known);
            return true;
        }
        buf_addf(&known, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
    fault_set(why, FAULT_CONFIG, "%s '%s' is none of %s", key, text,
              buf_text(&known));
    buf_free(&known);
    return false;
}

/* The next word of a list with commas: its row, or ARRAY_LEN for none. */
static size_t
workaround_next(const char **at, size_t *bytes_out)
{
    const char *word = *at;
    size_t bytes = strcspn(word, ","), i;

    for (i = 0; i < ARRAY_LEN(workarounds); i++) {
        if (strncmp(workarounds[i].name, word, bytes) == 0
            && workarounds[i].name[bytes] == '\0')
            break;
    }
    *at = word + bytes + (word[bytes] == ',' ? 1 : 0);
    *bytes_out = bytes;
    return i;
}

static bool
check_workarounds(const json_t *config, struct fault *why)
{
    const char *at = json_text(config, "workaround"), *word;
    struct buf known = BUF_INIT;
    size_t bytes;

    while (at != NULL && *at != '\0') {
        word = at;
        if (workaround_next(&at, &bytes) < ARRAY_LEN(workarounds))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(workarounds); i++)
            buf_addf(&known, "%s%s", i == 0 ? "" : ", ",
                     workarounds[i].name);
        fault_set(why, FAULT_CONFIG, "workaround '%.*s' is none of %s",
                  (int)bytes, word, buf_text(&known));
        buf_free(&known);
        return false;
    }
    return true;
}

bool
ipmi_check_words(const json_t *config, struct fault *why)
{
    const char *suite = json_text(config, "cipher_suite");
    int64_t number;

    if (suite != NULL && !parse_int64(suite, 0, CIPHER_SUITE_MAX, &number))
        return fault_set(why, FAULT_CONFIG, "cipher_suite '%s' is no number "
                         "from 0 to %d", suite, CIPHER_SUITE_MAX);
    return word_check(config, "privilege", privilege_words, why)
        && check_workarounds(config, why);
}

#ifdef HAVE_FREEIPMI

static const struct {
    const char *name;
    uint8_t level;
} privileges[] = {
    { "user", IPMI_PRIVILEGE_LEVEL_USER },
    { "operator", IPMI_PRIVILEGE_LEVEL_OPERATOR },
    { "admin", IPMI_PRIVILEGE_LEVEL_ADMIN },
};

uint8_t
ipmi_privilege(const json_t *config)
{
    const char *name = json_text(config, "privilege");

    for (size_t i = 0; name != NULL && i < ARRAY_LEN(privileges); i++) {
        if (strcmp(privileges[i].name, name) == 0)
            return privileges[i].level;
    }
    return IPMI_PRIVILEGE_LEVEL_OPERATOR;
}

uint8_t
ipmi_cipher_suite(const json_t *config)
{
    const char *text = json_text(config, "cipher_suite");
    int64_t number = CIPHER_SUITE;

    if (text != NULL && !parse_int64(text, 0, UINT8_MAX, &number))
        number = CIPHER_SUITE;  /* not after the check of the host file */
    return (uint8_t)number;
}

unsigned
ipmi_workarounds(const json_t *config, bool sol)
{
    const char *at = json_text(config, "workaround");
    unsigned flags = 0;

    while (at != NULL && *at != '\0') {
        size_t bytes, i = workaround_next(&at, &bytes);

        if (i < ARRAY_LEN(workarounds))
            flags |= sol ? workarounds[i].sol : workarounds[i].session;
    }
    return flags;
}

#endif
