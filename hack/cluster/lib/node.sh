# Sourced: make a node of namespaces on this machine, and end it. Needs `use SITE NODE` before.
# shellcheck shell=bash disable=SC2154
# shellcheck source=lib/worker-config.sh
. "$HACK/lib/worker-config.sh"

NODE_DIRS="/var/lib/containerd /var/lib/kubelet /var/lib/cni /var/lib/etcd /var/lib/chatpool-volumes /var/log/pods /var/log/containers"

# prepare_machine: what all nodes share; nothing happens when it is there.
prepare_machine() {
  local d
  mkdir -p "$STATE"
  # kubelet sets these and will not start otherwise; down.sh puts them back.
  [ -s "$STATE/sysctl.saved" ] || sysctl -e vm.overcommit_memory vm.panic_on_oom kernel.panic \
    kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes >"$STATE/sysctl.saved"
  for d in $NODE_DIRS; do # mount points; down.sh removes those that were not there
    [ -d "$d" ] || { mkdir -p "$d" && echo "$d" >>"$STATE/made-folders"; }
  done
  ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
  ip addr replace "$GATEWAY/16" dev "$BRIDGE"
  ip link set "$BRIDGE" up
}

# start_node: start the node in use, unless it runs.
start_node() {
  local d
  running && return
  end_node                  # what is left of an earlier life
  prepare_machine
  mkdir -p "$W/log"
  for d in $NODE_DIRS; do mkdir -p "$W/${d##*/}"; done
  "$HACK/lib/pki.sh" "$SITE" "${NODE#"$SITE"-}"
  connect_node
  [ "$NUM" = 0 ] || { make_cgroup && write_worker_config; }
  spawn_node
  route_services
}

# connect_node: a network namespace on the bridge. Its hardware address follows from its number:
# with a random one the neighbours would go on sending to the old one for up to half a minute.
connect_node() {
  local i n
  ip netns add "$NETNS"
  ip link add "$NETNS" type veth peer name eth0 address "02:43:50:00:0$INDEX:0$NUM" netns "$NETNS"
  ip link set "$NETNS" master "$BRIDGE" up
  ip -n "$NETNS" link set lo up
  ip -n "$NETNS" addr add "$NODE_IP/16" dev eth0
  ip -n "$NETNS" link set eth0 up
  ip -n "$NETNS" route add default via "$GATEWAY"   # goes nowhere: this machine does not forward
  for i in $(seq ${#SITES[@]}); do                  # pods elsewhere are reached through their nodes
    for n in $(seq "$MAX_WORKER"); do
      [ "$i.$n" = "$INDEX.$NUM" ] || ip -n "$NETNS" route add "10.$((100 + i)).$n.0/24" via "10.90.$i.$((10 + n))"
    done
  done
  [ "$NUM" = 0 ] || ip route replace "$NODE_POD_CIDR" via "$NODE_IP"
}

# route_services: this machine itself reaches the site's services through a worker that runs.
route_services() {
  local n
  for n in $(seq "$MAX_WORKER"); do
    (use_node "$n" && running && ip route replace "$SVC_CIDR" via "$NODE_IP") && return
  done
  ip route del "$SVC_CIDR" 2>/dev/null || true
}

# make_cgroup: a control group of the node's own, in every hierarchy of version 1 or in version 2.
make_cgroup() {
  local c f
  if [ -e /sys/fs/cgroup/cgroup.subtree_control ]; then
    echo "+cpuset +cpu +io +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
    mkdir -p "/sys/fs/cgroup$CGROUP"
    return
  fi
  for c in /sys/fs/cgroup/*/; do [ ! -e "$c/cgroup.procs" ] || mkdir -p "$c$CGROUP"; done
  for f in cpuset.cpus cpuset.mems; do
    cat "/sys/fs/cgroup/cpuset/$f" >"/sys/fs/cgroup/cpuset$CGROUP/$f"
  done
}

# spawn_node: start the first process. nsenter, not "ip netns exec": the latter gives each command
# a mount namespace of its own, and containerd would not see kubelet's mounts.
spawn_node() {
  local outer inner
  NODE_DIRS=$NODE_DIRS setsid nsenter --net="/run/netns/$NETNS" \
    unshare --mount --pid --uts --ipc --fork --kill-child --mount-proc \
    "$HACK/lib/node-init.sh" "$SITE" "${NODE#"$SITE"-}" >"$W/log/node.log" 2>&1 </dev/null 9>&- &
  outer=$!
  until inner=$(pgrep -P $outer); do
    kill -0 $outer 2>/dev/null || fail_with_log "node $NODE did not start" "$W/log/node.log" "see the log; needs root with all namespaces"
    sleep 0.05
  done
  echo "$inner" >"$PIDFILE"
}

# end_node: cut the power of the node in use: its first process ends, and everything in it. Its data stay.
end_node() {
  local pid c end=$((SECONDS + 60))
  if running; then
    pid=$(cat "$PIDFILE")
    kill -KILL "$pid"
    while [ -e "/proc/$pid" ]; do
      [ $SECONDS -lt $end ] || die "node $NODE does not end, process $pid" "a process of it hangs in the kernel: ps -eo pid,stat,wchan,args"
      sleep 0.05
    done
  fi
  rm -f "$PIDFILE"
  ip netns del "$NETNS" 2>/dev/null || true
  ip link del "$NETNS" 2>/dev/null || true
  for c in /sys/fs/cgroup "${CGROUP_ROOTS[@]}"; do # control groups outlive their processes: leaves first
    [ ! -d "$c$CGROUP" ] || find "$c$CGROUP" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  done
}
CGROUP_ROOTS=(/sys/fs/cgroup/*)
