
policy=$(aws iam get-role --role-name="$role" --query=Role.PermissionsBoundary.PermissionsBoundaryArn --output=text)
case $policy in
  arn:*:iam::aws:policy/*) fail "refused: the boundary $policy is AWS's own, which nobody else can change" ;;
  arn:*) printf 'the boundary is %s; it changes for all who have it\n' "$policy" >&2 ;;
  *) fail "refused: role $role has no permissions boundary" ;;
esac
