//! Where each parameter lives in the one flat vector, and the chain rule of the transforms.

use std::fmt;
use std::ops::Range;

use ndarray::{ArrayD, IxDyn};

use super::Prior;
use super::{ParamSpec, Transform};
use crate::error::{Error, Result};

/// One parameter of the layout: its path, its specification and its place.
///
/// ```
/// use coregion::param::{Layout, ParamSpec, Transform};
/// let mut layout = Layout::default();
/// layout.push("noise", &[ParamSpec::new("variance", &[2], vec![0.1, 0.2], Transform::POSITIVE)]);
/// let entry = layout.entry("noise.variance")?;
/// assert_eq!((entry.range.clone(), entry.array(&layout.initial()).shape()), (0..2, &[2][..]));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Entry {
    /// Path, such as `terms[0].kernel.lengthscale`.
    pub path: String,
    /// Specification.
    pub spec: ParamSpec,
    /// Place in the natural vector.
    pub range: Range<usize>,
}

/// The one flat vector of named values: natural ones as users see them, free ones as the optimiser
/// does.
///
/// ```
/// use coregion::param::{Layout, ParamSpec, Transform};
/// let mut layout = Layout::default();
/// layout.push("kernel", &[ParamSpec::new("lengthscale", &[], vec![2.0], Transform::POSITIVE)]);
/// let free = layout.pack(&layout.initial());
/// assert_eq!(free, [2f64.ln()]);
/// layout.fix("kernel.lengthscale").unwrap();
/// assert_eq!(layout.n_free(), 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Layout {
    entries: Vec<Entry>,
    /// For each natural element the free element that moves it.
    slot: Vec<Option<usize>>,
    /// The prior of each natural element.
    priors: Vec<Option<Prior>>,
    n_free: usize,
}

impl Layout {
    /// Adds the parameters of an owner under `prefix`; returns their place in the natural vector.
    pub fn push(&mut self, prefix: &str, specs: &[ParamSpec]) -> Range<usize> {
        let start = self.slot.len();
        for spec in specs {
            let begin = self.slot.len();
            for &free in &spec.free {
                self.slot.push(free.then_some(self.n_free));
                self.priors.push(spec.prior);
                self.n_free += usize::from(free);
            }
            let path = format!("{prefix}.{}", spec.name);
            self.entries.push(Entry { path, spec: spec.clone(), range: begin..self.slot.len() });
        }
        start..self.slot.len()
    }

    /// The parameters in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Refuses values that nobody gave.
    ///
    /// # Errors
    /// [`Error::MissingValue`] with the path of the first parameter without a value.
    pub fn require_given(&self) -> Result<()> {
        match self.entries.iter().find(|e| !e.spec.given && !e.range.is_empty()) {
            Some(entry) => Err(Error::MissingValue { path: entry.path.clone() }),
            None => Ok(()),
        }
    }

    /// Number of natural values.
    pub fn n_natural(&self) -> usize {
        self.slot.len()
    }

    /// Number of values the optimiser moves.
    pub fn n_free(&self) -> usize {
        self.n_free
    }

    /// The parameter with that path.
    ///
    /// # Errors
    /// [`Error::UnknownName`] with the paths that exist.
    pub fn entry(&self, path: &str) -> Result<&Entry> {
        self.index(path).map(|i| &self.entries[i])
    }

    fn index(&self, path: &str) -> Result<usize> {
        self.entries.iter().position(|e| e.path == path).ok_or_else(|| Error::UnknownName {
            kind: "parameter path".to_string(),
            name: path.to_string(),
            known: self.entries.iter().map(|e| e.path.clone()).collect(),
        })
    }

    /// Holds a parameter, and what is tied to it, at its start value.
    ///
    /// # Errors
    /// [`Error::UnknownName`] where there is no such path.
    pub fn fix(&mut self, path: &str) -> Result<()> {
        let held = self.entries[self.index(path)?].range.clone();
        let mut holds = vec![false; self.n_free];
        self.slot[held].iter().flatten().for_each(|&s| holds[s] = true);
        for i in 0..self.entries.len() {
            for (k, place) in self.entries[i].range.clone().enumerate() {
                if self.slot[place].is_some_and(|s| holds[s]) {
                    self.slot[place] = None;
                    self.entries[i].spec.free[k] = false;
                }
            }
        }
        self.renumber();
        Ok(())
    }

    /// Makes `other` always equal to `path`: one free value moves both.
    ///
    /// ```
    /// use coregion::param::{Layout, ParamSpec, Transform};
    /// let of = |name, start| ParamSpec::new(name, &[], vec![start], Transform::Identity);
    /// let mut layout = Layout::default();
    /// layout.push("k", &[of("a", 1.0), of("b", 2.0), of("c", 3.0)]);
    /// layout.tie("k.a", "k.c")?;
    /// assert_eq!(layout.initial(), [1.0, 2.0, 1.0]);
    /// assert_eq!(layout.slots(), [Some(0), Some(1), Some(0)]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] for an unknown path, [`Error::Incompatible`] where the two differ in
    /// shape, in what may be learned, or in their range.
    pub fn tie(&mut self, path: &str, other: &str) -> Result<()> {
        let (a, b) = (self.index(path)?, self.index(other)?);
        let (first, second) = (self.entries[a].spec.clone(), &self.entries[b].spec);
        let refused = |advice: &str| {
            Err(Error::Incompatible {
                options: format!("a tie of {path} and {other}"),
                advice: advice.to_string(),
            })
        };
        if a == b || first.shape != second.shape || first.transform != second.transform {
            return refused("tie two different parameters of equal shape and range");
        }
        if first.free != second.free || first.free.iter().all(|f| !f) {
            return refused("one of them is held: give both the same value and hold both");
        }
        let (from, to) = (self.entries[a].range.clone(), self.entries[b].range.clone());
        // What becomes of each free value: ties link elements of equal place only.
        let mut becomes = vec![None; self.n_free];
        for (k, (i, j)) in from.zip(to).enumerate() {
            if let (Some(new), Some(old)) = (self.slot[i], self.slot[j])
                && new != old
            {
                becomes[old] = Some((new, k));
            }
        }
        // Whatever `other` is tied to already comes along.
        for entry in &mut self.entries {
            for (own, place) in entry.range.clone().enumerate() {
                if let Some((new, k)) = self.slot[place].and_then(|old| becomes[old]) {
                    self.slot[place] = Some(new);
                    entry.spec.init[own] = first.init[k];
                    entry.spec.unit[own] = first.unit[k];
                    self.priors[place] = None;
                }
            }
        }
        self.renumber();
        Ok(())
    }

    /// Numbers the free values without holes, keeping ties.
    fn renumber(&mut self) {
        let mut new = vec![None; self.n_free];
        self.n_free = 0;
        for slot in self.slot.iter_mut().flatten() {
            *slot = *new[*slot].get_or_insert_with(|| {
                self.n_free += 1;
                self.n_free - 1
            });
        }
    }

    /// The start values, natural.
    pub fn initial(&self) -> Vec<f64> {
        self.entries.iter().flat_map(|e| e.spec.init.iter().copied()).collect()
    }

    /// The free values of natural ones.
    pub fn pack(&self, natural: &[f64]) -> Vec<f64> {
        let mut free = vec![0.0; self.n_free];
        self.for_each(|i, spec, k, slot| {
            if let Some(s) = slot {
                free[s] = spec.transform[k].free(natural[i] / spec.unit[k]);
            }
        });
        free
    }

    /// Writes the natural values of free ones over `natural`; what is held stays as it is there.
    ///
    /// ```
    /// use coregion::param::{Layout, ParamSpec, Transform};
    /// let scale = ParamSpec::new("scale", &[], vec![6.0], Transform::POSITIVE);
    /// let mut layout = Layout::default();
    /// layout.push("k", &[scale.with_unit(vec![2.0])]);
    /// let free = layout.pack(&[6.0]);
    /// let mut natural = [0.0];
    /// layout.unpack_into(&free, &mut natural);
    /// assert!((free[0] - 3f64.ln()).abs() < 1e-15 && (natural[0] - 6.0).abs() < 1e-14);
    /// ```
    pub fn unpack_into(&self, free: &[f64], natural: &mut [f64]) {
        self.for_each(|i, spec, k, slot| {
            if let Some(s) = slot {
                natural[i] = spec.transform[k].value(free[s]) * spec.unit[k];
            }
        });
    }

    /// The chain rule: the gradient with respect to free values of a natural gradient.
    ///
    /// ```
    /// use coregion::param::{Layout, ParamSpec, Transform};
    /// let mut layout = Layout::default();
    /// layout.push("k", &[ParamSpec::new("scale", &[], vec![4.0], Transform::POSITIVE)]);
    /// let free = layout.pack(&[4.0]);
    /// assert!((layout.pullback(&free, &[0.5])[0] - 2.0).abs() < 1e-15); // d/d(ln v) = v d/dv
    /// ```
    pub fn pullback(&self, free: &[f64], gradient: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.n_free];
        self.for_each(|i, spec, k, slot| {
            if let Some(s) = slot {
                out[s] += gradient[i] * spec.transform[k].derivative(free[s]) * spec.unit[k];
            }
        });
        out
    }

    /// Derivatives of each natural value with respect to its free one; 0 where it is held.
    pub fn derivatives(&self, free: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.slot.len()];
        self.for_each(|i, spec, k, slot| {
            if let Some(s) = slot {
                out[i] = spec.transform[k].derivative(free[s]) * spec.unit[k];
            }
        });
        out
    }

    /// Lifts the learned positive values of a natural vector that lie less than `below` of their unit
    /// above their floor to `to` of it; those with a prior, whose pull does not vanish at the floor,
    /// are left.
    pub fn lift_positive(&self, natural: &mut [f64], below: f64, to: f64) {
        self.for_each(|i, spec, k, slot| {
            let Transform::Positive { floor } = spec.transform[k] else { return };
            let low = natural[i] < (floor + below) * spec.unit[k];
            if low && slot.is_some() && self.priors[i].is_none() {
                natural[i] = (floor + to) * spec.unit[k];
            }
        });
    }

    /// For each natural element the free element that moves it.
    pub fn slots(&self) -> &[Option<usize>] {
        &self.slot
    }

    /// Sum of the log priors of learned values; adds its natural gradient to `gradient`.
    ///
    /// ```
    /// use coregion::param::{Layout, ParamSpec, Prior, Transform};
    /// let prior = Prior::Normal { mean: 1.0, std: 2.0 };
    /// let mut layout = Layout::default();
    /// let p = ParamSpec::new("a", &[], vec![0.0], Transform::Identity).with_unit(vec![10.0]);
    /// layout.push("k", &[p.with_prior(prior)]);
    /// let mut gradient = [0.0];
    /// assert_eq!(layout.log_prior(&[30.0], &mut gradient), -0.5); // of the ratio 3
    /// assert!((gradient[0] + 0.05).abs() < 1e-15);
    /// ```
    pub fn log_prior(&self, natural: &[f64], gradient: &mut [f64]) -> f64 {
        let mut total = 0.0;
        self.for_each(|i, spec, k, slot| {
            if let (Some(prior), Some(_)) = (self.priors[i], slot) {
                let ratio = natural[i] / spec.unit[k];
                total += prior.log_density(ratio);
                gradient[i] += prior.derivative(ratio) / spec.unit[k];
            }
        });
        total
    }

    /// Gives priors to natural elements that have none: `prior` is asked with the parameter and the
    /// place in it.
    ///
    /// ```
    /// use coregion::param::{Layout, ParamSpec, Prior, Transform};
    /// let mut layout = Layout::default();
    /// layout.push("k", &[ParamSpec::new("a", &[], vec![3.0], Transform::Identity)]);
    /// layout.add_priors(|entry, _| {
    ///     (entry.path == "k.a").then_some(Prior::Normal { mean: 1.0, std: 2.0 })
    /// });
    /// assert_eq!(layout.log_prior(&[3.0], &mut [0.0]), -0.5);
    /// ```
    pub fn add_priors(&mut self, prior: impl Fn(&Entry, usize) -> Option<Prior>) {
        for entry in &self.entries {
            for (k, i) in entry.range.clone().enumerate() {
                if self.priors[i].is_none() {
                    self.priors[i] = prior(entry, k);
                }
            }
        }
    }

    /// Curvature that the log priors add to the information about each free value.
    pub fn prior_information(&self, free: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.n_free];
        self.for_each(|i, spec, k, slot| {
            if let (Some(prior), Some(s)) = (self.priors[i], slot) {
                let slope = spec.transform[k].derivative(free[s]);
                out[s] += prior.information(spec.transform[k].value(free[s])) * slope * slope;
            }
        });
        out
    }

    /// The array at a path of a natural vector.
    ///
    /// # Errors
    /// [`Error::UnknownName`] where there is no such path.
    pub fn array(&self, path: &str, natural: &[f64]) -> Result<ArrayD<f64>> {
        let entry = self.entry(path)?;
        Ok(entry.array(natural))
    }

    /// Sets the array at a path of a natural vector, and what is tied to it.
    ///
    /// ```
    /// use coregion::param::{Layout, ParamSpec, Transform};
    /// use ndarray::array;
    /// let mut layout = Layout::default();
    /// layout.push("k", &[ParamSpec::new("scale", &[2], vec![1.0; 2], Transform::POSITIVE)]);
    /// let mut natural = layout.initial();
    /// layout.set("k.scale", &array![2.0, 3.0].into_dyn(), &mut natural)?;
    /// assert_eq!(layout.array("k.scale", &natural)?, array![2.0, 3.0].into_dyn());
    /// assert!(layout.set("k.scale", &array![2.0, -3.0].into_dyn(), &mut natural).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] for an unknown path, [`Error::Shape`] where the shape differs,
    /// [`Error::InvalidValue`] where a value is outside its range.
    pub fn set(&self, path: &str, values: &ArrayD<f64>, natural: &mut [f64]) -> Result<()> {
        let entry = self.entry(path)?;
        if values.shape() != entry.spec.shape.as_slice() {
            return Err(Error::Shape {
                argument: path.to_string(),
                found: format!("shape {:?}", values.shape()),
                expected: format!("shape {:?}", entry.spec.shape),
            });
        }
        let mut spec = entry.spec.clone();
        spec.init = values.iter().copied().collect();
        spec.free.fill(false);
        spec.check(path.strip_suffix(&format!(".{}", spec.name)).unwrap_or(path))?;
        let mut moved = vec![None; self.n_free];
        for (place, value) in entry.range.clone().zip(&spec.init) {
            natural[place] = *value;
            if let Some(slot) = self.slot[place] {
                moved[slot] = Some(*value);
            }
        }
        for (value, slot) in natural.iter_mut().zip(&self.slot) {
            *value = slot.and_then(|s| moved[s]).unwrap_or(*value);
        }
        Ok(())
    }

    /// A table of paths, values and what is learned.
    ///
    /// ```
    /// use coregion::param::{Layout, ParamSpec, Transform};
    /// let mut layout = Layout::default();
    /// layout.push("k", &[ParamSpec::new("scale", &[], vec![1.0], Transform::POSITIVE)]);
    /// layout.fix("k.scale")?;
    /// assert_eq!(layout.table(&[2.5]).to_string(), "  k.scale  2.5  held\n");
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn table<'a>(&'a self, natural: &'a [f64]) -> impl fmt::Display + 'a {
        Table { layout: self, natural }
    }

    fn for_each(&self, mut f: impl FnMut(usize, &ParamSpec, usize, Option<usize>)) {
        for entry in &self.entries {
            for (k, i) in entry.range.clone().enumerate() {
                f(i, &entry.spec, k, self.slot[i]);
            }
        }
    }
}

impl Entry {
    /// The values of this parameter in a natural vector, in its shape.
    pub fn array(&self, natural: &[f64]) -> ArrayD<f64> {
        let values = natural[self.range.clone()].to_vec();
        ArrayD::from_shape_vec(IxDyn(&self.spec.shape), values)
            .unwrap_or_else(|_| ArrayD::zeros(IxDyn(&self.spec.shape)))
    }
}

struct Table<'a> {
    layout: &'a Layout,
    natural: &'a [f64],
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let width = self.layout.entries.iter().map(|e| e.path.len()).max().unwrap_or(0);
        for entry in &self.layout.entries {
            let values = &self.natural[entry.range.clone()];
            let shown: Vec<String> =
                values.iter().take(SHOWN).map(|&v| crate::spec::number(v)).collect();
            let more = if values.len() > SHOWN {
                format!(" ... ({} values)", values.len())
            } else {
                String::new()
            };
            let held = match entry.spec.free.iter().filter(|&&b| b).count() {
                0 => "  held",
                c if c < values.len() && entry.spec.shape.len() < 2 => "  partly held",
                _ => "",
            };
            writeln!(f, "  {:width$}  {}{more}{held}", entry.path, shown.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        let of = |name, start| ParamSpec::new(name, &[], vec![start], Transform::Identity);
        let mut layout = Layout::default();
        layout.push("k", &[of("a", 1.0), of("b", 2.0), of("c", 3.0)]);
        layout
    }

    #[test]
    fn ties_are_transitive() {
        let mut l = layout();
        l.tie("k.a", "k.c").unwrap();
        l.tie("k.b", "k.c").unwrap();
        assert_eq!(l.slots(), [Some(0), Some(0), Some(0)]);
        assert_eq!(l.initial(), [2.0, 2.0, 2.0]);
    }

    #[test]
    fn holding_one_holds_what_is_tied_to_it() {
        let mut l = layout();
        l.tie("k.a", "k.b").unwrap();
        l.fix("k.b").unwrap();
        assert_eq!(l.slots(), [None, None, Some(0)]);
        assert_eq!(l.n_free(), 1);
        let error = l.tie("k.a", "k.c").unwrap_err();
        assert!(error.to_string().contains("held"), "{error}");
    }
}
