#!/bin/sh
# tests/recipes/step-example-test.sh - the example of assay-step(7), as a
# vendor would copy it from the page, does what the page says.
set -u
# shellcheck source=tests/tap.sh
. "$ASSAY_TOP_SRCDIR/tests/tap.sh"
page=$ASSAY_TOP_SRCDIR/doc/assay-step.7
dir=$(mktemp -d "${TMPDIR:-/tmp}/assay-example.XXXXXX") || exit 1
ASSAY_HOME=$dir/home
export ASSAY_HOME
trap 'rm -rf "$dir"' EXIT
tap_dir=$dir
# As the page shows it: without the macros, \e for a backslash.
sed -n '/^\.\\" example-begin/,/^\.\\" example-end/p' "$page" |
    sed '/^\./d; s/\\e/\\/g' >"$dir/disk-write"
chmod +x "$dir/disk-write"
grep -q '^echo "case size pass" >&3\|case size pass' "$dir/disk-write"
ok "the page has an example"
! command -v shellcheck >/dev/null || shellcheck "$dir/disk-write" >&2
ok "it is good shell"
assay step run --json --runvar disk_mb=2 --case size "$dir/disk-write" \
    >"$dir/out" 2>"$dir/err"
ok "it passes"
for part in '"status": "pass"' '"name": "disk_write"' '"unit": "MiB/s"' \
    '"id": "size"' '"disk_written_mb": "2"' '"name": "dd.log"' \
    '"progress": "3/3 writing 2 MiB"'; do
    grep -qF "$part" "$dir/out"
    ok "it records $part"
done
[ "$(grep -c '"name": "disk_write"' "$dir/out")" -eq 3 ]
ok "it measures three times"
log=$(sed -n 's/^ *"log": "\(.*\)",*$/\1/p' "$dir/out")
rm -rf "${log%/*}"
assay step run --json --case other "$dir/disk-write" >"$dir/out" 2>&1
[ $? -eq 75 ] && grep -qF 'did not report: other' "$dir/out"
ok "a case that it does not report is missed"
log=$(sed -n 's/^ *"log": "\(.*\)",*$/\1/p' "$dir/out")
rm -rf "${log%/*}"
assay step run "$dir/nothing" 2>"$dir/err"
[ $? -eq 2 ] && grep -q nothing "$dir/err"
ok "a program that is not there is said"
assay step run --runvar x /bin/true 2>"$dir/err"
[ $? -eq 2 ] && grep -q 'NAME=VALUE' "$dir/err"
ok "so is a runvar without a value"
# Every word of the contract is on the page.
for word in case metric set attach progress blame; do
    grep -q "^\.It Ic $word " "$page"
    ok "the page says what $word is"
done
tap_end
