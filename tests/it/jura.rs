//! Learning on real data: the Jura metals, in logs, from coordinates, rock type and land use.

use coregion::prelude::*;
use ndarray::Array2;

/// The 259 prediction sites: (Xloc, Yloc, Rock, Landuse), and the logs of Cd, Co, Cr, Cu, Ni, Pb, Zn.
fn sites() -> Dataset {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/jura/data.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_string).collect();
    let at = |name: &str| header.iter().position(|h| h == name).unwrap();
    let rows: Vec<csv::StringRecord> =
        reader.records().map(Result::unwrap).filter(|r| &r[at("split")] == "prediction").collect();
    let table = |names: &[&str]| {
        Array2::from_shape_fn((rows.len(), names.len()), |(i, j)| {
            rows[i][at(names[j])].parse::<f64>().unwrap()
        })
    };
    let metals = ["Cd", "Co", "Cr", "Cu", "Ni", "Pb", "Zn"];
    let y = table(&metals).mapv(f64::ln);
    let x = table(&["Xloc", "Yloc", "Rock", "Landuse"]);
    Dataset::new(x.view(), y.view()).unwrap().with_task_names(metals).unwrap()
}

#[test]
fn alternating_and_joint_reach_the_same_optimum() {
    let data = sites();
    assert_eq!((data.n_rows(), data.n_tasks()), (259, 7));
    let kernel = Matern52::ard().on([0, 1]) + 0.5 * Categorical::any().on([2]);
    let models = [
        MultiTaskGp::new(Matern52::ard().on([0, 1])),
        MultiTaskGp::new(kernel).task(FreeForm::new()),
    ];
    for model in models {
        let fit =
            |optimizer| model.clone().optimizer(optimizer).max_iterations(3000).fit(&data).unwrap();
        let (a, j) = (fit(Optimizer::Alternating), fit(Optimizer::Joint));
        let reached = |gp: &FittedMultiTaskGp| gp.report().restarts[0].log_posterior;
        let difference = (reached(&a) - reached(&j)) / (259.0 * 7.0);
        assert!(a.report().converged, "{}", a.report());
        assert!(difference.abs() < 1e-4, "{difference:e}\n{}\n{}", a.report(), j.report());
        assert!(a.report().eigendecompositions < j.report().eigendecompositions / 3);
    }
}

#[test]
fn every_start_reaches_the_same_optimum() {
    // Lengthscales far too long drive residual variances of B to zero on the way; learning has to
    // come back from that boundary.
    let data = sites();
    let reached = |kernel: Kernel| {
        let gp = MultiTaskGp::new(kernel.on([0, 1])).fit(&data).unwrap();
        gp.report().restarts[0].log_posterior
    };
    let best = reached(Matern52::ard());
    for lengthscale in [0.1, 0.5, 1.5] {
        let other = reached(Matern52::new([lengthscale, lengthscale]));
        assert!((best - other).abs() < 0.01, "{lengthscale}: {other} against {best}");
    }
}
