//! Model files: what a fitted model is kept in, and read back from exactly as it was.
//!
//! ```
//! # use coregion::prelude::*;
//! # use ndarray::array;
//! # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
//! # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
//! # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
//! # let path = std::env::temp_dir().join(format!("coregion-io-{}.safetensors", std::process::id()));
//! gp.save(&path)?;
//! let again = FittedMultiTaskGp::load(&path)?;
//! assert_eq!(again.parameters(), gp.parameters());
//! # std::fs::remove_file(&path).ok();
//! # Ok::<(), coregion::Error>(())
//! ```
//!
//! # The file
//!
//! A model file is a valid [safetensors](https://github.com/huggingface/safetensors) file, so that its
//! numbers can be read by any program that reads those: 8 bytes with the length of the header
//! (unsigned, little-endian), the header (a JSON object, padded with spaces to a multiple of 8 bytes),
//! and the bytes of the arrays, row-major and little-endian, in the order of their names and without
//! gaps.
//!
//! ```python
//! from safetensors import safe_open            # pip install safetensors numpy
//! with safe_open("model.safetensors", "np") as file:
//!     print(file.metadata()["kind"], file.get_tensor("parameters"))
//! ```
//!
//! Arrays are of the type `F64` and hold finite numbers, and NaN where that is said. The last tensor is `checksum`, `U8` of shape
//! `[32]`: the SHA-256 of every byte of the file before it. A reader checks it before it looks at
//! anything else.
//!
//! The `__metadata__` of the header has these keys and no other; as the format wants, all are strings:
//!
//! | key | content |
//! | --- | --- |
//! | `format` | `coregion` |
//! | `version` | `1`: the version of everything that is said here |
//! | `kind` | the kind of model: `multi-task-gp` or `multi-task-kernel-ridge` |
//! | `writer` | what wrote the file, such as `coregion 0.1.0` |
//! | `requires` | a JSON list of strings, sorted: what a reader must know |
//! | `model` | the document, a JSON object |
//!
//! They are looked at in the order `format`, `version`, `kind`, `requires`, `model`, and a reader stops
//! at the first that it does not know, with the name of what is missing and of who wrote the file.
//! A new kernel, task covariance, noise, mean, layout or criterion is a new name in `requires`; version
//! 2 is for whatever changes the meaning of what stands here.
//!
//! # Kind `multi-task-gp`
//!
//! The file holds the data, the settings that decide which parameters there are and how their
//! covariance is factored, and the values of the parameters. Nothing that follows from these is kept: a
//! reader binds the model to the data, sets the values, factors the covariance again, and compares the
//! log marginal likelihood with the one stored. They may differ by 1e-8 of the larger of its magnitude
//! and 1; where the solver only estimates it, by the solver's own relative tolerance in place of 1e-8,
//! and by two standard errors of its log-determinant more.
//!
//! The data are the whole data set: rows at which nothing was observed are kept too. Their layout is
//! [`complete`](crate::data::Layout::Complete), `masked` or `long`, which `requires` says. Only in
//! `y` and `noise_variances` may there be NaN, and not where the layout is `complete`: it stands for
//! what was not observed, in both at the same entries. `masked` data have at least one NaN.
//!
//! | array | shape | content |
//! | --- | --- | --- |
//! | `x` | (n, d) | inputs |
//! | `y` | (n, T), or (n) where the outputs of one task were a vector | outputs, NaN where nothing was observed |
//! | `noise_variances` | (n, T) | known variances of the noise of the observations, where they are known |
//! | `entries` | (N, 2) | of `long` data: row and task of each observation, in the order in which they were given; rows stand in the order of their first observations |
//! | `parameters` | (P) | every natural value in the order of the layout: kernel, warps, B, noise, means |
//! | `noise` | (T) or (T, T) | with noise `variances` or `covariance` |
//! | `mean` | (T) | with mean `given` |
//! | `standard_errors` | (T, T) | of the task correlations, where they are known |
//!
//! | key of the document | content |
//! | --- | --- |
//! | `kernel`, `task` | the kernel and the task covariance as given before learning: nodes |
//! | `noise` | `shared`, `per-task`, `full`, `variances`, `covariance` or `none` |
//! | `mean` | `zero`, `training` or `given` |
//! | `warps` | list of nodes, the warp of each task or one for all; absent where there is none |
//! | `scale_x`, `scale_y` | whether units follow the columns: `true` or `false` |
//! | `fixed` | list of the paths of parameters held |
//! | `ties` | list of pairs of paths; ties come before what is held |
//! | `memory_budget` | bytes that predictions may take |
//! | `solver` | the solver asked for: `auto`, `kronecker`, `low-rank`, `choleskys`, `schur`, `dense` or `cg` |
//! | `solver_memory` | bytes that the solver may take |
//! | `cg` | tolerances of the iterative solver: the fields of [`CgSettings`](crate::solve::CgSettings) |
//! | `rank_tol` | the share of the trace that `low-rank` may leave out; absent where it is the default and another solver was asked for |
//! | `learns` | whether parameters were learned, on which the choice of `auto` depends |
//! | `task_names`, `feature_names` | T and d distinct strings |
//! | `log_marginal_likelihood` | natural log, in the units of `y` |
//! | `report` | what the fit did: the fields of [`FitReport`](crate::estimator::FitReport) |
//!
//! A node is an object with `name`, and where they are not empty `values` (by name: a switch, a number,
//! a string, a list of numbers, or a list of such lists, its rows), `fixed` (a list of names of values
//! held) and `children` (a list of nodes). A number written without a decimal point is a count. Names
//! and values are those of [`Spec`](crate::spec::Spec). A tree has at most 1000 nodes, 32 above each
//! other; a node has at most 64 values.
//!
//! In `report`, `stop` and `warnings` are written in lower case with hyphens (`"converged"`,
//! `{"noise-at-floor": {"name": "flow"}}`), `wall_time` as `{"secs": .., "nanos": ..}`, and `solve`
//! with the fields of [`SolveReport`](crate::solve::SolveReport). No key of an object may be twice or
//! unknown, and none absent but `warps` and, in `solve`, `rank`, `tolerance` and `relative_residual`, which are
//! then `null`, `log_det_std_err`, which is then 0, and `log_likelihood_bound`, where there is none.
//!
//! `requires` has `layout/<layout>`, `noise/<noise>`, `mean/<mean>`, `warp/<name>` for each warp, `noise-variances/entries` where
//! noise variances are known, `solver/low-rank` where there is a `rank_tol`, and `kernel/<name>` and `task/<name>` for each node.
//!
//! # Kind `multi-task-kernel-ridge`
//!
//! The file holds the data, the settings of the solution and how they were chosen. A reader decomposes
//! the Gram matrix again, solves at `alpha`, and puts the dual coefficients and intercepts that are
//! stored into the equations of its model: what they leave may have 1e-8 of the largest term. That is
//! the share that rounding errors of any stable method stay below, however small the penalty is, while
//! coefficients, norms and likelihoods of near singular equations depend on them.
//!
//! Data are complete tables without NaN. Long data that fill their table are kept as that table: what is
//! read is [`complete`](crate::data::Layout::Complete), and does not know in which order its
//! observations were given. Whatever else the model says does not depend on it.
//!
//! | array | shape | content |
//! | --- | --- | --- |
//! | `x` | (n, d) | inputs |
//! | `y` | (n, T), or (n) as above | outputs |
//! | `dual` | (n, T) | dual coefficients C: `f(x) = b + k(x, X) C B` |
//! | `intercept` | (T) | b, where fitted |
//! | `weights` | (n) | of the rows, where given |
//! | `task_penalties` | (T) | the penalty of each task at `alpha` 1 |
//! | `unit_penalties` | (T) | the same over the weights of the tasks |
//! | `alphas` | (A) | penalties there were to choose from |
//! | `cv_errors` | (C, A) | the criterion of each task covariance and penalty, where there was a choice; the largest finite number where it could not be computed |
//!
//! | key of the document | content |
//! | --- | --- |
//! | `kernel`, `task` | nodes as above, all of whose values are given |
//! | `memory_budget` | bytes that covariances may take |
//! | `search_ended` | true where a search for better penalties ended before a minimum |
//! | `alpha` | the penalty |
//! | `fit_intercept` | `true` or `false` |
//! | `criterion` | `gcv`, or `squared-error-` or `log-density-` and `row`, `entry`, `task`, `groups` or `groups-by-task` |
//! | `labels` | list of whole numbers, one for each row; empty unless the criterion is by groups |
//! | `criterion_value` | at the penalty taken, `null` where there was no choice |
//! | `wall_time` | `{"secs": .., "nanos": ..}` |
//! | `task_names`, `feature_names` | T and d distinct strings |
//!
//! `requires` has `layout/complete`, `criterion/<criterion>`, `kernel/<name>` and `task/<name>` for each
//! node, `weights/rows` where rows have weights, and `intercept/tasks` where there are intercepts.
//!
//! # Numbers in documents
//!
//! JSON numbers are written so that reading them gives the same 64 bits.
//!
//! # Files that cannot be trusted
//!
//! The checksum finds accidents, not intent. A file made on purpose is refused with
//! [`Error::ModelFile`](crate::Error::ModelFile) where it contradicts itself, and otherwise is the model
//! that it describes; it holds no code. What it asks for is compared with what it holds, and with
//! [`LoadOptions::memory_budget`], before memory is taken: reading takes a few times the size of the
//! file, at most 20 times where it is made of lists of single digits, and making the model what the
//! solver takes that will factor the covariance, which is what the budget is for: about 5 n^2 doubles
//! for n rows of a complete table, T m n + 3 m^2 more with m gaps and `schur`, 3 N^2 + 2 n^2 for N
//! observations and `dense` ([`posterior_doubles`](crate::gp::Model::posterior_doubles)). A file that
//! asks for a solver which cannot serve its data is refused. The time is that of evaluating the kernel
//! once and of one such factorisation, n^3 or N^3 operations, or with `cg` as many products of n^2 T as
//! it makes at most. The budget bounds it too: lower it where files come from strangers.

mod container;
mod description;
mod features;
mod files;
mod header;
mod kept;
mod kernel_ridge;
mod multi_task_gp;
mod options;
mod parts;
mod refusal;
mod report;
mod warps;

pub use kept::{kind, load, load_with};
pub use options::LoadOptions;
