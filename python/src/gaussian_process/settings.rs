//! Settings of a Gaussian process: keyword arguments in, a dictionary out.

use coregion::estimator::{MultiTaskGp, Setup};
use coregion::gp::Mean;
use coregion::kernel::Kernel;
use coregion::matrix_kernel::Mixing;
use coregion::solve::CgSettings;
use coregion::task::{Noise, Task};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{invalid, warps};
use crate::arrays::{Numbers, answer};
use crate::basis;
use crate::description;
use crate::errors::IntoPython;

/// The settings in keyword arguments; those that are absent are the core's.
pub(super) fn read(py: Python<'_>, settings: Option<&Bound<'_, PyDict>>) -> PyResult<MultiTaskGp> {
    let empty = PyDict::new(py);
    let settings = settings.unwrap_or(&empty);
    let kernel = settings
        .get_item("kernel")?
        .ok_or_else(|| PyTypeError::new_err("the kernel is missing"))?;
    let kernel = Kernel::from_spec(description::read(&kernel)?).into_python(py)?;
    let mut gp = MultiTaskGp::new(kernel);
    for (name, value) in settings.iter() {
        let name: String = name.extract()?;
        if value.is_none() || name == "kernel" {
            continue;
        }
        gp = match name.as_str() {
            "task" => gp.task(Task::from_spec(description::read(&value)?).into_python(py)?),
            "further" => further(py, gp, &value)?,
            "mixing" => gp.mixing(Mixing::from_spec(description::read(&value)?).into_python(py)?),
            "latent_kernels" => gp.latent_kernels(kernels(py, &value)?),
            "noise" => gp.noise(noise(py, &value)?),
            "mean" => gp.mean(mean(py, &value)?),
            "reml" => gp.reml(value.extract()?),
            "warp" => gp.warps(warps::read(py, &value)?),
            "normalize_x" => gp.normalize_x(value.extract()?),
            "normalize_y" => gp.normalize_y(value.extract()?),
            "optimizer" => gp.optimizer(value.extract::<&str>()?.parse().into_python(py)?),
            "solver" => gp.solver(value.extract::<&str>()?.parse().into_python(py)?),
            "fixed" => value.extract::<Vec<String>>()?.iter().fold(gp, |gp, path| gp.fix(path)),
            "ties" => value
                .extract::<Vec<(String, String)>>()?
                .iter()
                .fold(gp, |gp, (path, other)| gp.tie(path, other)),
            "n_restarts" => gp.n_restarts(value.extract()?),
            "max_iterations" => gp.max_iterations(value.extract()?),
            "tolerance" => gp.gradient_tolerance(value.extract()?),
            "seed" => gp.seed(value.extract()?),
            "memory_budget" => gp.memory_budget(value.extract()?),
            "solver_memory" => gp.solver_memory(value.extract()?),
            "rank_tol" => gp.rank_tol(value.extract()?),
            "cg" => gp.cg(cg(py, value.cast()?)?),
            other => return Err(PyTypeError::new_err(format!("no setting is called {other}"))),
        };
    }
    Ok(gp)
}

/// The terms after the first: pairs of a kernel and a task covariance.
fn further(py: Python<'_>, gp: MultiTaskGp, value: &Bound<'_, PyAny>) -> PyResult<MultiTaskGp> {
    let mut gp = gp;
    for pair in value.try_iter()? {
        let (kernel, task): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
        let kernel = Kernel::from_spec(description::read(&kernel)?).into_python(py)?;
        gp = gp.term(kernel, Task::from_spec(description::read(&task)?).into_python(py)?);
    }
    Ok(gp)
}

fn kernels(py: Python<'_>, list: &Bound<'_, PyAny>) -> PyResult<Vec<Kernel>> {
    let one = |kernel: PyResult<Bound<'_, PyAny>>| {
        Kernel::from_spec(description::read(&kernel?)?).into_python(py)
    };
    list.try_iter()?.map(one).collect()
}

fn noise(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Noise> {
    if let Ok(name) = value.extract::<&str>() {
        return name.parse().into_python(py);
    }
    let values: Numbers<'_> = value.extract()?;
    let values = values.as_array();
    match values.ndim() {
        1 => Ok(Noise::Variances(values.iter().copied().collect())),
        2 => match values.to_owned().into_dimensionality() {
            Ok(covariance) => Ok(Noise::Covariance(covariance)),
            Err(e) => Err(PyTypeError::new_err(e.to_string())),
        },
        d => Err(invalid(
            "noise",
            &format!("an array of {d} dimensions"),
            "variances (T,) or a covariance (T, T)",
        ))
        .into_python(py),
    }
}

fn mean(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Mean> {
    if let Ok(name) = value.extract::<&str>() {
        return match name {
            "zero" => Ok(Mean::Zero),
            "constant" => Ok(Mean::Constant),
            "linear" => Ok(Mean::linear()),
            "training" => Ok(Mean::Training),
            other => Err(invalid(
                "mean",
                &format!("\"{other}\""),
                "\"zero\", \"constant\", \"linear\", \"training\", a function or constants (T,)",
            ))
            .into_python(py),
        };
    }
    if value.is_callable() {
        return Ok(Mean::Basis(basis::basis(value.clone().unbind())));
    }
    let values: Numbers<'_> = value.extract()?;
    match values.as_array() {
        values if values.ndim() == 1 => Ok(Mean::Given(values.iter().copied().collect())),
        values => Err(invalid(
            "mean",
            &format!("an array of {} dimensions", values.ndim()),
            "constants (T,)",
        ))
        .into_python(py),
    }
}

/// Settings of the iterative solver by the names of their fields.
fn cg(py: Python<'_>, given: &Bound<'_, PyDict>) -> PyResult<CgSettings> {
    let mut cg = CgSettings::default();
    for (name, value) in given.iter() {
        let name: String = name.extract()?;
        match name.as_str() {
            "tolerance" => cg.tolerance = value.extract()?,
            "probe_tolerance" => cg.probe_tolerance = value.extract()?,
            "max_iterations" => cg.max_iterations = value.extract()?,
            "rank" => cg.rank = value.extract()?,
            "n_probes" => cg.n_probes = value.extract()?,
            "seed" => cg.seed = value.extract()?,
            _ => {
                let known =
                    ["tolerance", "probe_tolerance", "max_iterations", "rank", "n_probes", "seed"];
                return Err(coregion::Error::UnknownName {
                    kind: "setting of cg".to_string(),
                    name,
                    known: known.map(String::from).to_vec(),
                })
                .into_python(py);
            }
        }
    }
    Ok(cg)
}

/// How a model was set up.
pub(super) fn write<'py>(py: Python<'py>, setup: &Setup) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    match &setup.noise {
        Noise::Variances(v) => {
            out.set_item("noise", answer(py, ndarray::Array1::from(v.clone())))?
        }
        Noise::Covariance(v) => out.set_item("noise", answer(py, v.clone()))?,
        named => out.set_item("noise", named.to_string())?,
    }
    match &setup.mean {
        Mean::Zero => out.set_item("mean", "zero")?,
        Mean::Constant => out.set_item("mean", "constant")?,
        Mean::Training => out.set_item("mean", "training")?,
        Mean::Basis(basis) if basis.is_function() => out.set_item("mean", "a function")?,
        Mean::Basis(_) => out.set_item("mean", "linear")?,
        Mean::Given(v) => out.set_item("mean", answer(py, ndarray::Array1::from(v.clone())))?,
    }
    out.set_item("reml", setup.reml)?;
    out.set_item("warp", warps::write(py, &setup.warps)?)?;
    out.set_item("normalize_x", setup.scaling.x)?;
    out.set_item("normalize_y", setup.scaling.y)?;
    out.set_item("solver", setup.solver.to_string())?;
    out.set_item("rank_tol", setup.rank_tol)?;
    out.set_item("fixed", setup.fixed.clone())?;
    out.set_item("ties", setup.ties.clone())?;
    Ok(out)
}
