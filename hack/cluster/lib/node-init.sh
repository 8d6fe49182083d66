#!/bin/bash
# The first process of a node: PID 1 of the node's own PID, mount, UTS and IPC namespaces, inside
# its network namespace, so that ending it ends the whole node, pods and all, as a power cut would.
# lib/node.sh starts it. Usage: lib/node-init.sh SITE NODE
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
use "$1" "$2"

# Mounts made from here on are the node's own. /run is fresh, so that container sockets, CNI
# namespaces and the iptables lock of two nodes never meet; the network namespaces of the other
# nodes are let go of, so that they can end. What Kubernetes keeps under /var lies under $W.
mount --make-rshared /
umount --recursive --lazy /run/netns 2>/dev/null || true
mount -t tmpfs -o mode=755 tmpfs /run
for d in $NODE_DIRS; do mount --bind "$W/${d##*/}" "$d"; done
chmod 700 "$W/etcd"
mount --make-rshared /
hostname "$NODE"

# start NAME CMD...: run one component, its log in $W/log, and start it again when it ends.
start() {
  local name=$1
  shift
  (
    while :; do
      "$@" && code=0 || code=$?
      echo "$name ended with $code, starting it again"
      sleep 1
    done
  ) >>"$W/log/$name.log" 2>&1 </dev/null &
}

if [ "$NUM" = 0 ]; then
  # shellcheck source=lib/control-plane.sh
  . "$HACK/lib/control-plane.sh"
else
  # shellcheck source=lib/worker.sh
  . "$HACK/lib/worker.sh"
fi

# bash reaps what is left to it; end only when told to.
trap 'kill -KILL -1' TERM INT
while :; do
  wait || true
  sleep 5
done
