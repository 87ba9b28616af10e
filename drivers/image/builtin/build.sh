#!/bin/sh
# Makes the built-in root file system in the directory $1 from the host's own Debian or Ubuntu sources.
#
# Run by the runner, as root, in a directory that holds packages.txt, npm.txt and pip.txt. One line on standard
# output per step; everything else goes to standard error. Leaves nothing outside $1.
set -eu

target=$1
here=$(pwd)
say() { printf '%s\n' "$*"; }

. /etc/os-release
sources=$here/sources.list
: > "$sources"

# The distribution's own sources, in either format; other vendors' are left out.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -n "/^deb .* ${VERSION_CODENAME}[-a-z]* /p" "$file" >> "$sources"
done
for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    awk -v code="$VERSION_CODENAME" '
        function flush(  n, i, s) {
            if (types ~ /(^| )deb( |$)/ && uris != "") {
                n = split(suites, s, " ")
                for (i = 1; i <= n; i++)
                    if (s[i] ~ "^" code "(-|$)") print "deb " opts uris " " s[i] " " components
            }
            types = uris = suites = components = opts = ""
        }
        /^[[:space:]]*$/ { flush(); next }
        /^#/ { next }
        { key = tolower($1); value = $0; sub(/^[^:]*:[[:space:]]*/, "", value) }
        key == "types:" { types = value }
        key == "uris:" { split(value, u, " "); uris = u[1] }
        key == "suites:" { suites = value }
        key == "components:" { components = value }
        key == "signed-by:" && value ~ /^\// { opts = "[signed-by=" value "] " }
        END { flush() }
    ' "$file" >> "$sources"
done
[ -s "$sources" ] || { say "no package sources for $VERSION_CODENAME found in /etc/apt" >&2; exit 1; }
# Ubuntu keeps several of these in "universe".
packages=$(sed 's/#.*//' packages.txt | tr '\n' ' ' | tr -s ' ' ',' | sed 's/^,//; s/,$//')
modules=$(sed 's/#.*//' npm.txt | tr '\n' ' ')
libraries=$(sed 's/#.*//' pip.txt | tr '\n' ' ')

say "installing packages of $PRETTY_NAME"
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
    --aptopt='Acquire::Languages "none"' \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "$VERSION_CODENAME" "$target" "$sources" >&2

say "installing TypeScript and its tools"
# The host's authorities are trusted for the download alone.
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    cp /etc/ssl/certs/ca-certificates.crt "$target/tmp/host-authorities.crt"
fi
cp /etc/resolv.conf "$target/etc/resolv.conf"
# Without scripts: there is no /proc here to run them with, and none of these needs one.
# shellcheck disable=SC2086
chroot "$target" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    NODE_EXTRA_CA_CERTS=/tmp/host-authorities.crt npm_config_cafile=/tmp/host-authorities.crt \
    npm install --global --ignore-scripts --no-audit --no-fund --loglevel=error $modules >&2

say "installing Python libraries"
certificates=
[ ! -f "$target/tmp/host-authorities.crt" ] || certificates=/tmp/host-authorities.crt
# What the distribution has brought already is kept; what is missing comes along.
# shellcheck disable=SC2086
chroot "$target" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PIP_BREAK_SYSTEM_PACKAGES=1 \
    ${certificates:+PIP_CERT=$certificates} \
    pip install --quiet --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore $libraries >&2

say "adding the user and settings"
rm -rf "$target/tmp/host-authorities.crt" "$target/root/.npm" "$target/tmp"/* "$target/var/lib/apt/lists"/* \
    "$target/var/cache/apt"/*.bin "$target/var/log"/*.log "$target/var/log/apt"
find "$target/usr/lib" -maxdepth 2 -name EXTERNALLY-MANAGED -delete
chroot "$target" useradd --create-home --shell /bin/bash daytona
printf 'daytona ALL=(ALL:ALL) NOPASSWD: ALL\n' > "$target/etc/sudoers.d/daytona"
chmod 0440 "$target/etc/sudoers.d/daytona"
rm -f "$target/etc/hostname" "$target/etc/resolv.conf" "$target/etc/machine-id"
: > "$target/etc/machine-id"
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' > "$target/etc/hosts"
printf 'LANG=C.UTF-8\n' > "$target/etc/default/locale"
# Packages stay installable from inside.
cp "$sources" "$target/etc/apt/sources.list"
sed -i 's/\[signed-by=[^]]*\] //' "$target/etc/apt/sources.list"
rm -f "$target/etc/apt/apt.conf.d/99mmdebstrap" "$target/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
