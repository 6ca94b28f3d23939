//! The checks of this workspace, run as `cargo xtask <task>`.
//!
//! - `cargo xtask test [--only rust|lapack|python]`: everything that must hold before a commit, cheapest
//!   first, stopping at the first command that fails. The second part repeats lints, tests and
//!   documentation with the feature `lapack`, if a system OpenBLAS is found; the third builds the wheel
//!   and tests it, with notebooks and example scripts, if a Python is found. Without what it needs a part
//!   is skipped, unless `COREGION_REQUIRE_LAPACK=1`, `COREGION_REQUIRE_PYTHON=1` or `--only` asks for it.
//! - `cargo xtask stubs [--check]`: writes the Python classes of kernels and task covariances.
//! - `cargo xtask docs`: the documentation alone, of Rust and of Python.
//! - `cargo xtask bench`: every benchmark; each writes its table into `benchmarks`.

mod python;
mod rust;
mod step;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use step::{Outcome, State, run};

const USAGE: &str = "usage: cargo xtask test [--only rust|lapack|python]\n       \
                     cargo xtask stubs [--check]\n       \
                     cargo xtask docs\n       \
                     cargo xtask bench";

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Rust,
    Lapack,
    Python,
}

enum Task {
    Test(Option<Part>),
    Stubs { check: bool },
    Docs,
    Bench,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(task) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let root = root();
    if let Err(error) = env::set_current_dir(&root) {
        eprintln!("xtask: cannot enter {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    let started = Instant::now();
    let mut outcomes = Vec::new();
    let passed = match task {
        Task::Test(only) => test(only, &mut outcomes),
        Task::Stubs { check } => python::stubs(check, &mut outcomes),
        Task::Docs => run(rust::docs(None), &mut outcomes) && python::site(&mut outcomes),
        Task::Bench => rust::benches(&mut outcomes) && python::bench(&mut outcomes),
    };
    summarise(&outcomes, passed, started.elapsed().as_secs_f64());
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(arguments: &[&str]) -> Option<Task> {
    let part = |name: &str| match name {
        "rust" => Some(Part::Rust),
        "lapack" => Some(Part::Lapack),
        "python" => Some(Part::Python),
        _ => None,
    };
    match arguments {
        ["test"] => Some(Task::Test(None)),
        ["test", "--only", name] => part(name).map(|part| Task::Test(Some(part))),
        ["test", only] => part(only.strip_prefix("--only=")?).map(|part| Task::Test(Some(part))),
        ["stubs"] => Some(Task::Stubs { check: false }),
        ["stubs", "--check"] => Some(Task::Stubs { check: true }),
        ["docs"] => Some(Task::Docs),
        ["bench"] => Some(Task::Bench),
        _ => None,
    }
}

/// The root of the workspace, which holds this package's folder.
fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// Runs the parts asked for; false as soon as a command fails.
fn test(only: Option<Part>, outcomes: &mut Vec<Outcome>) -> bool {
    let wanted = |part: Part| only.is_none() || only == Some(part);
    let asked = only.is_some();
    (!wanted(Part::Rust) || rust::rust(outcomes))
        && (!wanted(Part::Lapack) || rust::lapack(asked, outcomes))
        && (!wanted(Part::Python) || python::python(asked, !asked, outcomes))
}

fn summarise(outcomes: &[Outcome], passed: bool, seconds: f64) {
    println!("\n=== summary");
    for outcome in outcomes {
        let state = match outcome.state {
            State::Passed => "passed",
            State::Failed => "FAILED",
            State::Skipped => "skipped",
        };
        println!("{state:>8} {:>8.1} s  {}", outcome.seconds, outcome.label);
    }
    let failed = outcomes.iter().find(|outcome| outcome.state == State::Failed);
    match failed {
        Some(outcome) => println!("FAILED after {seconds:.1} s, at: {}", outcome.label),
        None if passed && outcomes.iter().any(|outcome| outcome.state == State::Skipped) => {
            println!("passed in {seconds:.1} s, but not all was run: see above");
        }
        None if passed => println!("all passed in {seconds:.1} s"),
        None => println!("FAILED after {seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_parsed() {
        assert!(matches!(parse(&["test"]), Some(Task::Test(None))));
        let lapack = parse(&["test", "--only", "lapack"]);
        assert!(matches!(lapack, Some(Task::Test(Some(Part::Lapack)))));
        assert!(matches!(parse(&["test", "--only=rust"]), Some(Task::Test(Some(Part::Rust)))));
        assert!(matches!(parse(&["test", "--only=python"]), Some(Task::Test(Some(Part::Python)))));
        assert!(matches!(parse(&["stubs", "--check"]), Some(Task::Stubs { check: true })));
        assert!(matches!(parse(&["docs"]), Some(Task::Docs)));
        for unknown in [&[][..], &["tests"], &["test", "--only"], &["test", "--only", "gpu"]] {
            assert!(parse(unknown).is_none());
        }
    }
}
