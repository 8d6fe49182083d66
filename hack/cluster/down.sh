#!/bin/bash
# End all sites and remove everything they kept, also when another clone of this repository made
# them. The cache of programs and images stays. Usage: down.sh
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
# shellcheck source=lib/node.sh
. "$HACK/lib/node.sh"
[ "$(id -u)" = 0 ] || die "down.sh needs root" "run it as root"
if [ -s "$STATE/owner" ]; then RUN=$(cat "$STATE/owner")/.run; fi

end_site() {
  local n p pids=()
  use "$1"
  for n in cp $(seq "$MAX_WORKER"); do
    (use_node "$n" && end_node) &
    pids+=($!)
  done
  for p in "${pids[@]}"; do wait "$p"; done   # a node that does not end keeps its data
  rm -rf "$C"
}
restore_machine() {
  ip link del "$BRIDGE" 2>/dev/null || true
  [ -n "$(ip netns list)" ] || umount /run/netns 2>/dev/null || true   # "ip netns add" had mounted it
  [ ! -s "$STATE/sysctl.saved" ] || sysctl -q -p "$STATE/sysctl.saved"
  [ ! -s "$STATE/made-folders" ] || xargs -r rmdir --ignore-fail-on-non-empty <"$STATE/made-folders"
  rm -rf "$STATE"
}
if [ -d "$RUN" ]; then
  exec 9>"$RUN/up.lock"
  flock -n 9 || die "up.sh or down.sh is at work" "wait for it to end, or end it"
fi
for site in "${SITES[@]}"; do step "$site: ended and removed" end_site "$site"; done
step "machine as it was" restore_machine
