#!/bin/bash
# Start one node, or bring it back on its data after node-down.sh; a worker that the site does not
# have yet joins it. Waits until the node is Ready.
# Usage: node-up.sh SITE NODE   e.g. node-up.sh home 2; NODE is a worker, 1 to 4, or cp
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
# shellcheck source=lib/node.sh
. "$HACK/lib/node.sh"
# shellcheck source=lib/import.sh
. "$HACK/lib/import.sh"
[ $# -eq 2 ] || die "node-up.sh needs a site and a node" "e.g. hack/cluster/node-up.sh home 2"
use "$1" "$2"
own

api_ready() { k get --raw /readyz; }
# fresh: has the worker renewed its lease since it was started? Before, an old Ready may still stand.
fresh() {
  local renewed
  renewed=$(k -n kube-node-lease get lease "$NODE" -o 'jsonpath={.spec.renewTime}') &&
    [[ "$renewed" > "$started" ]] && k wait --for=condition=Ready "node/$NODE" --timeout=1s
}

started=$(date -u +%FT%T.%6N)
if running; then started=""; fi
start_node
if [ "$NUM" = 0 ]; then
  wait_for 120 api_ready || fail_with_log "the API server of $SITE does not become ready" "$W/log/kube-apiserver.log" \
    "see the log (and etcd.log beside it); hack/cluster/down.sh and up.sh begin anew"
else
  [ -s "$STATE/$SITE-cp.pid" ] || die "the control plane of $SITE does not run" "start the site: hack/cluster/power-on.sh $SITE"
  import_images
  wait_for 180 fresh || fail_with_log "worker $NODE does not become Ready" "$W/log/kubelet.log" \
    "see the log (and containerd.log beside it); hack/cluster/node-down.sh $SITE $NUM and node-up.sh start it again"
fi
