
case "${1:-apply}" in
  apply) apply ;;
  undo) undo ;;
  *) fail "usage: bash $0 [apply|undo]" ;;
esac
