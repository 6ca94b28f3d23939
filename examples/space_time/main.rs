//! Ten years of monthly temperature at 51 stations, and stations that were never measured.
//!
//! `cargo run --release --example space_time [-- FIGURE_DIR]` fits a process that is separable in time and
//! space: a kernel over the months and a kernel over longitude, latitude and altitude of the stations, so
//! that both sides of the grid have their eigendecomposition. Then each station is left out in turn,
//! everything is learned without it, and it is predicted from its place alone: against the mean of the other
//! stations, the nearest one, and regressions on the place, month by month. The figure goes to
//! `target/figures/space_time.svg` or `FIGURE_DIR/space_time.svg`.

mod baseline;
mod data;
#[path = "../common/difference.rs"]
mod difference;
#[path = "../common/drawing.rs"]
mod drawing;
mod figure;
#[path = "../common/paired.rs"]
mod paired;
#[path = "../common/regression.rs"]
mod regression;
mod score;
#[path = "../common/table.rs"]
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use baseline::Series;
use coregion::prelude::*;
use data::Climate;
use ndarray::{Axis, arr2};
use score::Score;

/// Stations in the table of the highest.
const HIGHEST: usize = 6;
/// The station in the figure: the highest.
const SHOWN: &str = "HOOSIER";

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/colorado_climate");
    let climate = Climate::read(&folder)?;
    let heights = climate.places.column(2);
    println!(
        "{} months from {}, {} stations at {:.0} to {:.0} m: mean daily maximum temperature of the\n\
         month, degrees Celsius.",
        climate.months.len(),
        climate.months[0],
        climate.n_stations(),
        heights.iter().fold(f64::INFINITY, |m, v| m.min(*v)),
        heights.iter().fold(0.0f64, |m, v| m.max(*v)),
    );

    println!("\n1. A kernel over the months times a kernel over the places\n");
    let time = Periodic::new(1.0, 12.0).fix("period") + Matern12::new([2.0]);
    let space = DescriptorKernel::with_diagonal(Matern32::ard(), climate.places.view());
    let gp = fitted(&climate, time, space)?;
    print_learned(&gp);

    println!("2. Each station left out, everything learned without it\n");
    let scores = left_out(&climate, &gp)?;
    print_scores(&scores);
    print_highest(&climate, &scores);

    let path = drawing::place("space_time.svg")?;
    let shown = climate.names.iter().position(|n| n.starts_with(SHOWN)).unwrap_or(0);
    figure::draw(&path, &climate, shown, &scores)?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

/// One noise variance for all stations: a station that was not measured has it too.
fn fitted(climate: &Climate, time: Kernel, space: Task) -> coregion::Result<FittedMultiTaskGp> {
    let data = Dataset::new(climate.time().view(), climate.degrees.view())?;
    MultiTaskGp::new(time).task(space).noise(Noise::Shared).fit(&data)
}

fn print_learned(gp: &FittedMultiTaskGp) {
    let learned = gp.parameters();
    let of = |name: &str| learned[name].iter().copied().collect::<Vec<f64>>();
    let (l, report) = (of("terms[0].task.kernel.lengthscale"), gp.report());
    println!("  log marginal likelihood  {:10.2}", gp.log_marginal_likelihood());
    println!(
        "  lengthscales             {:.2} degrees of longitude, {:.2} of latitude, {:.0} m of altitude",
        l[0], l[1], l[2]
    );
    println!(
        "  variances                {:.3} shared by place, {:.3} of each station, {:.3} noise",
        of("terms[0].task.variance")[0],
        of("terms[0].task.diagonal")[0],
        of("noise.variance")[0]
    );
    println!(
        "  solver                   {}, {} observations, {:.2} s\n",
        report.solve.solver,
        gp.data().n_observed(),
        report.wall_time.as_secs_f64()
    );
}

/// Predictions of every station from the others, by the model and by simpler means.
fn left_out(climate: &Climate, gp: &FittedMultiTaskGp) -> Result<Vec<Score>, Box<dyn Error>> {
    let mut all: [Vec<Series>; 5] = Default::default();
    let clock = Instant::now();
    for station in 0..climate.n_stations() {
        let others = climate.without(station);
        let place = [0, 1, 2].map(|j| climate.places[[station, j]]);
        let again = relearned(&others, gp)?;
        let time = climate.time();
        let p =
            again.predict_tasks(time.view(), arr2(&[place]).view(), Uncertainty::Observation)?;
        let std = p.std()?.index_axis(Axis(1), 0).to_owned();
        all[0].push((p.mean.index_axis(Axis(1), 0).to_owned(), Some(std)));
        let [regression, with_residuals] = baseline::regressions(&others, place)?;
        all[1].push(with_residuals);
        all[2].push(regression);
        all[3].push(baseline::nearest(&others, place));
        all[4].push(baseline::mean_of_others(&others));
    }
    println!("  {} fits and baselines in {:.1} s\n", all[0].len(), clock.elapsed().as_secs_f64());
    let names = [
        "multi-task GP over places",
        "regression and near residuals",
        "regression on place, each month",
        "nearest station",
        "mean of the other stations",
    ];
    let scores = names.into_iter().zip(all).map(|(name, series)| Score::of(name, climate, series));
    Ok(scores.collect::<coregion::Result<Vec<_>>>()?)
}

/// The model learned from some stations. It starts where all stations led, and ends where these lead.
fn relearned(
    climate: &Climate,
    gp: &FittedMultiTaskGp,
) -> Result<FittedMultiTaskGp, Box<dyn Error>> {
    let (learned, spec) = (gp.parameters(), gp.task().spec());
    let kernel = Kernel::from_spec(spec.children[0].clone())?;
    let [variance, diagonal] =
        ["variance", "diagonal"].map(|name| learned[&format!("terms[0].task.{name}")].sum());
    let (z, diagonal) = (climate.places.view(), Some(diagonal));
    let space = DescriptorKernel::starting_at(kernel, z, variance, diagonal);
    Ok(fitted(climate, gp.kernel().clone(), space)?)
}

/// Prints the scores, and what the model is worth against the others.
fn print_scores(scores: &[Score]) {
    println!("  {:32} |   RMSE  of means  around | inside 95 %", "");
    for s in scores {
        let [all, level, around] = s.rmse;
        let inside = s.inside.map_or("-".to_string(), |c| format!("{:.1} %", 100.0 * c));
        println!("  {:32} | {all:6.3} {level:9.3} {around:7.3} | {inside:>11}", s.name);
    }
    println!("  of means: of the mean of a station over all months; around: of what is left.\n");
    let Some((own, others)) = scores.split_first() else { return };
    println!("  Mean squared error of the {} against", own.name);
    for other in others {
        let wins = own.stations.iter().zip(&other.stations).filter(|(a, b)| a < b).count();
        println!(
            "    {:32} {}; smaller at {wins} of {} stations",
            other.name,
            own.gap(other),
            own.stations.len()
        );
    }
    println!();
}

/// Prints the errors at the stations that lie highest, where there are few neighbours.
fn print_highest(climate: &Climate, scores: &[Score]) {
    let height = |t: usize| climate.places[[t, 2]];
    let mut order: Vec<usize> = (0..climate.n_stations()).collect();
    order.sort_by(|&a, &b| height(b).total_cmp(&height(a)));
    println!("  RMSE at the {HIGHEST} highest stations");
    println!("  {:14} {:>6} | {:>7} {:>10} {:>6}", "", "m", "process", "regression", "mean");
    for t in order.into_iter().take(HIGHEST) {
        let [own, regression, mean] = [0, 2, 4].map(|k| scores[k].stations[t]);
        println!(
            "  {:14} {:6.0} | {own:7.3} {regression:10.3} {mean:6.3}",
            climate.names[t],
            height(t)
        );
    }
    println!();
}
