
command -v jq > /dev/null || fail "jq is needed to write the permissions"

# One permission an action and principal; their ids are the statement's Sid and a number.
cat > "$work/permissions.jq" <<'JQ'
def list: if type == "array" then .[] else . end;
def one: if type == "array" then .[0] else . end;
[.Statement | list] | .[]
| . as $statement
| [ .Action | list ] as $actions
| [ .Principal | if type == "object" then (.[] | list) else . end ] as $principals
| [ range($actions | length) as $a | range($principals | length) as $p | [$actions[$a], $principals[$p]] ]
| to_entries[]
| { FunctionName: $function,
    StatementId: "\($statement.Sid)\(if .key == 0 then "" else "-\(.key)" end)",
    Action: .value[0],
    Principal: .value[1] }
  + ($statement.Condition // {} | [.[] | to_entries[]]
    | map({ key: ({"aws:SourceArn": "SourceArn", "aws:SourceAccount": "SourceAccount",
                   "aws:PrincipalOrgID": "PrincipalOrgID"}[.key]), value: (.value | one) })
    | from_entries)
JQ
jq --compact-output --arg function "$function" --from-file "$work/permissions.jq" "$work/patch.json" > "$work/all.json"

apply() {
  while IFS= read -r permission; do
    printf '%s\n' "$permission" > "$work/permission.json"
    aws lambda add-permission --cli-input-json="file://$work/permission.json" < /dev/null
  done < "$work/all.json"
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  while IFS= read -r permission; do
    jq '{FunctionName, StatementId}' <<< "$permission" > "$work/permission.json"
    aws lambda remove-permission --cli-input-json="file://$work/permission.json" < /dev/null
  done < "$work/all.json"
}
