#!/bin/bash
# Install the Debian packages that the local clusters are made of, those that are missing.
# No daemon is left running by them. Usage: install-deps.sh
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
PACKAGES=(containerd runc containernetworking-plugins iptables nftables conntrack ipset socat
  iproute2 procps util-linux mmdebstrap openssl jq)

missing=()
for p in "${PACKAGES[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  mkdir -p "$RUN"
  echo "  installing ${missing[*]}"
  # Without this a freshly installed service would start on machines with systemd.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'on_exit; rm -f $policy' EXIT
  fi
  if ! { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    install --no-install-recommends "${missing[@]}"; } \
    >"$RUN/apt.log" 2>&1; then
    fail_with_log "installing ${missing[*]} failed" "$RUN/apt.log" "see that apt-get update works on this machine, then run it again"
  fi
elif ! apt-cache show postgresql-15 >/dev/null 2>&1; then
  # images.sh fetches packages by apt's lists, which this machine has not
  mkdir -p "$RUN"
  apt-get -q update >"$RUN/apt.log" 2>&1 || fail_with_log "apt-get update failed" "$RUN/apt.log" "mend apt's sources"
fi
