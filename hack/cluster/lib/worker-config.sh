# Sourced by node.sh: writes the configuration of a worker's components into $W.
# shellcheck shell=bash disable=SC2154

write_worker_config() {
  mkdir -p "$W/cni-conf"
  : >"$W/resolv.conf"       # pods ask cluster DNS only
  write_containerd_config >"$W/containerd.toml"
  write_network_config >"$W/cni-conf/10-bridge.conflist"
  write_kubelet_config >"$W/kubelet.yaml"
  write_proxy_config >"$W/kube-proxy.yaml"
}

# restrict_oom_score_adj: where root lacks CAP_SYS_RESOURCE no process may lower its oom_score_adj,
# and every pod sandbox (-998) would die in runc with "can't get final child's PID from pipe: EOF".
write_containerd_config() {
  cat <<T
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/chatpool/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$W/cni-conf"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
T
}

write_network_config() {
  cat <<J
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$NODE_POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
J
}

# The lease is renewed every quarter of its duration, so every 4 s, as the status is.
write_kubelet_config() {
  cat <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $C/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $C/pki/serving-$NODE.crt
tlsPrivateKeyFile: $C/pki/serving-$NODE.key
cgroupDriver: cgroupfs
cgroupRoot: $CGROUP
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $W/resolv.conf
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
nodeStatusUpdateFrequency: 4s
nodeLeaseDurationSeconds: 16
Y
}

# The connection-tracking limits belong to the machine, not to a network namespace: leave them.
write_proxy_config() {
  cat <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $C/proxy.conf}
mode: iptables
clusterCIDR: $POD_CIDR
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
Y
}
