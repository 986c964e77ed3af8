# shellcheck shell=bash disable=SC2154 # whoever sources this sets top
# Shared by ./try and ./check: talk, install what is missing, build.

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
[ -t 2 ] || say() { printf '== %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# install_missing GROUP...: groups of packaging/debian-packages.
install_missing() {
    "$top/packaging/install-missing" "$@" ||
        die "packages are missing; see above for the command that installs them"
}

# build DIR [CONFIGURE-OPTION...]: configures once, then makes; quiet when all
# is well, the whole log when it is not.
build() {
    local dir=$1 log
    shift
    mkdir -p "$dir"
    log=$dir/build.log
    : >"$log"
    if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ]; then
        say "making configure"
        (cd "$top" && autoreconf -fi) >>"$log" 2>&1 ||
            { cat "$log" >&2; die "autoreconf failed"; }
    fi
    if [ ! -f "$dir/config.status" ] || [ "$(cat "$dir/configure.options" 2>/dev/null)" != "$*" ]; then
        say "configuring in $dir"
        (cd "$dir" && "$top/configure" -q "$@") >>"$log" 2>&1 ||
            { cat "$log" >&2; die "configure failed"; }
        printf '%s\n' "$*" >"$dir/configure.options"
    fi
    say "building in $dir"
    make -C "$dir" -s -j"$(nproc)" >>"$log" 2>&1 ||
        { tail -n 60 "$log" >&2; die "the build failed; whole log: $log"; }
}
