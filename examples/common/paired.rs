//! How the mean losses of two models at the same rows differ.

use ndarray::ArrayView1;

use crate::difference::Difference;

/// The mean of some losses less that of others at the same rows. Rows of one block, an uninterrupted
/// run of them, may depend on each other: what varies freely is the sum over a block.
pub(crate) fn compared<B: PartialEq>(
    losses: ArrayView1<f64>,
    others: ArrayView1<f64>,
    blocks: &[B],
) -> Difference {
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
