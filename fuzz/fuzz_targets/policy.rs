//! Policy documents: the round trip, and judging with them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| denywatch_fuzz::laws::language::policy(text));
