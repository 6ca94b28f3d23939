//! The rules of the selection.
#![allow(clippy::unwrap_used)]

use super::*;

const MEMORY: usize = 8 << 30;

fn problem(n_rows: usize, n_tasks: usize, n_missing: usize) -> Problem {
    Problem {
        n_rows,
        n_tasks,
        n_observed: n_rows * n_tasks - n_missing,
        n_terms: 1,
        mixed: false,
        congruent: false,
        known_noise: false,
        no_noise: false,
        factored: false,
        cg_vectors: 600,
        n_coefficients: 0,
        learning: true,
    }
}

fn chosen(p: Problem) -> Solver {
    select(Solver::Auto, &p, MEMORY).unwrap().solver
}

#[test]
fn the_structure_chooses() {
    assert_eq!(chosen(problem(1000, 10, 0)), Solver::Kronecker);
    assert_eq!(chosen(problem(1000, 10, 500)), Solver::Schur);
    assert_eq!(chosen(problem(1000, 10, 1001)), Solver::Schur);
    assert_eq!(chosen(problem(250, 60, 300)), Solver::Schur);
    assert_eq!(chosen(problem(1000, 10, 5000)), Solver::Dense);
    assert_eq!(chosen(problem(1000, 2, 900)), Solver::Dense); // cheaper
    assert_eq!(chosen(problem(5000, 20, 30_000)), Solver::Cg);
    assert_eq!(chosen(Problem { known_noise: true, ..problem(100, 3, 0) }), Solver::Dense);
    assert_eq!(chosen(Problem { learning: false, ..problem(1000, 3, 0) }), Solver::Choleskys);
    assert_eq!(chosen(Problem { learning: false, ..problem(1000, 10, 0) }), Solver::Kronecker);
}

#[test]
fn many_steps_on_one_spectrum_must_be_worth_their_price() {
    assert!(problem(400, 12, 0).alternating_is_cheaper());
    assert!(problem(365, 12, 240).alternating_is_cheaper());
    assert!(problem(1000, 4, 300).alternating_is_cheaper());
    assert!(problem(56, 12, 56).alternating_is_cheaper()); // small
    assert!(!problem(251, 13, 212).alternating_is_cheaper());
    assert!(!problem(166, 12, 560).alternating_is_cheaper());
}

#[test]
fn latent_functions_are_solved_one_by_one() {
    let mixed = |p: Problem| Problem { mixed: true, n_terms: 8, ..p };
    assert_eq!(chosen(mixed(problem(1000, 1000, 0))), Solver::Mixed);
    assert_eq!(chosen(mixed(problem(1000, 1000, 2000))), Solver::Mixed);
    assert_eq!(chosen(mixed(problem(1000, 100, 5000))), Solver::Cg);
    // Constants decouple in a complete table only.
    let constants = |m| Problem { n_coefficients: 1000, ..mixed(problem(1000, 1000, m)) };
    assert_eq!(chosen(constants(0)), Solver::Mixed);
    let text = select(Solver::Auto, &constants(10), MEMORY).unwrap_err().to_string();
    assert!(text.contains("hold the means"), "{text}");
    let few = Problem { n_coefficients: 100, ..mixed(problem(500, 100, 10)) };
    assert_eq!(chosen(few), Solver::Mixed);
    assert_eq!(chosen(mixed(problem(50, 10, 100))), Solver::Mixed); // cheaper than dense
    assert_eq!(chosen(mixed(problem(100, 10, 950))), Solver::Dense);
    assert_eq!(chosen(Problem { known_noise: true, ..mixed(problem(50, 10, 0)) }), Solver::Dense);
    let one = Problem { mixed: true, ..problem(100, 3, 0) };
    assert_eq!(chosen(Problem { learning: false, ..one }), Solver::Mixed);
    assert!(select(Solver::Mixed, &problem(100, 3, 0), MEMORY).is_err());
}

#[test]
fn a_solver_that_cannot_serve_names_those_that_can() {
    let error = select(Solver::Kronecker, &problem(10, 3, 2), MEMORY).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("2 entries are missing"), "{text}");
    assert!(text.contains("auto, schur, dense, cg"), "{text}");
}

#[test]
fn what_does_not_fit_is_refused_with_advice() {
    let p = problem(1_000_000, 3, 0);
    assert!(matches!(select(Solver::Auto, &p, MEMORY), Err(Error::Memory { .. })));
    let p = problem(5000, 20, 30_000);
    let text = select(Solver::Dense, &p, MEMORY).unwrap_err().to_string();
    assert!(text.contains("use one of: cg"), "{text}");
}
