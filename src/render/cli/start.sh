
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

here=$(aws sts get-caller-identity --query=Account --output=text)
[ "$here" = "$account" ] || fail "refused: these credentials belong to account $here, the change to account $account"
