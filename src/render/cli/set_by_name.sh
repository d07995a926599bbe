
find_set() {
  instance=$(aws sso-admin list-instances --query='Instances[0].InstanceArn' --output=text)
  set_arn=
  for arn in $(aws sso-admin list-permission-sets --instance-arn="$instance" --query='PermissionSets[]' --output=text); do
    found=$(aws sso-admin describe-permission-set --instance-arn="$instance" --permission-set-arn="$arn" \
      --query=PermissionSet.Name --output=text)
    if [ "$found" = "$set_name" ]; then
      set_arn=$arn
    fi
  done
  [ -n "$set_arn" ] || fail "there is no permission set $set_name"
}
