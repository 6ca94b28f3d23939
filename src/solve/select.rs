//! Which solver when: every rule in one place.
//!
//! | solver | serves | exact | multiply-adds of likelihood and gradient | doubles |
//! |---|---|---|---|---|
//! | `kronecker` | complete tables | yes | 8 n^3 once, then n T^2 a step | 5 n^2 + 10 n T |
//! | `low-rank` | complete tables | to a bound | n r^2 + r^3 / 3, then (r + T) T^2 a step | 5 n^2 + 10 n T |
//! | `choleskys` | complete tables, T up to 64 | yes | T n^3 | (T + 3) n^2 |
//! | `schur` | one noise covariance at every row | yes | kronecker + n m^2 + T m n (m + n) | + T m n + 3 m^2 |
//! | `congruent` | complete tables, two terms, the second `c K2 (x) Sigma` | yes | 12 n^3 | 8 n^2 + 10 n T |
//! | `mixed` | mixed latent functions | yes | Q n^3 + M^3 + Q M n (M + n) / 2 | 3 Q n^2 + Q n T + 3 M^2 |
//! | `dense` | everything | yes | N^3 | 3 N^2 + 2 n^2 |
//! | `cg` | everything | to a tolerance | products of n^2 T | 2 n^2 + (r + 6 p + 100) N |
//!
//! n rows, T tasks, N observed entries, m gaps (M of a mixing, which has Q latent functions), r the rank of
//! the Gram matrix or of the preconditioner, p probes. Left to itself the
//! selection takes the first that serves in the order: `choleskys` for the single evaluation of few
//! tasks and `kronecker` otherwise; `schur` or `mixed` where it is cheaper than `dense`, and for more than 12,000
//! observed entries up to 2 n gaps; `dense` up to 12,000 observed entries; any other of the first three;
//! `cg`. Never `low-rank`: how few columns of a Gram matrix say all of it is known only once they were
//! taken, and its answers are exact to a bound alone. It needs 3 n r doubles where it serves, and as many as
//! `kronecker` where it gives up. Where B and the noise are T x T matrices all take 10 T^2 doubles more. What does not fit into
//! memory is passed over, and where nothing is left the error says so. Restarts that run at the same time
//! take what they need each.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Observed entries up to which the dense solver is chosen by itself.
pub(super) const DENSE_UP_TO: usize = 12_000;
/// Tasks up to which one Cholesky factor for each is kept.
const CHOLESKYS_UP_TO: usize = 64;
/// An eigendecomposition with all its products takes as long as this many n^3 / 3 of a Cholesky
/// factorisation (measured with both backends at n = 500 to 2000: 13 to 24).
const EIGENDECOMPOSITION: f64 = 20.0;
/// Observed entries below which learning alternates whatever the gaps.
const SMALL: usize = 1000;
/// Observed entries that learning with `cg` begins with, about.
const LEARNED_FROM: f64 = 4000.0;

/// How the covariance of the data is factored.
///
/// ```
/// use coregion::prelude::*;
/// assert_eq!("schur".parse::<Solver>()?, Solver::Schur);
/// assert_eq!(Solver::Dense.to_string(), "dense");
/// assert!(matches!("sparse".parse::<Solver>(), Err(Error::UnknownName { .. })));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Solver {
    /// The cheapest exact solver that serves, and `cg` where none does.
    #[default]
    Auto,
    /// The Kronecker eigendecomposition: exact, for complete tables.
    Kronecker,
    /// A pivoted Cholesky factor of the Gram matrix in place of its eigendecomposition: for complete tables
    /// and smooth kernels. The report bounds how far the log-likelihood is from the exact one; where more
    /// than n / 3 columns are needed, it is `Kronecker` that serves. Never chosen by `Auto`.
    LowRank,
    /// One Cholesky factor for each direction between tasks: exact, for complete tables of few tasks.
    Choleskys,
    /// The Kronecker eigendecomposition and a Schur complement on the gaps: exact, for tables with gaps
    /// and one noise covariance at every row. Where noise given is less than about 1e-9 of the signal it
    /// loses digits that `Dense` keeps.
    Schur,
    /// The Cholesky factor of the covariance of all observed entries: exact.
    Dense,
    /// Preconditioned conjugate gradients and a stochastic log-determinant: approximate, to tolerances
    /// that the report names.
    Cg,
    /// Simultaneous diagonalisation of two terms of which the second is a multiple of the noise
    /// ([`crate::task::NoiseMultiple`]): exact, for complete tables, at the cost of one term.
    Congruent,
    /// One Cholesky factor for each latent function of a mixing, and a Schur complement on the gaps:
    /// exact, for models with a mixing and one noise covariance at every row.
    Mixed,
}

const NAMES: [(Solver, &str); 9] = [
    (Solver::Auto, "auto"),
    (Solver::Kronecker, "kronecker"),
    (Solver::LowRank, "low-rank"),
    (Solver::Choleskys, "choleskys"),
    (Solver::Schur, "schur"),
    (Solver::Dense, "dense"),
    (Solver::Cg, "cg"),
    (Solver::Congruent, "congruent"),
    (Solver::Mixed, "mixed"),
];

impl FromStr for Solver {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(solver, _)| *solver).ok_or_else(|| Error::UnknownName {
            kind: "solver".to_string(),
            name: name.to_string(),
            known: NAMES.iter().map(|(_, known)| (*known).to_string()).collect(),
        })
    }
}

impl fmt::Display for Solver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(solver, _)| solver == self);
        f.write_str(name.map_or("auto", |(_, name)| name))
    }
}

/// What there is to be solved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Problem {
    pub(crate) n_rows: usize,
    pub(crate) n_tasks: usize,
    pub(crate) n_observed: usize,
    /// Number of separable terms Q.
    pub(crate) n_terms: usize,
    /// Whether the terms are latent functions of a mixing.
    pub(crate) mixed: bool,
    /// Whether the second of two terms is a multiple of the noise.
    pub(crate) congruent: bool,
    /// Whether noise variances of single observations are known.
    pub(crate) known_noise: bool,
    /// Whether Sigma has no variance of its own.
    pub(crate) no_noise: bool,
    /// Whether B is kept as a factor, and no T x T matrix is wanted.
    pub(crate) factored: bool,
    /// Rank of the preconditioner of `cg`, and vectors it has in work.
    pub(crate) cg_vectors: usize,
    /// Coefficients of a mean to be estimated, each of which takes a solve where no structure serves all.
    pub(crate) n_coefficients: usize,
    /// Whether parameters are learned, so that many evaluations follow.
    pub(crate) learning: bool,
}

/// The solver that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) solver: Solver,
    pub(crate) why: String,
}

/// One solver before a problem: why it cannot serve, or what it costs.
struct Candidate {
    solver: Solver,
    refusal: Option<String>,
    /// Whether it is taken where the user left the choice.
    preferred: bool,
    why: String,
    doubles: f64,
}

impl Candidate {
    /// Solvers of complete tables, which are worth their time wherever they fit.
    fn exact_beyond_preference(&self) -> bool {
        matches!(self.solver, Solver::Choleskys | Solver::Kronecker)
    }
}

impl Problem {
    fn n_missing(&self) -> usize {
        self.n_rows * self.n_tasks - self.n_observed
    }

    /// Why the eigenbasis of K does not serve.
    fn not_spectral(&self) -> Option<String> {
        if self.known_noise {
            return Some("it needs the same noise at every row".to_string());
        }
        if self.mixed {
            return Some("it needs a task covariance that no mixing makes".to_string());
        }
        if self.n_terms > 1 {
            return Some(format!("it needs one separable term, and there are {}", self.n_terms));
        }
        self.no_noise.then(|| "it needs noise".to_string())
    }

    fn not_complete(&self) -> Option<String> {
        let m = self.n_missing();
        let gaps =
            (m > 0).then(|| format!("it needs a complete table, and {m} entries are missing"));
        gaps.or_else(|| self.not_spectral())
    }

    /// Multiply-adds of likelihood and gradient by the Schur complement, and densely.
    fn costs(&self) -> (f64, f64) {
        let (n, t) = (self.n_rows as f64, self.n_tasks as f64);
        let (m, observed) = (self.n_missing() as f64, self.n_observed as f64);
        let spectral = EIGENDECOMPOSITION * n.powi(3) / 3.0 + 2.0 * n.powi(3);
        let gaps = n * m * m + m.powi(3) / 3.0 + t * m * n * (m + n) / 2.0 + t * t * m * n;
        (spectral + gaps, observed.powi(3))
    }

    /// Why there is no common congruence.
    fn not_congruent(&self) -> Option<String> {
        if !self.congruent {
            let what = "it needs two terms, the second a multiple of the noise";
            return Some(what.to_string());
        }
        let m = self.n_missing();
        let gaps =
            (m > 0).then(|| format!("it needs a complete table, and {m} entries are missing"));
        let known = self.known_noise.then(|| "it needs the same noise at every row".to_string());
        let none = || self.no_noise.then(|| "it needs noise".to_string());
        gaps.or(known).or_else(none)
    }

    /// Doubles that the coefficients of a mean take by their entries at what was observed.
    fn mean_doubles(&self) -> f64 {
        3.0 * self.n_coefficients as f64 * self.n_observed as f64
    }

    /// Why the latent functions are no problems of their own.
    fn not_mixed(&self) -> Option<String> {
        if !self.mixed {
            return Some("it needs a mixing of latent functions".to_string());
        }
        self.known_noise.then(|| "it needs the same noise at every row".to_string())
    }

    /// Multiply-adds of likelihood and gradient by one factor for each latent function.
    fn mixed_cost(&self) -> f64 {
        let (n, m, q) = (self.n_rows as f64, self.n_missing() as f64, self.n_terms as f64);
        q * n.powi(3) + m.powi(3) + q * m * n * (m + n) / 2.0
    }

    /// Doubles that this takes.
    fn mixed_doubles(&self) -> f64 {
        let (n, t, q) = (self.n_rows as f64, self.n_tasks as f64, self.n_terms as f64);
        let m = self.n_missing() as f64;
        let of_gaps =
            if m > 0.0 { q * n * n + 3.0 * m * m + q * m * n + self.mean_doubles() } else { 0.0 };
        (3.0 * q + 1.0) * n * n + (q + 10.0) * n * t + t * t + of_gaps
    }

    fn candidates(&self) -> [Candidate; 8] {
        let (n, t) = (self.n_rows as f64, self.n_tasks as f64);
        let (m, observed) = (self.n_missing() as f64, self.n_observed as f64);
        let (schur, dense) = self.costs();
        let table = format!(
            "{} of {} entries missing",
            self.n_missing(),
            self.n_rows.saturating_mul(self.n_tasks)
        );
        let terms = format!("a sum of {} separable terms", self.n_terms);
        let what = match (self.known_noise, self.n_terms) {
            (true, _) => "noise known for single observations",
            (false, 1) => &table,
            (false, _) if self.mixed => &table,
            (false, _) => &terms,
        };
        // The Gram matrices, and what their gradients take on the way.
        let grams = 2.0 * self.n_terms as f64 * n * n;
        let between = if self.factored { 0.0 } else { 10.0 * t * t };
        let whole = 10.0 * t * t * self.n_terms as f64;
        let many = self.n_tasks > CHOLESKYS_UP_TO || self.factored;
        let few_tasks = many.then(|| format!("it needs at most {CHOLESKYS_UP_TO} tasks"));
        [
            Candidate {
                solver: Solver::Choleskys,
                refusal: self.not_complete().or(few_tasks),
                preferred: !self.learning && t < EIGENDECOMPOSITION / 3.0,
                why: "complete table, few tasks, nothing to learn: one Cholesky factor for each \
                      direction between tasks is cheaper than an eigendecomposition"
                    .to_string(),
                doubles: (t + 3.0) * n * n + whole,
            },
            Candidate {
                solver: Solver::Kronecker,
                refusal: self.not_complete(),
                preferred: true,
                why:
                    "complete table, one separable term: one eigendecomposition of the Gram matrix \
                      serves every task"
                        .to_string(),
                doubles: 5.0 * n * n + 10.0 * n * t + between,
            },
            Candidate {
                solver: Solver::LowRank,
                refusal: self.not_complete(),
                preferred: false,
                why: "complete table, one separable term: a pivoted Cholesky factor of the Gram \
                      matrix serves every task"
                    .to_string(),
                doubles: 5.0 * n * n + 10.0 * n * t + between,
            },
            Candidate {
                solver: Solver::Schur,
                refusal: self.not_spectral(),
                preferred: schur <= dense
                    && (self.n_observed <= DENSE_UP_TO || self.n_missing() <= 2 * self.n_rows),
                why: format!(
                    "{table}, one separable term: the Kronecker eigendecomposition and a Schur \
                     complement on what is missing"
                ),
                doubles: 5.0 * n * n
                    + 10.0 * n * t
                    + t * m * n
                    + 3.0 * m * m
                    + whole
                    + self.mean_doubles(),
            },
            Candidate {
                solver: Solver::Congruent,
                refusal: self.not_congruent(),
                preferred: true,
                why: "complete table, two terms, the second a multiple of the noise: one congruence of \
                      the Gram matrices serves every task"
                    .to_string(),
                doubles: 8.0 * n * n + 10.0 * n * t + whole + self.mean_doubles(),
            },
            Candidate {
                solver: Solver::Mixed,
                refusal: self.not_mixed(),
                preferred: self.mixed_cost() <= dense
                    && (self.n_observed <= DENSE_UP_TO || self.n_missing() <= 2 * self.n_rows),
                why: format!(
                    "{} mixed latent functions, {table}: one Cholesky factor for each latent function",
                    self.n_terms
                ),
                doubles: self.mixed_doubles(),
            },
            Candidate {
                solver: Solver::Dense,
                refusal: None,
                preferred: self.n_observed <= DENSE_UP_TO,
                why: format!("{what}: the covariance of {} observations", self.n_observed),
                doubles: 3.0 * observed * observed + grams + whole + self.mean_doubles(),
            },
            Candidate {
                solver: Solver::Cg,
                refusal: None,
                preferred: true,
                why: format!("{what}, {} observations", self.n_observed),
                // Learning begins with some of the rows, factored densely.
                doubles: (if self.learning {
                    3.0 * LEARNED_FROM.min(observed).powi(2)
                } else {
                    0.0
                }) + grams
                    + (self.cg_vectors as f64 + 100.0) * observed
                    + whole
                    + self.mean_doubles(),
            },
        ]
    }

    /// Doubles that a solver takes; none is taken by [`Solver::Auto`], which only stands for another.
    pub(crate) fn doubles(&self, solver: Solver) -> usize {
        let candidates = self.candidates();
        // The conversion saturates.
        candidates.iter().find(|c| c.solver == solver).map_or(0, |c| c.doubles as usize)
    }

    /// Multiply-adds of a likelihood with its gradient by an exact solver.
    pub(crate) fn gradient_cost(&self) -> f64 {
        let (schur, dense) = self.costs();
        if self.not_spectral().is_none() { schur.min(dense) } else { dense }
    }

    /// True where steps over B and Sigma at one spectrum are worth their price.
    ///
    /// With gaps alternating learning was measured to take about 10 eigendecompositions with about 60 inner
    /// steps each; joint learning 100 to 220 evaluations of everything. Without gaps inner steps cost next
    /// to nothing, and in small tables either way is quick, alternating to the more exact optimum.
    pub(crate) fn alternating_is_cheaper(&self) -> bool {
        let (n, t, m) = (self.n_rows as f64, self.n_tasks as f64, self.n_missing() as f64);
        let spectral = EIGENDECOMPOSITION * n.powi(3) / 3.0 + 2.0 * n.powi(3);
        let gradient = t * m * n * n / 2.0;
        let inner = n * t * t + n * m * m + m.powi(3) / 3.0 + t * m * m * n / 2.0 + t * t * m * n;
        self.n_observed < SMALL
            || 10.0 * (spectral + gradient + 60.0 * inner) <= 150.0 * (spectral + gradient + inner)
    }
}

/// Chooses a solver; `memory` bounds it in bytes.
///
/// # Errors
/// [`Error::Incompatible`] where the one asked for cannot serve, naming those that can;
/// [`Error::Memory`] where what it needs is beyond memory, or where nothing fits.
pub(crate) fn select(request: Solver, problem: &Problem, memory: usize) -> Result<Choice> {
    let candidates = problem.candidates();
    let bytes = |c: &Candidate| 8.0 * c.doubles;
    let fits = |c: &Candidate| bytes(c) <= memory as f64;
    let too_large = |c: &Candidate, advice: String| Error::Memory {
        what: format!("the solver {}", c.solver),
        needed: bytes(c) as usize,
        budget: memory,
        advice,
    };
    // Coefficients may be what does not fit.
    let fewer = match problem.mean_doubles() * 8.0 > 0.5 * memory as f64 {
        true => "fit fewer rows, or hold the means (`Mean::Training`)",
        false => "or fit fewer rows",
    };
    let serving: Vec<&Candidate> = candidates.iter().filter(|c| c.refusal.is_none()).collect();
    let names = |list: &[&Candidate]| -> String {
        list.iter().map(|c| c.solver.to_string()).collect::<Vec<_>>().join(", ")
    };
    if request == Solver::Auto {
        let exact = |c: &&&Candidate| c.solver != Solver::Cg;
        let preferred = serving.iter().filter(exact).find(|c| c.preferred && fits(c));
        let of_spectra = || serving.iter().find(|c| c.exact_beyond_preference() && fits(c));
        let approximate = || serving.iter().find(|c| c.solver == Solver::Cg && fits(c));
        let chosen = preferred.or_else(of_spectra).or_else(approximate);
        let smallest = serving.iter().min_by(|a, b| a.doubles.total_cmp(&b.doubles));
        return match (chosen, smallest) {
            (Some(c), _) if c.solver == Solver::Cg => Ok(Choice {
                solver: c.solver,
                why: format!("{}: too many for the exact solvers and their memory", c.why),
            }),
            (Some(c), _) => Ok(Choice { solver: c.solver, why: c.why.clone() }),
            (None, Some(c)) => Err(too_large(
                c,
                format!("no solver serves within it: raise `solver_memory`, {fewer}"),
            )),
            (None, None) => Err(Error::Incompatible {
                options: "this data and any solver".to_string(),
                advice: "leave the solver to `auto`".to_string(),
            }),
        };
    }
    let Some(candidate) = candidates.iter().find(|c| c.solver == request) else {
        return select(Solver::Auto, problem, memory);
    };
    if let Some(reason) = &candidate.refusal {
        return Err(Error::Incompatible {
            options: format!("solver '{request}' and this data ({reason})"),
            advice: format!("use one of: auto, {}", names(&serving)),
        });
    }
    if !fits(candidate) {
        let others: Vec<&Candidate> = serving.into_iter().filter(|c| fits(c)).collect();
        let advice = if others.is_empty() {
            format!("raise `solver_memory`, {fewer}")
        } else {
            format!("raise `solver_memory`, or use one of: {}", names(&others))
        };
        return Err(too_large(candidate, advice));
    }
    Ok(Choice { solver: request, why: format!("asked for ({})", candidate.why) })
}

#[cfg(test)]
mod tests;
