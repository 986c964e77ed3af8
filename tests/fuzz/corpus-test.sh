#!/bin/sh
# Replays the corpus of every fuzz target, and sees that each has one.
set -u

src=${ASSAY_TOP_SRCDIR:?}/tests/fuzz
built=${ASSAY_TOP_BUILDDIR:?}/tests/fuzz
n=0

result() {
    n=$((n + 1))
    printf '%s %d - %s\n' "$1" "$n" "$2"
}

for source in "$src"/*-fuzz.c; do
    name=$(basename "$source" -fuzz.c)
    if [ ! -d "$src/corpus/$name" ]; then
        result 'not ok' "target $name has a corpus"
        continue
    fi
    log=$("$built/$name-fuzz" "$src/corpus/$name" 2>&1)
    status=$?
    inputs=$(printf '%s\n' "$log" | grep -c '^# /')
    if [ "$status" -eq 0 ] && [ "$inputs" -gt 0 ]; then
        result ok "$name: $inputs inputs"
    else
        printf '%s\n' "$log" | grep -v '^ok' | tail -n 60 | sed 's/^/# /'
        result 'not ok' "$name: status $status after $inputs inputs"
    fi
done
echo "1..$n"
