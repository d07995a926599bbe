//! Pasted errors and logs: the messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| denywatch_fuzz::laws::said::pasted(text));
