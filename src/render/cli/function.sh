
command -v jq > /dev/null || fail "jq is needed to read the permissions"
jq --compact-output '.[]' "$work/patch.json" > "$work/each"

# The policy in force and its revision, which the next change names, so that nobody else's is lost.
look() {
  if aws lambda get-policy --function-name="$function" --output=json > "$work/held.json" 2> "$work/error" < /dev/null; then
    jq --raw-output '.Policy | fromjson | .Statement[].Sid' "$work/held.json" > "$work/sids"
    jq '{RevisionId}' "$work/held.json" > "$work/revision.json"
  else
    grep -q ResourceNotFoundException "$work/error" || fail "$(cat "$work/error")"
    : > "$work/sids"
    printf '{}\n' > "$work/revision.json"
  fi
}

# request FILTER: the parameters of one call.
request() {
  jq --arg function "$function" --slurpfile revision "$work/revision.json" \
    "{FunctionName: \$function} + ($1) + \$revision[0]" <<< "$permission" > "$work/request.json"
}

is_there() {
  grep -qxF -- "$(jq --raw-output .StatementId <<< "$permission")" "$work/sids"
}

apply() {
  while IFS= read -r permission; do
    look
    if ! is_there; then
      request .
      aws lambda add-permission --cli-input-json "file://$work/request.json" < /dev/null > /dev/null
    fi
  done < "$work/each"
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  while IFS= read -r permission; do
    look
    if is_there; then
      request '{StatementId}'
      aws lambda remove-permission --cli-input-json "file://$work/request.json" < /dev/null > /dev/null
    fi
  done < "$work/each"
}
