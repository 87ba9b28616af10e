#!/bin/sh
# Proves `make up` on a bare system of the host's own release: makes one in a directory, gives it nothing but make, and
# goes from a clone to a running command in a sandbox. Takes a quarter of an hour; not part of `make test`.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo "test-install: must run as root" >&2; exit 1; }
    # Mounts end with this namespace, whatever happens.
    exec unshare --mount --propagation private "$0" inside
fi

. /etc/os-release
root=$(mktemp -d /var/tmp/paddock-install.XXXXXX)
trap 'rm -rf --one-file-system "$root"' EXIT
echo "test-install: a bare $PRETTY_NAME in $root"
mmdebstrap --quiet --variant=minbase --include=make,ca-certificates "$VERSION_CODENAME" "$root"
for file in /etc/apt/sources.list /etc/apt/sources.list.d; do
    [ ! -e "$file" ] || cp -r "$file" "$root/etc/apt/"
done
# Only the distribution's own.
find "$root/etc/apt/sources.list.d" -type f ! -name 'debian*' ! -name 'ubuntu*' -delete 2>/dev/null || true
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/authorities.crt"
git -C "$here" archive --prefix=paddock/ HEAD | tar -x -C "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/run"

cat > "$root/try" <<'TRY'
set -eu
cd /paddock
make up > /log 2>&1 &
server=$!
tries=0
until grep -q 'ready: sandboxes can be made' /log; do
    kill -0 $server 2>/dev/null || { cat /log; exit 1; }
    tries=$((tries + 1))
    [ $tries -lt 3600 ] || { cat /log; exit 1; }
    sleep 1
done
eval "$(paddock env)"
auth="Authorization: Bearer $DAYTONA_API_KEY"
json='Content-Type: application/json'
made=$(curl -sS -H "$auth" -H "$json" -d '{}' "$DAYTONA_API_URL/sandbox")
id=$(echo "$made" | sed 's/.*"id":"\([^"]*\)".*/\1/')
toolbox=$(echo "$made" | sed 's/.*"toolboxProxyUrl":"\([^"]*\)".*/\1/')
said=$(curl -sS -H "$auth" -H "$json" -d '{"command":"echo it works"}' "$toolbox/$id/process/execute")
echo "$said"
curl -sS -H "$auth" -X DELETE "$DAYTONA_API_URL/sandbox/$id" > /dev/null
kill "$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' /var/lib/paddock/run/endpoints.json)"
wait $server || true
paddock reset --yes
case $said in *"it works"*) ;; *) exit 1 ;; esac
TRY
PADDOCK_INSTANCE=install PADDOCK_API_PORT=0 PADDOCK_PROXY_PORT=0 PADDOCK_POOL_GIB=2 \
    CARGO_HTTP_CAINFO=/authorities.crt HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" sh /try
echo "test-install: a sandbox ran on a bare $PRETTY_NAME"
