#!/bin/bash
# Start the nodes of a site that do not run, and what every cluster needs: DNS and volumes.
# Usage: lib/site-up.sh SITE
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
# shellcheck source=lib/node.sh
. "$HACK/lib/node.sh"
use "$1"
own

# start_workers: those that the site is made with and those that joined since, all at once.
start_workers() {
  local n pids=() p failed=""
  for n in $( { seq "$WORKERS"; nodes | grep -v cp; } | sort -u); do
    "$HACK/node-up.sh" "$SITE" "$n" &
    pids+=($!)
  done
  for p in "${pids[@]}"; do wait "$p" || failed=yes; done
  [ -z "$failed" ] || die "not all workers of $SITE started" "see above"
}

apply_basics() {
  sed "s/DNS_IP/$DNS_IP/; s/REPLICAS/$WORKERS/" "$HACK/manifests/coredns.yaml" | k apply -f - >/dev/null
  k apply -f "$HACK/manifests/local-path.yaml" >/dev/null
}

# dns_answers: one of the DNS pods says itself that it serves; a status from before a power cut
# proves nothing.
dns_answers() {
  local pod
  for pod in $(k -n kube-system get pod -l k8s-app=kube-dns --field-selector status.phase=Running -o name); do
    k get --raw "/api/v1/namespaces/kube-system/pods/${pod#pod/}:8181/proxy/ready" && return
  done
  return 1
}
wait_basics() {
  wait_for 180 dns_answers || die "cluster DNS of $SITE does not answer" \
    "look: kubectl --kubeconfig $C/admin.conf -n kube-system describe pods"
  k -n local-path-storage rollout status deploy/local-path-provisioner --timeout=180s >/dev/null ||
    die "the volume provisioner of $SITE does not start" \
      "look: kubectl --kubeconfig $C/admin.conf -n local-path-storage describe pods"
}

prepare_machine
step "$SITE: control plane" "$HACK/node-up.sh" "$SITE" cp
step "$SITE: workers" start_workers
step "$SITE: DNS and volumes applied" apply_basics
step "$SITE: DNS and volumes ready" wait_basics
