//! The Matern kernels of half-integer smoothness.

use super::Kernel;
use super::registry::KernelEntry;
use super::stationary::{self, Radial};
use crate::spec::{Spec, Value};

/// A Matern kernel: its type, registered name, entry, profile and docs.
macro_rules! matern {
    ($kernel:ident, $name:literal, $entry:ident, $profile:ident, $formula:literal, $smooth:literal) => {
        pub(super) const $entry: KernelEntry = KernelEntry {
            name: $name,
            bind: |spec, inputs| stationary::bind(spec, inputs, $profile),
            examples: || vec![$kernel::ard(), $kernel::isotropic(0.9)],
        };

        #[doc = concat!("The Matern kernel `k = ", $formula, "`, ", $smooth, ", with")]
        /// `r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2` (Rasmussen & Williams 2006, eq. 4.17).
        ///
        /// ```
        #[doc = concat!("use coregion::kernel::", stringify!($kernel), ";")]
        #[doc = concat!("assert_eq!(", stringify!($kernel), "::ard().to_string(), \"", $name, "()\");")]
        /// ```
        #[derive(Debug, Clone, Copy)]
        pub struct $kernel;

        impl $kernel {
            /// A learned lengthscale for each column (one for all above 30 columns).
            pub fn ard() -> Kernel {
                Kernel(Spec::new($name))
            }

            /// A lengthscale for each column, starting at the values given.
            pub fn new<L: Into<Vec<f64>>>(lengthscale: L) -> Kernel {
                Kernel(Spec::new($name).with("lengthscale", Value::Vector(lengthscale.into())))
            }

            /// One lengthscale for all columns, starting at the value given.
            pub fn isotropic(lengthscale: f64) -> Kernel {
                Kernel(Spec::new($name).with("lengthscale", Value::Number(lengthscale)))
            }
        }

        #[derive(Debug)]
        struct $profile;
    };
}

matern!(Matern12, "Matern12", MATERN12, Profile12, "exp(-r)", "continuous, nowhere differentiable");
matern!(
    Matern32,
    "Matern32",
    MATERN32,
    Profile32,
    "(1 + sqrt(3) r) exp(-sqrt(3) r)",
    "once differentiable"
);
matern!(
    Matern52,
    "Matern52",
    MATERN52,
    Profile52,
    "(1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)",
    "twice differentiable"
);

impl Radial for Profile12 {
    fn value(&self, r2: f64, _: &[f64]) -> f64 {
        (-r2.sqrt()).exp()
    }

    fn slope(&self, r2: f64, _: &[f64]) -> f64 {
        let r = r2.sqrt();
        if r > 0.0 { -0.5 * (-r).exp() / r } else { 0.0 }
    }
}

impl Radial for Profile32 {
    fn value(&self, r2: f64, _: &[f64]) -> f64 {
        let r = (3.0 * r2).sqrt();
        (1.0 + r) * (-r).exp()
    }

    fn slope(&self, r2: f64, _: &[f64]) -> f64 {
        -1.5 * (-(3.0 * r2).sqrt()).exp()
    }
}

impl Radial for Profile52 {
    fn value(&self, r2: f64, _: &[f64]) -> f64 {
        let r = (5.0 * r2).sqrt();
        (1.0 + r + 5.0 / 3.0 * r2) * (-r).exp()
    }

    fn slope(&self, r2: f64, _: &[f64]) -> f64 {
        let r = (5.0 * r2).sqrt();
        -5.0 / 6.0 * (1.0 + r) * (-r).exp()
    }
}
