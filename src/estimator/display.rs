//! The printed table of a fitted model.

use std::fmt;

use super::fitted::FittedMultiTaskGp;
use crate::spec::number;

/// Tasks up to which correlations are printed.
const SHOWN_TASKS: usize = 12;

impl fmt::Display for FittedMultiTaskGp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.posterior.model();
        let (n, t, d) = (model.n_rows(), model.n_tasks(), model.x().ncols());
        writeln!(f, "Multi-task Gaussian process: {n} rows, {t} tasks, {d} inputs")?;
        writeln!(f, "log marginal likelihood {:.4}", self.log_marginal_likelihood())?;
        writeln!(f, "parameters")?;
        write!(f, "{}", model.layout().table(self.posterior.natural()))?;
        if model.terms().len() > 1 {
            let shares: Vec<String> = self.signal_shares().into_iter().map(number).collect();
            writeln!(f, "shares of the terms in the signal {}", shares.join(" "))?;
        }
        self.warps_in_words(f)?;
        if t > 1 && t <= SHOWN_TASKS {
            self.correlations(f)?;
        }
        writeln!(f, "report")?;
        write!(f, "{}", self.report)
    }
}

impl FittedMultiTaskGp {
    /// What the outputs were mapped by, and what is of the warped ones.
    fn warps_in_words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_warped() {
            return Ok(());
        }
        writeln!(
            f,
            "warps (B and the noise are of the warped outputs, the likelihood of those given)"
        )?;
        let each = self.data.task_names().iter().zip(self.warps());
        for (name, warp) in each.filter(|(_, w)| !w.is_identity()).take(SHOWN_TASKS) {
            writeln!(f, "  {name}: {warp}")?;
        }
        Ok(())
    }

    /// Task correlations below the diagonal, their standard errors above it.
    fn correlations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noise = self.noise_matrix();
        let rho = self.task_correlation();
        let errors = self.task_correlation_std_error();
        let upper = if errors.is_some() { " (standard errors above the diagonal)" } else { "" };
        writeln!(f, "task correlations{upper}, noise standard deviations")?;
        let width = self.data.task_names().iter().map(String::len).max().unwrap_or(0).max(7);
        let column = width.min(12);
        write!(f, "  {:width$}", "")?;
        for name in self.data.task_names() {
            write!(f, " {:>column$.column$}", name)?;
        }
        writeln!(f, " {:>10}", "noise std")?;
        for (i, name) in self.data.task_names().iter().enumerate() {
            write!(f, "  {name:width$}")?;
            for j in 0..self.data.task_names().len() {
                match errors {
                    Some(e) if j > i => write!(f, " {:>column$}", format!("±{:.2}", e[[i, j]]))?,
                    None if j > i => write!(f, " {:column$}", "")?,
                    _ => write!(f, " {:>column$.2}", rho[[i, j]])?,
                }
            }
            writeln!(f, " {:>10}", number(noise.entry(i, i).sqrt()))?;
        }
        Ok(())
    }
}
