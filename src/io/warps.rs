//! Warps of the outputs in model files.

use serde_json::value::RawValue;

use super::description::{read_list, to_raw};
use super::refusal::{NOT_OURS, refuse};
use crate::error::Result;
use crate::warp::Warp;

/// The warps as a part of a document; `None` where there are none.
///
/// # Errors
/// A refusal where they hold a number that is not finite.
pub(super) fn write(warps: &[Warp]) -> Result<Option<Box<RawValue>>> {
    (!warps.is_empty()).then(|| to_raw("the warps", &warps.to_vec())).transpose()
}

/// The warps of a document, one for all tasks or one for each.
///
/// # Errors
/// A refusal for another number, and for warps that do not exist.
pub(super) fn read(raw: Option<&RawValue>, n_tasks: usize) -> Result<Vec<Warp>> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    let warps: Vec<Warp> = read_list("list of warps", raw, n_tasks.max(1))?;
    if warps.is_empty() {
        return Err(refuse("its list of warps is empty", NOT_OURS));
    }
    warps.into_iter().map(|warp| Warp::from_spec(warp.spec().clone())).collect()
}

/// What they require of a reader.
pub(super) fn required(warps: &[Warp]) -> impl Iterator<Item = String> {
    warps.iter().map(|warp| format!("warp/{}", warp.name()))
}
