//! Cells of a table → records: Athena's and Lake's CSV.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| denywatch_fuzz::laws::read::table(text));
