#!/bin/bash
# Check what can be checked without running the product. Every step is run; the script fails when one did.
# Usage: verify.sh [STEP...]   e.g. verify.sh generated format
set -euo pipefail
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# What is generated is committed as it would be generated now.
generated() {
  hack/verify/generate.sh "$tmp" || return 1
  local f stale=0
  while read -r f; do
    cmp -s "$tmp/$f" "$f" || { echo "$f is stale: make generate, and commit it"; stale=1; }
  done < <(cd "$tmp" && find . -type f | cut -c3- | sort)
  while read -r f; do
    [ -e "$tmp/$f" ] || { echo "$f is generated from nothing any more: delete it"; stale=1; }
  done < <(find config/crd charts/chatpool-operator/{crds,files} -type f | sort)
  return $stale
}

format() {
  local bad
  bad=$(gofmt -l api controllers chatserver hack)
  [ -z "$bad" ] || { echo "not formatted (make fmt): $bad"; return 1; }
}

rules() { go run ./hack/verify; }

vet() { go vet ./... && go vet -tags e2e ./hack/e2e/...; }

staticcheck() { go tool -modfile=hack/tools/go.mod staticcheck ./...; }

# The chart renders for the values that make a difference.
chart() {
  render() { go run -C hack/cluster/helm . -chart "$PWD/charts/chatpool-operator" -release chatpool -namespace chatpool-system "$@" >"$tmp/chart.yaml"; }
  render && render -set site=home -set image.tag=v1 -set watchNamespaces='{a,b}' &&
    render -set metrics.serviceMonitor.enabled=true -set metrics.prometheusRule.enabled=true -set metrics.dashboard.enabled=true || return 1
  if render -set sites=home 2>/dev/null; then echo "values.schema.json lets an unknown value pass"; return 1; fi
}

[ $# -gt 0 ] || set -- generated format rules vet staticcheck chart
failed=()
for s in "$@"; do
  t0=$SECONDS
  if ("$s"); then printf '   %-12s ok, %d s\n' "$s" $((SECONDS - t0)); else failed+=("$s"); printf '   %-12s FAILED\n' "$s"; fi
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}; one alone: hack/verify/verify.sh ${failed[0]}" >&2; exit 1; }
