
# A managed policy that cannot be attached is not left behind.
create_managed() {
  policy=$(aws iam create-policy --policy-name="$1" --policy-document="file://$2" --query=Policy.Arn --output=text)
  attach "$policy" || {
    aws iam delete-policy --policy-arn="$policy"
    fail "the managed policy could not be attached, and was deleted again"
  }
}

delete_managed() {
  caller=$(aws sts get-caller-identity --query=Arn --output=text)
  partition=$(cut -d: -f2 <<< "$caller")
  policy="arn:$partition:iam::$account:policy/$1"
  if ! aws iam get-policy --policy-arn="$policy" > /dev/null 2> "$work/error"; then
    grep -q NoSuchEntity "$work/error" || fail "$(cat "$work/error")"
    printf 'nothing to undo: %s is not there\n' "$1" >&2
    return
  fi
  detach "$policy"
  aws iam delete-policy --policy-arn="$policy"
}
