//! CloudFormation templates: what is written into them is all that comes, and comes once.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    denywatch_fuzz::laws::template::written(text);
});
