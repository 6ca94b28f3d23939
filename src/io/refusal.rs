//! How refusals of model files are put together.

use crate::error::{Error, Result};

/// What to do about a file that this library did not write, or that was changed after.
pub(super) const NOT_OURS: &str = "it was not written by this library, or changed afterwards: save \
                                   the model again";

/// A refusal whose file is named later, by [`named`].
pub(super) fn refuse(problem: impl Into<String>, advice: impl Into<String>) -> Error {
    Error::ModelFile { file: String::new(), problem: problem.into(), advice: advice.into() }
}

/// Text from a file, made short and printable.
pub(super) fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    let short: String = text.chars().take(SHOWN).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("'{}{more}'", short.escape_debug())
}

/// A result whose refusals name the file. Whatever else was refused about its content becomes a
/// refusal of the file; memory that was not allowed stays what it is.
pub(super) fn named<T>(file: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::ModelFile { problem, advice, .. } => {
            Error::ModelFile { file: file.to_string(), problem, advice }
        }
        Error::Memory { .. } => error,
        other => Error::ModelFile {
            file: file.to_string(),
            problem: format!("it holds no usable model: {other}"),
            advice: NOT_OURS.to_string(),
        },
    })
}

/// Refuses what would take more bytes than allowed.
pub(super) fn within(what: &str, needed: usize, budget: usize) -> Result<()> {
    if needed <= budget {
        return Ok(());
    }
    Err(Error::Memory {
        what: what.to_string(),
        needed,
        budget,
        advice: "if the file is trusted, raise `LoadOptions::memory_budget`".to_string(),
    })
}
