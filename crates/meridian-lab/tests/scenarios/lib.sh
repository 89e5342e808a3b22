# Helpers for the runner's own checks; sourced, never run.
set -u
fail() { echo "FAIL: $*" >&2; exit 1; }

# expect WANT COMMAND...: the command prints exactly WANT.
expect() {
  local want=$1 got; shift
  got=$("$@" 2>&1) || true
  [[ $got == "$want" ]] || fail "'$got', expected '$want': $*"
}
