#!/bin/bash
# Make a site's keys, certificates and kubeconfig files if it has none yet, and then a worker's.
# Usage: lib/pki.sh SITE NODE
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
use "$1" "$2"
mkdir -p "$C/pki"
cd "$C/pki"
umask 077

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# leaf FILE SUBJECT EXTENDED-USE [SAN]: a key and a certificate signed by the site's authority.
leaf() {
  local said
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  {
    echo "basicConstraints=CA:FALSE"
    echo "keyUsage=digitalSignature"
    echo "extendedKeyUsage=$3"
    [ -z "${4:-}" ] || echo "subjectAltName=$4"
  } >"$1.ext"
  # A random serial number: workers that start at the same time would fight over a file of numbers.
  said=$(openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" -days 3650 \
    -extfile "$1.ext" -out "$1.crt" 2>&1) || die "signing $1.crt failed: $said" "hack/cluster/down.sh, then up.sh"
  rm "$1.csr" "$1.ext"
}

# conf USER: a kubeconfig that carries the user's certificate.
conf() {
  cat >"$C/.$1.conf" <<Y
apiVersion: v1
kind: Config
clusters: [{name: $SITE, cluster: {server: "https://$API_IP:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: $SITE, context: {cluster: $SITE, user: $1}}]
current-context: $SITE
Y
  mv "$C/.$1.conf" "$C/$1.conf"   # whole or not at all: its presence says "done"
}

if [ ! -s "$C/admin.conf" ]; then
  key ca
  openssl req -x509 -new -key ca.key -subj "/CN=chatpool-$SITE-ca" -days 3650 -out ca.crt \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
  key sa
  openssl ec -in sa.key -pubout -out sa.pub 2>/dev/null
  leaf apiserver /CN=kube-apiserver serverAuth \
    "IP:$API_IP,IP:$API_SVC_IP,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  leaf apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  leaf controller-manager /CN=system:kube-controller-manager clientAuth
  conf controller-manager
  leaf scheduler /CN=system:kube-scheduler clientAuth
  conf scheduler
  leaf proxy /CN=system:kube-proxy clientAuth
  conf proxy
  leaf admin /O=system:masters/CN=admin clientAuth
  conf admin
fi
[ "$NUM" != 0 ] || exit 0
[ ! -s "$C/kubelet-$NODE.conf" ] || exit 0
leaf "serving-$NODE" "/O=system:nodes/CN=system:node:$NODE" serverAuth "IP:$NODE_IP,DNS:$NODE"
leaf "kubelet-$NODE" "/O=system:nodes/CN=system:node:$NODE" clientAuth
conf "kubelet-$NODE"
