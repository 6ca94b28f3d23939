//! One command after another, and what became of each.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

/// One command, with the variables to set for it.
pub(crate) struct Step {
    program: String,
    arguments: Vec<String>,
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Where its output is kept besides being shown.
    kept: Option<PathBuf>,
}

/// What became of a step or of a part.
pub(crate) struct Outcome {
    pub(crate) label: String,
    pub(crate) seconds: f64,
    pub(crate) state: State,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum State {
    Passed,
    Failed,
    Skipped,
}

/// A cargo command, its arguments separated by spaces.
pub(crate) fn cargo(arguments: &str) -> Step {
    program(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments)
}

/// A command, its arguments separated by spaces.
pub(crate) fn program(program: &str, arguments: &str) -> Step {
    Step {
        program: program.to_owned(),
        arguments: arguments.split_whitespace().map(str::to_owned).collect(),
        variables: Vec::new(),
        kept: None,
    }
}

impl Step {
    pub(crate) fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn with_feature(self, feature: Option<&str>) -> Self {
        match feature {
            Some(feature) => self.with("--features").with(feature),
            None => self,
        }
    }

    pub(crate) fn with_variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Keeps what the command prints in a file, too.
    pub(crate) fn kept_in(mut self, file: PathBuf) -> Self {
        self.kept = Some(file);
        self
    }

    /// The command as one would type it.
    pub(crate) fn label(&self) -> String {
        let variables = self.variables.iter().map(|(name, value)| format!("{name}=\"{value}\" "));
        let program = Path::new(&self.program);
        let cargo = program.file_stem().is_some_and(|stem| stem == "cargo");
        let program = if cargo { "cargo" } else { &self.program };
        format!("{}{program} {}", variables.collect::<String>(), self.arguments.join(" "))
    }

    fn status(&self) -> io::Result<ExitStatus> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let Some(path) = &self.kept else { return command.status() };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::create(path)?;
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = line?;
                file.write_all(&line)?;
                file.write_all(b"\n")?;
                println!("{}", String::from_utf8_lossy(&line));
            }
        }
        child.wait()
    }
}

/// Runs a step with its output passed through, and notes the outcome.
pub(crate) fn run(step: Step, outcomes: &mut Vec<Outcome>) -> bool {
    let label = step.label();
    println!("\n=== {label}");
    let started = Instant::now();
    let status = step.status();
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

/// Notes that a part cannot be run here; false where it must be.
pub(crate) fn cannot_run(
    part: &str,
    why: &str,
    required: bool,
    outcomes: &mut Vec<Outcome>,
) -> bool {
    let state = if required { State::Failed } else { State::Skipped };
    println!("\nxtask: {part} part {}: {why}", if required { "FAILED" } else { "SKIPPED" });
    outcomes.push(Outcome { label: format!("{part} part: {why}"), seconds: 0.0, state });
    !required
}

/// True where the environment asks for a part that is skipped when its tools are missing.
pub(crate) fn is_required(variable: &str) -> bool {
    env::var(variable).is_ok_and(|value| value == "1")
}

pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
