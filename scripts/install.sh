#!/bin/sh
# Installs what paddock needs of a Debian or Ubuntu host and is not there yet. Run as root; may be repeated.
#
#   scripts/install.sh          to build and run
#   scripts/install.sh test     also to run the tests
set -eu

purpose=${1:-run}

if [ "$(id -u)" != 0 ]; then
    echo "install: must run as root (try: sudo make up)" >&2
    exit 1
fi

# program (or file)      package that brings it
needed='
crun                     crun
mmdebstrap               mmdebstrap
mkfs.btrfs               btrfs-progs
nft                      nftables
curl                     curl
cc                       gcc
make                     make
useradd                  passwd
/usr/include/stdio.h     libc6-dev
/etc/ssl/certs/ca-certificates.crt ca-certificates
'
if [ "$purpose" = test ]; then
    needed="$needed
runc                     runc
git                      git
node                     nodejs
npm                      npm
unshare                  util-linux
mkfs.ext4                e2fsprogs
ip                       iproute2
s3fs                     s3fs
/usr/lib/postgresql      postgresql
docker-registry          docker-registry
skopeo                   skopeo
umoci                    umoci
/bin/busybox             busybox-static
"
fi

# Volumes in a bucket, only where they are configured.
if [ "${PADDOCK_VOLUMES_KIND:-}" = s3 ] \
    || grep -qs '^kind *= *"s3"' "${PADDOCK_CONFIG:-/etc/paddock/paddock.toml}"; then
    needed="$needed
s3fs                     s3fs
"
fi

missing=$(printf '%s\n' "$needed" | while read -r what package; do
    [ -n "$what" ] || continue
    case $what in
        /*) [ -e "$what" ] || echo "$package" ;;
        *) command -v "$what" >/dev/null 2>&1 || echo "$package" ;;
    esac
done)
if [ "$purpose" = test ] && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    missing="$missing python3 python3-venv"
fi

if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    set -- $missing
    echo "install: $*"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "install: this host has no apt-get; install these with its own tools: $*" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # A package may start services; none of ours is wanted running.
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
fi

# The user that speaks to the network.
if ! grep -q '^paddock:' /etc/passwd; then
    useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin paddock
fi
