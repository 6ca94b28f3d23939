//! Models chosen by leaving out rows or blocks, in closed form, and how far the estimates are off.

use std::time::Instant;

use coregion::prelude::LeaveOut;
use ndarray::Array2;

use crate::data::Split;
use crate::kernel_ridge::{self, Own, Setting, Shared};
use crate::ridge::{self, Ridge};
use crate::score::rrmse;

/// Models chosen by leaving out something.
pub(crate) struct Chosen {
    by: LeaveOut,
    pub(crate) shared: Shared,
    pub(crate) own: Vec<Own>,
    seconds: f64,
}

impl Chosen {
    pub(crate) fn by(by: LeaveOut, setting: &Setting) -> coregion::Result<Self> {
        let clock = Instant::now();
        let alone = setting.alone(&by)?;
        let own = setting.own(&alone)?;
        let shared = setting.shared(&alone, &by)?;
        Ok(Chosen { by, shared, own, seconds: clock.elapsed().as_secs_f64() })
    }

    /// aRRMSE of the single models as leaving out estimates it.
    fn own_error(&self) -> f64 {
        self.own.iter().map(|o| o.error).sum::<f64>() / self.own.len() as f64
    }

    /// Prints what was chosen.
    pub(crate) fn print(&self, ridge: &Ridge) {
        println!("  Left out by {}, in closed form, {:.1} s:", self.by, self.seconds);
        let (shared, multiple) = (&self.shared, self.shared.ridge.alpha());
        println!("    multi-task kernel ridge: {}", shared.name);
        let star = if kernel_ridge::is_largest(shared.share) { "*" } else { "" };
        println!("      rho {}{star}, {multiple:.2} times the gauges' own penalties", shared.share);
        shared.ridge.warnings().iter().for_each(|w| println!("      warning: {w}"));
        let kernels: Vec<&str> = self.own.iter().map(|o| o.name.as_str()).collect();
        println!("    each gauge by itself: {}", kernels.join(", "));
        let own = self.own.iter().map(|o| (o.penalty, kernel_ridge::at_end(o.penalty)));
        println!("      log10 of the penalties: {}", powers(own));
        let linear = ridge.penalties.iter().map(|p| (*p, ridge::at_end(*p)));
        println!("    linear ridge, log10 of the penalties as shares of the rows:");
        println!("      {}", powers(linear));
        println!(
            "    *: at an end of its grid. The lowest penalty is least squares, the highest a constant.\n"
        );
    }
}

/// Powers of ten, those of penalties at an end of their grid with a star.
fn powers(penalties: impl Iterator<Item = (f64, bool)>) -> String {
    let one = |(p, end): (f64, bool)| format!("{}{}", p.log10(), if end { "*" } else { "" });
    penalties.map(one).collect::<Vec<_>>().join(" ")
}

/// Prints what leaving out estimates beside what the test rows say.
pub(crate) fn print_optimism(
    setting: &Setting,
    chosen: [&Chosen; 2],
    split: &Split,
) -> coregion::Result<()> {
    let (training, test) = (&split.training, &split.test);
    let mean = |flows: &Array2<f64>| {
        let errors = rrmse(&test.y, flows, &training.y);
        errors.sum() / errors.len() as f64
    };
    println!("  {:48} estimated   test  test / estimated", "aRRMSE");
    for c in chosen {
        let multi = format!("multi-task, {}, rho {}", c.shared.name, c.shared.share);
        let lines = [
            (multi, c.shared.error, setting.by_shared(&c.shared, test)?),
            ("each gauge by itself".to_string(), c.own_error(), setting.by_own(&c.own, test)?),
        ];
        println!("    left out by {}", c.by);
        for (name, estimate, flows) in lines {
            let error = mean(&flows);
            println!("      {name:44} {estimate:9.4} {error:6.4} {:17.2}", error / estimate);
        }
    }
    let kept = rrmse(&training.y, &training.now(), &training.y);
    let (kept, error) = (kept.sum() / kept.len() as f64, mean(&test.now()));
    println!(
        "    {:46} {kept:9.4} {error:6.4} {:17.2}",
        "persistence, as a yardstick",
        error / kept
    );
    println!();
    Ok(())
}
