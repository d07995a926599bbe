
# What does not fit inline becomes a managed policy that the set refers to by name. It has to be in every account of the
# set before the set is provisioned there, and only credentials of an account can make it there.
aside() {
  [ "$(jq 'tojson | utf8bytelength' "$work/patch.json")" -le 6144 ] \
    || fail "refused: the inline policy would have $1 characters, and $limit fit; a managed policy takes 6144"
  accounts=$(aws sso-admin list-accounts-for-provisioned-permission-set --instance-arn="$instance" \
    --permission-set-arn="$set_arn" --query='AccountIds[]' --output=text)
  [ "${MANAGED:-}" = yes ] || fail "refused: the inline policy would have $1 characters, and $limit fit." \
    "It can become the managed policy $name: run 'bash $0 policy' with credentials of each of these accounts:" \
    "$accounts; then 'MANAGED=yes bash $0'"
  mkdir -- "$state"
  printf '%s\n' "$accounts" > "$state/managed"
  if ! (refer attach to); then
    (refer detach from) || fail "the reference to $name could not be taken back: bash $0 undo"
    rm -r -- "$state"
    fail "refused: the set could not be provisioned: is $name in every account ($accounts)?"
  fi
  printf 'applied as managed policy %s; undo: bash %s undo (it needs %s)\n' "$name" "$0" "$state"
}

# Under `if` bash does not stop at an error by itself.
refer() {
  aws sso-admin "$1-customer-managed-policy-reference-$2-permission-set" \
    --instance-arn="$instance" --permission-set-arn="$set_arn" \
    --customer-managed-policy-reference="Name=$name,Path=/" || exit 1
  provision || exit 1
}

undo_aside() {
  find_set
  refer detach from
  printf 'the set no longer refers to %s: run "bash %s unpolicy" with credentials of each account: %s\n' \
    "$name" "$0" "$(cat "$state/managed")"
  rm -r -- "$state"
}

locate() {
  caller=$(aws sts get-caller-identity --query=Arn --output=text)
  policy="arn:$(cut -d: -f2 <<< "$caller"):iam::$here:policy/$name"
}

is_there() {
  if aws iam get-policy --policy-arn="$policy" > /dev/null 2> "$work/error"; then
    return 0
  fi
  grep -q NoSuchEntity "$work/error" || fail "$(cat "$work/error")"
  return 1
}

# Its name is a hash of its text: one that is there already says the same.
make_policy() {
  locate
  if ! is_there; then
    aws iam create-policy --policy-name="$name" --policy-document="file://$work/patch.json" > /dev/null
  fi
  printf 'managed policy %s is in account %s\n' "$name" "$here"
}

drop_policy() {
  locate
  if is_there; then
    aws iam delete-policy --policy-arn="$policy"
  fi
  printf 'managed policy %s is not in account %s\n' "$name" "$here"
}
