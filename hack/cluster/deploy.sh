#!/bin/bash
# Install CloudNativePG and then this repository's operator into a site that runs.
# Usage: deploy.sh SITE [--no-operator]   e.g. deploy.sh home
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
# shellcheck source=lib/import.sh
. "$HACK/lib/import.sh"
[ $# -ge 1 ] || die "deploy.sh needs a site" "name one of: ${SITES[*]}"
use "$1"
own
LOOK="kubectl --kubeconfig $C/admin.conf"
CHART=$REPO/charts/chatpool-operator
CNPG=github.com/cloudnative-pg/cloudnative-pg

# apply FILE: server-side, since the definitions are too large for the client-side kind.
apply() {
  k apply --server-side --force-conflicts -f "$1" >"$C/apply.log" 2>&1 ||
    fail_with_log "applying ${1##*/} to $SITE failed" "$C/apply.log" \
      "see the message; if another tool owns a field, take that tool's change back or begin anew with down.sh"
}

apply_cnpg() {
  local module
  module=$(cd "$HACK/modules/cnpg" && go mod download -json $CNPG | jq -r .Dir)
  rm -rf "$C/cnpg" && mkdir -p "$C/cnpg"
  install -m 644 "$module/releases/cnpg-1.30.0.yaml" "$C/cnpg/cnpg.yaml"
  sed "s/REPLICAS/$WORKERS/" "$HACK/manifests/cnpg/kustomization.yaml" >"$C/cnpg/kustomization.yaml"
  k kustomize "$C/cnpg" >"$C/cnpg/all.yaml"
  apply "$C/cnpg/all.yaml"
}
webhooks_answer() { k create --dry-run=server -f "$HACK/manifests/webhook-probe.yaml"; }
wait_cnpg() {
  k -n cnpg-system rollout status deploy/cnpg-controller-manager --timeout=180s >/dev/null ||
    die "CloudNativePG does not start in $SITE" "look: $LOOK -n cnpg-system describe pods"
  wait_for 120 webhooks_answer ||
    die "CloudNativePG's webhooks do not answer in $SITE: $(webhooks_answer 2>&1 | tail -1)" \
      "look: $LOOK -n cnpg-system logs deploy/cnpg-controller-manager"
}

import_chatpool() {
  local n
  for n in $(nodes | grep -v cp); do
    (
      use_node "$n"
      if running; then import_images; fi
    )
  done
}
apply_chatpool() {
  [ -s "$CHART/Chart.yaml" ] || die "there is no chart in $CHART" "use --no-operator to do without"
  helmrender -chart "$CHART" -release chatpool -namespace chatpool-system \
    -set image.repository=docker.io/chatpool/chatpool -set "image.tag=$(cat "$RUN/images/chatpool.tag")" \
    -set postgresImage=docker.io/library/cnpg-postgres:15 -set "site=$SITE" -set "replicas=$WORKERS" >"$C/chatpool.yaml"
  k create namespace chatpool-system --dry-run=client -o yaml >"$C/namespace.yaml"
  apply "$C/namespace.yaml"
  apply "$C/chatpool.yaml"
  k wait --for=condition=Established crd --all --timeout=60s >/dev/null
}
wait_chatpool() {
  local d
  for d in $(k -n chatpool-system get deploy -o name); do
    k -n chatpool-system rollout status "$d" --timeout=180s >/dev/null ||
      die "the Chatpool operator does not start in $SITE" "look: $LOOK -n chatpool-system describe pods; $LOOK -n chatpool-system logs $d"
  done
}

step "$SITE: CloudNativePG applied" apply_cnpg
step "$SITE: CloudNativePG ready, webhooks answer" wait_cnpg
[ "${2:-}" != --no-operator ] || exit 0
step "$SITE: Chatpool image in the workers" import_chatpool
step "$SITE: Chatpool operator applied" apply_chatpool
step "$SITE: Chatpool operator ready" wait_chatpool
