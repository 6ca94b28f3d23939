//! Kernels given by a function of one pair of rows, in one place: each of them is a [`Pair`].

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

use super::{BoundKernel, Inputs};
use crate::error::Result;
use crate::param::ParamSpec;
use crate::spec::Spec;

/// A function of the chosen columns of two rows, and its derivative.
pub(super) trait Pair: std::fmt::Debug + Send + Sync + 'static {
    /// k(x, z).
    fn value(&self, theta: &[f64], x: &[f64], z: &[f64]) -> f64;
    /// Adds `adjoint dk(x, z)/dtheta` to `grad`.
    fn vjp(&self, theta: &[f64], x: &[f64], z: &[f64], adjoint: f64, grad: &mut [f64]);
    /// Refuses values in the chosen columns the function is not defined on; `column` is the number
    /// of the first one.
    ///
    /// # Errors
    /// As the kernel says.
    fn check(&self, _column: usize, _rows: &[f64]) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct Pairwise<P> {
    pair: P,
    columns: Vec<usize>,
    params: Vec<ParamSpec>,
}

/// Binds a pair function with parameters that take start and held state from the specification.
pub(super) fn bind<P: Pair>(
    spec: &Spec,
    inputs: &Inputs,
    params: Vec<ParamSpec>,
    structural: &[&str],
    pair: P,
) -> Result<Box<dyn BoundKernel>> {
    let params =
        params.into_iter().map(|p| p.from_spec(spec)).collect::<Result<Vec<ParamSpec>>>()?;
    let known: Vec<&str> =
        params.iter().map(|p| p.name.as_str()).chain(structural.iter().copied()).collect();
    spec.check_names(&known)?;
    spec.check_leaf()?;
    Ok(Box::new(Pairwise { pair, columns: inputs.columns.clone(), params }))
}

impl<P: Pair> Pairwise<P> {
    /// The chosen columns of some rows, row by row.
    fn rows(&self, x: ArrayView2<f64>) -> Vec<f64> {
        x.rows().into_iter().flat_map(|r| self.columns.iter().map(move |&c| r[c])).collect()
    }

    fn row<'a>(&self, rows: &'a [f64], i: usize) -> &'a [f64] {
        let d = self.columns.len();
        &rows[i * d..(i + 1) * d]
    }
}

impl<P: Pair> BoundKernel for Pairwise<P> {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn block(
        &self,
        theta: &[f64],
        x: ArrayView2<f64>,
        z: ArrayView2<f64>,
        mut out: ArrayViewMut2<f64>,
    ) {
        let (xs, zs) = (self.rows(x), self.rows(z));
        for ((i, j), k) in out.indexed_iter_mut() {
            *k = self.pair.value(theta, self.row(&xs, i), self.row(&zs, j));
        }
    }

    fn block_vjp(
        &self,
        theta: &[f64],
        x: ArrayView2<f64>,
        z: ArrayView2<f64>,
        adjoint: ArrayView2<f64>,
        grad: &mut [f64],
    ) {
        let (xs, zs) = (self.rows(x), self.rows(z));
        for ((i, j), &g) in adjoint.indexed_iter() {
            self.pair.vjp(theta, self.row(&xs, i), self.row(&zs, j), g, grad);
        }
    }

    fn diag(&self, theta: &[f64], x: ArrayView2<f64>, mut out: ArrayViewMut1<f64>) {
        let xs = self.rows(x);
        for (i, k) in out.iter_mut().enumerate() {
            *k = self.pair.value(theta, self.row(&xs, i), self.row(&xs, i));
        }
    }

    fn check(&self, x: ArrayView2<f64>) -> Result<()> {
        self.pair.check(self.columns.first().copied().unwrap_or(0), &self.rows(x))
    }
}

/// The dot product of two rows.
pub(super) fn dot(x: &[f64], z: &[f64]) -> f64 {
    x.iter().zip(z).map(|(a, b)| a * b).sum()
}
