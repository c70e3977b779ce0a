#!/bin/sh
# Installs Watchfire from the hub @HUB@ and joins it. Run as root:
#   watchfire hub token        at the hub prints the line to use; or
#   curl -fsSk https://@HUB@/install | sh -s -- [--name NAME] [--label KEY=VALUE]
# The former pins the hub's key; with the latter, whoever sits on the way can
# hand out another script.
# It fetches the program from the hub, compares its SHA-256, puts it into
# /usr/local/bin, joins with the token and installs the agent as a service.
# The token comes in the variable WATCHFIRE_TOKEN, or is asked for on the terminal:
# among the arguments every user of the machine could read it.
set -eu

hub='@HUB@'
sha256='@SHA256@'
arch='@ARCH@'
into=/usr/local/bin

fail() { echo "install: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

main() {
    [ "$(uname -s)" = Linux ] || fail "this hub has the program for Linux only"
    [ "$(uname -m)" = "$arch" ] || fail "this hub has the program for $arch, and this is $(uname -m): build it here from the source, then run: watchfire join $hub -"
    [ "$(id -u)" = 0 ] || fail "run it as root, as in: curl … | sudo sh"

    token=${WATCHFIRE_TOKEN-}
    unset WATCHFIRE_TOKEN
    case ${1-} in wft1_*) token=$1; shift ;; esac
    if [ -z "$token" ]; then ask_token; fi

    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    fetch "https://$hub/install/watchfire" "$folder/watchfire"
    [ "$(digest "$folder/watchfire")" = "$sha256" ] || fail "what came is not the hub's program (its SHA-256 differs); nothing was installed"
    chmod 755 "$folder/watchfire"
    "$folder/watchfire" --version >/dev/null 2>&1 || fail "the hub's program does not run here (another C library?); nothing was installed"
    cp "$folder/watchfire" "$into/watchfire.new"
    mv -f "$into/watchfire.new" "$into/watchfire"

    printf '%s\n' "$token" | "$into/watchfire" join "$hub" - "$@"
    "$into/watchfire" agent install
}

ask_token() {
    ( : </dev/tty ) 2>/dev/null || fail "there is no token: make one at the hub with: watchfire hub token"
    printf 'Token (from `watchfire hub token` at the hub): ' >/dev/tty
    trap 'stty echo </dev/tty; exit 130' INT TERM
    stty -echo </dev/tty
    read -r token </dev/tty || token=
    stty echo </dev/tty
    trap - INT TERM
    echo >/dev/tty
    [ -n "$token" ] || fail "there is no token"
}

# The certificate is of the hub's own CA, which this machine does not know yet:
# what proves the download is the SHA-256 above.
fetch() {
    tries=120
    until said=$(get "$1" "$2" 2>&1); do
        # Too many fetch it now: machines behind one address have it in turn.
        case $said in *' 429'*) ;; *) fail "$1 cannot be fetched: $said" ;; esac
        [ "$tries" != 120 ] || echo 'Others fetch the program from the hub now: waiting for a turn.'
        tries=$((tries - 1))
        [ "$tries" != 0 ] || fail "$1 cannot be fetched: others have fetched it for ten minutes; try again"
        sleep 5
    done
}

get() {
    if has curl; then curl -fsSk --proto '=https' -o "$2" "$1"
    elif has wget; then wget -nv --no-check-certificate -O "$2" "$1"
    else echo 'neither curl nor wget is here'; false; fi
}

digest() {
    if has sha256sum; then sha256sum <"$1"
    elif has shasum; then shasum -a 256 <"$1"
    elif has openssl; then openssl dgst -sha256 -r <"$1"
    else fail "none of sha256sum, shasum and openssl is here"; fi | cut -d ' ' -f 1
}

# Nothing runs before all of the script has come.
main "$@"
