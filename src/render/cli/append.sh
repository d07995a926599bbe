
command -v jq > /dev/null || fail "jq is needed to add statements to a policy"

# What differs from a statement in force in actions alone joins it; anything else is put behind the last one. Nothing is
# added twice, and nothing to a version of the language that would read our values otherwise.
cat > "$work/append.jq" <<'JQ'
def list: if type == "array" then . else [.] end;
def texts: list | map(tostring) | unique;
def is_plain:
  .Effect == "Allow" and has("Action")
  and (keys_unsorted - ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"] == []);
def frame:
  [ (if has("Resource") then .Resource | texts else null end),
    (.Principal | if . == "*" then {"*": ["*"]} elif type == "object" then map_values(texts) else . end),
    ( [ (.Condition // {}) | to_entries[] | .key as $test | .value | to_entries[]
      | [$test, (.key | ascii_downcase), (.value | texts)] ] | unique ) ];
def covers($action):
  ascii_downcase | gsub("[*]"; ".*") | gsub("[?]"; ".") as $pattern
  | $action | ascii_downcase | test("^" + $pattern + "$");
def joined($more):
  . as $held | ($held | list) as $before
  | reduce ($more | list)[] as $action ($before; if any(.[]; covers($action)) then . else . + [$action] end)
  | if . == $before then $held else . end;
def free($taken): . as $sid | [$sid, (range(2; 1000) | "\($sid)n\(.)")] | map(select(IN($taken[]) | not)) | first;
def added($new):
  ($new | is_plain) as $plain | ($new | frame) as $frame
  | (.Statement | map($plain and is_plain and frame == $frame) | index(true)) as $at
  | if $at != null then .Statement[$at].Action |= joined($new.Action)
    elif any(.Statement[]; del(.Sid) == ($new | del(.Sid))) then .
    else [.Statement[].Sid | strings] as $taken
      | .Statement += [$new | if .Sid then .Sid |= free($taken) else . end]
    end;
$patch[0] as $new
| (.Statement | type == "object") as $bare
| if .Version != "2012-10-17" and ($new | tostring | contains("${"))
  then error("the policy is of an older version, in which ${ has no meaning") else . end
| .Statement |= list
| reduce ($new.Statement | list)[] as $one (.; added($one))
| if $bare and (.Statement | length) == 1 then .Statement |= first else . end
JQ

append() {
  if [ -s "$1" ]; then
    cp -- "$1" "$work/base.json"
  else
    printf '{"Version":"2012-10-17","Statement":[]}\n' > "$work/base.json"
  fi
  jq --compact-output --slurpfile patch "$work/patch.json" --from-file "$work/append.jq" "$work/base.json" > "$2"
}

# Whether two policies say the same, in whatever order their keys stand.
same() {
  jq --sort-keys . "$1" > "$work/one.sorted"
  jq --sort-keys . "$2" > "$work/other.sorted"
  cmp -s "$work/one.sorted" "$work/other.sorted"
}
