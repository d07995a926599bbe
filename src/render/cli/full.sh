
aside() {
  fail "refused: with the new statements the policy has $1 characters, and $limit fit: shorten what is in force first"
}
