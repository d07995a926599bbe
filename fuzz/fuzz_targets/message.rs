//! AWS's denial messages: every fact stands in the text, a cut changes none.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| denywatch_fuzz::laws::said::message(text));
