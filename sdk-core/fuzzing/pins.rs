//! Pin strings, as an app's configuration has them.

use crate::configuration::{HostPins, SpkiHash};

/// Four lines: a host, two pins, an expiry.
///
/// What is accepted has one spelling: it prints as it was written.
pub fn pins(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (host, primary, backup, expires) = (line(), line(), line(), line());
    let pins = HostPins::new(host).primary(primary).backup(backup).expires(expires);
    let Ok(set) = pins.check() else { return };
    assert!(set.is_for(set.host()) && set.is_for(&set.host().to_uppercase()));
    for pin in [primary, backup] {
        let hash = SpkiHash::parse(pin).expect("the set was accepted with it");
        assert!(set.contains(&hash));
        assert_eq!(hash.to_string(), pin);
    }
    assert_ne!(primary, backup);
    let whole = if expires.contains('T') { expires.to_owned() } else { format!("{expires}T00:00:00Z") };
    assert_eq!(date(set.expires_at), whole);
}

/// The date of these Unix seconds: the way back from what the product computes, by counting years and months.
fn date(seconds: u64) -> String {
    let (mut days, time) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1, days + 1)
}
