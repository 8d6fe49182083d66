#!/bin/bash
# Cut the power of one node: everything in it ends at once, its data stay for node-up.sh.
# Usage: node-down.sh SITE NODE   e.g. node-down.sh home 2; NODE is a worker, 1 to 4, or cp
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
# shellcheck source=lib/node.sh
. "$HACK/lib/node.sh"
[ $# -eq 2 ] || die "node-down.sh needs a site and a node" "e.g. hack/cluster/node-down.sh home 2"
use "$1" "$2"
own
running || echo "node $NODE does not run" >&2
end_node
route_services
