
url=$(aws sqs get-queue-url --queue-name="$queue" --queue-owner-aws-account-id="$account" --query=QueueUrl --output=text)

get() {
  aws sqs get-queue-attributes --queue-url="$url" --attribute-names=Policy --output=json > "$work/attributes.json"
  if [ -s "$work/attributes.json" ]; then
    jq --raw-output '.Attributes.Policy // empty' "$work/attributes.json" > "$1"
  else
    : > "$1"
  fi
}

put() {
  jq --raw-input --slurp '{Policy: .}' "$1" > "$work/put.json"
  aws sqs set-queue-attributes --queue-url="$url" --attributes="file://$work/put.json"
}

clear() {
  printf '{"Policy":""}\n' > "$work/put.json"
  aws sqs set-queue-attributes --queue-url="$url" --attributes="file://$work/put.json"
}
