#!/bin/bash
# End a site and remove everything it kept, etcd and volumes: what a fire leaves. up.sh makes it anew.
# Usage: forget.sh SITE   e.g. forget.sh home
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
# shellcheck source=lib/node.sh
. "$HACK/lib/node.sh"
[ $# -eq 1 ] || die "forget.sh needs a site" "name one of: ${SITES[*]}"
"$HACK/power-cut.sh" "$1"
use "$1"
rm -rf "$C"
echo "nothing is left of $SITE"
