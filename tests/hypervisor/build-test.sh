#!/bin/sh
# tests/hypervisor/build-test.sh - mirrors of trees, and builds from them: what
# is built, what is not built twice, and what is left after a failure.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org
GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.org
export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

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
is 'a tree that nobody added: exit status' $status 2
says 'and what to do' 'tree add'
run tree add small "$repo"
is 'a tree is added' $status 0
run tree add small "$ASSAY_HOME"
is 'the name is taken' $status 1
run tree add other "$ASSAY_HOME/none"
is 'a place that cannot be read' $status 75
run tree list --json
is 'trees are listed' "$(field '.[] | .tree + " " + .url')" "small $repo"

run build run "$recipe" --tree main --json
is 'a build passes' "$status $(field '.status + " " + .inputs.trees.small')" \
    "0 pass $third"
sha=$(field '.parts[] | select(.part == "xen") | .sha256')
is 'its part is what was built' "$sha" \
    "$(printf 'three\nred\n' | sha256sum | cut -d' ' -f1)"
run build run "$recipe" --tree "small=$third" --json
is 'it is not built again' "$(field .reused) $(count)" 'true 1'
run build run "$recipe" --tree main --kconfig all=y --json
is 'another kconfig is another build' \
    "$(field '.status + " " + (.reused | tostring)') $(count)" 'pass false 2'
run build run "$recipe" --tree main --kconfig b=y,a=y --json
is 'but the same one in other words is not' "$(field .reused) $(count)" 'true 2'
run build run "$recipe" --tree main --kconfig unknown=y --json
is 'an option that does not take is a failure' \
    "$status $(field '.status + " " + .step')" '1 fail kconfig'

run build run "$recipe" --tree "$broken" --json
is 'a build fails' "$status $(field '.status + " " + .step')" '1 fail compile'
is 'and says its first error' "$(field .reason)" \
    "small.c:3:1: error: it's broken"
id=$(field .build)
before=$(count)
run build run "$recipe" --tree "$broken" --json
is 'a failure is not built again' "$status $(field .reused) $(count)" \
    "1 true $before"
run build log "$id"
says 'its log is kept' 'noise'
run build run "$recipe" --tree "$broken" --again
is 'unless it is asked for' "$(count)" $((before + 1))
run build show "$id"
says 'show says what it was made of' "tree small = $broken"

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
    "$(field '.parts[] | select(.part == "kernel") | .sha256')" \
    "$(echo 'nobody none' | sha256sum | cut -d' ' -f1)"
run build run "$ASSAY_HOME/c.yaml" --tree main --kconfig a=y --json
is 'equal sources are equal objects, wherever they are built' \
    "$(field '(.reused | tostring) + " "
        + (.parts[] | select(.part == "xen") | .sha256)')" "false $one"
unset OPERATOR CFLAGS

# Revisions at once.
run build run "$recipe" --tree "$first,$broken,$first" --parallel 2 --json
is 'several: one fails, one passes' \
    "$status $(field '[.[].status] | join(" ")')" '1 pass fail'
is 'with a job log' "$(cat "$ASSAY_HOME"/cache/builds/joblog.* | wc -l)" 3

before=$(count)
run build run "$recipe" --tree "$first,$third" --kconfig a=y,b=n \
    --kconfig b=y --parallel 2 --json
is 'two variants of two revisions' \
    "$status $(field '[.[].status] | join(" ")')" '0 pass pass pass pass'
is 'are four builds of four kinds' \
    "$(count) $(field '[.[].parts[] | select(.part == "xen") | .sha256]
        | unique | length')" "$((before + 4)) 4"
run build run "$recipe" --tree "$first" --kconfig b=y --json
is 'each of them once' "$(field .reused) $(count)" "true $((before + 4))"

# Of a mirror with another name than the recipe's tree.
run tree add copy "$repo"
run build run "$recipe" --tree "small=copy:$first,$third" --json
is 'revisions of two mirrors' $status 2
run build run "$recipe" --tree "copy:$first" --json
is 'another mirror' "$status $(field .inputs.mirrors.small)" '0 copy'
run build run "$recipe" --tree "small:$first" --json
is 'the same by its own name' \
    "$status $(field .reused) $(field .inputs.mirrors)" '0 true null'
run tree add deb x --deb-source xen
is 'a tree from two places' $status 2
run tree add deb --deb-source 'no package'
is 'a package without a name' $status 2

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
is 'of three at once one builds' \
    "$(count) $(cat "$ASSAY_HOME"/race.* | jq -s 'map(select(.reused)) | length')" \
    "$((before + 1)) 2"

# What says nothing of the revision is no result.
full=$(commit full x)
run build run "$recipe" --tree "$full" --json
is 'a full disk is no failed build' $status 75
run build list --json
is 'and no row' \
    "$(field "[.[] | select(.inputs.trees.small == \"$full\")] | length")" 0
git -C "$repo" rm -q full

# A disk that is full: first for the tree, then for the log and what the steps
# write, which says nothing of why it failed.
head -c 300000 /dev/zero | tr '\0' x >"$repo/large"
large=$(commit large-too x)
sed 's/^      if \[ -e broken .*/      cat large large large large >fill 2>\/dev\/null\n&/' \
    "$recipe" >"$ASSAY_HOME/fills.yaml"
# In a name space of mounts, as who we are.
if [ "$(id -u)" -eq 0 ]; then
    away='unshare -m' AGAIN=
else
    away='unshare -Urm' AGAIN="unshare -U --map-user=$(id -u)"
fi
export AGAIN
# small_disk KB ARGS...: builds where so much can be written.
small_disk()
{
    # shellcheck disable=SC2016,SC2086 # expanded in the name space; words
    timeout 60 $away sh -c '
        mount -t tmpfs -o size="$1"k none "$ASSAY_HOME/cache/builds" || exit 99
        chmod 1777 "$ASSAY_HOME/cache/builds"
        shift
        $AGAIN assay build run "$@"' sh "$@" --json \
        >"$ASSAY_HOME/out" 2>"$ASSAY_HOME/err"
    status=$?
}
if $away mount -t tmpfs -o size=1m none "$ASSAY_HOME/cache/builds" \
    2>/dev/null; then
    small_disk 128 "$recipe" --tree "$large"
    is 'no room for the tree' $status 75
    says 'which is said' 'is full: a build that fails there says nothing'
    small_disk 900 "$ASSAY_HOME/fills.yaml" --tree "$large"
    is 'no room for what is built, without a word' $status 75
    says 'which is seen' 'is full: a build that fails there says nothing'
    run build list --json
    is 'neither is a result' "$(field \
        "[.[] | select(.inputs.trees.small == \"$large\")] | length")" 0
    run build run "$ASSAY_HOME/fills.yaml" --tree "$large" --json
    is 'with room it is built' "$status $(field .status)" '0 pass'
else
    echo '# no name spaces: a full disk was not tried'
fi
git -C "$repo" rm -q large
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
is 'an interrupt ends it' $? 130
is 'and nothing is left' \
    "$(find "$ASSAY_HOME/cache/builds" -mindepth 1 -type d | wc -l)" 0

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
is 'a revision that its tree forgot is still built' $status 0
run build run "$recipe" --tree 0123456789012345678901234567890123456789
is 'a revision that never was' $status 2

# A candidate of a build and the rest of another one.
mkdir "$ASSAY_HOME/base"
for part in xen xen.efi kernel initrd; do
    echo "old $part" >"$ASSAY_HOME/base/$part"
done
run candidate add --dir "$ASSAY_HOME/base" --arch amd64 --name base
run build run "$recipe" --tree "$third" --arch amd64 --json
build=$(field .build)
run candidate add --build "$build" --base base --json
is 'a candidate of a build' "$(field .candidate)" "base.build-$build"
is 'has its hypervisor' "$(field .archs.amd64.parts.xen.sha256)" "$sha"
is 'not that of the base for UEFI' "$(field '.archs.amd64.parts["xen.efi"]')" \
    null
is 'and the rest' "$(field .archs.amd64.parts.kernel.sha256)" \
    "$(echo 'old kernel' | sha256sum | cut -d' ' -f1)"
is 'and says so' \
    "$(field '.archs.amd64.properties | .base + " " + .revision_small + " " + .tree_small + " " + .built_parts')" \
    "base $third $repo xen"
run candidate add --build "$id" --base base
is 'none of a build that failed' $status 1
run candidate add --build "$build"
is 'nor without a base' $status 2

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
is 'a candidate of a build of tools' \
    "$status $(field '.archs.amd64.parts | [select(.xen) | "xen"] + [select(.initrd) | "initrd"] | join(" ")')" \
    '0 xen initrd'
image=$(field .archs.amd64.parts.initrd.sha256)
image=$ASSAY_HOME/artefacts/${image%"${image#??}"}/${image#??}
is "begins with the base's image" "$(head -n 1 "$image")" 'old initrd'
tail -c +513 "$image" | zcat >"$ASSAY_HOME/layer"
is 'and goes on with the tools, their directories and our own init' \
    "$(for name in usr usr/sbin usr/sbin/xl init; do
        tr '\0' '\n' <"$ASSAY_HOME/layer" |
            grep -c "0707[0-9a-fA-F]*0$name\$"
    done | xargs)" '1 1 1 1'
is 'a link is a file there' \
    "$(tr '\0' '\n' <"$ASSAY_HOME/layer" | grep -c '^three')" 2
sed 's/tar -C.*/echo junk >tools.tar/' "$ASSAY_HOME/tools.yaml" \
    >"$ASSAY_HOME/junk.yaml"
run build run "$ASSAY_HOME/junk.yaml" --tree "small=$third" --arch amd64 --json
run candidate add --build "$(field .build)" --base base --name junk
is 'no candidate of tools that are no archive' $status 1
says 'which is said' 'cannot read package'
run candidate show junk
is 'nor a trace of it' $status 2

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
    is 'the tiny hypervisor is built' \
        "$status $(field '.status + " " + .parts[0].part')" '0 pass xen'
fi

# Recipes that are wrong.
sed 's/part: xen,/part: zen,/' "$recipe" >"$ASSAY_HOME/bad.yaml"
run build run "$ASSAY_HOME/bad.yaml" --tree main
is 'an unknown part' $status 2
says 'is said with its line' 'bad.yaml:'
sed 's/run: .*/sh: "true"\n    run: ["true"]/' "$recipe" >"$ASSAY_HOME/bad.yaml"
run build run "$ASSAY_HOME/bad.yaml" --tree main
is 'a step with two commands' $status 2
sed 's/tools: .*/tools: [no-such-tool]/' "$recipe" >"$ASSAY_HOME/bad.yaml"
run build run "$ASSAY_HOME/bad.yaml" --tree main
is 'a tool that is not there' $status 2
says 'is named' "no-such-tool"
run build run "$recipe" --tree other=main
is 'a tree that the recipe has not' $status 2

tap_end
