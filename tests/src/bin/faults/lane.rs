//! Lanes: pieces of work with an order of their own, and the names by which one fault of a run is done again.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum as _;

use crate::column::Column;
use crate::kind::Part;

/// One lane of a column. What happens in it depends on no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) column: Column,
    pub(crate) part: Part,
    pub(crate) number: u64,
}

/// One fault, or one row of faults, of a run: `bound-sdk-3:17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) lane: Lane,
    pub(crate) n: u64,
}

impl Lane {
    /// The `n`-th piece of its work.
    pub(crate) const fn at(self, n: u64) -> Place {
        Place { lane: self, n }
    }
}

impl Place {
    /// What tells it from every other place.
    pub(crate) const fn numbers(self) -> [u64; 4] {
        [self.lane.column as u64, self.lane.part as u64, self.lane.number, self.n]
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{}", name(self.column), name(self.part), self.number)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.lane, self.n)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = || {
            let (lane, n) = text.split_once(':')?;
            // The name of a column may have two words.
            let (lane, number) = lane.rsplit_once('-')?;
            let (column, part) = lane.rsplit_once('-')?;
            let (column, part) = (Column::from_str(column, false).ok()?, Part::from_str(part, false).ok()?);
            Some(Lane { column, part, number: number.parse().ok()? }.at(n.parse().ok()?))
        };
        place().ok_or_else(|| {
            let columns = Column::value_variants().iter().map(|column| name(*column)).collect::<Vec<_>>();
            let parts = Part::value_variants().iter().map(|part| name(*part)).collect::<Vec<_>>();
            format!(
                "a fault is named COLUMN-PART-NUMBER:N, as the report does, such as bound-sdk-3:17; COLUMN is \
                 {}; PART is {}",
                columns.join(", "),
                parts.join(", ")
            )
        })
    }
}

/// As it is written in names and after options.
pub(crate) fn name(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in [
            "bound-sdk-3:17",
            "bearer-network-15:0",
            "peer-thief-0:1",
            "bound-server-11:2040",
            "bound-postgres-server-3:7",
            "sign-in-sdk-0:4",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_error_about_a_place_says_how_one_is_named() {
        for text in
            ["", "17", "bound-sdk-3", "bound-sdk:17", "bound-disk-3:17", "other-sdk-3:17", "bound-sdk-3:-1"]
        {
            let error = text.parse::<Place>().unwrap_err();
            assert!(error.contains("bound-sdk-3:17") && error.contains("network, sdk"), "{error}");
        }
    }
}
