//! One Python class: its documentation, its constructor and what the core must know of its values.

use std::fmt::Write;

use coregion::spec::{Argument, ArgumentKind};

/// Longest line of documentation.
const WIDTH: usize = 110;

/// The name of the kernels' base class in annotations: a task covariance is called `Kernel` too.
pub(crate) const SCALAR_KERNEL: &str = "ScalarKernel";

pub(crate) struct Class {
    pub(crate) module: &'static str,
    pub(crate) base: &'static str,
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) arguments: &'static [Argument],
}

/// A constructor's argument as Python has it.
struct Parameter {
    name: &'static str,
    annotation: String,
    /// `None` where it must be given.
    default: Option<String>,
    keyword: bool,
    /// Type and text in the documentation.
    kind: String,
    about: String,
}

impl Class {
    pub(crate) fn text(&self) -> String {
        let parameters = self.parameters();
        let mut out = format!("class {}({}):\n", self.name, self.base);
        let about = self.about.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "``");
        let (first, rest) = first_sentence(&about);
        paragraph(&mut out, 4, &format!("\"\"\"{first}"));
        if !rest.is_empty() {
            out.push('\n');
            paragraph(&mut out, 4, rest);
        }
        if !parameters.is_empty() {
            out.push_str("\n    Parameters\n    ----------\n");
        }
        for p in &parameters {
            let _ = writeln!(out, "    {} : {}", p.name, p.kind);
            paragraph(&mut out, 8, &p.about);
        }
        self.example(&mut out, &parameters);
        if !parameters.is_empty() {
            self.constructor(&mut out, &parameters);
        }
        out
    }

    fn example(&self, out: &mut String, parameters: &[Parameter]) {
        let with_kernel = parameters.iter().any(|p| p.annotation == SCALAR_KERNEL);
        let example = |p: &Parameter| match p.annotation == SCALAR_KERNEL {
            true => "RBF()",
            false => "[[1.0, 0.5], [0.5, 2.0]]",
        };
        let required = parameters.iter().filter(|p| p.default.is_none());
        let given: Vec<String> = required.map(|p| format!("{}={}", p.name, example(p))).collect();
        let shown: Vec<String> = parameters
            .iter()
            .map(|p| match &p.default {
                Some(default) => format!("'{}': {}", p.name, default.replace('"', "'")),
                None => format!("'{}': {}", p.name, example(p)),
            })
            .collect();
        let import = if with_kernel { "    >>> from coregion.kernels import RBF\n" } else { "" };
        let _ = write!(
            out,
            "\n    Examples\n    --------\n{import}    >>> from coregion.{} import {name}\n    \
             >>> {name}({}).get_params({})\n    {{{}}}\n    \"\"\"\n",
            self.module,
            given.join(", "),
            if with_kernel { "deep=False" } else { "" },
            shown.join(", "),
            name = self.name,
        );
    }

    fn constructor(&self, out: &mut String, parameters: &[Parameter]) {
        let kinds = self.arguments.iter().map(|a| format!("\"{}\": \"{}\"", a.name, kind(a.kind)));
        let kinds: Vec<String> = kinds.collect();
        let line = format!("    _kinds: ClassVar[dict[str, str]] = {{{}}}\n", kinds.join(", "));
        if line.len() <= WIDTH {
            let _ = write!(out, "\n{line}");
        } else {
            out.push_str("\n    _kinds: ClassVar[dict[str, str]] = {\n");
            for kind in &kinds {
                let _ = writeln!(out, "        {kind},");
            }
            out.push_str("    }\n");
        }
        out.push_str("\n    def __init__(\n        self,\n");
        let mut keywords = false;
        for p in parameters {
            if p.keyword && !keywords {
                out.push_str("        *,\n");
                keywords = true;
            }
            let default = p.default.as_ref().map(|d| format!(" = {d}")).unwrap_or_default();
            let _ = writeln!(out, "        {}: {}{default},", p.name, p.annotation);
        }
        out.push_str("    ) -> None:\n");
        for p in parameters {
            let _ = writeln!(out, "        self.{0} = {0}", p.name);
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut list: Vec<Parameter> =
            self.arguments.iter().map(|a| parameter(a, self.base)).collect();
        list.sort_by_key(|p| p.keyword);
        if self.arguments.iter().any(|a| matches!(a.kind, ArgumentKind::Numbers(_))) {
            list.push(Parameter {
                name: "fixed",
                annotation: "Sequence[str]".to_string(),
                default: Some("()".to_string()),
                keyword: true,
                kind: "sequence of str, default ()".to_string(),
                about: "Names of values that are held at what was given instead of learned."
                    .to_string(),
            });
        }
        list
    }
}

fn kind(kind: ArgumentKind) -> &'static str {
    match kind {
        ArgumentKind::Numbers(_) | ArgumentKind::Given(_) => "numbers",
        ArgumentKind::Count(_) | ArgumentKind::OptionalCount => "count",
        ArgumentKind::Switch => "switch",
        ArgumentKind::Added => "added",
        ArgumentKind::Kernel => "kernel",
        ArgumentKind::Word(_) => "word",
    }
}

fn parameter(argument: &Argument, base: &str) -> Parameter {
    let shape = |shape: &str| match shape {
        "" => "float".to_string(),
        one if !one.contains(',') => format!("array_like ({one},)"),
        several => format!("array_like ({several})"),
    };
    let annotation = |shape: &str| if shape.is_empty() { "float" } else { "ArrayLike" };
    let mut about = format!("{}{}.", argument.about[..1].to_uppercase(), &argument.about[1..]);
    let (annotation, default, keyword, kind) = match argument.kind {
        ArgumentKind::Numbers(s) => {
            about.push_str(" Where not given the start is taken from the data.");
            (
                format!("{} | None", annotation(s)),
                Some("None".to_string()),
                false,
                format!("{}, optional", shape(s)),
            )
        }
        ArgumentKind::Given(s) if base == "Task" => {
            ("ArrayLike".to_string(), None, false, shape(s))
        }
        ArgumentKind::Given(s) => (
            "ArrayLike | None".to_string(),
            Some("None".to_string()),
            false,
            format!("{}, optional", shape(s)),
        ),
        ArgumentKind::Count(default) => {
            ("int".to_string(), Some(default.to_string()), false, format!("int, default {default}"))
        }
        ArgumentKind::OptionalCount => {
            ("int | None".to_string(), Some("None".to_string()), false, "int, optional".to_string())
        }
        ArgumentKind::Switch => (
            "bool | Literal[\"auto\"]".to_string(),
            Some("\"auto\"".to_string()),
            true,
            "bool or \"auto\", default \"auto\"".to_string(),
        ),
        ArgumentKind::Added => {
            about.push_str(
                " ``False`` is none, ``True`` one that is learned from a start of its own, a number is where \
                 it starts.",
            );
            let kind = "bool or float, default False".to_string();
            ("bool | float".to_string(), Some("False".to_string()), false, kind)
        }
        ArgumentKind::Kernel => {
            (SCALAR_KERNEL.to_string(), None, false, "Kernel, of `coregion.kernels`".to_string())
        }
        ArgumentKind::Word(words) => {
            let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            let first = quoted.first().cloned().unwrap_or_default();
            let kind = format!("{}, default {first}", quoted.join(" or "));
            (format!("Literal[{}]", quoted.join(", ")), Some(first), true, kind)
        }
    };
    Parameter { name: argument.name, annotation, default, keyword, kind, about }
}

/// The first sentence, and what follows it. The period of an abbreviation is not followed by a capital.
fn first_sentence(text: &str) -> (&str, &str) {
    let ends = text.match_indices(". ").map(|(i, _)| i + 1);
    let capital = |i: &usize| text[i + 1..].starts_with(char::is_uppercase);
    ends.into_iter().find(capital).map_or((text, ""), |i| (&text[..i], &text[i + 1..]))
}

/// Text in lines of at most [`WIDTH`] characters.
fn paragraph(out: &mut String, indent: usize, text: &str) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(out, "{:indent$}{line}", "");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{:indent$}{line}", "");
}
