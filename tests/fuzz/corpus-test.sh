#!/bin/sh
# Replays the corpus of every fuzz target, and sees that each has one.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"

src=${ASSAY_TOP_SRCDIR:?}/tests/fuzz
built=${ASSAY_TOP_BUILDDIR:?}/tests/fuzz

for source in "$src"/*-fuzz.c; do
    name=$(basename "$source" -fuzz.c)
    if [ ! -d "$src/corpus/$name" ]; then
        ok "target $name has a corpus" false
        continue
    fi
    log=$("$built/$name-fuzz" "$src/corpus/$name" 2>&1)
    status=$?
    inputs=$(printf '%s\n' "$log" | grep -c '^# /')
    [ "$status" -eq 0 ] && [ "$inputs" -gt 0 ] || {
        printf '%s\n' "$log" | grep -v '^ok' | tail -n 60 | sed 's/^/# /'
        echo "# status $status"
        false
    }
    ok "$name: $inputs inputs"
done
tap_end
