#!/bin/bash
# Bring up the local clusters with everything: packages, programs, images, the sites home and
# backup, CloudNativePG, the Chatpool operator, and in home the sample pool. What is there already
# is left as it is; a site that lost its power comes back on its data.
# Usage: up.sh [--site SITE] [--no-pool] [--no-operator]
#   --site SITE     only this site
#   --no-pool       without the sample pool
#   --no-operator   without the Chatpool operator, too
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
sites=("${SITES[@]}") pool=yes operator=yes
while [ $# -gt 0 ]; do
  case $1 in
  --site)
    use "${2:-}"
    sites=("$2")
    shift
    ;;
  --no-pool) pool=no ;;
  --no-operator) pool=no operator=no ;;
  *) die "up.sh does not know \"$1\"" "usage: up.sh [--site SITE] [--no-pool] [--no-operator]" ;;
  esac
  shift
done
[[ " ${sites[*]} " == *" home "* ]] || pool=no   # the sample pool lives in home

compile_chat() { (cd "$REPO" && mkdir -p bin && CGO_ENABLED=0 go build -buildvcs=false -trimpath -o bin/ ./chatserver/cmd/chat); }

t0=$(now)
step "machine checked" "$HACK/preflight.sh"
own
mkdir -p "$RUN"
exec 9>"$RUN/up.lock"
flock -n 9 || { echo "waiting for another up.sh or down.sh to end" && flock -w 1800 9; } ||
  die "another up.sh or down.sh of this clone still runs" "end it: it holds $RUN/up.lock"
step "packages installed" "$HACK/install-deps.sh"
step "programs built" "$HACK/build.sh"
step "images made" "$HACK/images.sh"
[ $operator = no ] || step "Chatpool compiled and packed" "$HACK/images.sh" chatpool
for site in "${sites[@]}"; do
  step "$site: cluster up" "$HACK/lib/site-up.sh" "$site"
  if [ $operator = yes ]; then
    step "$site: operators up" "$HACK/deploy.sh" "$site"
  else
    step "$site: operators up" "$HACK/deploy.sh" "$site" --no-operator
  fi
  # The pool comes up while the other site does.
  [ "$site $pool" != "home yes" ] || step "home: samples applied" "$HACK/lib/pool-up.sh" --apply
done
if [ $pool = yes ]; then
  step "home: sample pool ready" "$HACK/lib/pool-up.sh"
  step "chat client compiled" compile_chat
fi
printf 'all up after %s s\n' "$(since "$t0")"
for site in "${sites[@]}"; do
  use "$site"
  echo "  kubectl --kubeconfig $C/admin.conf get nodes"
done
[ $pool = no ] || "$HACK/lib/how-to-chat.sh"
