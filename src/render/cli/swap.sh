
apply() {
  [ ! -e "$state" ] || fail "refused: $state is there, so this is applied; undo first"
  get "$work/before.json"
  append "$work/before.json" "$work/merged.json"
  if same "$work/before.json" "$work/merged.json"; then
    printf 'nothing to do: the policy in force says it already\n'
    return
  fi
  length=$(jq 'tojson | utf8bytelength' "$work/merged.json")
  if [ "$length" -gt "$limit" ]; then
    aside "$length"
  else
    mkdir -- "$state"
    cp -- "$work/before.json" "$state/before.json"
    put "$work/merged.json"
    get "$state/after.json"
    printf 'applied; undo: bash %s undo (it needs %s)\n' "$0" "$state"
  fi
}

undo() {
  if [ -e "$state/managed" ]; then
    undo_aside
    return
  fi
  [ -e "$state/before.json" ] || fail "nothing to undo: $state/before.json is not here"
  get "$work/now.json"
  if [ -e "$state/after.json" ]; then
    same "$work/now.json" "$state/after.json" \
      || fail "refused: the policy was changed since; take our statements out by hand ($state/before.json is the old one)"
  fi
  if [ -s "$state/before.json" ]; then
    put "$state/before.json"
  else
    clear
  fi
  rm -r -- "$state"
}
