
apply() {
  aws iam put-group-policy --group-name="$group" --policy-name="$name" --policy-document="file://$work/patch.json"
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  aws iam delete-group-policy --group-name="$group" --policy-name="$name"
}
