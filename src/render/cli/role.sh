
inline_names() {
  aws iam list-role-policies --role-name="$role" --query='PolicyNames[]' --output=text
}

inline_text() {
  aws iam get-role-policy --role-name="$role" --policy-name="$1" --query=PolicyDocument --output=json
}

put_inline() {
  aws iam put-role-policy --role-name="$role" --policy-name="$name" --policy-document="file://$work/patch.json"
}

undo_inline() {
  aws iam delete-role-policy --role-name="$role" --policy-name="$name"
}

attach() {
  aws iam attach-role-policy --role-name="$role" --policy-arn="$1"
}

detach() {
  aws iam detach-role-policy --role-name="$role" --policy-arn="$1"
}
