//! Data that come as a list of observations, made into a table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::Dataset;
use super::checks::{check_count, check_inputs, check_names, check_scales};
use crate::error::{Error, Result};

impl Dataset {
    /// Data in which each observation has a task and inputs of its own: `x` (N, d), `y` (N) and the
    /// number of the task of each, from 0 without a gap.
    ///
    /// They become a table (n, T) with NaN where nothing was observed, whose memory is n T numbers.
    /// Observations at equal inputs share a row (0.0 and -0.0 are equal); a row stands where the first
    /// of its observations came. Where a task was measured at the same inputs again there are further
    /// rows with these inputs: the k-th measurements of the tasks, in the order given, form the k-th
    /// of them. With noise that is correlated between tasks, the k-th measurements at the same inputs
    /// thus count as made on one occasion.
    ///
    /// [`Dataset::entries`] tells the row and task of each observation, [`Dataset::to_long`] leads
    /// back from tables to the order of the observations. The cost is O(N d + n T).
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0], [0.0], [1.0]];
    /// let y = array![1.0, 2.0, 10.0, 2.1];
    /// let data = Dataset::long(x.view(), y.view(), &[0, 0, 1, 0])?;
    /// assert_eq!(data.x(), array![[0.0], [1.0], [1.0]]); // task 0 was measured twice at 1
    /// assert_eq!(data.y().column(0), array![1.0, 2.0, 2.1]);
    /// assert_eq!((data.y()[[0, 1]], data.n_missing()), (10.0, 2));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] where lengths differ or there is no row or column; [`Error::NotFinite`] for
    /// NaN or infinity in `x` or `y`; [`Error::InvalidValue`] for a task below the last that has no
    /// observation and for scales beyond 1e100 or below 1e-100.
    pub fn long(x: ArrayView2<f64>, y: ArrayView1<f64>, tasks: &[usize]) -> Result<Self> {
        check_list(x, y, "tasks", tasks.len())?;
        let present: BTreeSet<usize> = tasks.iter().copied().collect();
        if let Some((absent, _)) = present.iter().enumerate().find(|(t, label)| t != *label) {
            return Err(Error::InvalidValue {
                argument: "tasks".to_string(),
                found: format!(
                    "no row of task {absent}, below {}",
                    tasks.iter().max().unwrap_or(&0)
                ),
                expected:
                    "a row of each task from 0 to the last; `Dataset::long_labelled` with task \
                           names declares tasks without rows"
                        .to_string(),
            });
        }
        let names = (0..present.len()).map(|t| format!("task {t}")).collect();
        table(x, y, tasks, names)
    }

    /// The long data of which this is the table: row and task of each observation in the order in
    /// which they were given. What [`Dataset::long`] made is made again.
    ///
    /// # Errors
    /// As [`Dataset::new`]; [`Error::InvalidValue`] for entries that are not those observed, each once,
    /// or by which the rows would stand in another order.
    pub(crate) fn from_entries(
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        entries: Vec<(usize, usize)>,
    ) -> Result<Self> {
        let mut data = Dataset::new(x, y)?;
        let wrong = |found: String, expected: &str| Error::InvalidValue {
            argument: "entries".to_string(),
            found,
            expected: expected.to_string(),
        };
        if entries.len() != data.n_observed {
            let expected = format!("{}, one for each observation", data.n_observed);
            return Err(wrong(format!("{} entries", entries.len()), &expected));
        }
        let mut seen = Array2::from_elem(y.raw_dim(), false);
        let mut opened = 0;
        for &(row, task) in &entries {
            let place = seen.get_mut([row, task]);
            let fresh = place.is_some_and(|seen| !std::mem::replace(seen, true));
            if !fresh || y[[row, task]].is_nan() {
                let found = format!("row {row}, task {task}");
                return Err(wrong(found, "each entry that was observed, and once"));
            }
            if row > opened {
                let expected = "rows in the order of their first observations";
                return Err(wrong(format!("row {row} before row {opened}"), expected));
            }
            opened = opened.max(row + 1);
        }
        if opened < data.n_rows() {
            let found = format!("a row {opened} without any");
            return Err(wrong(found, "an observation at each row"));
        }
        data.entries = Some(entries);
        Ok(data)
    }

    /// As [`Dataset::long`], with the names of the tasks as labels. The names given fix the order of
    /// the tasks and may contain tasks without any observation; without them the tasks are the
    /// distinct labels, sorted.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0], [0.0]], array![1.0, 2.0, 10.0]);
    /// let labels = ["level", "level", "flow"];
    /// let data = Dataset::long_labelled(x.view(), y.view(), &labels, None)?;
    /// assert_eq!(data.task_names(), ["flow", "level"]);
    /// let names = ["level", "flow", "salt"];
    /// let data = Dataset::long_labelled(x.view(), y.view(), &labels, Some(&names))?;
    /// assert_eq!((data.task_names(), data.n_observed()), (&names.map(String::from)[..], 3));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dataset::long`]; [`Error::UnknownName`] for a label that is none of the names;
    /// [`Error::InvalidValue`] for repeated names.
    pub fn long_labelled<L: AsRef<str>>(
        x: ArrayView2<f64>,
        y: ArrayView1<f64>,
        labels: &[L],
        task_names: Option<&[&str]>,
    ) -> Result<Self> {
        check_list(x, y, "labels", labels.len())?;
        let names = match task_names {
            Some(names) => check_names("task_names", names.iter().copied(), names.len())?,
            None => {
                let distinct: BTreeSet<&str> = labels.iter().map(AsRef::as_ref).collect();
                distinct.into_iter().map(String::from).collect()
            }
        };
        let known: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(t, name)| (name.as_str(), t)).collect();
        let number = |label: &L| {
            known.get(label.as_ref()).copied().ok_or_else(|| Error::UnknownName {
                kind: "task label".to_string(),
                name: label.as_ref().to_string(),
                known: names.clone(),
            })
        };
        let tasks = labels.iter().map(number).collect::<Result<Vec<usize>>>()?;
        table(x, y, &tasks, names)
    }
}

/// Checks shapes and numbers of a list of observations.
fn check_list(x: ArrayView2<f64>, y: ArrayView1<f64>, labels: &str, count: usize) -> Result<()> {
    check_inputs(x)?;
    check_count("y", y.len(), x.nrows(), "row of x")?;
    check_count(labels, count, x.nrows(), "row of x")?;
    match y.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        None => Ok(()),
        Some((row, &value)) => {
            Err(Error::NotFinite { argument: "y".to_string(), row, column: 0, value })
        }
    }
}

/// The table of a list of observations whose tasks are below the number of names.
fn table(
    x: ArrayView2<f64>,
    y: ArrayView1<f64>,
    tasks: &[usize],
    task_names: Vec<String>,
) -> Result<Dataset> {
    // Number of each distinct input, its rows in the table, and how often each task was seen there.
    let mut inputs: HashMap<Vec<u64>, usize> = HashMap::new();
    let mut rows_of: Vec<Vec<usize>> = Vec::new();
    let mut seen: HashMap<(usize, usize), usize> = HashMap::new();
    // The observation that opened each row of the table.
    let mut opened: Vec<usize> = Vec::new();
    let mut entries = Vec::with_capacity(tasks.len());
    let mut bits = Vec::with_capacity(x.ncols());
    for (i, (row, &task)) in x.rows().into_iter().zip(tasks).enumerate() {
        bits.clear();
        bits.extend(row.iter().map(|v| (v + 0.0).to_bits())); // -0.0 + 0.0 is 0.0
        let input = match inputs.get(&bits) {
            Some(&input) => input,
            None => {
                inputs.insert(bits.clone(), rows_of.len());
                rows_of.push(Vec::new());
                rows_of.len() - 1
            }
        };
        let repeat = seen.entry((input, task)).or_insert(0);
        if rows_of[input].len() == *repeat {
            rows_of[input].push(opened.len());
            opened.push(i);
        }
        entries.push((rows_of[input][*repeat], task));
        *repeat += 1;
    }
    let mut table = Array2::from_elem((opened.len(), task_names.len()), f64::NAN);
    entries.iter().zip(y).for_each(|(&at, &value)| table[at] = value);
    let inputs = Array2::from_shape_fn((opened.len(), x.ncols()), |(r, j)| x[[opened[r], j]] + 0.0);
    check_scales("x", inputs.view(), "column")?;
    check_scales("y", table.view(), "task")?;
    Ok(Dataset {
        feature_names: (0..x.ncols()).map(|j| format!("x{j}")).collect(),
        x: inputs,
        y: table,
        task_names,
        n_observed: entries.len(),
        noise_variances: None,
        entries: Some(entries),
        is_vector: false,
    })
}
