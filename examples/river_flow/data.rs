//! The flows, the windows cut from them, and the split into blocks of time.

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, Axis, s};

use crate::table::Table;

/// The gauges.
pub(crate) const GAUGES: [&str; 8] =
    ["CHSI2", "NASI2", "EADM7", "SCLM7", "CLKM7", "VALI2", "NAPM7", "DLDI4"];
/// Hours back of the inputs. The first is now.
pub(crate) const LAGS: [usize; 8] = [0, 6, 12, 18, 24, 36, 48, 60];
/// Hours ahead of the outputs.
pub(crate) const AHEAD: usize = 48;
/// First to last hour of a window.
pub(crate) const SPAN: usize = LAGS[LAGS.len() - 1] + AHEAD;
/// Hours of a cycle: those to learn from, then those to test on. As many as a window spans are left
/// out after either.
pub(crate) const TRAINING: usize = 600;
pub(crate) const TEST: usize = 184;
pub(crate) const CYCLE: usize = TRAINING + TEST + 2 * SPAN;

/// Rows of windows, in the order of time.
pub(crate) struct Windows {
    /// Hour of each row.
    pub(crate) hour: Vec<usize>,
    /// The block that each row belongs to.
    pub(crate) block: Vec<usize>,
    /// Flows now and before (n, 64), the flows now first.
    pub(crate) x: Array2<f64>,
    /// Flows ahead (n, 8).
    pub(crate) y: Array2<f64>,
}

/// The training and the test rows.
pub(crate) struct Split {
    pub(crate) training: Windows,
    pub(crate) test: Windows,
    /// Smallest number of hours between a training and a test row.
    pub(crate) apart: usize,
}

impl Windows {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.hour.len()
    }

    /// The flows now (n, 8): those of the last hour known.
    pub(crate) fn now(&self) -> Array2<f64> {
        self.x.slice(s![.., ..GAUGES.len()]).to_owned()
    }

    /// Some of the rows.
    pub(crate) fn rows(&self, rows: &[usize]) -> Windows {
        Windows {
            hour: rows.iter().map(|&i| self.hour[i]).collect(),
            block: rows.iter().map(|&i| self.block[i]).collect(),
            x: self.x.select(Axis(0), rows),
            y: self.y.select(Axis(0), rows),
        }
    }

    /// So many rows, evenly spread.
    fn thinned(&self, n: usize) -> Windows {
        let n = n.min(self.len());
        self.rows(&(0..n).map(|k| k * self.len() / n).collect::<Vec<_>>())
    }

    /// All windows of the series, and for each its place in its cycle.
    fn of(table: &Table) -> Result<(Self, Vec<usize>), Box<dyn Error>> {
        let flows = table.numbers(&GAUGES)?;
        let parts = table.texts("part")?;
        let hours = table.texts("hour")?;
        let hours = hours.iter().map(|h| h.parse::<usize>()).collect::<Result<Vec<_>, _>>()?;
        let (mut rows, mut block, mut place) = (Vec::new(), Vec::new(), Vec::new());
        let mut first_block = 0;
        for part in ["1", "2"] {
            let inside: Vec<usize> = (0..parts.len()).filter(|&i| parts[i] == part).collect();
            let whole = inside.len().saturating_sub(SPAN);
            for (k, &i) in inside.iter().skip(SPAN - AHEAD).take(whole).enumerate() {
                rows.push(i);
                block.push(first_block + k / CYCLE);
                place.push(k % CYCLE);
            }
            first_block += whole.div_ceil(CYCLE);
        }
        let lagged =
            |k: usize, j: usize| flows[[rows[k] - LAGS[j / GAUGES.len()], j % GAUGES.len()]];
        let x =
            Array2::from_shape_fn((rows.len(), LAGS.len() * GAUGES.len()), |(k, j)| lagged(k, j));
        let y =
            Array2::from_shape_fn((rows.len(), GAUGES.len()), |(k, t)| flows[[rows[k] + AHEAD, t]]);
        let hour = rows.iter().map(|&i| hours[i]).collect();
        Ok((Windows { hour, block, x, y }, place))
    }
}

impl Split {
    /// Reads the series and cuts it into blocks: so many training and test rows, evenly spread over
    /// those that the cycle gives.
    pub(crate) fn read(path: &Path, training: usize, test: usize) -> Result<Self, Box<dyn Error>> {
        let (all, place) = Windows::of(&Table::read(path)?)?;
        let within = |from: usize, length: usize| {
            let inside = |i: &usize| (from..from + length).contains(&place[*i]);
            all.rows(&(0..all.len()).filter(inside).collect::<Vec<_>>())
        };
        let training = within(0, TRAINING).thinned(training);
        let test = within(TRAINING + SPAN, TEST).thinned(test);
        let between = test.hour.iter().flat_map(|t| training.hour.iter().map(|h| h.abs_diff(*t)));
        let apart = between.min().unwrap_or(0);
        Ok(Split { training, test, apart })
    }
}
