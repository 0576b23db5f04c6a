//! The history of a session: which attempts rotated its last generations, and which generations are lost.

use super::AttemptHash;

/// The number of generations that are remembered.
const REMEMBERED: usize = 16;
/// Generation (4), whether there was an attempt (1), its hash (32).
const ENTRY: usize = 4 + 1 + 32;

/// The attempts that rotated the last generations, the oldest first. A generation's entry says by which attempt *it*
/// was rotated (and so made the next); the attempt that made the current one is in the session itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<(u32, Option<AttemptHash>)>);

/// A column does not hold what was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session's history is malformed")]
pub struct MalformedHistory;

impl History {
    /// By which attempt `generation` was rotated: `None` when that is forgotten, `Some(None)` when by none.
    #[must_use]
    pub fn of(&self, generation: u32) -> Option<Option<AttemptHash>> {
        self.0.iter().find(|(known, _)| *known == generation).map(|(_, attempt)| *attempt)
    }

    /// Whether any remembered generation was rotated by this attempt.
    #[must_use]
    pub fn has(&self, attempt: AttemptHash) -> bool {
        self.0.iter().any(|(_, known)| *known == Some(attempt))
    }

    /// The same, having seen `generation` rotated by `attempt`; what is too old is forgotten.
    #[must_use]
    pub fn and(mut self, generation: u32, attempt: Option<AttemptHash>) -> Self {
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        self.0.push((generation, attempt));
        self
    }

    /// As it is stored in the database.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * ENTRY);
        for (generation, attempt) in &self.0 {
            bytes.extend_from_slice(&generation.to_be_bytes());
            bytes.push(attempt.is_some().into());
            bytes.extend_from_slice(&attempt.map_or([0; 32], |hash| *hash.bytes()));
        }
        bytes
    }

    /// Reads what is stored in the database.
    ///
    /// # Errors
    /// [`MalformedHistory`] when it is not what [`History::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedHistory> {
        let (entries, []) = bytes.as_chunks::<ENTRY>() else { return Err(MalformedHistory) };
        let entry = |entry: &[u8; ENTRY]| {
            let (generation, rest) = entry.split_first_chunk::<4>()?;
            let ([present], hash) = rest.split_first_chunk::<1>()?;
            let hash = AttemptHash::from_bytes(hash.try_into().ok()?);
            Some((u32::from_be_bytes(*generation), (*present == 1).then_some(hash)))
        };
        entries.iter().map(entry).collect::<Option<_>>().map(Self).ok_or(MalformedHistory)
    }
}

/// Ranges of generations whose rotation we lost (a restore, a fail-over): from the first to before the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holes(Vec<(u32, u32)>);

impl Holes {
    /// Whether `generation` lies in a hole.
    #[must_use]
    pub fn contain(&self, generation: u32) -> bool {
        self.0.iter().any(|(from, to)| (*from..*to).contains(&generation))
    }

    /// The same with the hole from `from` to before `to`. Only the newest are remembered, as with the history.
    #[must_use]
    pub fn and(mut self, from: u32, to: u32) -> Self {
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        self.0.push((from, to));
        self
    }

    /// As it is stored in the database.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(from, to)| [from.to_be_bytes(), to.to_be_bytes()]).flatten().collect()
    }

    /// Reads what is stored in the database.
    ///
    /// # Errors
    /// [`MalformedHistory`] when it is not what [`Holes::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedHistory> {
        let (words, []) = bytes.as_chunks::<4>() else { return Err(MalformedHistory) };
        let (pairs, []) = words.as_chunks::<2>() else { return Err(MalformedHistory) };
        Ok(Self(
            pairs.iter().map(|[from, to]| (u32::from_be_bytes(*from), u32::from_be_bytes(*to))).collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_generations_are_remembered_and_survive_the_database() {
        let hash = |generation: u32| {
            (!generation.is_multiple_of(3)).then(|| AttemptHash::of(&generation.to_be_bytes()))
        };
        let history = (0..20).fold(History::default(), |history, g| history.and(g, hash(g)));
        let history = History::from_bytes(&history.to_bytes()).unwrap();
        assert_eq!(history.of(3), None);
        assert!((4..20).all(|generation| history.of(generation) == Some(hash(generation))));
        assert_eq!(History::from_bytes(&[0; 38]), Err(MalformedHistory));
    }

    #[test]
    fn a_hole_has_its_first_generation_and_not_its_end() {
        let holes = Holes::from_bytes(&Holes::default().and(3, 5).and(9, 10).to_bytes()).unwrap();
        let inside: Vec<u32> = (0..12).filter(|generation| holes.contain(*generation)).collect();
        assert_eq!(inside, [3, 4, 9]);
        assert_eq!(Holes::from_bytes(&[0; 4]), Err(MalformedHistory));
    }
}
