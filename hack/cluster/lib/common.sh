# Sourced by every script here: paths, messages, timing.
# shellcheck shell=bash disable=SC2034
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
HACK=$REPO/hack/cluster
RUN=$REPO/.run                                   # all state of this clone's clusters
CACHE=${CHATPOOL_CACHE:-$HOME/.cache/chatpool}   # what depends on pinned versions only
export PATH=$RUN/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin:$PATH

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

# Nothing ends in silence: a command that fails is named, unless it is a script that has spoken.
on_exit() {
  local code=$? command=$BASH_COMMAND
  [ $code != 0 ] && [ -z "${SPOKEN:-}" ] || return 0
  # shellcheck disable=SC2016
  case $command in '"$@"' | '"$HACK/'*) return 0 ;; esac
  printf '\nerror: %s ended with %s at: %s\n' "${0##*/}" $code "$command" >&2
}
trap on_exit EXIT

# die WHAT CURE: end with what failed and what to do about it.
die() {
  SPOKEN=yes
  printf '\nerror: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf 'cure:  %s\n' "$2" >&2
  exit 1
}
# fail_with_log WHAT LOG CURE: the same, with the end of a log between them.
fail_with_log() {
  printf '\n--- the last lines of %s\n' "$2" >&2
  tail -n 25 "$2" >&2 || true
  die "$1" "$3"
}

# inputs_hash DIR EXTRA: 12 hex digits that change when a file of DIR or EXTRA does.
inputs_hash() {
  { (cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum); echo "$2"; } | sha256sum | cut -c1-12
}

# step NAME CMD...: run a command, then print its name and how long it took.
step() {
  local name=$1 t0
  shift
  printf '%s ...\n' "$name"
  t0=$(now)
  "$@"
  printf '%-44s %6.1f s\n' "$name" "$(since "$t0")"
}
