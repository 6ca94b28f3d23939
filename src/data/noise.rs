//! Known variances of the noise of each observation.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::Dataset;
use super::checks::{check_count, check_noise_variance, check_noise_variances};
use crate::error::{Error, Result};

impl Dataset {
    /// The data set with the variance of each observation's noise, in squared units of its task:
    /// a table (n, T), of long data too. What stands where nothing was observed is ignored.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let y = array![[1.0, f64::NAN], [2.0, 20.0]];
    /// let data = Dataset::new(array![[0.0], [1.0]].view(), y.view())?;
    /// let known = array![[0.1, f64::NAN], [0.1, 4.0]];
    /// let data = data.with_noise_variances(known.view())?;
    /// assert_eq!(data.noise_variances().map(|v| v[[1, 1]]), Some(4.0));
    /// assert!(data.with_noise_variances((-&known).view()).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape; [`Error::NotFinite`] or [`Error::InvalidValue`] for the
    /// variance of an observation that is not finite or is negative.
    pub fn with_noise_variances(mut self, table: ArrayView2<f64>) -> Result<Self> {
        self.noise_variances = Some(check_noise_variances(table, self.y.view())?);
        Ok(self)
    }

    /// As [`Dataset::with_noise_variances`] for long data: one variance for each observation, in the
    /// order in which the observations were given.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0], [0.0]];
    /// let data = Dataset::long(x.view(), array![1.0, 20.0, 10.0].view(), &[0, 1, 1])?;
    /// let data = data.with_long_noise_variances(array![0.1, 4.0, 9.0].view())?;
    /// assert_eq!(data.noise_variances().map(|v| v[[0, 1]]), Some(9.0));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Layout`] for tables; [`Error::Shape`] for another number of values;
    /// [`Error::NotFinite`] or [`Error::InvalidValue`] for one that is not finite or is negative.
    pub fn with_long_noise_variances(mut self, values: ArrayView1<f64>) -> Result<Self> {
        let Some(entries) = &self.entries else {
            return Err(Error::Layout {
                layout: self.layout().to_string(),
                detail: "with a list of noise variances".to_string(),
                advice: "give a table of the shape of y to `Dataset::with_noise_variances`"
                    .to_string(),
            });
        };
        check_count("noise_variances", values.len(), entries.len(), "observation")?;
        let mut table = Array2::from_elem(self.y.raw_dim(), f64::NAN);
        for (i, (&at, &value)) in entries.iter().zip(values).enumerate() {
            check_noise_variance(value, i, 0, || format!("row {i}"))?;
            table[at] = value;
        }
        self.noise_variances = Some(table);
        Ok(self)
    }

    /// Known variances of the noise (n, T), NaN where nothing was observed; `None` where none were
    /// given.
    pub fn noise_variances(&self) -> Option<ArrayView2<'_, f64>> {
        self.noise_variances.as_ref().map(|table| table.view())
    }
}
