//! Features are asked for in few places, each with a reason.

use crate::files::{File, assert_fine, assert_seen, file, sources};

/// Files that may ask for a feature, and what for. The derive of `defmt::Format` is allowed everywhere.
const FEATURES: &[(&str, &str)] = &[
    ("lib.rs", "chooses the modules"),
    ("sync.rs", "chooses the platform"),
    ("sync/counting.rs", "only shared pools count down"),
    ("sync/no_sleep.rs", "shared pools of models have no runtime"),
    ("stats.rs", "chooses the histogram"),
    ("engine.rs", "a slot that a C program releases twice"),
    ("engine/bitmap.rs", "a slot that a C program releases twice"),
    ("engine/fast_path.rs", "a slot that a C program releases twice"),
    ("engine/slow_path.rs", "a slot that a C program releases twice"),
    ("engine/state.rs", "threads that yield before they wait"),
    ("engine/snapshot.rs", "wait times need a clock"),
    ("engine/ticket.rs", "only callers that connect come a second time"),
    ("engine/wait_queue.rs", "callbacks of C programs wait"),
    ("engine/connects.rs", "callbacks of C programs wait"),
    ("engine/queueing.rs", "callbacks of C programs withdraw"),
    ("slot.rs", "chooses what needs threads"),
    ("slot/acquire.rs", "giving up at a deadline needs a clock"),
    ("slot/guard.rs", "the twin that owns an `Arc`, and traits of other crates"),
    ("slot/mapped.rs", "traits of other crates"),
    ("slot/parts.rs", "the twin that owns an `Arc`"),
    ("slot/storage.rs", "a lease of a C program that has to be checked"),
    ("plain.rs", "the twin that owns an `Arc`"),
    ("plain/guard.rs", "the twin that owns an `Arc`"),
    ("plain/get.rs", "the blocking calls"),
    ("plain/pool_ref.rs", "traits of other crates"),
    ("engine/layout.rs", "whether threads can be told apart, and where flags lie"),
    ("engine/slot_state.rs", "chooses whether uses are counted"),
    ("engine/wake_batch.rs", "chooses how many wakers a hold collects"),
    ("error.rs", "a deadline needs a clock"),
    ("plain/build.rs", "wait times need a clock"),
    ("plain/pool.rs", "what is counted"),
    ("slot/release.rs", "the short slow path of pools that only wait"),
    ("slot/slow_path.rs", "the short slow path of pools that only wait"),
    ("managed.rs", "chooses what needs threads, or an `Arc`, or the `metrics` facade"),
    ("managed/clock.rs", "clocks that are shared"),
    ("managed/guard.rs", "the twin that owns an `Arc`"),
    ("managed/jobs.rs", "threads take jobs that a task must not"),
    ("managed/loan.rs", "chooses what needs threads"),
    ("managed/loan/tokens.rs", "a connect that ends in no call of its caller's"),
    ("managed/loan/caller.rs", "only threads have connections checked elsewhere"),
    ("managed/manager.rs", "functions on the heap"),
    ("managed/manager/adapters.rs", "waiting for a future"),
    ("managed/manager/pointers.rs", "pointers to what is on the heap"),
    ("managed/metrics.rs", "names of counters for exporters"),
    ("managed/observe.rs", "chooses who is told"),
    ("managed/pool.rs", "how long things take needs a clock"),
    ("managed/shared.rs", "pools for C ask on their fast path"),
    ("managed/shared_pool.rs", "work that blocks, on a runtime"),
    ("managed/shared_pool/administer.rs", "the `metrics` facade"),
    ("managed/operations.rs", "connections that are handed out, in a vector"),
    ("managed/parts.rs", "only in shared pools callers leave all to a connector"),
    ("managed/times.rs", "how long things take needs a clock"),
    ("managed/upkeep.rs", "chooses what needs threads"),
    ("managed/upkeep/connector.rs", "whether there are metrics to publish"),
    ("managed/upkeep/work.rs", "only threads call for more work"),
    ("managed/upkeep/works.rs", "works on the heap, or one in place"),
    ("ffi.rs", "chooses the platform for C"),
    ("ffi/config.rs", "whether there is a clock"),
    ("ffi/pool.rs", "the size of a pool for C"),
    ("tests/rig.rs", "where a lock may be found taken"),
    ("tests/rig/placing.rs", "where threads have homes"),
    ("tests/cost.rs", "what blocking calls cost"),
    ("tests/cost/managed.rs", "what it costs to tell the facade"),
];
const ALLOWED: &str = "cfg_attr(feature = \"defmt\", derive(defmt::Format))";

fn features(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let asking = |(_, code): &(usize, &str)| code.replace(ALLOWED, "").contains("feature =");
        let mut asking = file.code().filter(asking).peekable();
        if FEATURES.iter().any(|(path, _)| *path == file.path) {
            if asking.peek().is_none() {
                complaints.push(file.at(1, "asks for no feature: take it off the list"));
            }
        } else {
            complaints.extend(asking.map(|(line, _)| file.at(line, "asks for a feature, and is not on the list")));
        }
    }
    complaints
}

#[test]
fn features_are_asked_for_in_few_places() {
    assert_fine(&features(&sources()));
}

#[test]
fn a_feature_elsewhere_is_seen() {
    let asks = "\n#[cfg(feature = \"std\")]";
    assert_seen(&features(&file("fairness.rs", asks)), "src/fairness.rs:2: asks for a feature");
    assert_seen(&features(&file("fairness.rs", "if cfg!(any(test, feature = \"std\"))")), "asks for a feature");
    assert_seen(&features(&file("slot/guard.rs", "")), "asks for no feature");
    assert_fine(&features(&file("fairness.rs", "#[cfg_attr(feature = \"defmt\", derive(defmt::Format))]")));
}
