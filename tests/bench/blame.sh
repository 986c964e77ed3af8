#!/bin/sh
# tests/bench/blame.sh - whose fault: flights with known causes, judged by the
# four cells, and beside it by running each failure again once.
#
# Variable: FLIGHTS (10000).
set -eu

sim=${ASSAY_TOP_BUILDDIR:-$PWD}/tests/bench/blame-sim
"$sim" "${FLIGHTS:-10000}" 1
"$sim" "${FLIGHTS:-10000}" 1 single
