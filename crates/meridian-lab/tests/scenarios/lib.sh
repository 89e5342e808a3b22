# Helpers for the runner's own checks; sourced, never run.
set -u
fail() { echo "FAIL: $*" >&2; exit 1; }

# expect WANT COMMAND...: the command prints exactly WANT.
expect() {
  local want=$1 got; shift
  got=$("$@" 2>&1) || true
  [[ $got == "$want" ]] || fail "'$got', expected '$want': $*"
}

# eventually SECONDS COMMAND...: succeeds as soon as COMMAND does.
eventually() {
  local limit=$1 start=$SECONDS; shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS - start < limit)) || fail "not within ${limit}s: $*"
    sleep 0.05
  done
}
