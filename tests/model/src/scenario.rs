//! What a run of the model is about: who takes part, what may go wrong, and how often.

use crate::mutant::Mutant;
use crate::sight::Sight;

/// What the thief steals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loot {
    /// There is no thief.
    Nothing,
    /// The current token, at any moment.
    Token,
    /// A token that is used up, at any moment.
    OldToken,
    /// A request on its way: token and attempt key.
    Request,
    /// The vault at any moment: the token, and the attempt key that is journalled for it.
    Vault,
    /// The same, with the access token of that moment, and two proofs that the device signed with a nonce of that
    /// moment: one for a refresh, and one for the API with that access token. Not the device's key.
    SignedAhead,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// Whether the session is bound to the device's key (DPoP).
    pub bound: bool,
    /// Whether the client sends attempt keys. Ours always does; others may not know them.
    pub keyed: bool,
    /// Whether the provider's metadata says at any time that it knows attempt keys, and at any time not: a gateway
    /// answers for it, or a node that was put back.
    pub metadata_changes: bool,
    /// Whether the file system has locks.
    pub locks: bool,
    /// Whether a process may be stopped between reading the vault and replacing it, with others writing meanwhile.
    /// (Under the lock they can't.)
    pub torn_writes: bool,
    /// Whether the server has a grace for bearer clients without attempt keys.
    pub grace: bool,
    /// Whether time passes: enough of it for a grace to be over, not for an access token.
    pub time: bool,
    /// What is stolen.
    pub loot: Loot,
    /// Whether the thief has the device's key too.
    pub thief_has_device_key: bool,
    /// The owner refreshes while the generation is below this.
    pub generations: u8,
    /// The thief does while it is below this.
    pub thiefs_generations: u8,
    /// How many requests are under way at once.
    pub network: u8,
    /// How many commits the server may lose.
    pub lost_commits: u8,
    /// Whether the user may sign out.
    pub signs_out: bool,
    /// Whether the user may sign in again, once.
    pub signs_in: bool,
    /// So often the lead may change between thief and owner: 3 is thief, owner, thief – and then the owner's next step
    /// ends it.
    pub pace: u8,
    /// What must happen somewhere in it, or it proves nothing.
    pub shows: &'static [Sight],
    /// A rule that is not the product's.
    pub mutant: Option<Mutant>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "",
            bound: false,
            keyed: true,
            metadata_changes: false,
            locks: true,
            torn_writes: false,
            grace: false,
            time: false,
            loot: Loot::Nothing,
            thief_has_device_key: false,
            generations: 3,
            thiefs_generations: 5,
            network: 2,
            lost_commits: 0,
            signs_out: false,
            signs_in: false,
            pace: 3,
            shows: &[],
            mutant: None,
        }
    }
}
