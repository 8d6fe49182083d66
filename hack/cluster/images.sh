#!/bin/bash
# Make the container images as tar files in the cache, with no registry and no daemon, and link
# them into .run/images, from where the nodes import them.
# Usage: images.sh [NAME...]   without a name: all but chatpool. e.g. images.sh chatpool
# "chatpool" is this repository's own image; its tag, a hash of its programs, is written to
# .run/images/chatpool.tag, so that changed code gets new pods.
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
ALL=(pause tools coredns local-path-provisioner cloudnative-pg cnpg-postgres)
T=$RUN/tmp                  # scratch of this run

# Each image_NAME writes the image to the file $1.
image_pause() {
  mkimage -o "$1" -t docker.io/chatpool/pause:1 -file "$RUN/bin/pause:/pause:0755" -entrypoint '["/pause"]' -user 65535:65535
}
image_coredns() {
  mkimage -o "$1" -t docker.io/chatpool/coredns:1.12.4 -file "$RUN/bin/coredns:/coredns:0755" -entrypoint '["/coredns"]'
}
image_local-path-provisioner() {
  mkimage -o "$1" -t docker.io/chatpool/local-path-provisioner:0.0.30 \
    -file "$RUN/bin/local-path-provisioner:/bin/local-path-provisioner:0755"
}
image_cloudnative-pg() {    # CloudNativePG looks for /operator/manager_* at start
  mkimage -o "$1" -t docker.io/library/cloudnative-pg:1.30.0 -file "$RUN/bin/cnpg-manager:/operator/manager_amd64:0755" \
    -link operator/manager_amd64:/manager -user 10001:10001 -workdir /
}
image_tools() {             # busybox under every name it answers to: sh, wget, nslookup, nc ...
  local links=() name
  (cd "$T" && apt-get -q download busybox-static >/dev/null && dpkg-deb -x busybox-static_*.deb busybox)
  for name in $("$T/busybox/bin/busybox" --list); do
    [ "$name" = busybox ] || links+=(-link "/bin/busybox:/bin/$name")
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$T/passwd"
  mkimage -o "$1" -t docker.io/chatpool/tools:1 -file "$T/busybox/bin/busybox:/bin/busybox:0755" "${links[@]}" \
    -file "$T/passwd:/etc/passwd:0644" -dir /tmp:1777 -dir /root:0700 -cmd '["/bin/sh"]'
}
# CloudNativePG's operand: Debian's PostgreSQL 15, from wherever this machine's apt gets its
# packages, as uid and gid 26 (Debian's group 26 makes way), without what a server has no use for.
image_cnpg-postgres() {
  local version
  # shellcheck disable=SC2016
  apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' | sort -u >"$T/sources"
  # shellcheck disable=SC2016
  mmdebstrap --quiet --variant=essential --include=postgresql-15 \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --dpkgopt='path-exclude=/usr/lib/*/libLLVM*' --dpkgopt='path-exclude=/usr/lib/*/libz3*' \
    --dpkgopt='path-exclude=/usr/lib/postgresql/15/lib/llvmjit*' --dpkgopt='path-exclude=/usr/lib/postgresql/15/lib/bitcode/*' \
    --essential-hook='echo postgres:x:26:26::/var/lib/postgresql:/bin/sh >>"$1/etc/passwd"; sed -i /:26:/d "$1/etc/group"; echo postgres:x:26: >>"$1/etc/group"' \
    --customize-hook='rm -rf "$1"/var/lib/postgresql/15 "$1"/etc/apt/sources.list* "$1"/var/lib/apt/lists/* "$1"/etc/resolv.conf "$1"/etc/hostname' \
    bookworm "$T/postgres.tar" "$T/sources"
  version=$(tar -xOf "$T/postgres.tar" ./var/lib/dpkg/status | awk '/^Package: postgresql-15$/ { f = 1 } f && /^Version:/ { print $2; exit }')
  mkimage -o "$1" -t "docker.io/library/cnpg-postgres:${version%%-*}" -t docker.io/library/cnpg-postgres:15 \
    -layer "$T/postgres.tar" -user 26:26 \
    -env PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

# make_image NAME: write the image unless the cache has it for this recipe and these programs.
make_image() {
  local name=$1 key tar t0
  key=$( { declare -f "image_$name"; readlink "$RUN/bin/mkimage"; readlink "$RUN/bin/$(program "$name")" || true; } |
    sha256sum | cut -c1-12)
  tar=$CACHE/images/$name-$key.tar
  if [ ! -s "$tar" ]; then
    t0=$(now)
    "image_$name" "$tar" >"$CACHE/image-$name.log" 2>&1 ||
      fail_with_log "making the image $name failed" "$CACHE/image-$name.log" \
        "if packages could not be fetched: apt-get update, then run it again"
    printf '  made  %-26s %6.1f s  %4d MB\n' "$name" "$(since "$t0")" "$(($(stat -c %s "$tar") >> 20))"
  fi
  ln -sfn "$tar" "$RUN/images/$name.tar"
}
program() { if [ "$1" = cloudnative-pg ]; then echo cnpg-manager; else echo "$1"; fi; }

# make_chatpool: compile this repository's programs and pack them.
make_chatpool() {
  local tag tar p t0
  t0=$(now)
  for p in chatserver/cmd/chatserver controllers/cmd/manager; do
    (cd "$REPO" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w' -o "$RUN/build/${p##*/}" "./$p") ||
      die "building ./$p failed" "mend the code (the compiler's messages are above)"
  done
  tag=dev-$(cat "$RUN/build/chatserver" "$RUN/build/manager" "$(readlink "$RUN/bin/mkimage")" | sha256sum | cut -c1-12)
  tar=$CACHE/images/chatpool-$tag.tar
  if [ ! -s "$tar" ]; then
    echo 'chatpool:x:65532:65532:chatpool:/:/sbin/nologin' >"$T/passwd"
    mkimage -o "$tar" -t "docker.io/chatpool/chatpool:$tag" -file "$RUN/build/chatserver:/chatserver:0755" \
      -file "$RUN/build/manager:/manager:0755" -file "$T/passwd:/etc/passwd:0644" -dir /tmp:1777 -user 65532:65532 -workdir /
    printf '  made  %-26s %6.1f s  %4d MB\n' "chatpool:$tag" "$(since "$t0")" "$(($(stat -c %s "$tar") >> 20))"
  fi
  touch "$tar"
  ln -sfn "$tar" "$RUN/images/chatpool.tar"
  echo "$tag" >"$RUN/images/chatpool.tag"
  find "$CACHE/images" -name 'chatpool-dev-*.tar' -printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d' ' -f2- | xargs -r rm -f
}

mkdir -p "$CACHE/images" "$RUN/images" "$RUN/build"
exec 8>"$CACHE/images.lock"
flock -n 8 || { echo "  waiting for other images to be made" && flock -w 1800 8; } ||
  die "images are still being made by another run" "end it: it holds $CACHE/images.lock"
rm -rf "$T" && mkdir -p "$T"
trap 'on_exit; rm -rf "$T"' EXIT
[ $# -gt 0 ] || set -- "${ALL[@]}"
for name in "$@"; do
  if [ "$name" = chatpool ]; then make_chatpool
  elif [[ " ${ALL[*]} " == *" $name "* ]]; then make_image "$name"
  else die "images.sh: no image is called \"$name\"" "use one of: ${ALL[*]} chatpool"; fi
done
