//! The checks of the Rust side, with the default backend and with LAPACK.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{Outcome, Step, cannot_run, cargo, is_required, run, succeeds};

/// Packages that need no Python.
const PACKAGES: &str = "-p coregion -p coregion-stubs -p xtask";
/// The examples, in `examples`.
const EXAMPLES: [&str; 9] = [
    "jura",
    "irish_wind",
    "river_flow",
    "choose_by_leave_out",
    "jura_cokriging",
    "wind_gaps",
    "space_time",
    "warped_metals",
    "lmc_two_scales",
];
/// Where the figures of the examples and what they print go, relative to the root of the workspace.
pub(crate) const FIGURES: &str = "target/figures";
/// The programs in `benches`.
const BENCHES: [&str; 10] = [
    "dense",
    "evaluation",
    "gaps",
    "learning",
    "low_rank",
    "many_gaps",
    "many_tasks",
    "mixing",
    "scaling",
    "selection",
];

/// Formatting, lints, tests, documentation and examples.
pub(crate) fn rust(outcomes: &mut Vec<Outcome>) -> bool {
    let mut steps = vec![cargo("fmt --all --check"), clippy(None)];
    steps.extend(tests(None, nextest_is_installed()));
    steps.push(docs(None));
    steps.extend(EXAMPLES.iter().map(|name| {
        let output: PathBuf = Path::new(FIGURES).join(format!("{name}.txt"));
        cargo(&format!("run --release --example {name} --")).with(FIGURES).kept_in(output)
    }));
    steps.into_iter().all(|step| run(step, outcomes))
}

/// Lints, tests and documentation once more with the feature `lapack`.
pub(crate) fn lapack(asked: bool, outcomes: &mut Vec<Outcome>) -> bool {
    if !openblas_is_found() {
        let why = "no system OpenBLAS found by pkg-config or ldconfig (Debian: apt-get install \
                   libopenblas-dev)";
        let required = asked || is_required("COREGION_REQUIRE_LAPACK");
        return cannot_run("lapack", why, required, outcomes);
    }
    let feature = Some("lapack");
    let mut steps = vec![clippy(feature)];
    steps.extend(tests(feature, nextest_is_installed()));
    steps.push(docs(feature));
    steps.into_iter().all(|step| run(step, outcomes))
}

/// One step for each benchmark, a process of its own: peaks of memory are those of a process.
pub(crate) fn benches(outcomes: &mut Vec<Outcome>) -> bool {
    BENCHES.iter().all(|name| run(cargo("bench --bench").with(name), outcomes))
}

pub(crate) fn docs(feature: Option<&str>) -> Step {
    cargo("doc --no-deps --release")
        .with_feature(feature)
        .with_variable("RUSTDOCFLAGS", "-D warnings")
}

fn clippy(feature: Option<&str>) -> Step {
    cargo(&format!("clippy {PACKAGES} --all-targets --release"))
        .with_feature(feature.map(|_| "coregion/lapack"))
        .with("--")
        .with("-D")
        .with("warnings")
}

fn tests(feature: Option<&str>, nextest: bool) -> [Step; 2] {
    let main = if nextest {
        cargo(&format!("nextest run --release {PACKAGES}"))
    } else {
        cargo(&format!("test --release {PACKAGES} --lib --bins --tests --examples"))
    };
    [
        main.with_feature(feature.map(|_| "coregion/lapack")),
        cargo("test --release --doc").with_feature(feature),
    ]
}

fn nextest_is_installed() -> bool {
    let installed = succeeds(Command::new("cargo").args(["nextest", "--version"]));
    if !installed {
        println!("xtask: cargo-nextest is not installed, using cargo test");
    }
    installed
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

#[cfg(test)]
mod tests {
    use super::*;

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
            "cargo clippy -p coregion -p coregion-stubs -p xtask --all-targets --release \
             --features coregion/lapack -- -D warnings"
        );
        assert_eq!(
            docs(None).label(),
            "RUSTDOCFLAGS=\"-D warnings\" cargo doc --no-deps --release"
        );
    }
}
