//! What the difference between the losses of two models at the same rows is worth.

use std::fmt;

use ndarray::ArrayView1;

/// The mean of some losses less the mean of others, with its standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    /// The mean difference.
    pub(crate) excess: f64,
    /// Its standard error, paired.
    pub(crate) error: f64,
}

impl Difference {
    /// Losses and others at the same rows. Rows of one block, an uninterrupted run of them, may
    /// depend on each other: what varies freely is the sum over a block.
    pub(crate) fn of_blocks<B: PartialEq>(
        losses: ArrayView1<f64>,
        others: ArrayView1<f64>,
        blocks: &[B],
    ) -> Self {
        let differences = &losses - &others;
        let n = differences.len() as f64;
        let excess = differences.sum() / n;
        let mut sums: Vec<f64> = Vec::new();
        for (i, d) in differences.iter().enumerate() {
            match sums.last_mut() {
                Some(sum) if blocks[i] == blocks[i - 1] => *sum += d - excess,
                _ => sums.push(d - excess),
            }
        }
        let count = sums.len() as f64;
        let square = sums.iter().map(|s| s * s).sum::<f64>() * count / (count - 1.0);
        Difference { excess, error: square.sqrt() / n }
    }

    /// Whether it is at least two standard errors from zero.
    pub(crate) fn is_clear(&self) -> bool {
        self.excess.abs() >= 2.0 * self.error
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}, paired standard error {}{}",
            decimals(self.excess.abs()),
            if self.excess > 0.0 { "larger" } else { "smaller" },
            decimals(self.error),
            if self.is_clear() { "" } else { ": no clear difference" }
        )
    }
}

/// Four decimals below 1, three above.
pub(crate) fn decimals(v: f64) -> String {
    if v.abs() < 1.0 { format!("{v:.4}") } else { format!("{v:.3}") }
}
