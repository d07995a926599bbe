# shellcheck shell=bash
# Named, timed stages that go on after a failure and are summed up at the end. Sourced by tests/run.sh and tests/long.sh.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
logs=$target/test-logs
passed=0
failed=0
failures=()
mkdir -p "$logs"
cd "$root" || exit 1

# stage NAME COMMAND...: runs the command and counts its tests, or itself as one where it tells no counts.
stage() {
  local name=$1 start=$SECONDS status=0 log=$logs/${1//[^A-Za-z0-9]/-}.log good bad
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$log" || status=$?
  good=$(counted passed "$log")
  bad=$(counted failed "$log")
  if ((good + bad == 0)); then good=$((status == 0)); fi
  if ((status != 0 && bad == 0)); then bad=1; fi
  passed=$((passed + good))
  failed=$((failed + bad))
  if ((status != 0)); then failures+=("$name"); fi
  printf -- '-- %s: %s in %d s\n' "$name" "$( ((status == 0)) && echo ok || echo FAILED)" $((SECONDS - start))
}

# counted WORD LOG: the sum of `N passed` (or failed) in the closing lines of cargo test and pytest.
counted() {
  { grep -E '^(test result: |(=+ )?[0-9]+ (passed|failed))' "$2" || true; } |
    { grep -oE "[0-9]+ $1" || true; } | awk '{ n += $1 } END { print n + 0 }'
}

# skip NAME WHY: a stage whose tool is not here. On CI that is a failure: there the tool has to be.
skip() {
  printf '\nSKIPPED: %s: %s\n' "$1" "$2"
  if [[ ${CI:-} == true ]]; then
    failed=$((failed + 1))
    failures+=("$1 (skipped, but CI=true)")
  fi
}

has() { command -v "$1" >/dev/null 2>&1; }

# venv FOLDER REQUIREMENTS: a virtual environment that holds just that; made anew when the file or Python changes.
venv() {
  local folder=$1 requirements=$2 stamp
  stamp=$({ cat "$requirements" && python3 --version; } | sha256sum)
  if [[ -f $folder/.stamp && $(<"$folder/.stamp") == "$stamp" ]]; then return; fi
  rm -rf "$folder"
  python3 -m venv "$folder" &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" &&
    printf '%s\n' "$stamp" >"$folder/.stamp"
}

# The closing line, and the exit code.
finish() {
  printf '\n'
  local name
  for name in "${failures[@]}"; do printf 'FAILED: %s\n' "$name"; done
  printf 'in %d s\n%d passed, %d failed\n' "$SECONDS" "$passed" "$failed"
  ((failed == 0)) && ((${#failures[@]} == 0))
}
