
visible() {
  tr -d '[:space:]' < "$1" | wc -m
}

# All inline policies share one quota, in which white space does not count.
measure() {
  size=$(visible "$work/patch.json")
  total=$size
  others=$(inline_names)
  for other in $others; do
    if [ "$other" != "$name" ]; then
      inline_text "$other" > "$work/other.json"
      total=$((total + $(visible "$work/other.json")))
    fi
  done
}

apply() {
  measure
  if [ "$total" -le "$limit" ]; then
    put_inline
  else
    [ "$size" -le 6144 ] || fail "refused: with what is there inline it has $total characters, and $limit fit;" \
      "a managed policy takes 6144: denywatch patch --policies parts it"
    printf 'with what is there inline it has %s characters, and %s fit: it becomes a managed policy\n' "$total" "$limit" >&2
    create_managed "$name" "$work/patch.json"
  fi
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  if inline_text "$name" > "$work/now.json" 2> "$work/error"; then
    undo_inline
  else
    grep -q NoSuchEntity "$work/error" || fail "$(cat "$work/error")"
    undo_managed "$name"
  fi
}
