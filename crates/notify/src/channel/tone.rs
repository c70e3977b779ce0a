//! How grave a message is, in the four words that most providers know.

use watchfire_model::NotificationKind;

/// What a message is to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Info,
    Success,
    Warning,
    Failure,
}

impl Tone {
    pub(crate) fn of(kind: NotificationKind) -> Self {
        use NotificationKind as Kind;
        match kind {
            Kind::Down
            | Kind::CutOff
            | Kind::DiskFull
            | Kind::Firing
            | Kind::Escalated
            | Kind::ChannelDead => Self::Failure,
            Kind::Changed | Kind::Flapping | Kind::Corrected | Kind::Silenced => Self::Warning,
            Kind::Recovered | Kind::HubBack | Kind::DiskRoom | Kind::Resolved => Self::Success,
            Kind::Report | Kind::SelfTest => Self::Info,
        }
    }

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }

    /// Its colour as `0xRRGGBB`: those of the page and the mails.
    pub(crate) fn colour(self) -> u32 {
        match self {
            Self::Info => 0x3b_82_f6,
            Self::Success => 0x16_a3_4a,
            Self::Warning => 0xd9_77_06,
            Self::Failure => 0xdc_26_26,
        }
    }

    /// The colour as `#rrggbb`.
    pub(crate) fn hex(self) -> String {
        format!("#{:06x}", self.colour())
    }
}
