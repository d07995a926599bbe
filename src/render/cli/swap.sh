
apply() {
  [ ! -e "$state" ] || fail "refused: $state is there, so this is applied; undo first"
  get "$work/before.json"
  append "$work/before.json" "$work/merged.json"
  mkdir -- "$state"
  cp -- "$work/before.json" "$state/before.json"
  put "$work/merged.json"
  get "$state/after.json"
  printf 'applied; undo: bash %s undo (it needs %s)\n' "$0" "$state"
}

undo() {
  [ -e "$state/before.json" ] || fail "nothing to undo: $state/before.json is not here"
  get "$work/now.json"
  jq --sort-keys . "$work/now.json" > "$work/now.sorted"
  if [ -e "$state/after.json" ]; then
    jq --sort-keys . "$state/after.json" > "$work/after.sorted"
    cmp -s "$work/now.sorted" "$work/after.sorted" \
      || fail "refused: the policy was changed since; take our statements out by hand ($state/before.json is the old one)"
  fi
  if [ -s "$state/before.json" ]; then
    put "$state/before.json"
  else
    clear
  fi
  rm -r -- "$state"
}
