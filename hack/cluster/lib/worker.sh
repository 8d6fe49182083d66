# Sourced by node-init.sh in a worker's node.
# shellcheck shell=bash

# Only these are per network namespace; nothing here changes the machine's own settings.
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables

mkdir -p /run/containerd
start containerd containerd --config "$W/containerd.toml"

# kubelet ends at once if the API server is not there yet, and pods that come before their images
# back off: node-up.sh says when it has imported them.
until [ -e /run/images-imported ] && (: <"/dev/tcp/$API_IP/6443") 2>/dev/null &&
  kubectl --kubeconfig "$C/admin.conf" get --raw /readyz >/dev/null 2>&1; do sleep 0.3; done
start kubelet kubelet --config "$W/kubelet.yaml" --kubeconfig "$C/kubelet-$NODE.conf" \
  --hostname-override "$NODE" --node-ip "$NODE_IP" --v 1
start kube-proxy kube-proxy --config "$W/kube-proxy.yaml" --hostname-override "$NODE"
