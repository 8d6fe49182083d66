#!/bin/bash
# Print how two people of the sample pool chat with each other, on two different pods. It leaves
# the pool's authority and their passwords in .run/home. Usage: lib/how-to-chat.sh
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=lib/site.sh
. "$HACK/lib/site.sh"
use home

# secret NAME KEY FILE: write one value of a Secret to a file.
secret() {
  k -n chat get secret "$1" -o "go-template={{index .data \"$2\" | base64decode}}" >"$3" ||
    die "Secret chat/$1 has no $2" "look: kubectl --kubeconfig $C/admin.conf -n chat describe secret $1"
}
umask 077
secret trading-ca ca.crt "$C/ca.crt"
secret trading-chat-tls tls.crt "$C/chat.crt"
# the first name that the servers' certificate is for
name=$(openssl x509 -in "$C/chat.crt" -noout -ext subjectAltName | grep -o 'DNS:[^,]*' | head -1 | cut -d: -f2)
domain=$(k -n chat get chatpool trading -o 'jsonpath={.spec.domain}')
people=(alice bob)
mapfile -t addresses < <(k -n chat get pods -l chatpool.dev/pool=trading,app.kubernetes.io/component=chat \
  --sort-by .metadata.name -o 'jsonpath={range .items[*]}{.status.podIP}{"\n"}{end}')
[ -n "${addresses[*]}" ] ||
  die "the pool trading has no chat pod" "look: kubectl --kubeconfig $C/admin.conf -n chat get pods"

echo
echo "Chat as two people, each in a terminal of its own (they are on different pods):"
for i in 0 1; do
  secret trading-users "${people[i]}" "$C/${people[i]}.password"
  echo "  bin/chat -server ${addresses[i % ${#addresses[@]}]}:5061 -server-name $name -ca .run/home/ca.crt -user ${people[i]}@$domain -password-file .run/home/${people[i]}.password"
done
echo "Look at the pool:"
echo "  .run/bin/kubectl --kubeconfig .run/home/admin.conf -n chat get chatpool,category,room"
