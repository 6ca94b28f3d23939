//! The checks of the Python side: the wheel, built, installed and used.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rust::FIGURES;
use crate::step::{Outcome, Step, cannot_run, cargo, is_required, program, run, succeeds};

/// Everything that is made on the way, relative to the root of the workspace.
const FOLDER: &str = "target/python";
/// Configuration of ruff, mypy and pytest.
const CONFIGURATION: &str = "python/pyproject.toml";

/// A virtual environment under [`FOLDER`].
struct Environment {
    folder: PathBuf,
}

impl Environment {
    fn new(name: &str) -> Self {
        Environment { folder: Path::new(FOLDER).join(name) }
    }

    /// A program in it, such as `python`.
    fn program(&self, name: &str) -> String {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        self.folder.join(folder).join(name).display().to_string()
    }

    fn step(&self, name: &str, arguments: &str) -> Step {
        program(&self.program(name), arguments)
    }

    fn pip(&self, arguments: &str) -> Step {
        self.step("python", &format!("-m pip --quiet --disable-pip-version-check {arguments}"))
    }

    /// The wheel and nothing else.
    fn install_wheel(&self) -> Step {
        self.pip(&format!(
            "install --force-reinstall --no-deps --no-index --find-links {FOLDER}/wheels coregion"
        ))
    }
}

/// Writes the generated classes, or checks that they are what the registries say.
pub(crate) fn stubs(check: bool, outcomes: &mut Vec<Outcome>) -> bool {
    let step = cargo("run --quiet --release -p coregion-stubs -- python/coregion");
    run(if check { step.with("--check") } else { step }, outcomes)
}

/// Lints, types, the wheel in an environment with numpy alone and in one with everything, notebooks,
/// examples, the documentation site.
pub(crate) fn python(asked: bool, compare: bool, outcomes: &mut Vec<Outcome>) -> bool {
    let Some(interpreter) = interpreter() else {
        let why = "no Python 3.10 or later found as python3 or in COREGION_PYTHON";
        let required = asked || is_required("COREGION_REQUIRE_PYTHON");
        return cannot_run("python", why, required, outcomes);
    };
    let (tools, clean) = (Environment::new("tools"), Environment::new("clean"));
    stubs(true, outcomes)
        && prepare(&interpreter, &tools, outcomes)
        && lints(&tools).into_iter().all(|step| run(step, outcomes))
        && build(&tools).into_iter().all(|step| run(step, outcomes))
        && alone(&interpreter, &clean).into_iter().all(|step| run(step, outcomes))
        && tests(&tools, compare).into_iter().all(|step| run(step, outcomes))
}

/// The documentation site alone.
pub(crate) fn site(outcomes: &mut Vec<Outcome>) -> bool {
    let Some(interpreter) = interpreter() else {
        return cannot_run("site", "no Python 3.10 or later found", false, outcomes);
    };
    let tools = Environment::new("tools");
    prepare(&interpreter, &tools, outcomes)
        && build(&tools).into_iter().all(|step| run(step, outcomes))
        && run(tools.install_wheel(), outcomes)
        && run(site_step(&tools), outcomes)
}

/// What everyday use of the wheel costs; writes its table into `benchmarks`.
pub(crate) fn bench(outcomes: &mut Vec<Outcome>) -> bool {
    let Some(interpreter) = interpreter() else {
        return cannot_run("python", "no Python 3.10 or later found", false, outcomes);
    };
    let tools = Environment::new("tools");
    let wheels = format!("{FOLDER}/wheels");
    prepare(&interpreter, &tools, outcomes)
        && build(&tools).into_iter().all(|step| run(step, outcomes))
        && run(tools.install_wheel(), outcomes)
        && run(tools.step("python", &format!("python/benches/everyday.py {wheels}")), outcomes)
}

/// An interpreter that is new enough.
fn interpreter() -> Option<String> {
    let named = env::var("COREGION_PYTHON").ok();
    let candidates = named.into_iter().chain(["python3".to_owned(), "python".to_owned()]);
    let new_enough = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    candidates
        .into_iter()
        .find(|candidate| succeeds(Command::new(candidate).args(["-c", new_enough])))
}

/// Makes the environment with all tools, where it is not there yet.
fn prepare(interpreter: &str, tools: &Environment, outcomes: &mut Vec<Outcome>) -> bool {
    let there = Path::new(&tools.program("python")).exists();
    let folder = tools.folder.display();
    (there || run(program(interpreter, &format!("-m venv {folder}")), outcomes))
        && run(tools.pip("install -r python/requirements-dev.txt"), outcomes)
}

fn lints(tools: &Environment) -> Vec<Step> {
    let ruff = |what: &str| tools.step("ruff", &format!("{what} --config {CONFIGURATION}"));
    let files = ["python", "notebooks", "benchmarks"];
    let over = |step: Step| files.iter().fold(step, |step, file| step.with(file));
    vec![
        over(ruff("check")),
        over(ruff("format --check")),
        cargo("clippy --release -p coregion-python --all-targets -- -D warnings")
            .with_variable("PYO3_PYTHON", &absolute(&tools.program("python"))),
    ]
}

/// The wheel and the source distribution, into empty folders.
fn build(tools: &Environment) -> Vec<Step> {
    for made in ["wheels", "sdist"] {
        let _ = fs::remove_dir_all(Path::new(FOLDER).join(made)); // Absent at first.
    }
    let maturin = |what: &str| {
        tools
            .step("maturin", what)
            .with_variable("VIRTUAL_ENV", &absolute(&tools.folder.display().to_string()))
    };
    vec![
        maturin(&format!("build --release --locked -m python/Cargo.toml -o {FOLDER}/wheels")),
        maturin(&format!("sdist -m python/Cargo.toml -o {FOLDER}/sdist")),
    ]
}

/// What a user sees who has numpy and the wheel.
fn alone(interpreter: &str, clean: &Environment) -> Vec<Step> {
    vec![
        program(interpreter, &format!("-m venv --clear {}", clean.folder.display())),
        clean.pip("install numpy"),
        clean.install_wheel(),
        clean.step("python", &format!("python/tests/clean/alone.py README.md {FOLDER}/wheels")),
    ]
}

fn tests(tools: &Environment, compare: bool) -> Vec<Step> {
    let pytest = |what: &str| tools.step("pytest", &format!("-c {CONFIGURATION} {what}"));
    let mypy = |what: &str| tools.step("mypy", &format!("--config-file {CONFIGURATION} {what}"));
    let require = if compare { "1" } else { "0" };
    vec![
        tools.install_wheel(),
        mypy("-p coregion"),
        mypy("python/examples"),
        mypy("benchmarks/published").with_variable("MYPYPATH", "benchmarks/published"),
        tools.step("stubtest", &format!("--mypy-config-file {CONFIGURATION} coregion._core")),
        pytest("--pyargs coregion --doctest-modules"),
        pytest("--rootdir python python/tests")
            .with_variable("COREGION_REQUIRE_NOTEBOOKS", "1")
            .with_variable("COREGION_REQUIRE_RUST_OUTPUT", require)
            .with_variable("COREGION_RUST_OUTPUT", &absolute(FIGURES)),
        site_step(tools),
    ]
}

fn site_step(tools: &Environment) -> Step {
    let site = absolute(&format!("{FOLDER}/site"));
    let build = tools.step("mkdocs", "build --strict --quiet -f python/mkdocs.yml -d").with(&site);
    // Without news of its successors.
    build.with_variable("NO_MKDOCS_2_WARNING", "1")
}

/// A path from the root of the file system; links are kept as they are.
fn absolute(path: &str) -> String {
    std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.display().to_string())
}
