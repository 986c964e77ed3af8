#!/bin/sh
# tests/bench/blame.sh - whose fault: flights with known causes, judged by the
# four cells, once a seed, since few flights decide the rarest error; and beside
# it by running each failure again once.
#
# Variables: FLIGHTS (10000), SEEDS ("1 2 3 4 5 6").
set -eu

sim=${ASSAY_TOP_BUILDDIR:-$PWD}/tests/bench/blame-sim
for seed in ${SEEDS:-1 2 3 4 5 6}; do
    "$sim" "${FLIGHTS:-10000}" "$seed"
done
"$sim" "${FLIGHTS:-10000}" 1 single
