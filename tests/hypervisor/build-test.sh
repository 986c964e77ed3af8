#!/bin/sh
# tests/hypervisor/build-test.sh - mirrors of trees, and builds from them: what
# is built, what is not built twice, and what is left after a failure.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
n=0
bad=0
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org
GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.org
export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

# is NAME WANT GOT
is()
{
    n=$((n + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $n - $1"
    else
        bad=$((bad + 1))
        echo "not ok $n - $1"
        echo "# wanted '$2', got '$3'"
        sed 's/^/# /' "$ASSAY_HOME/err"
    fi
}

# like NAME PART: in what the last command said on stderr or stdout.
like()
{
    n=$((n + 1))
    if cat "$ASSAY_HOME/out" "$ASSAY_HOME/err" | grep -qF -e "$2"; then
        echo "ok $n - $1"
    else
        bad=$((bad + 1))
        echo "not ok $n - $1"
        sed 's/^/# /' "$ASSAY_HOME/out" "$ASSAY_HOME/err"
    fi
}

run()
{
    timeout 60 assay "$@" >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
    status=$?
}

# Of the JSON of the last command.
field()
{
    jq -r "$1" "$ASSAY_HOME/out"
}

# commit FILE TEXT: prints its name.
commit()
{
    printf '%s\n' "$2" >"$repo/$1"
    git -C "$repo" add -A
    git -C "$repo" commit -q -m "$1"
    git -C "$repo" rev-parse HEAD
}

# How often the recipe's step ran, which says so in a file.
count()
{
    wc -l <"$ASSAY_HOME/ran"
}

pgfix_start
repo=$ASSAY_HOME/repo
: >"$ASSAY_HOME/ran"
git init -q -b main "$repo"
first=$(commit text one)
broken=$(commit broken 'this does not build')
git -C "$repo" rm -q broken
third=$(commit text three)

# A build that knows what it is asked to do from the tree itself.
cat >"$ASSAY_HOME/small.yaml" <<END
build: small
description: for this test
trees: [small]
tools: [make]
environment: {COLOUR: red}
kconfig: config
short:
  - {word: all=y, options: [A=y, B=y]}
steps:
  - step: configure
    sh: |
      grep -v UNKNOWN "\$ASSAY_KCONFIG" >config || :
  - step: compile
    sh: |
      echo "\$ASSAY_REVISION_small" >>'$ASSAY_HOME/ran'
      if [ -e slow ]; then sleep 300; fi
      if [ -e full ]; then echo 'cc: No space left on device' >&2; exit 1; fi
      if [ -e broken ]; then
          echo 'noise'; echo "small.c:3:1: error: it's broken"; exit 2
      fi
      { cat text; echo "\$COLOUR"; cat config; } >out
  - step: check
    run: [test, -s, out]
outputs:
  - {part: xen, path: out}
  - {part: xen.efi, path: out.efi, optional: true}
limit: 1m
END
recipe=$ASSAY_HOME/small.yaml

run build run "$recipe" --tree main
is 'a tree that nobody added: exit status' 2 $status
like 'and what to do' 'tree add'
run tree add small "$repo"
is 'a tree is added' 0 $status
run tree add small "$ASSAY_HOME"
is 'the name is taken' 1 $status
run tree add other "$ASSAY_HOME/none"
is 'a place that cannot be read' 75 $status
run tree list --json
is 'trees are listed' "small $repo" "$(field '.[] | .tree + " " + .url')"

run build run "$recipe" --tree main --json
is 'a build passes' "0 pass $third" \
    "$status $(field '.status + " " + .inputs.trees.small')"
sha=$(field '.parts[] | select(.part == "xen") | .sha256')
is 'its part is what was built' "$(printf 'three\nred\n' | sha256sum | cut -d' ' -f1)" "$sha"
run build run "$recipe" --tree "small=$third" --json
is 'it is not built again' 'true 1' "$(field .reused) $(count)"
run build run "$recipe" --tree main --kconfig all=y --json
is 'another kconfig is another build' 'pass false 2' \
    "$(field '.status + " " + (.reused | tostring)') $(count)"
run build run "$recipe" --tree main --kconfig b=y,a=y --json
is 'but the same one in other words is not' 'true 2' \
    "$(field .reused) $(count)"
run build run "$recipe" --tree main --kconfig unknown=y --json
is 'an option that does not take is a failure' '1 fail kconfig' \
    "$status $(field '.status + " " + .step')"

run build run "$recipe" --tree "$broken" --json
is 'a build fails' '1 fail compile' \
    "$status $(field '.status + " " + .step')"
is 'and says its first error' "small.c:3:1: error: it's broken" \
    "$(field .reason)"
id=$(field .build)
before=$(count)
run build run "$recipe" --tree "$broken" --json
is 'a failure is not built again' "1 true $before" \
    "$status $(field .reused) $(count)"
run build log "$id"
like 'its log is kept' 'noise'
run build run "$recipe" --tree "$broken" --again
is 'unless it is asked for' $((before + 1)) "$(count)"
run build show "$id"
like 'show says what it was made of' "tree small = $broken"

# Where it is built and by whom is no input.
git init -q -b main "$ASSAY_HOME/c"
printf 'const char *f(void)\n{\n    return __FILE__;\n}\n' >"$ASSAY_HOME/c/f.c"
git -C "$ASSAY_HOME/c" add -A
git -C "$ASSAY_HOME/c" commit -q -m c
cat >"$ASSAY_HOME/c.yaml" <<END
build: c
description: an object with debug information, and the environment
trees: [c]
tools: [gcc]
kconfig: config
steps:
  - step: compile
    sh: |
      cp "\$ASSAY_KCONFIG" config
      gcc -g -c "\$PWD/f.c" -o f.o
      echo "\${OPERATOR-nobody} \${CFLAGS-none}" >who
outputs:
  - {part: xen, path: f.o}
  - {part: kernel, path: who}
END
OPERATOR=me CFLAGS=-O3
export OPERATOR CFLAGS
run tree add c "$ASSAY_HOME/c"
run build run "$ASSAY_HOME/c.yaml" --tree main --json
one=$(field '.parts[] | select(.part == "xen") | .sha256')
is "the operator's environment is kept out" \
    "$(echo 'nobody none' | sha256sum | cut -d' ' -f1)" \
    "$(field '.parts[] | select(.part == "kernel") | .sha256')"
run build run "$ASSAY_HOME/c.yaml" --tree main --kconfig a=y --json
is 'equal sources are equal objects, wherever they are built' "false $one" \
    "$(field '(.reused | tostring) + " "
        + (.parts[] | select(.part == "xen") | .sha256)')"
unset OPERATOR CFLAGS

# Revisions at once.
run build run "$recipe" --tree "$first,$broken,$first" --parallel 2 --json
is 'several: one fails, one passes' '1 pass fail' \
    "$status $(field '[.[].status] | join(" ")')"
is 'with a job log' 3 "$(cat "$ASSAY_HOME"/cache/builds/joblog.* | wc -l)"

before=$(count)
run build run "$recipe" --tree "$first,$third" --kconfig a=y,b=n \
    --kconfig b=y --parallel 2 --json
is 'two variants of two revisions' '0 pass pass pass pass' \
    "$status $(field '[.[].status] | join(" ")')"
is 'are four builds of four kinds' "$((before + 4)) 4" \
    "$(count) $(field '[.[].parts[] | select(.part == "xen") | .sha256]
        | unique | length')"
run build run "$recipe" --tree "$first" --kconfig b=y --json
is 'each of them once' "true $((before + 4))" "$(field .reused) $(count)"

# Of a mirror with another name than the recipe's tree.
run tree add copy "$repo"
run build run "$recipe" --tree "small=copy:$first,$third" --json
is 'revisions of two mirrors' 2 $status
run build run "$recipe" --tree "copy:$first" --json
is 'another mirror' '0 copy' "$status $(field .inputs.mirrors.small)"
run build run "$recipe" --tree "small:$first" --json
is 'the same by its own name' '0 true null' \
    "$status $(field .reused) $(field .inputs.mirrors)"
run tree add deb x --deb-source xen
is 'a tree from two places' 2 $status
run tree add deb --deb-source 'no package'
is 'a package without a name' 2 $status

# Two builders of the same.
fourth=$(commit text four)
before=$(count)
run build run "$recipe" --tree "$third"
for i in 1 2 3; do
    assay build run "$recipe" --tree "$fourth" --json \
        >"$ASSAY_HOME/race.$i" 2>/dev/null &
    eval "racer$i=$!"
done
# shellcheck disable=SC2154
wait "$racer1" "$racer2" "$racer3"
is 'of three at once one builds' "$((before + 1)) 2" \
    "$(count) $(cat "$ASSAY_HOME"/race.* | jq -s 'map(select(.reused)) | length')"

# What says nothing of the revision is no result.
full=$(commit full x)
run build run "$recipe" --tree "$full" --json
is 'a full disk is no failed build' 75 $status
run build list --json
is 'and no row' 0 "$(field "[.[] | select(.inputs.trees.small == \"$full\")] | length")"
git -C "$repo" rm -q full
slow=$(commit slow x)
assay build run "$recipe" --tree "$slow" >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err" &
pid=$!
left=200
until grep -q "$slow" "$ASSAY_HOME/ran" || [ $left -eq 0 ]; do
    sleep 0.05
    left=$((left - 1))
done
kill -INT $pid
wait $pid
is 'an interrupt ends it' 130 $?
is 'and nothing is left' 0 "$(find "$ASSAY_HOME/cache/builds" -mindepth 1 -type d | wc -l)"

# What was tested stays when the tree is rewritten.
git -C "$repo" checkout -q --orphan other "$first"
git -C "$repo" commit -q -m rewritten
git -C "$repo" branch -q -f main
git -C "$repo" checkout -q main
git -C "$repo" reflog expire --expire=now --all
git -C "$repo" gc -q --prune=now
run tree fetch small
git -C "$ASSAY_HOME/mirrors/small.git" gc -q --prune=now
run build run "$recipe" --tree "$third" --again
is 'a revision that its tree forgot is still built' 0 $status
run build run "$recipe" --tree 0123456789012345678901234567890123456789
is 'a revision that never was' 2 $status

# A candidate of a build and the rest of another one.
mkdir "$ASSAY_HOME/base"
for part in xen xen.efi kernel initrd; do
    echo "old $part" >"$ASSAY_HOME/base/$part"
done
run candidate add --dir "$ASSAY_HOME/base" --arch amd64 --name base
run build run "$recipe" --tree "$third" --arch amd64 --json
build=$(field .build)
run candidate add --build "$build" --base base --json
is 'a candidate of a build' "base.build-$build" "$(field .candidate)"
is 'has its hypervisor' "$sha" "$(field .archs.amd64.parts.xen.sha256)"
is 'not that of the base for UEFI' null "$(field '.archs.amd64.parts["xen.efi"]')"
is 'and the rest' "$(echo 'old kernel' | sha256sum | cut -d' ' -f1)" \
    "$(field .archs.amd64.parts.kernel.sha256)"
is 'and says so' "base $third $repo xen" \
    "$(field '.archs.amd64.properties | .base + " " + .revision_small + " " + .tree_small + " " + .built_parts')"
run candidate add --build "$id" --base base
is 'none of a build that failed' 1 $status
run candidate add --build "$build"
is 'nor without a base' 2 $status

# Tools go over the base's dom0 image.
cat >"$ASSAY_HOME/tools.yaml" <<END
build: tools
description: a hypervisor and its tools
trees: [small]
tools: [tar]
steps:
  - step: make
    sh: |
      mkdir -p i/usr/sbin
      cp text i/usr/sbin/xl
      ln -s xl i/usr/sbin/xenstored
      tar -C i -cf tools.tar usr
outputs:
  - {part: xen, path: text}
  - {part: tools, path: tools.tar}
END
run build run "$ASSAY_HOME/tools.yaml" --tree "small=$third" --arch amd64 --json
build=$(field .build)
run candidate add --build "$build" --base base --name tooled --json
is 'a candidate of a build of tools' '0 xen initrd' \
    "$status $(field '.archs.amd64.parts | [select(.xen) | "xen"] + [select(.initrd) | "initrd"] | join(" ")')"
image=$(field .archs.amd64.parts.initrd.sha256)
image=$ASSAY_HOME/artefacts/${image%"${image#??}"}/${image#??}
is "begins with the base's image" 'old initrd' "$(head -n 1 "$image")"
tail -c +513 "$image" | zcat >"$ASSAY_HOME/layer"
is 'and goes on with the tools, their directories and our own init' '1 1 1 1' \
    "$(for name in usr usr/sbin usr/sbin/xl init; do
        tr '\0' '\n' <"$ASSAY_HOME/layer" |
            grep -c "0707[0-9a-fA-F]*0$name\$"
    done | xargs)"
is 'a link is a file there' 2 \
    "$(tr '\0' '\n' <"$ASSAY_HOME/layer" | grep -c '^three')"
sed 's/tar -C.*/echo junk >tools.tar/' "$ASSAY_HOME/tools.yaml" \
    >"$ASSAY_HOME/junk.yaml"
run build run "$ASSAY_HOME/junk.yaml" --tree "small=$third" --arch amd64 --json
run candidate add --build "$(field .build)" --base base --name junk
is 'no candidate of tools that are no archive' 1 $status
like 'which is said' 'cannot read package'
run candidate show junk
is 'nor a trace of it' 2 $status

# The tiny hypervisor of the lab's tests, as itself.
if [ "$(uname -m)" = x86_64 ]; then
    tiny=$ASSAY_TOP_SRCDIR/tests/tinyhv
    git init -q -b main "$ASSAY_HOME/tiny"
    cp "$tiny/Makefile" "$tiny/start.S" "$tiny/tiny.c" "$tiny/tiny.lds" \
        "$tiny/version" "$ASSAY_HOME/tiny"
    chmod -R u+w "$ASSAY_HOME/tiny"
    git -C "$ASSAY_HOME/tiny" add -A
    git -C "$ASSAY_HOME/tiny" commit -q -m tiny
    run tree add tiny "$ASSAY_HOME/tiny"
    run build run "$tiny/tiny.yaml" --tree main --json
    is 'the tiny hypervisor is built' '0 pass xen' \
        "$status $(field '.status + " " + .parts[0].part')"
fi

# Recipes that are wrong.
sed 's/part: xen,/part: zen,/' "$recipe" >"$ASSAY_HOME/bad.yaml"
run build run "$ASSAY_HOME/bad.yaml" --tree main
is 'an unknown part' 2 $status
like 'is said with its line' 'bad.yaml:'
sed 's/run: .*/sh: "true"\n    run: ["true"]/' "$recipe" >"$ASSAY_HOME/bad.yaml"
run build run "$ASSAY_HOME/bad.yaml" --tree main
is 'a step with two commands' 2 $status
sed 's/tools: .*/tools: [no-such-tool]/' "$recipe" >"$ASSAY_HOME/bad.yaml"
run build run "$ASSAY_HOME/bad.yaml" --tree main
is 'a tool that is not there' 2 $status
like 'is named' "no-such-tool"
run build run "$recipe" --tree other=main
is 'a tree that the recipe has not' 2 $status

echo "1..$n"
[ $bad -eq 0 ] && pgfix_passed=yes
[ $bad -eq 0 ]
