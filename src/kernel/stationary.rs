//! Kernels of the scaled distance `r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2`, in one place: each
//! of them is a [`Radial`] profile.

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

use super::{BoundKernel, Inputs};
use crate::error::Result;
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

/// Columns up to which each has a lengthscale of its own unless the user says otherwise.
pub(super) const ARD_UP_TO: usize = 30;

pub(super) const LENGTHSCALE: Argument = Argument::new(
    "lengthscale",
    ArgumentKind::Numbers("d"),
    "a lengthscale for each column, in its unit; one number is shared by all columns",
);
pub(super) const ARD: Argument = Argument::new(
    "ard",
    ArgumentKind::Switch,
    "whether each column has a lengthscale of its own; by default up to 30 columns have",
);

/// A function of the squared scaled distance, with parameters of its own beyond the lengthscales.
pub(super) trait Radial: std::fmt::Debug + Send + Sync + 'static {
    /// Parameters beyond the lengthscale.
    fn params(&self) -> Vec<ParamSpec> {
        Vec::new()
    }
    /// k as a function of r^2.
    fn value(&self, r2: f64, own: &[f64]) -> f64;
    /// dk / d(r^2), 0 at a point where it has no limit but its product with r^2 vanishes.
    fn slope(&self, r2: f64, own: &[f64]) -> f64;
    /// Adds `adjoint dk/d own` to `grad`.
    fn own_vjp(&self, _r2: f64, _own: &[f64], _adjoint: f64, _grad: &mut [f64]) {}
}

/// A stationary kernel without parameters beyond its lengthscale: its type with the constructors,
/// and its entry. The formula and its source are given as the first lines of its docs.
macro_rules! stationary_kernel {
    ($(#[doc = $doc:literal])+ $kernel:ident, $name:literal, $profile:expr) => {
        pub(super) const ENTRY: $crate::kernel::KernelEntry = $crate::kernel::KernelEntry {
            name: $name,
            about: concat!($($doc,)+ " with `r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2`."),
            arguments: &[
                $crate::kernel::stationary::LENGTHSCALE,
                $crate::kernel::stationary::ARD,
            ],
            bind: |spec, inputs| $crate::kernel::stationary::bind(spec, inputs, $profile),
            examples: || vec![$kernel::ard(), $kernel::new([0.8, 1.3]), $kernel::isotropic(0.9)],
        };

        $(#[doc = $doc])+
        ///
        /// with `r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2`.
        ///
        /// ```
        #[doc = concat!("use coregion::kernel::", stringify!($kernel), ";")]
        #[doc = concat!("let k = ", stringify!($kernel), "::isotropic(2.0);")]
        #[doc = concat!("assert_eq!(k.to_string(), \"", $name, "(lengthscale=2)\");")]
        #[doc = concat!("let k = ", stringify!($kernel), "::new([0.7, 2.0]);")]
        #[doc = concat!("assert_eq!(k.to_string(), \"", $name, "(lengthscale=[0.7, 2])\");")]
        #[doc = concat!("let k = ", stringify!($kernel), "::ard();")]
        #[doc = concat!("assert_eq!(k.to_string(), \"", $name, "()\");")]
        /// ```
        #[derive(Debug, Clone, Copy)]
        pub struct $kernel;

        impl $kernel {
            /// A learned lengthscale for each column (one for all above 30 columns).
            pub fn ard() -> $crate::kernel::Kernel {
                $crate::kernel::Kernel($crate::spec::Spec::new($name))
            }

            /// A lengthscale for each column, starting at the values given.
            pub fn new<L: Into<Vec<f64>>>(lengthscale: L) -> $crate::kernel::Kernel {
                let value = $crate::spec::Value::Vector(lengthscale.into());
                $crate::kernel::Kernel($crate::spec::Spec::new($name).with("lengthscale", value))
            }

            /// One lengthscale for all columns, starting at the value given.
            pub fn isotropic(lengthscale: f64) -> $crate::kernel::Kernel {
                let value = $crate::spec::Value::Number(lengthscale);
                $crate::kernel::Kernel($crate::spec::Spec::new($name).with("lengthscale", value))
            }
        }
    };
}
pub(super) use stationary_kernel;

#[derive(Debug)]
struct Stationary<R> {
    profile: R,
    columns: Vec<usize>,
    /// Training mean of each column: subtracted before the division, so that columns far from zero
    /// keep their digits.
    centres: Vec<f64>,
    ard: bool,
    params: Vec<ParamSpec>,
}

/// The lengthscale of a stationary kernel: start, unit and prior.
///
/// Without a value it starts at `sqrt(d)` standard deviations of its column, where the expected r^2
/// between two rows is 2, under the prior `ln(lengthscale / unit) ~ N(ln sqrt(d), 1.5^2)`, with d the
/// number of columns that vary.
pub(super) fn lengthscale(spec: &Spec, inputs: &Inputs) -> Result<ParamSpec> {
    let ard = match (spec.get("ard"), spec.get("lengthscale")) {
        (Some(Value::Bool(b)), _) => *b,
        (Some(other), _) => return Err(spec.invalid("ard", Some(other), "true or false")),
        (None, Some(Value::Number(_) | Value::Count(_))) => false,
        (None, Some(_)) => true,
        (None, None) => inputs.len() <= ARD_UP_TO,
    };
    let unit = if ard { inputs.scales() } else { vec![inputs.pooled()] };
    let varying = inputs.statistics.iter().filter(|s| !s.constant).count();
    let median = (varying.max(1) as f64).sqrt();
    let init = unit.iter().map(|u| u * median).collect();
    let shape: &[usize] = if ard { &[inputs.len()] } else { &[] };
    ParamSpec::new("lengthscale", shape, init, Transform::DIVISOR)
        .with_unit(unit)
        .with_prior(Prior::LogNormal { median, log_std: 1.5 })
        .from_spec(spec)
}

pub(super) fn bind<R: Radial>(
    spec: &Spec,
    inputs: &Inputs,
    profile: R,
) -> Result<Box<dyn BoundKernel>> {
    let scale = lengthscale(spec, inputs)?;
    let ard = !scale.shape.is_empty();
    let mut params = vec![scale];
    for p in profile.params() {
        params.push(p.from_spec(spec)?);
    }
    let mut known: Vec<&str> = params.iter().map(|p| p.name.as_str()).collect();
    known.push("ard");
    spec.check_names(&known)?;
    spec.check_leaf()?;
    let centres = inputs.statistics.iter().map(|s| s.mean).collect();
    Ok(Box::new(Stationary { profile, columns: inputs.columns.clone(), centres, ard, params }))
}

impl<R: Radial> Stationary<R> {
    fn split<'a>(&self, theta: &'a [f64]) -> (&'a [f64], &'a [f64]) {
        theta.split_at(if self.ard { self.columns.len() } else { 1 })
    }

    /// The chosen columns of some rows, centred and divided by the lengthscales, column by column.
    fn scaled(&self, lengthscale: &[f64], x: ArrayView2<f64>) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.columns.len() * x.nrows());
        for (c, &column) in self.columns.iter().enumerate() {
            let l = lengthscale[if self.ard { c } else { 0 }];
            let centre = self.centres[c];
            out.extend(x.column(column).iter().map(|v| (v - centre) / l));
        }
        out
    }
}

/// Writes the squared distances from row `i` of `xs` to all rows of `zs` into `r2`.
fn squared_distances(xs: &[f64], a: usize, i: usize, zs: &[f64], r2: &mut [f64]) {
    let b = r2.len();
    r2.fill(0.0);
    for (x, z) in xs.chunks_exact(a.max(1)).zip(zs.chunks_exact(b.max(1))) {
        let xi = x[i];
        for (r, &zj) in r2.iter_mut().zip(z) {
            let difference = xi - zj;
            *r += difference * difference;
        }
    }
}

impl<R: Radial> BoundKernel for Stationary<R> {
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
        let (lengthscale, own) = self.split(theta);
        let (xs, zs) = (self.scaled(lengthscale, x), self.scaled(lengthscale, z));
        let mut r2 = vec![0.0; z.nrows()];
        for (i, mut row) in out.rows_mut().into_iter().enumerate() {
            squared_distances(&xs, x.nrows(), i, &zs, &mut r2);
            for (k, &r) in row.iter_mut().zip(&r2) {
                *k = self.profile.value(r, own);
            }
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
        let (lengthscale, own) = self.split(theta);
        let (grad_scale, grad_own) = grad.split_at_mut(lengthscale.len());
        let (xs, zs) = (self.scaled(lengthscale, x), self.scaled(lengthscale, z));
        let (a, b) = (x.nrows(), z.nrows());
        let (mut r2, mut weight) = (vec![0.0; b], vec![0.0; b]);
        for (i, row) in adjoint.rows().into_iter().enumerate() {
            squared_distances(&xs, a, i, &zs, &mut r2);
            for ((w, &r), &g) in weight.iter_mut().zip(&r2).zip(row) {
                *w = g * self.profile.slope(r, own);
                self.profile.own_vjp(r, own, g, grad_own);
            }
            // d(r^2)/d(lengthscale_c) = -2 (scaled difference)^2 / lengthscale_c
            for (c, (x, z)) in xs.chunks_exact(a.max(1)).zip(zs.chunks_exact(b.max(1))).enumerate()
            {
                let xi = x[i];
                let sum: f64 =
                    weight.iter().zip(z).map(|(&w, &zj)| w * ((xi - zj) * (xi - zj))).sum();
                let p = if self.ard { c } else { 0 };
                grad_scale[p] -= 2.0 * sum / lengthscale[p];
            }
        }
    }

    fn diag(&self, theta: &[f64], _x: ArrayView2<f64>, mut out: ArrayViewMut1<f64>) {
        out.fill(self.profile.value(0.0, self.split(theta).1));
    }
}
