#!/usr/bin/env bash
# Fuzzes one target: `fuzz/run.sh TARGET`, for FUZZ_SECONDS (60). Further arguments go to libFuzzer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=$1
shift
case $name in
  record | sift | csv | explain | archive) words=json ;;
  message | text) words=message ;;
  policy | in_force) words=policy ;;
  arn | scope) words=arn ;;
  gzip) words= ;;
  template) words=template ;;
  configuration) words=configuration ;;
  *)
    echo "usage: fuzz/run.sh record|sift|gzip|csv|message|text|policy|arn|scope|explain|in_force|template|configuration|archive" >&2
    exit 2
    ;;
esac
# What was found for `sift` is kept with the sources; for the others the seeds are made again.
if ! [[ -d fuzz/corpus/record ]]; then fuzz/seeds.py; fi
# These two have `unsafe` code to watch; without a sanitizer three times as many inputs fit in.
if [[ $name == sift || $name == gzip ]]; then sanitizer=address; else sanitizer=none; fi
# libdeflate's C compiles one table several times under one name, all alike.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_odr_violation=0}
exec cargo +nightly fuzz run --sanitizer "$sanitizer" "$name" -- -max_total_time="${FUZZ_SECONDS:-60}" \
  ${words:+-dict="fuzz/dictionaries/$words.dict"} -max_len=4096 -timeout=20 -print_final_stats=1 "$@" </dev/null
