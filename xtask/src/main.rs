//! The checks of this workspace, run as `cargo xtask <task>`.
//!
//! - `cargo xtask test [--only rust|lapack]`: everything that must hold before a commit, cheapest
//!   first, stopping at the first command that fails. The second part repeats lints, tests and
//!   documentation with the feature `lapack`, if a system OpenBLAS is found; without one it is
//!   skipped, unless `COREGION_REQUIRE_LAPACK=1` or `--only lapack` asks for it.
//! - `cargo xtask docs`: the documentation alone.
//! - `cargo xtask bench`: every benchmark; each writes its table into `benchmarks`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

const USAGE: &str = "usage: cargo xtask test [--only rust|lapack]\n       cargo xtask docs\n       \
                     cargo xtask bench";

/// The examples, in `examples`.
const EXAMPLES: [&str; 6] =
    ["jura", "irish_wind", "river_flow", "choose_by_leave_out", "jura_cokriging", "wind_gaps"];
/// Where the figures of the examples go, relative to the root of the workspace.
const FIGURES: &str = "target/figures";

/// The programs in `benches`.
const BENCHES: [&str; 8] =
    ["dense", "evaluation", "gaps", "learning", "many_gaps", "many_tasks", "scaling", "selection"];

/// One command, with the variables to set for it.
struct Step {
    program: String,
    arguments: Vec<String>,
    variables: Vec<(&'static str, &'static str)>,
}

/// What became of a step or of a part.
struct Outcome {
    label: String,
    seconds: f64,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Passed,
    Failed,
    Skipped,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Rust,
    Lapack,
}

enum Task {
    Test(Option<Part>),
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
        Task::Docs => run(docs(None), &mut outcomes),
        Task::Bench => benches().into_iter().all(|step| run(step, &mut outcomes)),
    };
    summarise(&outcomes, passed, started.elapsed().as_secs_f64());
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(arguments: &[&str]) -> Option<Task> {
    match arguments {
        ["test"] => Some(Task::Test(None)),
        ["test", "--only", "rust"] | ["test", "--only=rust"] => Some(Task::Test(Some(Part::Rust))),
        ["test", "--only", "lapack"] | ["test", "--only=lapack"] => {
            Some(Task::Test(Some(Part::Lapack)))
        }
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
    let nextest = nextest_is_installed();
    if !nextest {
        println!("xtask: cargo-nextest is not installed, using cargo test");
    }
    if only != Some(Part::Lapack) && !rust_steps(nextest).into_iter().all(|s| run(s, outcomes)) {
        return false;
    }
    if only == Some(Part::Rust) {
        return true;
    }
    if openblas_is_found() {
        return lapack_steps(nextest).into_iter().all(|step| run(step, outcomes));
    }
    let required = only == Some(Part::Lapack)
        || env::var("COREGION_REQUIRE_LAPACK").is_ok_and(|value| value == "1");
    let state = if required { State::Failed } else { State::Skipped };
    println!(
        "\nxtask: lapack part {}: no system OpenBLAS found by pkg-config or ldconfig \
         (Debian: apt-get install libopenblas-dev)",
        if required { "FAILED" } else { "SKIPPED" }
    );
    let label = "lapack part: no system OpenBLAS found".to_owned();
    outcomes.push(Outcome { label, seconds: 0.0, state });
    !required
}

fn rust_steps(nextest: bool) -> Vec<Step> {
    let mut steps = vec![cargo("fmt --all --check"), clippy(None)];
    steps.extend(tests(None, nextest));
    steps.push(docs(None));
    let examples = EXAMPLES.iter();
    steps.extend(examples.map(|e| cargo(&format!("run --release --example {e} --")).with(FIGURES)));
    steps
}

fn lapack_steps(nextest: bool) -> Vec<Step> {
    let feature = Some("lapack");
    let mut steps = vec![clippy(feature)];
    steps.extend(tests(feature, nextest));
    steps.push(docs(feature));
    steps
}

fn clippy(feature: Option<&str>) -> Step {
    cargo("clippy --workspace --all-targets --release")
        .with_feature(feature)
        .with("--")
        .with("-D")
        .with("warnings")
}

fn tests(feature: Option<&str>, nextest: bool) -> [Step; 2] {
    let main = if nextest {
        cargo("nextest run --release --workspace")
    } else {
        cargo("test --release --lib --bins --tests --examples")
    };
    [main.with_feature(feature), cargo("test --release --doc").with_feature(feature)]
}

/// One step for each benchmark, a process of its own: peaks of memory are those of a process.
fn benches() -> Vec<Step> {
    BENCHES.iter().map(|name| cargo("bench --bench").with(name)).collect()
}

fn docs(feature: Option<&str>) -> Step {
    let mut step = cargo("doc --no-deps --release").with_feature(feature);
    step.variables.push(("RUSTDOCFLAGS", "-D warnings"));
    step
}

/// A cargo command, its arguments separated by spaces.
fn cargo(arguments: &str) -> Step {
    Step {
        program: env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()),
        arguments: arguments.split_whitespace().map(str::to_owned).collect(),
        variables: Vec::new(),
    }
}

impl Step {
    fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    fn with_feature(self, feature: Option<&str>) -> Self {
        match feature {
            Some(feature) => self.with("--features").with(feature),
            None => self,
        }
    }

    /// The command as one would type it.
    fn label(&self) -> String {
        let variables = self.variables.iter().map(|(name, value)| format!("{name}=\"{value}\" "));
        format!("{}cargo {}", variables.collect::<String>(), self.arguments.join(" "))
    }
}

/// Runs a step with its output passed through, and notes the outcome.
fn run(step: Step, outcomes: &mut Vec<Outcome>) -> bool {
    let label = step.label();
    println!("\n=== {label}");
    let started = Instant::now();
    let status = Command::new(&step.program)
        .args(&step.arguments)
        .envs(step.variables.iter().copied())
        .status();
    let seconds = started.elapsed().as_secs_f64();
    let passed = match status {
        Ok(status) if status.success() => {
            println!("=== passed in {seconds:.1} s: {label}");
            true
        }
        Ok(status) => {
            println!("=== FAILED ({status}) after {seconds:.1} s: {label}");
            false
        }
        Err(error) => {
            println!("=== FAILED (cannot start: {error}): {label}");
            false
        }
    };
    let state = if passed { State::Passed } else { State::Failed };
    outcomes.push(Outcome { label, seconds, state });
    passed
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

fn nextest_is_installed() -> bool {
    let step = cargo("nextest --version");
    succeeds(Command::new(step.program).args(step.arguments))
}

/// Whether a linker would find a system OpenBLAS: the runtime library alone is not enough.
fn openblas_is_found() -> bool {
    if succeeds(Command::new("pkg-config").args(["--exists", "openblas"])) {
        return true;
    }
    // ldconfig is often outside the search path of ordinary users.
    ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"].iter().any(|program| {
        Command::new(program)
            .arg("-p")
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|output| lists_openblas(&String::from_utf8_lossy(&output.stdout)))
    })
}

/// Whether a listing of `ldconfig -p` has the name that the linker looks for.
fn lists_openblas(listing: &str) -> bool {
    listing.lines().any(|line| line.split_whitespace().next() == Some("libopenblas.so"))
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
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
        assert!(matches!(parse(&["docs"]), Some(Task::Docs)));
        for unknown in [&[][..], &["tests"], &["test", "--only"], &["test", "--only", "gpu"]] {
            assert!(parse(unknown).is_none());
        }
    }

    #[test]
    fn the_development_library_is_told_from_the_runtime_one() {
        let runtime = "\tlibopenblas.so.0 (libc6,x86-64) => /lib/libopenblas.so.0\n";
        assert!(!lists_openblas(runtime));
        let both = format!("{runtime}\tlibopenblas.so (libc6,x86-64) => /lib/libopenblas.so\n");
        assert!(lists_openblas(&both));
    }

    #[test]
    fn labels_can_be_typed() {
        assert_eq!(
            clippy(Some("lapack")).label(),
            "cargo clippy --workspace --all-targets --release --features lapack -- -D warnings"
        );
        assert_eq!(
            docs(None).label(),
            "RUSTDOCFLAGS=\"-D warnings\" cargo doc --no-deps --release"
        );
    }
}
