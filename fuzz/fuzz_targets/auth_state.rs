#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| moorline::fuzzing::auth_state(input));
