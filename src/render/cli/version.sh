
default_version() {
  aws iam get-policy --policy-arn="$policy" --query=Policy.DefaultVersionId --output=text
}

apply() {
  [ ! -e "$state" ] || fail "refused: $state is there, so this is applied; undo first"
  count=$(aws iam list-policy-versions --policy-arn="$policy" --query='length(Versions)' --output=text)
  [ "$count" -lt 5 ] || fail "refused: the policy has five versions, the most IAM keeps;" \
    "delete the oldest that is not the default: aws iam delete-policy-version --policy-arn=$policy --version-id=…"
  before=$(default_version)
  aws iam get-policy-version --policy-arn="$policy" --version-id="$before" \
    --query=PolicyVersion.Document --output=json > "$work/before.json"
  append "$work/before.json" "$work/merged.json"
  mkdir -- "$state"
  printf '%s\n' "$policy" > "$state/policy"
  printf '%s\n' "$before" > "$state/before"
  after=$(aws iam create-policy-version --policy-arn="$policy" --policy-document="file://$work/merged.json" \
    --set-as-default --query=PolicyVersion.VersionId --output=text)
  printf '%s\n' "$after" > "$state/after"
  printf 'applied; undo: bash %s undo (it needs %s)\n' "$0" "$state"
}

undo() {
  [ -e "$state/before" ] || fail "nothing to undo: $state/before is not here"
  policy=$(cat "$state/policy")
  before=$(cat "$state/before")
  now=$(default_version)
  if [ ! -e "$state/after" ] && [ "$now" = "$before" ]; then
    rm -r -- "$state"
    printf 'nothing to undo: apply had failed\n'
    return
  fi
  [ -e "$state/after" ] || fail "refused: apply had failed, but the default version is $now now, not $before"
  after=$(cat "$state/after")
  [ "$now" = "$after" ] || fail "refused: the default version is $now now, not ours ($after)"
  aws iam set-default-policy-version --policy-arn="$policy" --version-id="$before"
  aws iam delete-policy-version --policy-arn="$policy" --version-id="$after"
  rm -r -- "$state"
}
