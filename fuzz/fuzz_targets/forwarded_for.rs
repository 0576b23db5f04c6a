#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| moorline_server::fuzzing::forwarded_for(input));
