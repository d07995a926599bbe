
command -v jq > /dev/null || fail "jq is needed to read the permissions"
jq --compact-output '.[]' "$work/patch.json" > "$work/each"

apply() {
  while IFS= read -r permission; do
    jq --arg function "$function" '{FunctionName: $function} + .' <<< "$permission" > "$work/permission.json"
    aws lambda add-permission --cli-input-json "file://$work/permission.json" < /dev/null > /dev/null
  done < "$work/each"
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  while IFS= read -r permission; do
    jq --arg function "$function" '{FunctionName: $function, StatementId}' <<< "$permission" > "$work/permission.json"
    aws lambda remove-permission --cli-input-json "file://$work/permission.json" < /dev/null > /dev/null
  done < "$work/each"
}
