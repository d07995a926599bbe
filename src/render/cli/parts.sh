
command -v jq > /dev/null || fail "jq is needed to take the policies apart"

apply() {
  for part in $(jq --raw-output 'keys_unsorted[]' "$work/patch.json"); do
    jq --arg part "$part" '.[$part]' "$work/patch.json" > "$work/part.json"
    create_managed "$part" "$work/part.json"
  done
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  for part in $(jq --raw-output 'keys_unsorted[]' "$work/patch.json"); do
    undo_managed "$part"
  done
}
