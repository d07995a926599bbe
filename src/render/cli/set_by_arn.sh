
find_set() {
  instance=$set_instance
  set_arn=$set_known
}
