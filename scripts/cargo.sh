#!/bin/sh
# Runs cargo of at least the version that this workspace needs: the one on PATH, else Debian's newest, else rustup's.
set -eu

wanted=95
new_enough() {
    version=$("$1" --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\)\..*/\1/p')
    [ -n "$version" ] && [ "$version" -ge "$wanted" ]
}

for candidate in cargo "$HOME/.cargo/bin/cargo" /usr/lib/rust-web/bin/cargo; do
    if new_enough "$candidate"; then
        case $candidate in
            */rust-web/*) PATH=/usr/lib/rust-web/bin:$PATH; export PATH ;;
        esac
        exec "$candidate" "$@"
    fi
done

echo "cargo: none of version 1.$wanted or later found, installing one" >&2
if [ "$(id -u)" = 0 ] && apt-get install -y -qq --no-install-recommends cargo-web rustc-web >/dev/null 2>&1; then
    for candidate in /usr/lib/rust-web/bin/cargo /usr/bin/cargo; do
        if new_enough "$candidate"; then
            PATH=$(dirname "$candidate"):$PATH
            export PATH
            exec "$candidate" "$@"
        fi
    done
fi
curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component clippy,rustfmt >&2
exec "$HOME/.cargo/bin/cargo" "$@"
