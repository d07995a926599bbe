
# A set has one inline policy, and a change reaches every account and user of the set.
get() {
  [ -n "${set_arn:-}" ] || find_set
  aws sso-admin get-inline-policy-for-permission-set --instance-arn="$instance" --permission-set-arn="$set_arn" \
    --output=json > "$work/set.json"
  jq --raw-output '.InlinePolicy // empty | select(. != "")' "$work/set.json" > "$1"
}

provision() {
  request=$(aws sso-admin provision-permission-set --instance-arn="$instance" --permission-set-arn="$set_arn" \
    --target-type=ALL_PROVISIONED_ACCOUNTS --query=PermissionSetProvisioningStatus.RequestId --output=text)
  for _ in {1..150}; do
    status=$(aws sso-admin describe-permission-set-provisioning-status --instance-arn="$instance" \
      --provision-permission-set-request-id="$request" --query=PermissionSetProvisioningStatus.Status --output=text)
    case "$status" in
      SUCCEEDED) return ;;
      IN_PROGRESS) sleep 2 ;;
      *) fail "provisioning ended as $status" ;;
    esac
  done
  fail "provisioning takes more than five minutes; look at request $request"
}

put() {
  aws sso-admin put-inline-policy-to-permission-set --instance-arn="$instance" --permission-set-arn="$set_arn" \
    --inline-policy="file://$1"
  provision
}

clear() {
  aws sso-admin delete-inline-policy-from-permission-set --instance-arn="$instance" --permission-set-arn="$set_arn"
  provision
}
