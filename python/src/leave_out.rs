//! What is left out, in words and labels.

use coregion::Error;
use coregion::solve::{LeaveOut, LeftOut};
use pyo3::prelude::*;

use crate::arrays::{Answer, Labels, answer, group_numbers};
use crate::errors::IntoPython;
use crate::watched::freed;

/// Row, entry or task; with labels groups of rows, whole or one task at a time.
pub(crate) fn parse(by: &str, groups: Option<&Labels<'_>>) -> coregion::Result<LeaveOut> {
    let Some(groups) = groups else { return by.parse() };
    match by.parse()? {
        LeaveOut::Row => Ok(LeaveOut::Groups(group_numbers(groups))),
        LeaveOut::Entry => Ok(LeaveOut::GroupsByTask(group_numbers(groups))),
        _ => Err(Error::Incompatible {
            options: format!("by=\"{by}\" and groups"),
            advice: "leave groups of rows out by \"row\" (all tasks) or by \"entry\" (one task at a time)"
                .to_string(),
        }),
    }
}

pub(crate) type Triple<'py> = (Answer<'py>, Answer<'py>, Answer<'py>);

/// Means, standard deviations and log densities of what is left out, computed without holding the interpreter.
pub(crate) fn answered<'py>(
    py: Python<'py>,
    by: &str,
    groups: Option<&Labels<'py>>,
    leave_out: impl FnOnce(&LeaveOut) -> coregion::Result<LeftOut> + Send,
) -> PyResult<Triple<'py>> {
    let by = parse(by, groups).into_python(py)?;
    let found = freed(py, || leave_out(&by))?;
    Ok((answer(py, found.mean), answer(py, found.std), answer(py, found.log_density)))
}
