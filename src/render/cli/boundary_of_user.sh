
policy=$(aws iam get-user --user-name="$user" --query=User.PermissionsBoundary.PermissionsBoundaryArn --output=text)
case $policy in
  arn:*:iam::aws:policy/*) fail "refused: the boundary $policy is AWS's own, which nobody else can change" ;;
  arn:*) printf 'the boundary is %s; it changes for all who have it\n' "$policy" >&2 ;;
  *) fail "refused: user $user has no permissions boundary" ;;
esac
