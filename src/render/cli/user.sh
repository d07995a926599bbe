
apply() {
  aws iam put-user-policy --user-name="$user" --policy-name="$name" --policy-document="file://$work/patch.json"
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  aws iam delete-user-policy --user-name="$user" --policy-name="$name"
}
