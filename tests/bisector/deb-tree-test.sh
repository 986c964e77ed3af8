#!/bin/sh
# tests/bisector/deb-tree-test.sh - a bisection over Debian's source package: a
# tiny archive made here, of a package of four versions, becomes a tree whose
# commits are patches, and one of them is to blame. apt and dpkg-source are the
# real ones; only what this machine's mirror is they are told here.
# shellcheck source-path=SCRIPTDIR source=histfix.sh
. "$ASSAY_TOP_SRCDIR/tests/bisector/histfix.sh"
for tool in apt-get dpkg-source dpkg-scansources; do
    command -v $tool >/dev/null && continue
    rm -rf "$dir"
    skip_all "there is no $tool"
done
ASSAY_HOME=$dir/home
export ASSAY_HOME
mkdir "$ASSAY_HOME" "$dir/bin"
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)

# The machine's apt, as if it had that mirror and no other; nobody signed it.
cat >"$dir/bin/apt-get" <<END
#!/bin/sh
case \$* in
indextargets*) echo "file:$dir/archive/ $suite main" ;;
*) exec $(command -v apt-get) -o APT::Get::AllowUnauthenticated=true "\$@" ;;
esac
END
cat >"$dir/bin/apt-config" <<END
#!/bin/sh
echo 'Acquire::AllowInsecureRepositories "true";'
END
chmod +x "$dir/bin/apt-get" "$dir/bin/apt-config"
PATH=$dir/bin:$PATH

# version VERSION PATCH...: a source package of it; a patch sets a line of the
# file "text" to its own name, which says what it does.
version()
{
    src=$dir/src/small-1.0
    rm -rf "$src"
    mkdir -p "$src/debian/patches" "$src/debian/source"
    printf '1\n2\n3\n4\n' >"$src/text"
    tar -C "$dir/src" --sort=name --mtime=@0 --owner=0 --group=0 \
        -czf "$dir/src/small_1.0.orig.tar.gz" small-1.0/text
    printf 'small (%s) unstable; urgency=low\n\n  * New.\n\n -- %s  %s\n' \
        "$1" 'A Person <person@example.org>' \
        "Mon, 0${1#*-} Jan 2023 00:00:00 +0000" >"$src/debian/changelog"
    printf 'Source: small\nMaintainer: A Person <person@example.org>\n\n%s\n' \
        'Package: small
Architecture: any' >"$src/debian/control"
    echo '3.0 (quilt)' >"$src/debian/source/format"
    version=$1
    shift
    line=0
    for patch; do
        line=$((line + 1))
        printf -- '--- a/text\n+++ b/text\n@@ -%d +%d @@\n-%d\n+%s\n' \
            $line $line $line "$patch" >"$src/debian/patches/$patch"
        echo "$patch" >>"$src/debian/patches/series"
    done
    (cd "$dir/src" && dpkg-source -b small-1.0 >"$dir/source.out" 2>&1) ||
        cat "$dir/source.out"
    mkdir -p "$dir/archive/pool"
    mv "$dir/src/small_$version.dsc" "$dir/src/small_$version.debian.tar.xz" \
        "$dir/archive/pool"
    cp "$dir/src/small_1.0.orig.tar.gz" "$dir/archive/pool"
}
# The archive's index is made anew, and apt's lists are old.
publish()
{
    (
        cd "$dir/archive" || exit
        mkdir -p "dists/$suite/main/source"
        dpkg-scansources pool >"dists/$suite/main/source/Sources" 2>/dev/null
        cd "dists/$suite" || exit
        printf 'Suite: %s\nCodename: %s\nComponents: main\nDate: %s\n%s\n' \
            "$suite" "$suite" "$(LC_ALL=C date -u -R)" \
            'Architectures: amd64 arm64' >Release
        echo 'SHA256:' >>Release
        echo " $(sha256sum main/source/Sources | cut -c1-64)" \
            "$(wc -c <main/source/Sources) main/source/Sources" >>Release
    )
    find "$ASSAY_HOME" -name fresh -delete
}

version 1.0-1 harmless
version 1.0-2 harmless new
version 1.0-3 harmless new broken last
version 1.0-0 lost
publish
# Mirrors name what they have no more.
rm "$dir/archive/pool/small_1.0-0.dsc"

run_assay()
{
    timeout 60 assay "$@" >"$dir/out" 2>&1
    status=$?
}
run_assay tree add small --deb-source small
is 'a source package becomes a tree' $status 0
says 'a version that the mirror has not is left out, which is said' \
    'small 1.0-0 is left out'
mirror=$ASSAY_HOME/mirrors/small.git
is 'a row of commits, one a patch' \
    "$(git -C "$mirror" log --reverse --format=%s main)" "debian 1.0-1: unpacked
debian 1.0-1: patch harmless
debian 1.0-2: unpacked
debian 1.0-2: patch harmless
debian 1.0-2: patch new
debian 1.0-3: unpacked
debian 1.0-3: patch harmless
debian 1.0-3: patch new
debian 1.0-3: patch broken
debian 1.0-3: patch last"

# shellcheck disable=SC2016 # expanded by the command
run run --tree "$mirror:debian/1.0-1..debian/1.0-3" -- \
    sh -c '! grep -q broken "$ASSAY_TREE_small/text"'
is 'it is bisected' $status 0
says 'to a patch' 'subject: debian 1.0-3: patch broken'
says 'by who made the version' 'author: A Person <person@example.org>'

before=$(git -C "$mirror" rev-parse main)
version 1.0-4 harmless new mended last
publish
run_assay tree fetch small
is 'a new version' $status 0
is 'goes on top of what was there' \
    "$(git -C "$mirror" rev-parse 'debian/1.0-4~5')" "$before"
# shellcheck disable=SC2016 # expanded by the command
run run --fixed --tree "$mirror:debian/1.0-3..debian/1.0-4" -- \
    sh -c '! grep -q broken "$ASSAY_TREE_small/text"'
says 'and what mended it is found, too' \
    "fixed by: $(git -C "$mirror" rev-parse 'debian/1.0-4~4')"
run_assay tree add none --deb-source nosuchpackage
is 'a package that there is not' $status 2
says 'which is said' 'the mirror has no source of nosuchpackage'
run_assay tree add one --deb-source small=1.0-2
is 'one version alone' \
    "$status $(git -C "$ASSAY_HOME/mirrors/one.git" rev-list --count main)" \
    "0 3"

finish
