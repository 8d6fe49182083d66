#!/bin/bash
# Apply the samples in home and wait until their pool is Ready, printing its conditions as they
# change. Usage: lib/pool-up.sh [--apply]   --apply: do not wait
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
use home
LIMIT=600                   # seconds
SAMPLES=$REPO/config/samples
[ -d "$SAMPLES" ] || die "there are no samples in $SAMPLES" "use --no-pool to do without"

apply_samples() { k apply -f "$SAMPLES" >"$C/apply.log" 2>&1; }
# The operator's webhooks may need a moment longer than the operator.
wait_for 60 apply_samples ||
  fail_with_log "applying $SAMPLES failed" "$C/apply.log" "mend what the message names"
[ "${1:-}" != --apply ] || exit 0

conditions() {
  k -n chat get chatpool trading -o \
    'jsonpath={range .status.conditions[*]}{.type}={.status} ({.reason}) {end}' 2>/dev/null || true
}
t0=$(now) last=none
end=$((SECONDS + LIMIT))
until [[ " $(conditions)" == *" Ready=True "* ]]; do
  seen=$(conditions)
  if [ "$seen" != "$last" ]; then
    printf '  %6.1f s  waiting for Ready; now: %s\n' "$(since "$t0")" "${seen:-no condition yet}"
    last=$seen
  fi
  if [ $SECONDS -ge $end ]; then
    echo "--- conditions"
    k -n chat get chatpool trading -o \
      'jsonpath={range .status.conditions[*]}{.type}={.status} ({.reason}): {.message}{"\n"}{end}' || true
    echo "--- pods"
    k -n chat get pods -o wide || true
    echo "--- the last events"
    k -n chat get events --sort-by .lastTimestamp | tail -n 20 || true
    die "the pool trading is not Ready after $LIMIT s" \
      "see the conditions above, then: kubectl --kubeconfig $C/admin.conf -n chatpool-system logs -l app.kubernetes.io/name=chatpool-operator"
  fi
  sleep 1
done
