//! Messages of the core in the words of the Python package.

/// What the core calls a thing, and what a Python user types. Longer names first.
const WORDS: [(&str, &str); 17] = [
    ("`Dataset::append_with_noise_variances`", "give `noise_variance`"),
    ("`Dataset::append`", "leave `noise_variance` out"),
    ("give variances with `Dataset::with_noise_variances`", "give `noise_variance`"),
    (
        "a table of the shape of y to `Dataset::with_noise_variances`",
        "`noise_variance` of the shape of y",
    ),
    ("`Dataset::long_labelled` with task names declares", "`task_names` declares"),
    ("`FittedMultiTaskGp::k_fold`", "`k_fold`"),
    ("; `FittedMultiTaskGp::posterior` has the covariances of the warped outputs", ""),
    ("`Uncertainty::Observation`", "`include_noise=True`"),
    ("`LoadOptions::memory_budget`", "`memory_budget`"),
    ("`LowRank::plus_noise`", "`LowRank(residual=\"noise\")`"),
    ("`Mean::Training`", "`mean=\"training\"`"),
    ("`MixedFactor::adjoints_with`, or the solver dense", "the solver dense"),
    ("`Noise::PerTask`", "`noise=\"per-task\"`"),
    ("`coregion::load`", "`coregion.load`"),
    ("`Uncertainty::None` and standard deviations", "a prediction without `return_std`"),
    ("`Uncertainty::Std` or `Uncertainty::Observation`", "`return_std=True`"),
    ("`labels`", "`groups`"),
];

/// Arguments of the core that have other names in Python: what stands before the colon of a message.
const ARGUMENTS: [(&str, &str); 6] = [
    ("x", "X"),
    ("xs", "X"),
    ("ys", "y"),
    ("noise_variances", "noise_variance"),
    ("gradient_tolerance", "tol"),
    ("max_iterations", "max_iter"),
];

/// The message, or the name of an argument, as a Python user reads it.
pub(crate) fn in_python(message: String) -> String {
    let (argument, rest) = message.split_once(": ").unwrap_or((&message, ""));
    let message = match ARGUMENTS.iter().find(|(rust, _)| *rust == argument) {
        Some((_, python)) if rest.is_empty() => (*python).to_string(),
        Some((_, python)) => format!("{python}: {rest}"),
        None => message,
    };
    WORDS.iter().fold(message, |message, (rust, python)| {
        if message.contains(rust) { message.replace(rust, python) } else { message }
    })
}
