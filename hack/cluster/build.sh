#!/bin/bash
# Build the cluster's programs from Go modules into the cache, and link them into .run/bin.
# Usage: build.sh [NAME...]   without a name: all of them. e.g. build.sh kube-apiserver etcd kubectl
# .run/bin then serves controller-runtime's envtest: KUBEBUILDER_ASSETS=$PWD/.run/bin
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=lib/common.sh
. "$here/lib/common.sh"

ALL=(kube-apiserver etcd kubectl kube-controller-manager kube-scheduler kube-proxy kubelet etcdctl
  coredns local-path-provisioner cnpg-manager helmrender mkimage pause)
CNPG=github.com/cloudnative-pg/cloudnative-pg

# recipe NAME: sets folder, package and stamp (linker flags).
recipe() {
  stamp="" package=.
  case $1 in
  kube*) folder=modules/kubernetes package=k8s.io/kubernetes/cmd/$1 stamp=$(kubernetes_stamp) ;;
  etcd) folder=modules/kubernetes package=go.etcd.io/etcd/server/v3 ;;
  etcdctl) folder=modules/kubernetes package=go.etcd.io/etcd/etcdctl/v3 ;;
  coredns) folder=modules/coredns ;;
  local-path-provisioner) folder=modules/local-path package=github.com/rancher/local-path-provisioner ;;
  cnpg-manager) folder=modules/cnpg package=$CNPG/cmd/manager ;;
  helmrender) folder=helm ;;
  mkimage | pause) folder=$1 ;;
  *) die "build.sh: no program is called \"$1\"" "use one of: ${ALL[*]}" ;;
  esac
}

# kubernetes_stamp prints the linker flags that make the programs know their version:
# component-base carries it, client-go's copy makes kubectl's user agent.
kubernetes_stamp() {
  local v minor p
  v=$(sed -n 's/.*k8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' "$here/modules/kubernetes/go.mod" | head -1)
  minor=${v#v1.}
  for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    printf ' -X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s -X %s.gitTreeState=clean' \
      $p "$v" $p $p "${minor%%.*}" $p
  done
}

# build NAME: compile it unless the cache has it for these very inputs, and link it.
build() {
  local name=$1 folder package stamp dir t0
  recipe "$name"
  dir=$CACHE/bin/${folder##*/}-$(inputs_hash "$here/$folder" "$stamp $(go env GOVERSION)")
  if [ ! -x "$dir/$name" ]; then
    t0=$(now)
    mkdir -p "$dir"
    (cd "$here/$folder" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-buildvcs=false \
      go build -trimpath -ldflags "-s -w$stamp" -o "$dir/.$name.part" "$package") >"$CACHE/build-$name.log" 2>&1 ||
      fail_with_log "building $name failed" "$CACHE/build-$name.log" \
        "look for a failed download (network) or a full disk above, then run it again: finished programs are kept"
    mv "$dir/.$name.part" "$dir/$name"
    printf '  built %-26s %6.1f s  %4d MB\n' "$name" "$(since "$t0")" "$(($(stat -c %s "$dir/$name") >> 20))"
  fi
  ln -sfn "$dir/$name" "$RUN/bin/$name"
}

command -v go >/dev/null || die "the go command is missing" "install Go 1.26 or later and put it on PATH"
mkdir -p "$CACHE/bin" "$RUN/bin"
[ $# -gt 0 ] || set -- "${ALL[@]}"
exec 9>"$CACHE/build.lock"
flock -n 9 || { echo "  waiting for another build to finish" && flock -w 1800 9; } ||
  die "another build still runs" "end it: it holds $CACHE/build.lock"
for name in "$@"; do build "$name"; done
