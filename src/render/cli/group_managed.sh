
apply() {
  policy=$(aws iam create-policy --policy-name="$name" --policy-document="file://$work/patch.json" \
    --query=Policy.Arn --output=text)
  aws iam attach-group-policy --group-name="$group" --policy-arn="$policy"
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  caller=$(aws sts get-caller-identity --query=Arn --output=text)
  partition=$(cut -d: -f2 <<< "$caller")
  policy="arn:$partition:iam::$account:policy/$name"
  aws iam detach-group-policy --group-name="$group" --policy-arn="$policy"
  aws iam delete-policy --policy-arn="$policy"
}
