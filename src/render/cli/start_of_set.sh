
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# A permission set is changed from the organisation's management account, or from the account to which the
# administration of IAM Identity Center is delegated: ACCOUNT=123456789012 bash THIS-FILE checks that it is that one.
here=$(aws sts get-caller-identity --query=Account --output=text)
[ "$here" = "${ACCOUNT:-$here}" ] || fail "refused: these credentials belong to account $here, not to $ACCOUNT"
