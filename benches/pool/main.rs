//! What the pool costs, each figure beside its floor or its peer in the same run: `cargo bench --bench pool`.
//!
//! Criterion measures each figure by itself. The table at the end measures each one and its yardstick by turns and
//! takes the median of the ratios, which a noisy machine moves less than either number. `docs/benchmarks.md` says what
//! the rows mean.

mod crowd;
mod fast_path;
mod floor;
mod hand_over;
mod managed;
mod paired;
mod peers;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    fast_path::bench(&mut criterion);
    crowd::bench(&mut criterion);
    hand_over::bench(&mut criterion);
    managed::bench(&mut criterion);
    criterion.final_summary();

    // Cargo passes `--bench` when it measures, and not when it only tests that the benches run.
    if std::env::args().any(|argument| argument == "--bench") {
        print_table();
    }
}

fn print_table() {
    println!("\n| figure | pool | beside | ratio | wanted | met |\n|---|---|---|---|---|---|");
    let groups = [fast_path::figures, crowd::figures, hand_over::figures, managed::figures];
    groups.iter().flat_map(|figures| figures()).for_each(|figure| println!("{figure}"));
}
