#!/bin/bash
# Cut the power of a whole site: all its nodes end at once. Their data stay for power-on.sh.
# Usage: power-cut.sh SITE   e.g. power-cut.sh home
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
# shellcheck source=lib/node.sh
. "$HACK/lib/node.sh"
[ $# -eq 1 ] || die "power-cut.sh needs a site" "name one of: ${SITES[*]}"
use "$1"
own
t0=$(now)
pids=()
for n in $(nodes); do
  (use_node "$n" && end_node) &
  pids+=($!)
done
for p in "${pids[@]}"; do wait "$p"; done
use_node cp
route_services
echo "$SITE has no power since $(since "$t0") s"
