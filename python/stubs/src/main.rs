//! Writes `python/coregion/kernels.py`, `tasks.py` and `mixings.py` from the registries of kernels, task
//! covariances and mixings: `coregion-stubs FOLDER [--check]`. With `--check` nothing is written, and a file that
//! is not what would be written is an error.

mod class;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use class::{Class, SCALAR_KERNEL};
use coregion::{kernel, matrix_kernel, task};

/// Kernels that are made by operators, which the package writes by hand.
const STRUCTURE: [&str; 4] = ["Sum", "Product", "Scale", "Columns"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, check) = match arguments.as_slice() {
        [folder] => (folder, false),
        [folder, flag] if flag == "--check" => (folder, true),
        _ => {
            eprintln!("usage: coregion-stubs FOLDER [--check]");
            return ExitCode::from(2);
        }
    };
    let mut passed = true;
    let modules = [("kernels.py", kernels()), ("tasks.py", tasks()), ("mixings.py", mixings())];
    for (name, text) in modules {
        let path = Path::new(folder).join(name);
        if check {
            if fs::read_to_string(&path).is_ok_and(|found| found == text) {
                continue;
            }
            eprintln!("{} is not what the registries say: run `cargo xtask stubs`", path.display());
            passed = false;
        } else if let Err(error) = fs::write(&path, text) {
            eprintln!("cannot write {}: {error}", path.display());
            passed = false;
        }
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn kernels() -> String {
    let entries = kernel::registry().iter().filter(|entry| !STRUCTURE.contains(&entry.name));
    let classes: Vec<Class> = entries
        .map(|e| Class {
            module: "kernels",
            base: "Kernel",
            name: e.name,
            about: e.about,
            arguments: e.arguments,
        })
        .collect();
    let intro = "Scalar kernels: how alike the outputs at two inputs are.\n\nKernels have unit amplitude: \
                 the scale is that of the task covariance. They are added, multiplied, scaled\nand applied \
                 to chosen columns: ``RBF().on([0, 1]) + 0.5 * Periodic(period=12.0).on([2])``.";
    module(intro, &["Columns", "Kernel", "Product", "Scale", "Sum"], &classes)
}

fn tasks() -> String {
    let classes: Vec<Class> = task::registry()
        .iter()
        .map(|e| Class {
            module: "tasks",
            base: "Task",
            name: e.name,
            about: e.about,
            arguments: e.arguments,
        })
        .collect();
    let intro = "Task covariances B (T, T): how the outputs are related, in their squared units.";
    module(intro, &["Task"], &classes)
}

fn mixings() -> String {
    let classes: Vec<Class> = matrix_kernel::mixings()
        .iter()
        .map(|e| Class {
            module: "mixings",
            base: "Mixing",
            name: e.name,
            about: e.about,
            arguments: e.arguments,
        })
        .collect();
    let intro =
        "Mixings: independent latent functions, each with its own kernel, mixed into all tasks.";
    module(intro, &["Mixing"], &classes)
}

/// A module: its documentation, what it takes from the hand-written part, and its classes.
fn module(intro: &str, imported: &[&str], classes: &[Class]) -> String {
    let mut names: Vec<&str> =
        classes.iter().map(|c| c.name).chain(imported.iter().copied()).collect();
    names.sort_by_key(|name| (name.to_uppercase() != *name, *name));
    let names: String = names.iter().map(|name| format!("    \"{name}\",\n")).collect();
    let bodies: Vec<String> = classes.iter().map(Class::text).collect();
    let typed = |word: &str| bodies.iter().any(|body| body.contains(word));
    let literal = if typed("Literal[") { ", Literal" } else { "" };
    let kernel = match typed(SCALAR_KERNEL) {
        true => format!("\n    from ._description import Kernel as {SCALAR_KERNEL}\n"),
        false => String::new(),
    };
    format!(
        "\"\"\"{intro}\n\nWritten by ``cargo xtask stubs`` from the registries of the core; not to be edited.\n\
         \"\"\"\n\n\
         from __future__ import annotations\n\n\
         from typing import TYPE_CHECKING, ClassVar{literal}\n\n\
         from ._description import {}\n\n\
         if TYPE_CHECKING:\n    from collections.abc import Sequence\n\n    from numpy.typing import ArrayLike\n{kernel}\n\n\
         {}\n\n\
         __all__ = [\n{names}]\n",
        imported.join(", "),
        bodies.join("\n\n"),
    )
}
