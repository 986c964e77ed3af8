#!/bin/sh
# assay doctor: says what is missing and how to get it, and its packages are
# those of packaging/debian-packages. Also that list's own form.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
ASSAY_HOME=$tmp/home
export ASSAY_HOME
list=${ASSAY_TOP_SRCDIR:?}/packaging/debian-packages

json=$(assay doctor --json)
status=$?
case $json in
    *'"ok": true'*) is 'exit status when all is there' "$status" 0 ;;
    *) is 'exit status when something is missing' "$status" 1 ;;
esac
missing=$(printf '%s\n' "$json" | sed -n 's/.*"package": "\(.*\)",*$/\1/p' |
    sort -u | while read -r package; do
        grep -q "^$package run \|^$package build " "$list" ||
            [ "$package" = dpkg ] || echo "$package"
    done)
is 'each package it knows is in the list' "$missing" ''

# Without a PATH, what is looked for there is found in the sbin directories or
# not at all, and the command to mend it names the package.
real=$(command -v assay)
text=$(PATH=/nonexistent "$real" doctor)
status=$?
is 'exit status without programs' "$status" 1
is 'the missing program' "$(printf '%s\n' "$text" |
    sed -n 's/^expect  *missing *not installed, package expect .*/yes/p')" yes
is 'the command' "$(printf '%s\n' "$text" |
    grep -c 'apt-get install --no-install-recommends .*expect')" 1

is 'the list is sorted' "$(grep -v '^#' "$list" | cut -d ' ' -f 1 | LC_ALL=C sort -c 2>&1)" ''
is 'a reason on each line' "$(grep -v '^#' "$list" |
    grep -Ev '^[a-z0-9.+-]+ (build|run|check) # .')" ''
is 'groups of install-missing' \
    "$("$ASSAY_TOP_SRCDIR/packaging/install-missing" --list nosuch 2>&1)" \
    'install-missing: no packages in the groups: nosuch'
tap_end
