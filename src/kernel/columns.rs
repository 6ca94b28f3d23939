//! A kernel restricted to some columns.

use super::registry::{self, KernelEntry};
use super::{BoundKernel, Inputs, Kernel, Rbf};
use crate::error::{Error, Result};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Columns",
    about: "A kernel on some columns only.",
    arguments: &[Argument::new("columns", ArgumentKind::Given("c"), "numbers of the columns")],
    bind,
    examples: || vec![Rbf::ard().on([1]), Rbf::isotropic(0.7).on([1, 0])],
};

/// The kernel on those columns, a number in front kept in front.
pub(super) fn on(kernel: Kernel, columns: Vec<usize>) -> Kernel {
    let mut spec = kernel.0;
    if spec.name == "Scale" {
        spec.children =
            spec.children.into_iter().map(|c| on(Kernel(c), columns.clone()).0).collect();
        return Kernel(spec);
    }
    Kernel(Spec::new("Columns").with("columns", Value::Counts(columns)).with_children(vec![spec]))
}

/// The part is bound to the columns chosen: it reads them from whole rows by their numbers, so that
/// this node costs nothing.
fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    spec.check_names(&["columns"])?;
    let value = spec.get("columns");
    let [child] = spec.children.as_slice() else {
        return Err(spec.invalid("children", None, "one kernel"));
    };
    let chosen: Vec<usize> = match value {
        Some(Value::Counts(c)) if !c.is_empty() => c.clone(),
        Some(Value::Vector(v))
            if !v.is_empty() && v.iter().all(|x| *x >= 0.0 && x.fract() == 0.0) =>
        {
            v.iter().map(|&x| x as usize).collect()
        }
        _ => return Err(spec.invalid("columns", value, "a list of column numbers")),
    };
    if let Some(&c) = chosen.iter().find(|&&c| c >= inputs.len()) {
        return Err(Error::InvalidValue {
            argument: "columns of `.on`".to_string(),
            found: c.to_string(),
            expected: format!("numbers below {}, the number of columns", inputs.len()),
        });
    }
    let mut distinct = chosen.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != chosen.len() {
        return Err(spec.invalid("columns", value, "distinct column numbers"));
    }
    let chosen = Inputs {
        columns: chosen.iter().map(|&c| inputs.columns[c]).collect(),
        statistics: chosen.iter().map(|&c| inputs.statistics[c]).collect(),
        amplitude: inputs.amplitude,
    };
    registry::bind(child, &chosen)
}
