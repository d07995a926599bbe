//! Terraform: what is written into it is all that comes, and comes once.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    denywatch_fuzz::laws::configuration::written(text);
});
