
# The revision that was read must still be the one in force when the policy is put.
get() {
  revision=NO_POLICY
  if aws dynamodb get-resource-policy --resource-arn="$resource" --output=json > "$work/table.json" 2> "$work/error"; then
    jq --raw-output .Policy "$work/table.json" > "$1"
    revision=$(jq --raw-output .RevisionId "$work/table.json")
  else
    grep -q PolicyNotFoundException "$work/error" || fail "$(cat "$work/error")"
    : > "$1"
  fi
}

put() {
  aws dynamodb put-resource-policy --resource-arn="$resource" --expected-revision-id="$revision" --policy="file://$1" \
    > /dev/null
}

clear() {
  aws dynamodb delete-resource-policy --resource-arn="$resource" --expected-revision-id="$revision" > /dev/null
}
