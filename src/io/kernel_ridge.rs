//! What a fitted kernel ridge regression puts into a container, and how it is rebuilt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::LoadOptions;
use super::container::Container;
use super::description::{check_counts, check_size, read_list, read_tree, to_raw};
use super::features::{criterion, criterion_name, required};
use super::parts::{AGREEMENT, Size, bytes, matrix, read_document, readable, shape_of_y, written};
use super::refusal::{NOT_OURS, refuse, shown, within};
use super::report::present;
use crate::data::Layout;
use crate::error::Result;
use crate::estimator::{FittedMultiTaskKernelRidge, Selection};
use crate::kernel::Kernel;
use crate::ridge::{Candidate, Criterion, Problem};
use crate::spec::{Spec, Value};
use crate::task::Task;

pub(super) const KIND: &str = "multi-task-kernel-ridge";

/// The document of version 1. Numbers that come in tables stand in arrays.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    kernel: &'a RawValue,
    #[serde(borrow)]
    task: &'a RawValue,
    alpha: f64,
    fit_intercept: bool,
    criterion: String,
    #[serde(borrow)]
    labels: &'a RawValue,
    #[serde(deserialize_with = "present")]
    criterion_value: Option<f64>,
    search_ended: bool,
    memory_budget: usize,
    wall_time: Duration,
    #[serde(borrow)]
    task_names: &'a RawValue,
    #[serde(borrow)]
    feature_names: &'a RawValue,
}

fn features(
    kernel: &Spec,
    task: &Spec,
    criterion: &str,
    weights: bool,
    intercept: bool,
) -> Vec<String> {
    let mut more = vec![format!("criterion/{criterion}")];
    more.extend(weights.then(|| "weights/rows".to_string()));
    more.extend(intercept.then(|| "intercept/tasks".to_string()));
    required(Layout::Complete, kernel, task, &more)
}

/// # Errors
/// A refusal where something cannot be kept in a file.
pub(super) fn pack(ridge: &FittedMultiTaskKernelRidge) -> Result<Container> {
    let (kernel, task, data) = (&ridge.kernel, &ridge.task, &ridge.data);
    let (n, d, t) = (data.n_rows(), data.n_features(), data.n_tasks());
    let Selection { criterion, alphas, errors, value, search_ended } = &ridge.selection;
    for (what, tree) in [("kernel", kernel.spec()), ("task covariance", task.spec())] {
        check_size(what, tree)?;
        check_counts(tree, numbers(tree))?;
    }
    let (name, labels) = criterion_name(criterion);
    let kernel_text = to_raw("the kernel", kernel)?;
    let task_text = to_raw("B", task)?;
    let labels = to_raw("the list of labels", &labels.to_vec())?;
    let task_names = to_raw("task names", &data.task_names().to_vec())?;
    let feature_names = to_raw("feature names", &data.feature_names().to_vec())?;
    let (weights, intercept) = (ridge.weights(), ridge.intercept());
    let document = written(&Document {
        kernel: &kernel_text,
        task: &task_text,
        alpha: ridge.alpha(),
        fit_intercept: intercept.is_some(),
        criterion: name.clone(),
        labels: &labels,
        criterion_value: *value,
        search_ended: *search_ended,
        memory_budget: ridge.memory_budget,
        wall_time: ridge.wall_time,
        task_names: &task_names,
        feature_names: &feature_names,
    })?;
    readable::<Document>(&document)?;
    let (weighted, with_intercept) = (weights.is_some(), intercept.is_some());
    let mut out = Container {
        kind: KIND.to_string(),
        requires: features(kernel.spec(), task.spec(), &name, weighted, with_intercept),
        document,
        arrays: BTreeMap::new(),
    };
    out.insert("x", &[n, d], data.x().iter().copied().collect())?;
    out.insert("y", &shape_of_y(data), data.y().iter().copied().collect())?;
    out.insert("dual", &[n, t], ridge.dual_coef().iter().copied().collect())?;
    out.insert("task_penalties", &[t], ridge.relative_penalties.to_vec())?;
    out.insert("unit_penalties", &[t], ridge.unit_penalties.to_vec())?;
    out.insert("alphas", &[alphas.len()], alphas.clone())?;
    if let Some(weights) = weights {
        out.insert("weights", &[n], weights.to_vec())?;
    }
    if let Some(intercept) = intercept {
        out.insert("intercept", &[t], intercept.to_vec())?;
    }
    if !errors.is_empty() {
        let shape = [errors.nrows(), errors.ncols()];
        // Arrays are finite: the largest number stands where a criterion could not be computed.
        out.insert("cv_errors", &shape, errors.iter().map(|v| v.min(f64::MAX)).collect())?;
    }
    Ok(out)
}

/// # Errors
/// What is wrong with the container: a refusal, or an error of the part of the model that its values
/// do not fit; [`crate::Error::Memory`] where rebuilding would take more than allowed.
pub(super) fn unpack(
    mut file: Container,
    options: &LoadOptions,
) -> Result<FittedMultiTaskKernelRidge> {
    let budget = options.budget();
    let size = Size::of(&file)?;
    let (n, d, t) = (size.rows, size.columns, size.tasks);
    within("the eigendecomposition of its rows", bytes(n.saturating_mul(n), 40), budget)?;
    let text = std::mem::take(&mut file.document);
    let document: Document = read_document(&text)?;
    let kernel = read_tree("kernel", document.kernel)?;
    let task = read_tree("task covariance", document.task)?;
    let weighted = file.arrays.contains_key("weights");
    let name = &document.criterion;
    if file.requires != features(&kernel, &task, name, weighted, document.fit_intercept) {
        return Err(refuse("what it requires is not what it holds", NOT_OURS));
    }
    size.check_term([&kernel, &task], [numbers(&kernel), numbers(&task)], budget)?;
    let (kernel, task) = (Kernel::from_spec(kernel)?, Task::from_spec(task)?);
    let weights = weighted.then(|| vector(&mut file, "weights", n)).transpose()?;
    let intercept =
        document.fit_intercept.then(|| vector(&mut file, "intercept", t)).transpose()?;
    let dual = matrix(&mut file, "dual", [n, t])?;
    let relative_penalties = positive(&mut file, "task_penalties", t)?;
    let unit_penalties = positive(&mut file, "unit_penalties", t)?;
    let selection = read_selection(&mut file, &document, n)?;
    let names = [document.task_names, document.feature_names];
    let data = size.data(file, Layout::Complete, false, names)?;
    let rows = n.saturating_mul(5 * n + 10 * t + 2 * d);
    let doubles = rows.saturating_add(Candidate::doubles(&task, t)?);
    within("rebuilding the model", bytes(doubles, 8), budget)?;
    let view = weights.as_ref().map(|w| w.view());
    let problem = Problem::new(&data, &kernel, view, document.fit_intercept)?;
    let candidate = Candidate::new(&problem, &task, unit_penalties.view())?;
    let solution = problem.solve(&candidate, document.alpha)?;
    let error = problem.backward_error(&solution, &dual, intercept.as_ref());
    let agree = error <= AGREEMENT;
    if !agree {
        return Err(refuse(
            format!("its dual coefficients leave {error:e} of the equations of its model"),
            NOT_OURS,
        ));
    }
    Ok(FittedMultiTaskKernelRidge {
        kernel,
        task,
        problem: Arc::new(problem),
        task_matrix: candidate.task_matrix().clone(),
        data,
        relative_penalties,
        unit_penalties,
        solution,
        selection,
        memory_budget: document.memory_budget,
        wall_time: document.wall_time,
    })
}

/// The numbers given in a tree: no count in it is larger, or it is small.
fn numbers(tree: &Spec) -> usize {
    let own = tree.values.iter().map(|(_, value)| match value {
        Value::Vector(v) => v.len(),
        Value::Counts(v) => v.len(),
        Value::Matrix(rows) => rows.iter().map(Vec::len).sum(),
        _ => 1,
    });
    own.chain(tree.children.iter().map(numbers)).sum()
}

fn vector(file: &mut Container, name: &str, length: usize) -> Result<Array1<f64>> {
    Ok(Array1::from(file.take(name, &[length])?))
}

fn positive(file: &mut Container, name: &str, length: usize) -> Result<Array1<f64>> {
    let values = vector(file, name, length)?;
    match values.iter().find(|v| **v <= 0.0) {
        None => Ok(values),
        Some(v) => Err(refuse(format!("its array '{name}' holds {v}"), NOT_OURS)),
    }
}

/// How the penalty was chosen. Without a choice there is one penalty, and no value of the criterion.
fn read_selection(file: &mut Container, document: &Document, n: usize) -> Result<Selection> {
    let labels = read_list("list of labels", document.labels, usize::MAX)?;
    let name = &document.criterion;
    let criterion: Criterion = criterion(name, labels)
        .ok_or_else(|| refuse(format!("its criterion {} has no labels", shown(name)), NOT_OURS))?;
    let count = file.arrays.get("alphas").map_or(0, |a| a.values.len());
    let alphas = positive(file, "alphas", count)?.to_vec();
    let chosen = file.arrays.contains_key("cv_errors");
    let errors = match chosen {
        true => {
            let [candidates, _] = file.table("cv_errors")?;
            let known = |v: f64| if v == f64::MAX { f64::INFINITY } else { v };
            matrix(file, "cv_errors", [candidates, count])?.mapv(known)
        }
        false => Array2::zeros((0, 0)),
    };
    if chosen != document.criterion_value.is_some() || chosen == errors.is_empty() {
        return Err(refuse("it has a choice without its values, or the reverse", NOT_OURS));
    }
    criterion.leave_out().map_or(Ok(()), |by| by.check(n))?;
    if !chosen && alphas != [document.alpha] {
        return Err(refuse("its penalty is not the one it was given", NOT_OURS));
    }
    let (value, search_ended) = (document.criterion_value, document.search_ended);
    Ok(Selection { criterion, alphas, errors, value, search_ended })
}
