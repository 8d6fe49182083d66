#!/bin/bash
# Run every fuzz target for a while. Usage: hack/fuzz.sh DURATION
set -euo pipefail
cd "$(dirname "$0")/.."
for pkg in $(go list ./chatserver/... ./controllers/...); do
  for f in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
    echo "== $pkg $f"
    go test -run '^$' -fuzz "^$f\$" -fuzztime "${1:-10s}" "$pkg"
  done
done
