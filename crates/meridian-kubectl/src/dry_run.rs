//! What is tried only.

/// How far a command goes.
#[derive(clap::ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DryRun {
    /// All the way
    #[default]
    None,
    /// Nothing is sent that changes an object
    Client,
    /// The API checks, and keeps nothing
    Server,
}

impl DryRun {
    /// What is written after the verb.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        }
    }

    /// The value of the parameter `dryRun`.
    pub(crate) fn parameter(self) -> &'static str {
        if self == DryRun::Server { "All" } else { "" }
    }
}

/// What is said of fields that the API does not know, or that are given twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Validate {
    /// They are refused.
    #[default]
    Strict,
    /// They are warned of.
    Warn,
    /// They are dropped.
    Ignore,
}

impl Validate {
    /// The value of the parameter `fieldValidation`.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Validate::Strict => "Strict",
            Validate::Warn => "Warn",
            Validate::Ignore => "Ignore",
        }
    }
}

impl std::str::FromStr for Validate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "strict" | "true" => Ok(Validate::Strict),
            "warn" => Ok(Validate::Warn),
            "ignore" | "false" => Ok(Validate::Ignore),
            other => Err(format!("found {other:?}, allowed: strict (or true), warn, ignore (or false)")),
        }
    }
}
