#!/bin/bash
# Check that this machine can hold the local clusters; say so in one sentence if it cannot.
# Usage: preflight.sh
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"

not_here() {
  die "the local clusters need $1" \
    "use any Kubernetes cluster with CloudNativePG in it instead: helm install chatpool charts/chatpool-operator"
}
[ "$(uname -s)" = Linux ] || not_here "Linux (this is $(uname -s))"
[ "$(uname -m)" = x86_64 ] || not_here "an x86-64 machine (this is $(uname -m))"
[ "$(id -u)" = 0 ] || not_here "root, as they are made of namespaces of this machine (you are $(id -un))"
grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release || not_here "Debian 12, whose packages they are made of"
command -v go >/dev/null || not_here "the go command, version 1.26 or later, on PATH"
unshare --mount --pid --uts --ipc --net --fork true 2>/dev/null ||
  not_here "a root that may make namespaces (this container's may not)"
free=$(df --output=avail -BG "$REPO" | tail -1 | tr -dc 0-9)
[ "$free" -ge 8 ] || not_here "8 GB of free disk below $REPO (there are $free)"
memory=$(awk '/^MemTotal/ { print int($2 / 1048576) }' /proc/meminfo)
[ "$memory" -ge 5 ] || not_here "6 GiB of memory (this one has about $memory)"
