
inline_names() {
  aws iam list-group-policies --group-name="$group" --query='PolicyNames[]' --output=text
}

inline_text() {
  aws iam get-group-policy --group-name="$group" --policy-name="$1" --query=PolicyDocument --output=json
}

put_inline() {
  aws iam put-group-policy --group-name="$group" --policy-name="$name" --policy-document="file://$work/patch.json"
}

undo_inline() {
  aws iam delete-group-policy --group-name="$group" --policy-name="$name"
}

attach() {
  aws iam attach-group-policy --group-name="$group" --policy-arn="$1"
}

detach() {
  aws iam detach-group-policy --group-name="$group" --policy-arn="$1"
}
