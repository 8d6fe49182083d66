# Sourced by node-init.sh in a control plane's node.
# shellcheck shell=bash
P=$C/pki

# Nobody pulls the plug of the disk here, only of processes: etcd need not sync each write.
start etcd etcd --name "$SITE" --data-dir /var/lib/etcd --log-level warn --unsafe-no-fsync \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
  --initial-cluster "$SITE=http://127.0.0.1:2380"

# The API server backs off for a second if etcd is not there yet.
until (: </dev/tcp/127.0.0.1/2379) 2>/dev/null; do sleep 0.05; done

# There is no kube-proxy here: the API server reaches webhooks by the addresses of their pods
# (--enable-aggregator-routing), over the static routes that every node has. Pods leave a lost
# node after 10 s instead of 300 s.
start kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 \
  --advertise-address "$API_IP" --secure-port 6443 --service-cluster-ip-range "$SVC_CIDR" \
  --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
  --enable-aggregator-routing \
  --default-not-ready-toleration-seconds 10 --default-unreachable-toleration-seconds 10 \
  --client-ca-file "$P/ca.crt" --tls-cert-file "$P/apiserver.crt" --tls-private-key-file "$P/apiserver.key" \
  --kubelet-client-certificate "$P/apiserver-kubelet.crt" --kubelet-client-key "$P/apiserver-kubelet.key" \
  --kubelet-certificate-authority "$P/ca.crt" --kubelet-preferred-address-types InternalIP \
  --service-account-issuer https://kubernetes.default.svc.cluster.local \
  --service-account-key-file "$P/sa.pub" --service-account-signing-key-file "$P/sa.key"

# No leader election: there is one of each, and waiting for an old lease to lapse costs seconds.
# A worker reports every 4 s; after 16 s without a report it counts as lost.
start kube-controller-manager kube-controller-manager --kubeconfig "$C/controller-manager.conf" \
  --leader-elect=false --use-service-account-credentials \
  --node-monitor-grace-period 16s --node-monitor-period 2s \
  --service-account-private-key-file "$P/sa.key" --root-ca-file "$P/ca.crt" \
  --cluster-signing-cert-file "$P/ca.crt" --cluster-signing-key-file "$P/ca.key"

start kube-scheduler kube-scheduler --kubeconfig "$C/scheduler.conf" --leader-elect=false
