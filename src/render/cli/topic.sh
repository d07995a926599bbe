
get() {
  aws sns get-topic-attributes --topic-arn="$topic" --query=Attributes.Policy --output=text > "$1"
}

put() {
  aws sns set-topic-attributes --topic-arn="$topic" --attribute-name=Policy --attribute-value="file://$1"
}

clear() {
  fail "a topic is never without a policy"
}
