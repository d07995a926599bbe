
locate() {
  caller=$(aws sts get-caller-identity --query=Arn --output=text)
  policy="arn:$(cut -d: -f2 <<< "$caller"):iam::$account:policy/$1"
}

is_there() {
  if aws iam get-policy --policy-arn="$policy" > /dev/null 2> "$work/error"; then
    return 0
  fi
  grep -q NoSuchEntity "$work/error" || fail "$(cat "$work/error")"
  return 1
}

# Its name is a hash of its text: one that is there already says the same. One that cannot be attached is not left behind.
create_managed() {
  locate "$1"
  if is_there; then
    attach "$policy"
    return
  fi
  aws iam create-policy --policy-name="$1" --policy-document="file://$2" > /dev/null
  attach "$policy" || {
    aws iam delete-policy --policy-arn="$policy"
    fail "the managed policy could not be attached, and was deleted again"
  }
}

undo_managed() {
  locate "$1"
  if ! is_there; then
    printf 'nothing to undo: %s is not there\n' "$1" >&2
    return
  fi
  detach "$policy"
  aws iam delete-policy --policy-arn="$policy"
}
