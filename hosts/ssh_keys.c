/* hosts/ssh_keys.c - see ssh_keys.h. */
#include <config.h>

#include "hosts/ssh_keys.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/secret.h"

#define USER_MAX 100

bool
ssh_keys_check(const json_t *config, const char *what, struct fault *why)
{
    const char *driver = json_text(config, "driver");
    const char *host_key = json_text(config, "host_key");
    const char *key_file = json_text(config, "key_file");
    const char *user = json_text(config, "user");

    if (host_key == NULL || strchr(host_key, ' ') == NULL)
        return fault_set(why, FAULT_CONFIG, "%s driver %s needs a host_key: "
                         "TYPE BASE64, as ssh-keyscan prints it after the "
                         "name", what, driver);
    if (key_file != NULL && key_file[0] != '/')
        return fault_set(why, FAULT_CONFIG, "key_file '%s' is not absolute",
                         key_file);
    if (user != NULL && !name_is_safe(user, USER_MAX))
        return fault_set(why, FAULT_CONFIG, "%s driver %s needs the key "
                         "'user', a name", what, driver);
    return secret_check(config, "password", key_file == NULL, why);
}
