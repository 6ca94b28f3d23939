//! What reading takes of memory, beside the size of files and what was compared with the budget.

use coregion::estimator::Fitted;
use coregion::prelude::*;
use ndarray::{Array2, s};
use serde_json::Value as Json;

use crate::{counting, file_of, load, models, normal, sealed};

/// Documents whose text is as small as can be beside what is made of it.
#[test]
fn the_densest_documents_take_twenty_times_their_size() {
    let models = models();
    let ridge = models.iter().position(|model| matches!(model, Fitted::Ridge(_))).unwrap();
    let (gp, ridge) = (file_of(&models[0]), file_of(&models[ridge]));
    let ones = |n: usize| serde_json::json!(vec![1; n]);
    let rows = |n: usize| serde_json::json!(vec![[1]; n]);
    let words = |n: usize| serde_json::json!(vec![""; n]);
    let nodes = |n: usize| serde_json::json!(vec![serde_json::json!({"name": ""}); n]);
    type Place = fn(&mut Json) -> &mut Json;
    let value: Place = |d| &mut d["kernel"]["values"]["levels"];
    let children: Place = |d| &mut d["kernel"]["children"];
    let trace: Place = |d| &mut d["report"]["trace"];
    let fixed: Place = |d| &mut d["fixed"];
    let names: Place = |d| &mut d["task_names"];
    let point = serde_json::json!({"evaluation": 1, "value": 1});
    let labels: Place = |d| &mut d["labels"];
    let dense = [
        (value, ones(400_000)),
        (value, rows(200_000)),
        (value, Json::from("\u{1}".repeat(100_000))),
        (children, nodes(900)),
        (children, nodes(100_000)),
        (trace, Json::from(vec![point; 20_000])),
        (fixed, words(4_000)),
        (fixed, words(400_000)),
        (names, words(400_000)),
    ];
    let of_ridges = [(labels, ones(400_000)), (value, ones(400_000)), (names, words(400_000))];
    let gps = dense.into_iter().map(|(place, filling)| (true, place, filling));
    let ridges = of_ridges.into_iter().map(|(place, filling)| (false, place, filling));
    for (i, (is_gp, place, filling)) in gps.chain(ridges).enumerate() {
        let bytes = if is_gp { &gp } else { &ridge };
        let file = sealed::with_document(bytes, |d| *place(d) = filling);
        let (result, used) = counting::peak(|| load(&file, is_gp));
        let ratio = (used + file.len()) as f64 / file.len() as f64;
        println!("{i}: {ratio:.1} times {} bytes", file.len());
        assert!(matches!(result, Ok(_) | Err(Error::ModelFile { .. })), "{i}: {result:?}");
        assert!(ratio < 20.0, "{i}: {ratio}");
    }
}

/// Making a model takes no more than was compared with the budget, whatever solver it has.
#[test]
fn solvers_take_what_was_asked_for() {
    let x = normal(300, 2, 1);
    let complete = normal(300, 4, 2);
    let mut masked = complete.clone();
    masked.iter_mut().step_by(9).for_each(|v| *v = f64::NAN);
    let given = MultiTaskGp::new(Rbf::isotropic(1.0) + 0.5 * Linear::new(1.0))
        .task(FreeForm::starting_at(Array2::eye(4).view()))
        .noise(Noise::Covariance(Array2::eye(4)))
        .optimizer(Optimizer::None);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (solver, y) in [
        (Solver::Kronecker, &complete),
        (Solver::LowRank, &complete),
        (Solver::Choleskys, &complete),
        (Solver::Schur, &masked),
        (Solver::Dense, &masked),
    ] {
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let gp = given.clone().solver(solver).fit(&data).unwrap();
        let bytes = gp.to_bytes().unwrap();
        let asked = 8 * gp.posterior().model().posterior_doubles();
        let (result, used) = pool.install(|| {
            // What a thread keeps for all its products of large matrices is made with the first.
            load(&bytes, true).unwrap();
            counting::peak(|| load(&bytes, true))
        });
        println!("{solver}: {used} bytes of {asked} for a file of {}", bytes.len());
        // A tenth more, for what grows more slowly than the squares that are counted.
        let most = asked + asked / 10 + 5 * bytes.len();
        assert!(result.is_ok() && used < most, "{solver}: {used} of {asked}");
    }
}

/// Hardly anything is in the model, and all that is read are gaps.
#[test]
fn tables_of_gaps_take_twenty_times_their_size() {
    let x = normal(20_000, 1, 1);
    let mut y = normal(20_000, 6, 2);
    y.slice_mut(s![5.., ..]).fill(f64::NAN);
    let mut widely = y.clone();
    widely.slice_mut(s![..;100, 0]).fill(1.0);
    let given = MultiTaskGp::new(Rbf::isotropic(1.0))
        .task(FreeForm::starting_at(Array2::eye(6).view()))
        .noise(Noise::Covariance(Array2::eye(6)))
        .optimizer(Optimizer::None);
    for y in [y, widely] {
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let gp = given.fit(&data).unwrap();
        let bytes = gp.to_bytes().unwrap();
        let asked = 8 * gp.posterior().model().posterior_doubles();
        let (result, used) = counting::peak(|| load(&bytes, true));
        let ratio = (used + bytes.len()).saturating_sub(asked) as f64 / bytes.len() as f64;
        println!("{ratio:.1} times {} bytes", bytes.len());
        assert!(result.is_ok() && ratio < 20.0, "{ratio}: {result:?}");
    }
}
