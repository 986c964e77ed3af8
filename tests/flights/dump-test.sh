#!/bin/sh
# tests/flights/dump-test.sh - the shipped flights expand to what was reviewed:
# tests/flights/golden/NAME.dump. After a change on purpose, write them again
# with "assay flight dump NAME" and look at the difference.
set -u
here=$ASSAY_TOP_SRCDIR/tests/flights
n=0
for golden in "$here"/golden/*.dump; do
    name=$(basename "$golden" .dump)
    n=$((n + 1))
    if assay flight dump "$name" 2>&1 | diff -u "$golden" - >dump-test.$$; then
        echo "ok $n - $name"
    else
        sed 's/^/# /' dump-test.$$
        echo "not ok $n - $name"
    fi
    rm -f dump-test.$$
done
for file in "$ASSAY_TOP_SRCDIR"/flights/*.yaml; do
    name=$(basename "$file" .yaml)
    n=$((n + 1))
    if [ -f "$here/golden/$name.dump" ]; then
        echo "ok $n - $name has a reviewed dump"
    else
        echo "not ok $n - $name has a reviewed dump"
    fi
done
echo "1..$n"
