//! The tables, and what they say in words.

use coregion::analysis::metrics::PerTask;

use crate::data::STATIONS;
use crate::score::{Judge, Score};

/// Prints the scores of each station.
pub(crate) fn print_stations(scores: &[Score]) {
    print_table("mean squared error over that of the training mean (SMSE)", scores, |s| &s.smse);
    print_table("root mean squared error, square roots of knots", scores, |s| &s.rmse);
    print_table("negative log predictive density, nats", scores, |s| &s.nlpd);
}

fn print_table(title: &str, scores: &[Score], of: impl Fn(&Score) -> &PerTask) {
    print!("  {title}\n  {:27}", "");
    STATIONS.iter().chain(&["mean"]).for_each(|name| print!(" {name:>6}"));
    println!();
    for score in scores {
        print!("  {:27}", score.name);
        let values = of(score);
        values.values.iter().chain([&values.mean]).for_each(|v| print!(" {v:>6.3}"));
        println!();
    }
    println!();
}

/// Prints the coverage of the intervals and what was said of all stations together.
pub(crate) fn print_together(scores: &[Score]) {
    println!("  {:27} | each station by | all stations | mean wind over the 12 stations", "");
    println!("  {:27} | itself:  inside | on one day:  |                  inside", "");
    println!("  {:27} |   50 %     95 % |   nats a day |  RMSE   NLPD   50 %    95 %", "");
    for s in scores {
        let [half, most] = s.coverage.map(percent);
        print!("  {:27} | {half:>6}   {most:>6} |", s.name);
        if let Some(t) = &s.together {
            let [half, most] = t.coverage.map(percent);
            print!(" {:>12.3} | {:.3} {:>6.3} {half:>6}  {most:>6}", t.loss, t.rmse, t.nlpd);
        }
        println!();
    }
    println!();
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Compares the first model with each of the others.
pub(crate) fn compare(judge: &Judge, scores: &[Score]) {
    let Some((own, others)) = scores.split_first() else { return };
    println!("  The {} against the others, mean SMSE:", own.name);
    for other in others {
        let wins = own.smse.values.iter().zip(&other.smse.values).filter(|(a, b)| a < b).count();
        let gap = judge.smse_gap(own, other);
        println!("    {:27} {gap}; better at {wins} of {} stations", other.name, STATIONS.len());
    }
    if let Some(t) = &own.together {
        println!("  and log loss of all stations together, nats a day:");
        for other in others {
            if let Some(o) = &other.together {
                println!("    {:27} {}", other.name, judge.joint_gap(t, o));
            }
        }
    }
    let ahead = |clear: bool| {
        let better = |s: &&Score| {
            let gap = judge.smse_gap(own, s);
            gap.excess >= 0.0 && gap.is_clear() == clear
        };
        others.iter().filter(better).map(|s| s.name).collect::<Vec<_>>().join("; ")
    };
    for (how, names) in [("clearly", ahead(true)), ("not clearly", ahead(false))] {
        let names = if names.is_empty() { "none" } else { &names };
        println!("  Smaller mean SMSE, {how}: {names}.");
    }
}

/// Says what becomes of a mean over the stations in models that know nothing of each other.
pub(crate) fn compare_intervals(multi: &Score, single: &Score, constant: &Score) {
    let (Some(m), Some(s), Some(c)) = (&multi.together, &single.together, &constant.together)
    else {
        return;
    };
    println!(
        "  The {} hold {} of the mean wind in their 95 % intervals, the {} {}.",
        single.name,
        percent(s.coverage[1]),
        multi.name,
        percent(m.coverage[1])
    );
    if s.coverage[1] < m.coverage[1] {
        println!("  Stations that share the weather do not average their errors out.");
    }
    if s.loss > c.loss {
        println!(
            "  Of all stations together the {} with the covariance of the training days says\n  \
             more than they do: {:.1} against {:.1} nats a day are lost.",
            constant.name, c.loss, s.loss
        );
    }
    println!();
}
