//! Where a command reads and writes.

use crate::error::Result;
use std::io::{Read, Write};

/// The standard streams of a command, or what stands for them.
pub struct Io {
    /// Standard output.
    pub out: Box<dyn Write + Send>,
    /// Standard error.
    pub err: Box<dyn Write + Send>,
    /// Standard input.
    pub input: Box<dyn Read + Send>,
    /// The command that opens a file for the user to edit.
    pub editor: String,
}

impl Io {
    /// Those of this process.
    #[must_use]
    pub fn standard() -> Self {
        let named = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
        let editor = named("KUBE_EDITOR").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".to_owned());
        let (out, err, input) = (Box::new(std::io::stdout()), Box::new(std::io::stderr()), Box::new(std::io::stdin()));
        Self { out, err, input, editor }
    }

    /// Writes a result.
    ///
    /// # Errors
    /// Nobody reads any more, or the disk is full.
    pub(crate) fn out(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Writes a line of a result.
    ///
    /// # Errors
    /// See [`Io::out`].
    pub(crate) fn line(&mut self, text: &str) -> Result<()> {
        self.out(&format!("{text}\n"))
    }

    /// Says something beside the result.
    pub(crate) fn tell(&mut self, text: &str) {
        // Without a reader of errors there is nobody to tell.
        let _ = writeln!(self.err, "{text}").and_then(|()| self.err.flush());
    }

    /// Warns.
    pub(crate) fn warn(&mut self, text: &str) {
        self.tell(&format!("Warning: {text}"));
    }
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}
