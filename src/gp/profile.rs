//! Alternating learning: kernel and warp parameters outside, B and Sigma inside on one spectrum.

use ndarray::Axis;

use super::inner::InnerObjective;
use super::likelihood::Spectral;
use super::model::Model;
use super::profiled::Profiled;
use crate::error::{Error, Result};
use crate::learn::{Blocks, Scoring};

/// The two blocks of a model: an outer point costs one eigendecomposition, and any number of inner
/// steps over B and Sigma use it. The outer gradient is the partial derivative with respect to the
/// kernel parameters at the inner optimum (envelope theorem).
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// use coregion::gp::AlternatingBlocks;
/// use coregion::learn::{LbfgsSettings, ScoringSettings, alternate};
/// let model = gp.posterior().model();
/// let (start, spectral) = model.start(&model.layout().initial())?;
/// let free = model.layout().pack(&start);
/// let mut blocks = AlternatingBlocks::new(model, start, spectral, |_| Ok(()))?;
/// let (outer, inner) = free.split_at(blocks.n_outer());
/// let (lbfgs, scoring) = (LbfgsSettings::default(), ScoringSettings::default());
/// let (outcome, _) = alternate(&mut blocks, outer, inner, &lbfgs, &scoring)?;
/// assert!(outcome.point.len() == 1 && outcome.gradient_norm() < 1e-5);
/// # Ok::<(), coregion::Error>(())
/// ```
pub struct AlternatingBlocks<'a, F> {
    inner: InnerObjective<'a>,
    /// Free kernel values that the spectrum at hand belongs to.
    prepared: Vec<f64>,
    report: F,
}

impl<'a, F: FnMut(f64) -> Result<()>> AlternatingBlocks<'a, F> {
    /// The blocks around natural values, whose held entries stay, with the spectrum there. `report`
    /// is called with the log posterior density at each outer point and may end the work with an
    /// error.
    ///
    /// # Errors
    /// [`Error::Incompatible`] where a kernel parameter is tied to one of B or Sigma.
    pub fn new(model: &'a Model, natural: Vec<f64>, spectral: Spectral, report: F) -> Result<Self> {
        let offset = model.kernel_block().ok_or_else(|| Error::Incompatible {
            options: "alternating learning and a tie between kernel and task parameters"
                .to_string(),
            advice: "use the joint optimizer".to_string(),
        })?;
        let free = model.layout().pack(&natural);
        let prepared = free[..offset].to_vec();
        let inner = InnerObjective::new(model, spectral, offset, free, natural);
        Ok(AlternatingBlocks { inner, prepared, report })
    }

    /// Number of free kernel values.
    pub fn n_outer(&self) -> usize {
        self.inner.offset
    }
}

impl<F: FnMut(f64) -> Result<()>> Blocks for AlternatingBlocks<'_, F> {
    fn prepare(&mut self, outer: &[f64]) -> Result<()> {
        if self.prepared == outer {
            return Ok(());
        }
        let inner = &mut self.inner;
        inner.free[..inner.offset].copy_from_slice(outer);
        inner.model.layout().unpack_into(&inner.free, &mut inner.natural);
        inner.model.follow(&mut inner.natural);
        self.prepared.clear();
        // The old eigenvectors go before the new ones come: the peak stays at one decomposition's.
        inner.factor = None;
        inner.spectral = Spectral::empty(inner.model.n_tasks());
        inner.spectral = inner.model.spectral(&inner.natural)?;
        self.prepared.extend_from_slice(outer);
        Ok(())
    }

    fn inner(&mut self) -> &mut dyn Scoring {
        &mut self.inner
    }

    fn warm_start(&self, inner: &[f64]) -> Vec<f64> {
        let mut free = self.inner.free.clone();
        free[self.inner.offset..].copy_from_slice(inner);
        self.inner.model.lifted(&free, self.inner.offset)
    }

    fn outer_gradient(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)> {
        let inner = &mut self.inner;
        inner.visit(point)?;
        let mut gradient = vec![0.0; inner.natural.len()];
        let mut value = inner.model.layout().log_prior(&inner.natural, &mut gradient);
        if let Some(Profiled { factor, effects }) = &inner.factor {
            let effects = effects.as_ref();
            value += factor.as_factor().log_likelihood() + inner.model.restriction(effects);
            let model = inner.model;
            value += model.log_jacobian(&inner.natural);
            let dual = factor.as_factor().dual();
            model.add_warp_gradient(dual.view(), &inner.natural, &mut gradient);
            let of_means = dual.sum_axis(Axis(0));
            model.add_gradient_through_means(of_means.view(), &inner.natural, &mut gradient);
            if inner.offset > 0 {
                let mut adjoint = factor.kernel_adjoint();
                let (model, natural) = (inner.model, &inner.natural);
                model.restrict_kernel(effects, natural, &mut adjoint);
                model.add_kernel_gradient(model.first(), &adjoint, natural, &mut gradient);
            }
        }
        (self.report)(value)?;
        let count = -(inner.model.n_observations() as f64);
        let free = inner.model.layout().pullback(&inner.free, &gradient);
        Ok((0.0, free[..inner.offset].iter().map(|g| g / count).collect()))
    }
}
