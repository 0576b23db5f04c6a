#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| moorline::fuzzing::sent_record(input));
