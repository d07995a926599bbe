
command -v jq > /dev/null || fail "jq is needed to add statements to a policy"

# A statement is added only once, and never to a version of the language that would read our values otherwise.
cat > "$work/append.jq" <<'JQ'
$patch[0] as $new
| .Statement |= (if type == "array" then . else [.] end)
| ($new.Statement | if type == "array" then . else [.] end) as $add
| [.Statement[].Sid | strings] as $taken
| if any($add[].Sid | strings; IN($taken[])) then error("a statement with this Sid is there already")
  elif .Version != "2012-10-17" and ($new | tostring | contains("${"))
  then error("the policy is of an older version, in which ${ has no meaning")
  else .Statement += $add end
JQ

append() {
  if [ -s "$1" ]; then
    cp -- "$1" "$work/base.json"
  else
    printf '{"Version":"2012-10-17","Statement":[]}\n' > "$work/base.json"
  fi
  jq --slurpfile patch "$work/patch.json" --from-file "$work/append.jq" "$work/base.json" > "$2"
}
