#!/bin/bash
# The tests, by stage; each stage prints its name and time, and what it needs is installed first.
# Usage: hack/test.sh STAGE...   STAGE: all, or any of deps verify unit assets envtest sipe cluster e2e dr soak
set -euo pipefail
cd "$(dirname "$0")/.."
export GOFLAGS=${GOFLAGS:--buildvcs=false}
go=go

say() { printf '\n== %s\n' "$*"; }
stage() { # stage NAME: run it, say how long it took, and what to do when it failed
  local t0=$SECONDS
  say "$1"
  if ! "$1"; then
    printf '== %s FAILED after %d s; run it alone again: hack/test.sh %s\n' "$1" $((SECONDS - t0)) "$1" >&2
    exit 1
  fi
  printf '== %s ok, %d s\n' "$1" $((SECONDS - t0))
}

# PostgreSQL for the store's tests, a C compiler for the race detector, and what the real SIP client is built with.
deps() {
  local want=(postgresql-15 gcc libc6-dev pidgin-sipe libpurple-dev libxml2-dev pkg-config) missing=()
  for p in "${want[@]}"; do dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok' || missing+=("$p"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "these Debian packages are missing: ${missing[*]}; install them as root: apt-get install ${missing[*]}" >&2
    return 1
  fi
  echo "installing ${missing[*]}"
  apt-get update -qq || return 1
  # The tests start servers of their own: Debian's must not begin to run one.
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/chatpool-tests.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    --no-install-recommends "${missing[@]}" >/dev/null
}

verify() {
  hack/verify/verify.sh
}

unit() { $go test -race -timeout 15m $(packages) && $go test -C hack/integrations ./...; }
packages() { $go list ./... | grep -v -e /envtest -e /hack/e2e; }

# The API server and etcd that envtest starts are the local cluster's own binaries.
assets() { hack/cluster/install-deps.sh && hack/cluster/build.sh kube-apiserver etcd kubectl; }
envtest() {
  KUBEBUILDER_ASSETS=$(hack/cluster/bin-dir.sh) $go test -count=1 -timeout 15m $($go list ./... | grep /envtest)
}

sipe() { hack/interop/sipe/build.sh >/dev/null && $go test -count=1 -timeout 10m -tags sipe -run SIPE ./chatserver/internal/server; }

cluster() {
  hack/cluster/up.sh --no-pool
}
clients() { mkdir -p bin && CGO_ENABLED=0 $go build -trimpath -o bin/ ./chatserver/cmd/chat ./controllers/cmd/kubectl-chatpool; }
# What two sites do when things go wrong takes long, and has a stage of its own; a planned move is in both.
disasters='^Test(ForcedMove|ATailIsSalvaged|AssistedMove|ARebuiltHomeJoins|PowerReturns|OneManifestAloneMovesNothing|OperatorsDie)$'
e2e() { clients && $go test -count=1 -v -timeout 50m -tags e2e -skip "$disasters" ./hack/e2e/...; }
dr() { clients && $go test -count=1 -v -timeout 50m -tags e2e -run "$disasters|^TestPlannedMoves$" ./hack/e2e/...; }
soak() { clients && SOAK=${SOAK:-1h} $go test -count=1 -v -timeout 24h -tags 'e2e soak' -run TestSoak ./hack/e2e/...; }

all() {
  local ours=0
  stage deps
  stage verify
  stage unit
  stage assets
  stage envtest
  stage sipe
  [ -e .run/backup/admin.conf ] || ours=1
  stage cluster
  stage e2e
  if [ $ours = 1 ]; then hack/cluster/down.sh; fi
}

[ $# -gt 0 ] || { sed -n '2,3p' "$0"; exit 2; }
for s in "$@"; do
  case $s in
  all) all ;;
  deps | verify | unit | assets | envtest | sipe | cluster | e2e | dr | soak) stage "$s" ;;
  *) echo "no stage $s; see the head of $0" >&2; exit 2 ;;
  esac
done
