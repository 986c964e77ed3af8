#!/bin/sh
# tests/flights/dump-test.sh - the shipped flights expand to what was reviewed:
# tests/flights/golden/NAME.dump. After a change on purpose, write them again
# with "assay flight dump NAME" and look at the difference.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"
here=$ASSAY_TOP_SRCDIR/tests/flights
as_reviewed()
{
    assay flight dump "$name" 2>&1 | diff -u "$golden" -
}
for golden in "$here"/golden/*.dump; do
    name=$(basename "$golden" .dump)
    ok "$name" as_reviewed
done
for file in "$ASSAY_TOP_SRCDIR"/flights/*.yaml; do
    name=$(basename "$file" .yaml)
    ok "$name has a reviewed dump" test -f "$here/golden/$name.dump"
done
tap_end
