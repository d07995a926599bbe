
case "${1:-apply}" in
  apply) apply ;;
  undo) undo ;;
  policy) make_policy ;;
  unpolicy) drop_policy ;;
  *) fail "usage: bash $0 [apply|undo|policy|unpolicy]" ;;
esac
