//! The kinds of faults, and how many there are of each in a whole run.

use std::time::Duration;

use clap::ValueEnum;
use moorline_tests::{Canned, Fault, Heard};

use crate::column::Column;
use crate::control::Mode;
use crate::dice::Dice;
use crate::start::Start;

/// Longer than the SDK waits here for an answer.
const TOO_LATE: Duration = Duration::from_millis(crate::shell::TIMEOUT_MS + 300);

/// A kind of fault: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    AnswerLost,
    BodyCut,
    AnswerLate,
    ConnectionReset,
    RequestLost,
    RequestTwice,
    Status500,
    Status503,
    Status429,
    HtmlPage,
    EmptyAnswer,
    SdkKilled,
    SdkPowerLost,
    SdkCallFails,
    SdkFrozen,
    ServerKilled,
    ServerKilledAtStartOrStop,
    ServerPowerLost,
    ServerCallFails,
    ThiefHasCurrentToken,
    ThiefHasOldToken,
    ThiefHasWholeRequest,
    DiskFull,
    FileTooLarge,
    CliSignalled,
    CliKilled,
    PortalPage,
    PortalRedirect,
    PortalForbidden,
    PortalNotFound,
    PortalHalfDocument,
    PortalCertificate,
    TwoProcesses,
    SlowAnswer,
    DatabaseCut,
    DatabaseKilled,
    DatabaseRestarted,
}

/// Which part of the harness makes a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    Network,
    Sdk,
    Server,
    Thief,
    /// A network that answers everything itself.
    Portal,
    /// Two processes at once.
    Together,
}

impl Kind {
    /// As it is written in the table and after `--only`.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub(crate) const fn part(self) -> Part {
        match self {
            Self::AnswerLost
            | Self::BodyCut
            | Self::AnswerLate
            | Self::ConnectionReset
            | Self::RequestLost
            | Self::RequestTwice
            | Self::Status500
            | Self::Status503
            | Self::Status429
            | Self::HtmlPage
            | Self::EmptyAnswer => Part::Network,
            Self::SdkKilled
            | Self::SdkPowerLost
            | Self::SdkCallFails
            | Self::SdkFrozen
            | Self::DiskFull
            | Self::FileTooLarge
            | Self::CliSignalled
            | Self::CliKilled => Part::Sdk,
            Self::PortalPage
            | Self::PortalRedirect
            | Self::PortalForbidden
            | Self::PortalNotFound
            | Self::PortalHalfDocument
            | Self::PortalCertificate => Part::Portal,
            Self::TwoProcesses | Self::SlowAnswer => Part::Together,
            Self::ServerKilled
            | Self::ServerKilledAtStartOrStop
            | Self::ServerPowerLost
            | Self::ServerCallFails
            | Self::DatabaseCut
            | Self::DatabaseKilled
            | Self::DatabaseRestarted => Part::Server,
            Self::ThiefHasCurrentToken | Self::ThiefHasOldToken | Self::ThiefHasWholeRequest => Part::Thief,
        }
    }

    /// How many of a thousand faults are of this kind.
    pub(crate) const fn share(self) -> usize {
        match self {
            Self::AnswerLost => 80,
            Self::AnswerLate | Self::DiskFull | Self::TwoProcesses => 30,
            Self::SdkKilled => 100,
            Self::SdkPowerLost => 50,
            Self::SdkCallFails => 40,
            Self::ServerKilled | Self::ServerPowerLost | Self::DatabaseCut | Self::DatabaseKilled => 40,
            Self::SdkFrozen
            | Self::ServerKilledAtStartOrStop
            | Self::ServerCallFails
            | Self::FileTooLarge
            | Self::CliSignalled
            | Self::CliKilled
            | Self::DatabaseRestarted => 20,
            Self::PortalPage
            | Self::PortalRedirect
            | Self::PortalForbidden
            | Self::PortalNotFound
            | Self::PortalHalfDocument
            | Self::PortalCertificate => 8,
            Self::SlowAnswer => 12,
            Self::ThiefHasCurrentToken | Self::ThiefHasOldToken | Self::ThiefHasWholeRequest => 15,
            Self::BodyCut
            | Self::ConnectionReset
            | Self::RequestLost
            | Self::RequestTwice
            | Self::Status500
            | Self::Status503
            | Self::Status429
            | Self::HtmlPage
            | Self::EmptyAnswer => 40,
        }
    }

    /// What the network does, for the kinds of [`Part::Network`]. Who answers for the server may have let it hear or
    /// not.
    pub(crate) fn on_the_wire(self, dice: &mut Dice) -> Option<Fault> {
        let heard = if dice.once_in(2) { Heard::Yes } else { Heard::No };
        let instead = |canned| Some(Fault::Instead(canned, heard));
        match self {
            Self::AnswerLost => Some(Fault::SwallowAnswer),
            Self::BodyCut => Some(Fault::CutBody),
            Self::AnswerLate => Some(Fault::Delay(TOO_LATE)),
            Self::ConnectionReset => Some(Fault::Reset),
            Self::RequestLost => Some(Fault::DropRequest),
            Self::RequestTwice => Some(Fault::Twice),
            Self::Status500 => instead(Canned::InternalError),
            Self::Status503 => instead(Canned::Unavailable),
            Self::Status429 => instead(Canned::TooManyRequests),
            Self::HtmlPage => instead(Canned::Page),
            Self::EmptyAnswer => instead(Canned::Nothing),
            _ => None,
        }
    }

    /// Whether there is such a fault in this column. On Postgres the harness makes those of the server alone, and the
    /// server keeps nothing on a disk of its own that a power cut could take.
    pub(crate) fn is_in(self, column: Column) -> bool {
        let of_postgres = matches!(self, Self::DatabaseCut | Self::DatabaseKilled | Self::DatabaseRestarted);
        match column {
            Column::Bound | Column::Bearer => !of_postgres,
            Column::BoundPostgres | Column::BearerPostgres => {
                self.part() == Part::Server && self != Self::ServerPowerLost
            }
            Column::SignIn => {
                self.part() == Part::Network
                    || matches!(
                        self,
                        Self::SdkKilled | Self::SdkPowerLost | Self::ServerKilled | Self::ServerPowerLost
                    )
            }
            // What it says over the network, and what the SDK makes of that when it is killed.
            Column::Peer => self != Self::SdkCallFails && !matches!(self.part(), Part::Server | Part::Thief),
        }
    }

    /// Whether two of them in a row are no more than one.
    pub(crate) fn comes_alone(self) -> bool {
        self == Self::RequestTwice || self.part() != Part::Network
    }

    /// What happens at a system call, for the kinds of [`Part::Sdk`] and [`Part::Server`].
    pub(crate) const fn modes(self) -> &'static [Mode] {
        match self {
            Self::SdkKilled | Self::ServerKilled | Self::ServerKilledAtStartOrStop => {
                &[Mode::KillBefore, Mode::KillHalf, Mode::KillAfter]
            }
            Self::SdkPowerLost | Self::ServerPowerLost => &[Mode::LosePower, Mode::LosePowerInPart],
            Self::SdkCallFails | Self::ServerCallFails => &[Mode::Fail],
            Self::SdkFrozen => &[Mode::Freeze],
            Self::DiskFull => &[Mode::DiskFull, Mode::Quota, Mode::ReadOnly],
            Self::FileTooLarge => &[Mode::FileLimit],
            Self::CliSignalled => &[Mode::Interrupt, Mode::Terminate],
            Self::CliKilled => &[Mode::KillBefore, Mode::KillHalf, Mode::KillAfter],
            Self::DatabaseCut => &[Mode::CutBefore, Mode::CutAfter],
            Self::DatabaseKilled => &[Mode::CrashDatabaseBefore, Mode::CrashDatabaseAfter],
            Self::DatabaseRestarted => &[Mode::RestartDatabase],
            _ => &[],
        }
    }

    /// What a sweep of one of these begins with.
    pub(crate) const fn starts(self) -> &'static [Start] {
        match self {
            Self::ServerKilledAtStartOrStop => &[Start::Starting, Start::Stopping],
            Self::DatabaseCut => &[Start::Serving, Start::Starting],
            Self::ServerKilled
            | Self::ServerPowerLost
            | Self::ServerCallFails
            | Self::DatabaseKilled
            | Self::DatabaseRestarted => &[Start::Serving],
            Self::CliSignalled | Self::CliKilled => &[Start::Command],
            _ => &[Start::New, Start::Warm],
        }
    }

    /// What a third party on the way answers, for the kinds of [`Part::Portal`]; `None` where it shows a certificate
    /// of its own, and gets no further.
    pub(crate) const fn on_the_portal(self) -> Option<Canned> {
        match self {
            Self::PortalPage => Some(Canned::Page),
            Self::PortalRedirect => Some(Canned::Redirect),
            Self::PortalForbidden => Some(Canned::Forbidden),
            Self::PortalNotFound => Some(Canned::NotFound),
            Self::PortalHalfDocument => Some(Canned::HalfDocument),
            _ => None,
        }
    }
}
