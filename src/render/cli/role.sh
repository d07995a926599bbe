
apply() {
  aws iam put-role-policy --role-name="$role" --policy-name="$name" --policy-document="file://$work/patch.json"
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  aws iam delete-role-policy --role-name="$role" --policy-name="$name"
}
