#!/bin/sh
# Makes a small Debian with Python and pip in the directory $1, from the host's own sources.
set -eu

. /etc/os-release
sources=$(mktemp)
trap 'rm -f "$sources"' EXIT
apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(SIGNED_BY)' 'Created-By: Packages' 2>/dev/null \
    | sort -u | while read -r uri suite component signed; do
        case $suite in "$VERSION_CODENAME"*) ;; *) continue ;; esac
        case $component in main | universe) ;; *) continue ;; esac
        case $signed in /*) echo "deb [signed-by=$signed] $uri $suite $component" ;; *) echo "deb $uri $suite $component" ;; esac
    done > "$sources"
[ -s "$sources" ] || { echo "no package sources for $VERSION_CODENAME" >&2; exit 1; }

mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
    --aptopt='Acquire::Languages "none"' \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    "$VERSION_CODENAME" "$1" "$sources" >&2

rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/dev/* "$1"/var/log/*.log
# As in Python's own image, pip installs without asking.
rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED
