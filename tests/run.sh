#!/usr/bin/env bash
# Sets up and runs all tests: `tests/run.sh`, or `tests/run.sh --quick` without the end-to-end and chaos runs.
# The last line is `N passed, N failed`. Python packages go to target/; nothing is installed on the machine.
set -euo pipefail
# shellcheck source=tests/stages.sh
source "$(dirname "${BASH_SOURCE[0]}")/stages.sh"

quick=false
for argument in "$@"; do
  case $argument in
    --quick) quick=true ;;
    *)
      echo "usage: tests/run.sh [--quick]" >&2
      exit 2
      ;;
  esac
done

python=$target/venv/bin/python
# The pieces of scripts in src/ are checked as what is printed of them, by tests/render_outsiders.rs.
shell_files() { git ls-files '*.sh' '.ci/*' ':!src'; }
cfn_lint() { "$target/venv/bin/cfn-lint" infra/cloudformation/*.yaml; }
checkov() {
  venv "$target/venv-checkov" tests/e2e/requirements-checkov.txt &&
    "$target/venv-checkov/bin/checkov" --directory infra --framework cloudformation terraform --compact --quiet --skip-download
}
# The template and the module as data: both build the same, may what the program calls, and read as their READMEs say. What
# asks terraform is skipped by name where it is not.
infra() { "$python" -m pytest -c tests/infra/pytest.ini --rootdir tests/infra tests/infra; }
shellcheck_all() { shell_files | xargs "$target/venv/bin/shellcheck"; }
end_to_end() {
  "$python" tests/e2e/run.py --bootstrap "$target/debug/bootstrap" --denywatch "$target/debug/denywatch"
}

# First the tools: some tests hold what we print against the real readers, looked for in DENYWATCH_TOOLS.
tools=false
if python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  stage "Python tools" venv "$target/venv" tests/e2e/requirements.txt
  if [[ -f $target/venv/.stamp ]]; then tools=true; fi
  export DENYWATCH_TOOLS=$target/venv/bin
fi

stage "tests" cargo test
# These two also leave denywatch and bootstrap in target/debug, which the end-to-end run takes; a build of its own would build the
# dependencies again, since `cargo build` gives them other features than `cargo test`.
lambda_tests=(cargo test --features 'lambda,lookup,github' --lib --bins --test '*')
if $tools; then
  # Beside a stand-in of DynamoDB, so that the ledgers' suite runs on it too.
  stage "tests of the Lambda, of Event history and of GitHub" "$python" tests/e2e/with_dynamodb.py "${lambda_tests[@]}"
else
  stage "tests of the Lambda, of Event history and of GitHub" "${lambda_tests[@]}"
  skip "the ledger on DynamoDB" "needs Python 3.11 or later with venv"
fi

if $tools; then
  stage "shellcheck" shellcheck_all
  stage "cfn-lint" cfn_lint
  stage "checkov" checkov
  stage "template and module" infra
else
  for name in shellcheck cfn-lint checkov "template and module"; do skip "$name" "needs Python 3.11 or later with venv"; done
fi
# The report's pages, which the tests above made, in a real browser; its packages are pinned and go to target/.
in_browser() {
  local tools=$target/page-tools
  mkdir -p "$tools" && cp tests/page/package.json tests/page/package-lock.json "$tools" &&
    (cd "$tools" && npm ci --quiet --no-audit --no-fund --ignore-scripts && node "$root/tests/page/browse.mjs" "$target/pages")
}
if has chromium && has node && has npm; then
  stage "the report in a browser" in_browser
else
  skip "the report in a browser" "needs chromium, node and npm; the pages are not held against a real browser"
fi

if $quick; then
  printf '\nleft out by --quick: end to end\n'
elif $tools; then
  stage "end to end" end_to_end
else
  skip "end to end" "needs Python 3.11 or later with venv"
fi

chaos() {
  "$python" tests/chaos/run.py --bootstrap "$target/debug/bootstrap" --events 400 --principals 60 --rounds 1 --batch 20 --poison 0.03
}
if $quick; then
  printf '\nleft out by --quick: the small chaos run\n'
elif $tools; then
  stage "chaos, small" chaos
else
  skip "chaos, small" "needs Python 3.11 or later with venv"
fi

# The tests of what we print in HCL, and of the module, ask terraform themselves.
if ! has terraform; then
  skip "terraform" "it is not here, and no package registry has it; what we print in HCL and infra/terraform are not held against it"
fi

finish
