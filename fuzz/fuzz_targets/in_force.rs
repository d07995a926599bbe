//! Authorization details that a stranger wrote, as the policies in force.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| denywatch_fuzz::laws::answer::in_force(text));
