#!/bin/sh
# tests/bench/stats.sh - comparisons and change points: false calls, what is
# found, and speed, each beside its rival.
#
# Variable: PAIRS (4000).
set -eu

"${ASSAY_TOP_BUILDDIR:-$PWD}/tests/bench/stats-bench" "${PAIRS:-4000}" 1
