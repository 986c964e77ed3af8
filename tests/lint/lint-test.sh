#!/bin/sh
# Does lint see what it is for? A file with one breach of each kind.
set -u
# shellcheck source=tests/tap.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/tap.sh"

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/hosts" "$tmp/harness"
cat >"$tmp/hosts/bad.c" <<'END'
/* hosts/wrong.c - the wrong name. */
#include "flights/flight.h"
#include "harness/fine.h"
#include "near.h"
int a;	/* a tab */
int b; 
int c; // a comment
int d = strcpy(a, b) + "strcpy(" + '"' + sleep(1);
/* strcpy( // in a comment
   over more lines " */ int e = atoi(x);
const char *f = "select flight from flights"; /* "http://a//b" */
const char *g = "update the lab, not SQL; \" // \\";
    must(!"clang warns of it");
int long_line = 1123456789012345678901234567890123456789012345678901234567890123;
END
cat >"$tmp/harness/good.c" <<'END'
/* harness/good.c - nothing wrong here. */
#include <config.h>
#include "harness/good.h"
/* é: eighty columns and not eighty bytes ééééééééééééééééééééééééééééééééé */
const char *url = "https://host/a/very/long/name/that/cannot/be/broken/in/two/well/at/all";
END
want="hosts/bad.c:1: the file does not open with \"/* hosts/bad.c - what it is\"
hosts/bad.c:2: hosts/ may not include flights/
hosts/bad.c:4: \"near.h\" is not named from the top of the tree
hosts/bad.c:5: a tab
hosts/bad.c:6: white space at the end of the line
hosts/bad.c:7: a // comment
hosts/bad.c:8: strcpy() is banned
hosts/bad.c:8: nothing sleeps but harness/signals.c
hosts/bad.c:10: atoi() is banned
hosts/bad.c:11: SQL outside *_db.c
hosts/bad.c:13: must(!\"...\") is must_never(\"...\")
hosts/bad.c:14: over 80 columns"
got=$(cd "$tmp" && LC_ALL=C awk -f "${ASSAY_TOP_SRCDIR:?}/tests/lint/c.awk" \
    hosts/bad.c harness/good.c)
status=$?
is 'each breach is named, and nothing else' "$got" "$want"
is 'exit status' "$status" 1
tap_end
