
apply() {
  policy=$(aws iam create-policy --policy-name="$name" --policy-document="file://$work/patch.json" \
    --query=Policy.Arn --output=text)
  aws iam attach-user-policy --user-name="$user" --policy-arn="$policy"
  printf 'applied; undo: bash %s undo\n' "$0"
}

undo() {
  caller=$(aws sts get-caller-identity --query=Arn --output=text)
  partition=$(cut -d: -f2 <<< "$caller")
  policy="arn:$partition:iam::$account:policy/$name"
  aws iam detach-user-policy --user-name="$user" --policy-arn="$policy"
  aws iam delete-policy --policy-arn="$policy"
}
