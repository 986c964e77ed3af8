#!/bin/bash
# Bisections by themselves, by the whole system: a branch of the tiny hypervisor
# whose gate meets a hang, a panic and a flake. Sixty commits, with merges, and a
# stretch that does not build. What is planted is told by mail, and nothing else is.
. "${ASSAY_TOP_SRCDIR:?}/tests/e2e/e2e.sh"
tiny=$top/tests/tinyhv
work=$ASSAY_HOME/work bare=$ASSAY_HOME/tiny.git
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

# The history --------------------------------------------------------------------
as=(git -C "$work" -c user.name="Ann Author" -c user.email=ann@example.org)
git init -q -b main "$work"
git init -q --bare "$bare"
cp "$tiny"/{Makefile,start.S,tiny.c,tiny.lds} "$work"
chmod -R u+w "$work"
bug() { sed -i "s/^#define BUG [A-Z]*$/#define BUG $1/" "$work/tiny.c"; }
commits=()
# Each tenth commit merges a side branch of one; what it changes changes nothing.
for i in {1..60}; do
    echo "4.99.$i" >"$work/version"
    case $i in
        8) sed -i 's/^serial_init(void)$/serial_init(void) oops/' "$work/tiny.c" ;;
        12) sed -i 's/ oops$//' "$work/tiny.c" ;;
        15) bug HANG ;;
        21 | 41) bug NONE ;;
        31) bug PANIC ;;
        49) bug FLAKE ;;
    esac
    if [ $((i % 10)) = 5 ]; then
        "${as[@]}" checkout -q -b "side-$i"
        echo "$i" >"$work/side-$i"
        "${as[@]}" add "side-$i"
        "${as[@]}" commit -q -m "a side of $i"
        "${as[@]}" checkout -q main
    fi
    "${as[@]}" add -A
    "${as[@]}" commit -q -m "tiny 4.99.$i"
    if [ $((i % 10)) = 0 ]; then
        "${as[@]}" merge -q --no-ff -m "merge the side of $((i - 5))" "side-$((i - 5))"
    fi
    commits[i]=$("${as[@]}" rev-parse HEAD)
done
planted_at() { "${as[@]}" log --format=%H --grep "^tiny 4\.99\.$1\$" main; }

# The branch, and how its candidates are made ----------------------------------------
mkdir "$ASSAY_HOME/base" "$ASSAY_HOME/branches"
for part in xen kernel initrd; do echo "$part" >"$ASSAY_HOME/base/$part"; done
echo 'properties: { confirm: console }' >"$ASSAY_HOME/base/candidate.yaml"
cat >"$ASSAY_HOME/make" <<END
#!/bin/sh
# make REVISION CANDIDATE
set -eu
build=\$(assay build run "$tiny/tiny.yaml" --tree "tiny=\$1" --json | jq .build)
exec assay candidate add --build "\$build" --base base --name "\$2"
END
chmod +x "$ASSAY_HOME/make"
cat >"$ASSAY_HOME/flight.yaml" <<END
flight: tiny
intended: real
candidate: base
jobs:
  - job: boot
    recipe: $tiny/boot.yaml
    hosts: { host: { arch: amd64 } }
    runvars: { trials: "6", silence: 6s }
END
cat >"$ASSAY_HOME/branches/tiny.yaml" <<END
branch: tiny
trees:
  tiny:
    url: $bare
    input: refs/heads/staging
    output: refs/heads/tested
flight: $ASSAY_HOME/flight.yaml
retest: false
candidate:
  name: "tiny-{short}"
  make: [$ASSAY_HOME/make, "{revision}", "{candidate}"]
END

# Who hears of it --------------------------------------------------------------------
mkdir "$ASSAY_HOME/mails"
cat >"$ASSAY_HOME/sendmail" <<END
#!/bin/sh
# One file a mail, named when it is whole.
file=\$(mktemp "$ASSAY_HOME/mails/.new.XXXXXX")
{ echo "to: \$*"; cat; } >"\$file"
mv "\$file" "\${file%%.new*}mail.\$\$"
END
chmod +x "$ASSAY_HOME/sendmail"
cat >"$ASSAY_HOME/notify.yaml" <<END
from: Assay <assay@example.org>
sendmail: [$ASSAY_HOME/sendmail]
rules:
  - { on: [culprit], people: true, confidence: 0.95, to: [lab@example.org] }
END
mails() { find "$ASSAY_HOME/mails" -name 'mail.*'; }
mailed() { mails | xargs -r grep -l "$1" | xargs -r grep -l '^to: ann@example.org'; }

# What this does by itself -----------------------------------------------------------
push() { git -C "$work" push -qf "$bare" "$1:refs/heads/$2"; }
gate() { assay gate run tiny >>"$ASSAY_HOME/gate.log" 2>&1; }
bisections() { assay bisect list --json; }
ended() { [ "$(bisections | jq "map(select(.ended_ms)) | length")" = "$1" ]; }
culprit() { bisections | jq -r "sort_by(.bisection) | .[$1 - 1].culprit // .[$1 - 1].reason"; }
author_hears() { [ -n "$(mailed "$(planted_at "$1")")" ]; }
# found NUMBER COMMIT WHAT: the bisection of that number found it.
found() {
    wait_for 600 ended "$1"
    is "the commit that planted the $3 is found" "$(culprit "$1")" \
        "$(planted_at "$2")"
    assay bisect show "$1" | diag
    wait_for 120 author_hears "$2"
    is "its author hears of it, once" "$(mailed "$(planted_at "$2")" | wc -l)" 1
    like "with a confidence" "$(mailed "$(planted_at "$2")" | xargs -r cat)" \
        'confidence 0\.9'
}

ok "a lab with one host" assay lab up "$top/hosts/lab/lab-x86-1.yaml" || bail "no lab"
ok "a candidate with what a boot needs" \
    assay candidate add --dir "$ASSAY_HOME/base" --arch amd64 --name base
push "${commits[1]}" staging
push "${commits[1]}" tested
ok "the tiny hypervisor is a tree" assay tree add tiny "$bare"
gate
is "the first commit passes its tests" \
    "$(assay flight show 1 --json | jq -r .outcome)" pass
push "${commits[20]}" staging
gate
is "the twentieth is held" $? 1
found 1 15 hang
push "${commits[22]}" staging
gate
is "mended, the branch moves on" $? 0
push "${commits[40]}" staging
gate
is "the fortieth is held" $? 1
found 2 31 panic
push "${commits[42]}" staging
gate
is "mended, the branch moves on" $? 0

# A flake may pass; then the branch is set back, and the next revision is tested.
for i in {56..60}; do
    push "${commits[i]}" staging
    gate || break
    push "${commits[42]}" tested
done
found 3 49 flake
is "nothing else was bisected" "$(bisections | jq length)" 3
is "and nobody was written to but for that" \
    "$(mails | xargs -r grep -l '^to: ann' | wc -l)" 3
