
get() {
  if ! aws s3api get-bucket-policy --bucket="$bucket" --expected-bucket-owner="$account" \
    --query=Policy --output=text > "$1" 2> "$work/error"; then
    grep -q NoSuchBucketPolicy "$work/error" || fail "$(cat "$work/error")"
    : > "$1"
  fi
}

put() {
  aws s3api put-bucket-policy --bucket="$bucket" --expected-bucket-owner="$account" --policy="file://$1"
}

clear() {
  aws s3api delete-bucket-policy --bucket="$bucket" --expected-bucket-owner="$account"
}
