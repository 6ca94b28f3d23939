//! Daily wind at 12 Irish stations: hidden days, tomorrow's wind and a silent station.
//!
//! `cargo run --release --example irish_wind [-- FIGURE_DIR]` chooses multi-task Gaussian processes by
//! days before those predicted or around them, and compares them with single-task processes and with
//! what is simpler: the training mean, climatology, persistence, straight lines and least squares.
//! The figure goes to `target/figures/irish_wind.svg` or `FIGURE_DIR/irish_wind.svg`.

mod baseline;
mod data;
#[path = "../common/difference.rs"]
mod difference;
#[path = "../common/drawing.rs"]
mod drawing;
mod figure;
mod forecast;
mod interpolation;
mod job;
mod joint;
mod neighbours;
#[path = "../common/paired.rs"]
mod paired;
#[path = "../common/regression.rs"]
mod regression;
mod report;
mod score;
#[path = "../common/selection.rs"]
mod selection;
mod silent;
#[path = "../common/table.rs"]
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use coregion::analysis::metrics::normal_quantile;
use data::{TEST_YEAR, Wind};
use interpolation::{CYCLE, HIDDEN};
use job::{Job, Outcome};
use joint::Joint;
use ndarray::Axis;

/// Days of the year in the figure.
const SHOWN: usize = 6 * CYCLE;

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/irish_wind");
    let wind = Wind::read(&folder.join("data.csv"))?;
    let distances = data::distances(&folder.join("stations.csv"))?;
    println!(
        "{} days, {} to {}; square roots of knots. Gaussian processes are of what is left when the\n\
         seasonal cycle of each station, two harmonics of the year fitted to the days before {TEST_YEAR},\n\
         is taken off; the cycle is added to what they predict.",
        wind.len(),
        wind.dates.first().map_or("", String::as_str),
        wind.dates.last().map_or("", String::as_str)
    );

    let days = interpolation::Days::of(&wind);
    let hidden: Vec<String> = HIDDEN.iter().map(|p| (p + 1).to_string()).collect();
    println!("\n1. Hidden days from the days around them\n");
    println!(
        "  Of every {CYCLE} days of {TEST_YEAR}, days {} are hidden at all stations: {} days. {} days\n  \
         of {} and {TEST_YEAR} are seen.\n",
        hidden.join(", "),
        days.hidden.len(),
        days.seen.len(),
        interpolation::FIRST_YEAR
    );
    let job = Job {
        kernels: &interpolation::kernels(),
        training: days.dataset(&wind)?,
        known: &days.seen,
        xs: interpolation::time(&days.hidden),
        rows: &days.hidden,
        others: vec![
            ("climatology", baseline::climatology(&wind, &days.hidden)),
            ("straight line", interpolation::straight_line(&wind, &days)?),
            ("least squares, 1961-77", interpolation::least_squares(&wind, &days)?),
        ],
    };
    let around = job.run(&wind)?;
    println!(
        "  Climatology: mean of the same day of the year in 1961-77. Straight line: between the"
    );
    println!(
        "  nearest seen days of the station. Least squares: on those days of all 12 stations.\n"
    );
    println!("{}", around.gp);
    let pairs = neighbours::pairs(&around.gp, distances.view());
    neighbours::print(&pairs);

    let ahead = forecast::Days::of(&wind);
    let all = forecast::all_before(&wind);
    println!("2. Tomorrow's wind from today's\n");
    println!(
        "  The {} days of {TEST_YEAR}, each from the 12 stations on the day before. The processes learn\n  \
         from one day in {} of 1961-77: {} days.\n",
        ahead.test.len(),
        forecast::EVERY,
        ahead.training.len()
    );
    let squares = |known: &[usize]| forecast::least_squares(&wind, known, &ahead.test);
    let job = Job {
        kernels: &forecast::kernels(),
        training: ahead.dataset(&wind)?,
        known: &ahead.training,
        xs: forecast::yesterday(&wind, &ahead.test)?,
        rows: &ahead.test,
        others: vec![
            ("climatology", baseline::climatology(&wind, &ahead.test)),
            ("persistence", forecast::persistence(&wind, &ahead.test)),
            ("least squares, same days", squares(&ahead.training)?),
            ("least squares, all 1961-77", squares(&all)?),
        ],
    };
    job.run(&wind)?;
    println!("  Persistence: as yesterday. Least squares: on yesterday's 12 stations.\n");

    println!("3. A silent station on the hidden days of job 1, the other 11 measured\n");
    let xs = interpolation::time(&days.hidden);
    let given = silent::conditioned(&wind, &around.gp, xs.view(), &days.hidden)?;
    let same = silent::least_squares(&wind, &days.seen, &days.hidden)?;
    let past = silent::least_squares(&wind, &all, &days.hidden)?;
    let full = silent::least_squares_around(&wind, &days)?;
    let judge = &around.judge;
    let scores = [
        judge.alone("multi-task GP, 11 given", given.mean.view(), given.std.view())?,
        judge.alone("least squares, same days", same.mean.view(), same.std.view())?,
        judge.alone("least squares, 1961-77", past.mean.view(), past.std.view())?,
        judge.alone("least squares, around too", full.mean.view(), full.std.view())?,
    ];
    report::print_stations(&scores);
    report::compare(judge, &scores);
    println!(
        "  Least squares: on the other stations of the day; around too: and on all 12 on the nearest"
    );
    println!(
        "  seen days, learned on 1961-77. The example `wind_gaps` takes stretches out of some"
    );
    println!("  stations alone.\n");

    let path = drawing::place("irish_wind.svg")?;
    figure::draw(&path, &shown_days(&wind, &days, &around)?, &pairs)?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

/// The first days of the test year for the figure.
fn shown_days(
    wind: &Wind,
    days: &interpolation::Days,
    around: &Outcome,
) -> coregion::Result<figure::Days> {
    let mean = |row: usize| wind.roots.row(row).sum() / wind.roots.ncols() as f64;
    let year = wind.rows(|year| year == TEST_YEAR);
    let shown = year.iter().filter(|&&i| wind.day[i] < SHOWN);
    let half_width = normal_quantile(0.975)?;
    let intervals = |p: &Joint| {
        let (mean, std) = p.of_mean();
        let pairs = mean.index_axis_move(Axis(1), 0).into_iter().zip(std);
        let interval = |(mean, std)| figure::Interval { mean, half: half_width * std };
        pairs.map(interval).collect::<Vec<_>>()
    };
    let both = intervals(&around.multi).into_iter().zip(intervals(&around.single));
    let hidden = days.hidden.iter().zip(both).filter(|(i, _)| wind.day[**i] < SHOWN);
    let hidden = hidden.map(|(&i, (multi, single))| figure::Hidden {
        day: (wind.day[i] + 1) as f64,
        measured: mean(i),
        multi,
        single,
    });
    Ok(figure::Days {
        measured: shown.map(|&i| ((wind.day[i] + 1) as f64, mean(i))).collect(),
        hidden: hidden.collect(),
        inside: around.inside,
    })
}
