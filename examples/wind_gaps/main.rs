//! A year of daily wind at 12 Irish stations, whole weeks of some of them missing.
//!
//! `cargo run --release --example wind_gaps [-- FIGURE_DIR]` takes four stations at a time out of every
//! fourth week of 1978, fits multi-task Gaussian processes to the table with these gaps, fills them, and
//! compares with ridge regression on the stations that were measured, single-task processes, the season
//! and the mean. It shows what the model says of its own errors in closed form, and that a dense
//! factorisation gives the same answers. The figure goes to `target/figures/wind_gaps.svg` or
//! `FIGURE_DIR/wind_gaps.svg`.

mod baseline;
#[path = "../irish_wind/data.rs"]
mod data;
mod dense;
#[path = "../common/difference.rs"]
mod difference;
#[path = "../common/drawing.rs"]
mod drawing;
mod figure;
mod gaps;
#[path = "../common/paired.rs"]
mod paired;
#[path = "../common/regression.rs"]
mod regression;
mod score;
#[path = "../common/selection.rs"]
mod selection;
#[path = "../common/table.rs"]
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use baseline::{Learned, Predicted};
use coregion::prelude::*;
use data::{STATIONS, TEST_YEAR, Wind};
use gaps::{GAPS, Gaps, WEEK};
use ndarray::{Array1, Array2};
use score::{Judge, Score};
use selection::Candidate;

/// Days on which both solvers learn.
const STRETCH: usize = 8 * WEEK;
/// The gap in the figure.
const SHOWN: usize = 5;
/// Gradient, in nats per observation, at which learning on the table with gaps ends.
const TOLERANCE: f64 = 1e-4;

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/irish_wind");
    let wind = Wind::read(&folder.join("data.csv"))?;
    let distances = data::distances(&folder.join("stations.csv"))?;
    let gaps = Gaps::of(&wind);
    let days = gaps.days.len();
    let data = gaps.dataset(&wind, days)?;
    println!(
        "{days} days from {}, {} stations, square roots of knots. Every fourth week {} stations are\n\
         missing, {GAPS} weeks in all: {} of {} entries, {:.1} %. Models are of what is left when the\n\
         seasonal cycle of each station, fitted to the years before {TEST_YEAR}, is taken off.",
        wind.dates[gaps.days[0]],
        STATIONS.len(),
        gaps.stations(0).0.len(),
        data.n_missing(),
        days * STATIONS.len(),
        100.0 * data.n_missing() as f64 / (days * STATIONS.len()) as f64
    );

    println!("\n1. Choice of the model, and learning from the table with gaps\n");
    let [chosen, other] = learned(&gaps, &data)?;

    println!("2. The gaps\n");
    let judge = Judge::of(&wind, &gaps);
    let filled = |gp: &FittedMultiTaskGp| {
        let p = gp.impute(Uncertainty::Observation)?;
        Ok::<_, coregion::Error>(Predicted::of(&wind, &gaps, &p.mean, p.std()?))
    };
    let multi = filled(&chosen.gp)?;
    let alone = chosen.settings.fit_single_tasks(&data)?;
    let p = alone.predict(data.x(), Uncertainty::Observation)?;
    let single = Predicted::of(&wind, &gaps, &p.mean, p.std()?);
    let regression = |steps: &[isize], learned| baseline::regression(&wind, &gaps, steps, learned);
    let around = regression(&[0, -1, 1], Learned::Here)?;
    let scores = [
        judge.score(chosen.name, &multi)?,
        judge.score(other.name, &filled(&other.gp)?)?,
        judge.score("ridge, same day", &regression(&[0], Learned::Here)?)?,
        judge.score("ridge, same day and those beside", &around)?,
        judge.score("least squares, same day, 1961-77", &regression(&[0], Learned::Before)?)?,
        judge.score(
            "the same and days beside, 1961-77",
            &regression(&[0, -1, 1], Learned::Before)?,
        )?,
        judge.score("single-task GPs in time", &single)?,
        judge.score("season", &baseline::season(&wind, &gaps))?,
        judge.score("station mean", &baseline::station_mean(&wind, &gaps))?,
    ];
    print_scores(&judge, &scores);

    println!("3. What the model says of its own errors, in closed form\n");
    let forecast = print_forecasts(&wind, &gaps, &chosen.gp, &scores[0], &distances)?;

    println!("4. The same by a dense factorisation\n");
    let small = MultiTaskGp::new(Matern12::new([2.0]))
        .task(LowRank::new(1))
        .max_iterations(2000)
        .gradient_tolerance(1e-6);
    dense::both_fits(&gaps.dataset(&wind, STRETCH)?, &small)?;
    for c in [&chosen, &other] {
        dense::same_values(&data, c.name, &c.gp)?;
    }

    let path = drawing::place("wind_gaps.svg")?;
    let panels = panels(&wind, &gaps, &multi, &single);
    figure::draw(&path, &panels, &forecast, &scores[0].stations)?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

/// A model learned from the table.
struct Chosen {
    name: &'static str,
    aic: f64,
    gp: FittedMultiTaskGp,
    /// The settings that it was chosen with.
    settings: MultiTaskGp,
}

/// Chooses a model with full noise and one with a noise for each station by the days without gaps, and
/// learns both from the table. The one of the lower Akaike criterion comes first.
fn learned(gaps: &Gaps, data: &Dataset) -> Result<[Chosen; 2], Box<dyn Error>> {
    let complete = data.rows(&gaps.complete_rows())?;
    println!("  log marginal likelihood of the {} days without gaps", complete.n_rows());
    let kernels = [
        ("M12", Matern12::new([2.0])),
        ("M12 + M12", Matern12::new([1.0]) + 0.3 * Matern12::new([10.0])),
    ];
    let noises = [Noise::PerTask, Noise::Full];
    let candidates = selection::compare(&complete, &kernels, &[None, Some(1), Some(2)], &noises)?;
    let (full, each): (Vec<Candidate>, Vec<Candidate>) =
        candidates.into_iter().partition(|c| c.gp.noise_covariance()[[0, 1]] != 0.0);
    println!("  Lowest Akaike criterion with each noise, learned again from the table:\n");
    let again = |candidates: Vec<Candidate>, name, noise| {
        let best = candidates.into_iter().next().ok_or("no candidates")?;
        // Left to itself the library learns everything jointly here, which takes longer to end.
        let gp = MultiTaskGp::new(best.gp.kernel().clone())
            .task(best.gp.task().clone())
            .noise(noise)
            .optimizer(Optimizer::Alternating)
            .gradient_tolerance(TOLERANCE)
            .fit(data)?;
        println!("  {:8.1}  {} ({} parameters)", best.aic(), best.name, best.parameters);
        println!("{}", gp.report());
        Ok::<_, Box<dyn Error>>(Chosen { name, aic: best.aic(), gp, settings: best.settings })
    };
    let full = again(full, "multi-task GP, full noise", Noise::Full)?;
    let each = again(each, "multi-task GP, noise for each", Noise::PerTask)?;
    Ok(if full.aic < each.aic { [full, each] } else { [each, full] })
}

/// Prints the scores, and what the first model is worth against the others.
fn print_scores(judge: &Judge, scores: &[Score]) {
    println!("  {:34} |   RMSE   SMSE    NLPD | inside 50 %  95 %", "");
    for s in scores {
        let [half, most] = s.coverage.map(|c| 100.0 * c);
        println!(
            "  {:34} | {:.4} {:.4} {:>7.4} | {half:>9.0} % {most:>3.0} %",
            s.name, s.rmse, s.smse, s.nlpd
        );
    }
    println!(
        "  SMSE: mean over the stations of the mean squared error over that of the station's mean.\n  \
         Spreads of ridge: root mean squared errors of weeks left out.\n"
    );
    let Some((own, others)) = scores.split_first() else { return };
    println!("  SMSE of the {} against", own.name);
    others.iter().for_each(|o| println!("    {:34} {}", o.name, judge.gap(own, o)));
    println!("    (standard errors by gaps: {GAPS} weeks)\n");
}

/// Prints closed-form leave-out beside the errors in the gaps; gives that of one station's week.
fn print_forecasts(
    wind: &Wind,
    gaps: &Gaps,
    gp: &FittedMultiTaskGp,
    found: &Score,
    distances: &Array2<f64>,
) -> coregion::Result<Array1<f64>> {
    let rmse = |by: &LeaveOut| {
        let clock = Instant::now();
        let mean = gp.leave_one_out(by)?.mean;
        Ok::<_, coregion::Error>((score::left_out(wind, gaps, &mean), clock.elapsed()))
    };
    let ((week, of_week), time) = rmse(&LeaveOut::GroupsByTask(gaps.weeks()))?;
    let ((_, of_day), _) = rmse(&LeaveOut::Entry)?;
    let ((_, of_all), _) = rmse(&LeaveOut::Groups(gaps.weeks()))?;
    println!(
        "  RMSE of what was measured, left out: one station for a day {of_day:.4}, for a week"
    );
    println!(
        "  {of_week:.4} ({:.2} s for all of them), all stations for a week {of_all:.4}. In the gaps, four\n  \
         stations at a time, it was {:.4}: that a station's best neighbours may be missing too, and that\n  \
         the parameters had not seen what was taken out, is not in the forecast.\n",
        time.as_secs_f64(),
        found.rmse
    );
    print!("  {:24}", "");
    STATIONS.iter().for_each(|s| print!(" {s:>5}"));
    println!();
    let nearest = (0..STATIONS.len()).map(|t| {
        let others = (0..STATIONS.len()).filter(|s| *s != t).map(|s| distances[[t, s]]);
        others.fold(f64::INFINITY, f64::min)
    });
    print!("  {:24}", "nearest station, km");
    nearest.for_each(|d| print!(" {d:>5.0}"));
    println!();
    for (name, values) in [("a week left out", &week), ("in the gaps", &found.stations)] {
        print!("  {name:24}");
        values.iter().for_each(|v| print!(" {v:>5.2}"));
        println!();
    }
    println!();
    Ok(week)
}

/// The stations missing in one gap, with some days around it.
fn panels(wind: &Wind, gaps: &Gaps, multi: &Predicted, single: &Predicted) -> Vec<figure::Panel> {
    let entries = gaps.entries();
    let rows = gaps.rows(SHOWN);
    let shown = rows[0] - 2 * WEEK..rows[0] + 3 * WEEK;
    let roots = wind.roots(&gaps.days);
    let filled = |p: &Predicted, t: usize| {
        let place = |i: &usize| entries.iter().position(|e| *e == (*i, t));
        let at = |i: &usize| place(i).map(|k| (*i as f64 + 1.0, p.mean[k], p.std[k]));
        rows.iter().filter_map(at).collect::<Vec<_>>()
    };
    let panel = |t: usize| figure::Panel {
        station: STATIONS[t],
        measured: shown.clone().map(|i| (i as f64 + 1.0, roots[[i, t]])).collect(),
        gap: (rows[0] as f64 + 0.5, (rows[0] + WEEK) as f64 + 0.5),
        multi: filled(multi, t),
        single: filled(single, t),
    };
    gaps.stations(SHOWN).0.into_iter().map(panel).collect()
}
