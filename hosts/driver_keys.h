/* hosts/driver_keys.h - the keys that a host file may give a driver.
 *
 * One list each: the members of struct host_file_power and _console, the
 * schema of the YAML and the JSON that the drivers read are made from it.
 * Which of them a driver takes is its own check. All values are texts. */
#ifndef HOSTS_DRIVER_KEYS_H
#define HOSTS_DRIVER_KEYS_H

#define POWER_TEXTS(X) \
    X(driver) \
    X(address) \
    X(auth_password_env) \
    X(auth_password_file) \
    X(auth_protocol) \
    X(boot) \
    X(ca_file) \
    X(cipher_suite) \
    X(community_env) \
    X(community_file) \
    X(config) \
    X(domain) \
    X(guest) \
    X(host_key) \
    X(key_file) \
    X(limit) \
    X(model) \
    X(off_value) \
    X(oid) \
    X(on_value) \
    X(outlet) \
    X(password_env) \
    X(password_file) \
    X(priv_password_env) \
    X(priv_password_file) \
    X(priv_protocol) \
    X(privilege) \
    X(session) \
    X(steady) \
    X(system_path) \
    X(text) \
    X(tls) \
    X(url) \
    X(user) \
    X(version) \
    X(workaround) \
    X(xl)

#define CONSOLE_TEXTS(X) \
    X(driver) \
    X(address) \
    X(cipher_suite) \
    X(command) \
    X(console) \
    X(domain) \
    X(host_key) \
    X(key_file) \
    X(line) \
    X(mode) \
    X(password_env) \
    X(password_file) \
    X(path) \
    X(privilege) \
    X(speed) \
    X(tls) \
    X(user) \
    X(workaround)

#endif
