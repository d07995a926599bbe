
inline_names() {
  aws iam list-user-policies --user-name="$user" --query='PolicyNames[]' --output=text
}

inline_text() {
  aws iam get-user-policy --user-name="$user" --policy-name="$1" --query=PolicyDocument --output=json
}

put_inline() {
  aws iam put-user-policy --user-name="$user" --policy-name="$name" --policy-document="file://$work/patch.json"
}

undo_inline() {
  aws iam delete-user-policy --user-name="$user" --policy-name="$name"
}

attach() {
  aws iam attach-user-policy --user-name="$user" --policy-arn="$1"
}

detach() {
  aws iam detach-user-policy --user-name="$user" --policy-arn="$1"
}
