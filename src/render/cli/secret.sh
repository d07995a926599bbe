
get() {
  aws secretsmanager get-resource-policy --secret-id="$secret" --output=json > "$work/secret.json"
  jq --raw-output '.ResourcePolicy // empty' "$work/secret.json" > "$1"
}

put() {
  aws secretsmanager put-resource-policy --secret-id="$secret" --block-public-policy --resource-policy="file://$1" \
    > /dev/null
}

clear() {
  aws secretsmanager delete-resource-policy --secret-id="$secret" > /dev/null
}
