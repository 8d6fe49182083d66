# Sourced: bring the images into the node in use.
# shellcheck shell=bash disable=SC2154

# import_images: those that the node lacks. It notes each in $W/imported, beside containerd's own
# data, so that the second time costs nothing. kubelet of a starting worker waits for this.
import_images() {
  local link tar mark
  mkdir -p "$W/imported"
  wait_for 60 in_node test -S /run/containerd/containerd.sock ||
    fail_with_log "containerd of $NODE does not answer" "$W/log/containerd.log" "see its log"
  for link in "$RUN"/images/*.tar; do
    [ -e "$link" ] || continue  # a version that another clone has swept away
    tar=$(readlink "$link")
    mark=$W/imported/${tar##*/}
    if [ -e "$mark" ]; then
      touch "$mark"
      continue
    fi
    in_node ctr -n k8s.io images import "$tar" >"$W/log/import.log" 2>&1 ||
      fail_with_log "importing ${tar##*/} into $NODE failed" "$W/log/import.log" "delete $tar and run it again"
    touch "$mark"
  done
  in_node touch /run/images-imported
  forget_old_images
}

# forget_old_images: of this repository's own image the last three versions stay in the node.
forget_old_images() {
  local mark tag
  find "$W/imported" -name 'chatpool-dev-*' -printf '%T@ %f\n' | sort -rn | tail -n +4 | cut -d' ' -f2 |
    while read -r mark; do
      tag=${mark#chatpool-}
      in_node ctr -n k8s.io images rm "docker.io/chatpool/chatpool:${tag%.tar}" >/dev/null 2>&1 || true
      rm -f "$W/imported/$mark"
    done
}
