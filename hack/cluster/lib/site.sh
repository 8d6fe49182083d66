# Sourced: names, addresses and folders. Every one follows from the site and the node's number.
# shellcheck shell=bash disable=SC2034
#
# A site is a Kubernetes cluster: home (1) or backup (2). Its nodes are "cp", the control plane
# alone (number 0, no kubelet), and the workers 1 to 4. See README.md for the table of addresses.
SITES=(home backup)
MAX_WORKER=4
BRIDGE=chp-net              # one layer-2 network for the nodes of all sites
GATEWAY=10.90.0.1           # this machine's own address on it, /16
STATE=/run/chatpool         # what runs now, and of which clone: gone after a reboot, like the nodes

# use SITE [NODE]: set the variables of a site and of one of its nodes.
use() {
  SITE=$1
  case $SITE in
  home) INDEX=1 WORKERS=2 ;;
  backup) INDEX=2 WORKERS=1 ;;
  *) die "there is no site \"$SITE\"" "name one of: ${SITES[*]}" ;;
  esac
  C=$RUN/$SITE              # what the site keeps
  API_IP=10.90.$INDEX.10
  POD_CIDR=10.$((100 + INDEX)).0.0/16
  SVC_CIDR=10.$((150 + INDEX)).0.0/16
  API_SVC_IP=10.$((150 + INDEX)).0.1
  DNS_IP=10.$((150 + INDEX)).0.10
  [ $# -eq 1 ] || use_node "$2"
}

use_node() {
  case $1 in
  cp) NUM=0 ;;
  [1-"$MAX_WORKER"]) NUM=$1 ;;
  *) die "site $SITE has no node \"$1\"" "name cp (the control plane) or a worker, 1 to $MAX_WORKER" ;;
  esac
  NODE=$SITE-$1
  W=$C/$NODE                # what the node keeps
  NETNS=chp-$NODE
  CGROUP=/chatpool-$NODE
  NODE_IP=10.90.$INDEX.$((10 + NUM))
  NODE_POD_CIDR=10.$((100 + INDEX)).$NUM.0/24
  PIDFILE=$STATE/$NODE.pid
}

# k ARGS...: kubectl for the site in use.
k() { "$RUN/bin/kubectl" --kubeconfig "$C/admin.conf" "$@"; }

# running: does the node in use live? Its first process names it, so a pid given to another
# process since does not count.
running() {
  [ -s "$PIDFILE" ] && { tr '\0' ' ' <"/proc/$(cat "$PIDFILE")/cmdline"; } 2>/dev/null |
    grep -q "node-init.sh $SITE ${NODE#"$SITE"-} $"
}

# in_node CMD...: run a command inside the node in use. It starts in /: give full paths.
in_node() { nsenter -t "$(cat "$PIDFILE")" --mount --net --pid --uts --ipc -- "$@"; }

# nodes: the nodes that the site has data of: cp first, then its workers.
nodes() {
  local n
  for n in cp $(seq "$MAX_WORKER"); do [ ! -d "$C/$SITE-$n" ] || echo "$n"; done
}

# wait_for SECONDS CMD...: try a command until it succeeds, at most so long.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.3
  done
}

# any_running: does any node of any site live?
any_running() {
  local site n
  for site in "${SITES[@]}"; do
    for n in cp $(seq "$MAX_WORKER"); do (use "$site" "$n" && running) && return 0; done
  done
  return 1
}

# own: claim the machine's one set of sites for this clone, or say whose it is. What another clone left behind
# without a living node is cleared away.
own() {
  local owner
  [ "$(id -u)" = 0 ] || die "${0##*/} needs root" "run it as root"
  owner=$(cat "$STATE/owner" 2>/dev/null || true)
  if [ -n "$owner" ] && [ "$owner" != "$REPO" ]; then
    any_running && die "the local clusters on this machine belong to another clone, $owner" \
      "end them with hack/cluster/down.sh (from either clone), then run this again"
    echo "clearing away what the clusters of another clone left, $owner"
    "$HACK/down.sh"
  fi
  mkdir -p "$STATE"
  if [ ! -s "$STATE/owner" ]; then   # in one go: several scripts may come here at once
    echo "$REPO" >"$STATE/.owner.$$" && mv "$STATE/.owner.$$" "$STATE/owner"
  fi
}
