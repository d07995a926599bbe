
get() {
  if ! aws ecr get-repository-policy --registry-id="$account" --repository-name="$repository" \
    --query=policyText --output=text > "$1" 2> "$work/error"; then
    grep -q RepositoryPolicyNotFoundException "$work/error" || fail "$(cat "$work/error")"
    : > "$1"
  fi
}

put() {
  aws ecr set-repository-policy --registry-id="$account" --repository-name="$repository" --policy-text="file://$1" \
    > /dev/null
}

clear() {
  aws ecr delete-repository-policy --registry-id="$account" --repository-name="$repository" > /dev/null
}
