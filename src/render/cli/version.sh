
default_version() {
  aws iam get-policy --policy-arn="$policy" --query=Policy.DefaultVersionId --output=text
}

version_text() {
  aws iam get-policy-version --policy-arn="$policy" --version-id="$1" --query=PolicyVersion.Document --output=json
}

# IAM keeps five versions: the oldest that is not the default gives way, and its text is kept for undo.
make_room() {
  count=$(aws iam list-policy-versions --policy-arn="$policy" --query='length(Versions)' --output=text)
  [ "$count" -ge 5 ] || return 0
  oldest=$(aws iam list-policy-versions --policy-arn="$policy" \
    --query='sort_by(Versions[?!IsDefaultVersion], &CreateDate)[0].VersionId' --output=text)
  version_text "$oldest" > "$state/oldest.json"
  aws iam delete-policy-version --policy-arn="$policy" --version-id="$oldest"
  printf 'deleted version %s, the oldest of five; its text is kept in %s\n' "$oldest" "$state/oldest.json" >&2
}

apply() {
  [ ! -e "$state" ] || fail "refused: $state is there, so this is applied; undo first"
  before=$(default_version)
  version_text "$before" > "$work/before.json"
  append "$work/before.json" "$work/merged.json"
  if same "$work/before.json" "$work/merged.json"; then
    printf 'nothing to do: the policy in force says it already\n'
    return
  fi
  length=$(tr -d '[:space:]' < "$work/merged.json" | wc -m)
  [ "$length" -le 6144 ] || fail "refused: with the new statements the policy has $length characters, and 6144 fit"
  mkdir -- "$state"
  printf '%s\n' "$policy" > "$state/policy"
  printf '%s\n' "$before" > "$state/before"
  make_room
  after=$(aws iam create-policy-version --policy-arn="$policy" --policy-document="file://$work/merged.json" \
    --set-as-default --query=PolicyVersion.VersionId --output=text)
  printf '%s\n' "$after" > "$state/after"
  printf 'applied; undo: bash %s undo (it needs %s)\n' "$0" "$state"
}

# The version that gave way comes back with its text, under a new number.
restore() {
  if [ -e "$state/oldest.json" ]; then
    aws iam create-policy-version --policy-arn="$policy" --policy-document="file://$state/oldest.json" > /dev/null
  fi
  rm -r -- "$state"
}

undo() {
  [ -e "$state/before" ] || fail "nothing to undo: $state/before is not here"
  policy=$(cat "$state/policy")
  before=$(cat "$state/before")
  now=$(default_version)
  if [ ! -e "$state/after" ] && [ "$now" = "$before" ]; then
    restore
    printf 'nothing to undo: apply had failed\n'
    return
  fi
  [ -e "$state/after" ] || fail "refused: apply had failed, but the default version is $now now, not $before"
  after=$(cat "$state/after")
  [ "$now" = "$after" ] || fail "refused: the default version is $now now, not ours ($after)"
  aws iam set-default-policy-version --policy-arn="$policy" --version-id="$before"
  aws iam delete-policy-version --policy-arn="$policy" --version-id="$after"
  restore
}
