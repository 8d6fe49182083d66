#!/bin/bash
# Bring back a site on its data: the control plane, then its workers. Waits until they are Ready
# and cluster DNS answers. Usage: power-on.sh SITE   e.g. power-on.sh home
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
[ $# -eq 1 ] || die "power-on.sh needs a site" "name one of: ${SITES[*]}"
use "$1"
own
[ -d "$C/$SITE-cp" ] || die "there is no site $SITE to bring back" "make it: hack/cluster/up.sh --site $SITE"
"$HACK/lib/site-up.sh" "$SITE"
