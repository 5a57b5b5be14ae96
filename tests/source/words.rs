//! One word for one thing: identifiers that the glossary of `docs/architecture.md` has replaced do not come back.

use crate::files::{File, after, assert_fine, assert_seen, file, is_word, sources};

/// Retired identifiers, and what they are called now.
const RETIRED: &[(&str, &str)] = &[
    ("Core", "Engine"),
    ("Books", "SlotStates"),
    ("Book", "SlotState"),
    ("ledger", "state"),
    ("Line", "WaitQueue"),
    ("line", "wait_queue"),
    ("ATTEND", "SLOW"),
    ("attend", "close_fast_path"),
    ("unattend", "open_fast_path"),
    ("attending", "is_fast_path_closed"),
    ("claim_attended", "claim_locked"),
    ("attend_to_others", "release_slow"),
    ("attention", "flags"),
    ("pays", "has"),
    ("NEWS", "PEAK_DUE"),
    ("is_news", "is_peak_due"),
    ("want_news", "arm_peak"),
    ("look_for_a_peak", "record_peak"),
    ("Aftermath", "WakeBatch"),
    ("aftermath", "wakes"),
    ("Missed", "ClaimError"),
    ("GivenBack", "Released"),
    ("give_back", "release"),
    ("give_back_once", "release_once"),
    ("WasFree", "DoubleRelease"),
    ("Refusal", "AcquireError"),
    ("Emptied", "VacateReason"),
    ("Turn", "Ticket"),
    ("Place", "Ticket"),
    ("Arrival", "TicketNumber"),
    ("Stage", "WaiterState"),
    ("Kind", "WaiterKind"),
    ("is_barred", "cancelled_late"),
    ("Held", "RawGuard"),
    ("Kept", "ReleaseOnUnwind"),
    ("keep_during", "release_on_unwind"),
    ("Vacate", "VacateOnDrop"),
    ("pass_on", "release_unused"),
    ("Tally", "Stat"),
    ("Lent", "ClaimedSlot"),
    ("Suspect", "UnreadySlot"),
    ("acquit", "pass_check"),
    ("convict", "discard_for_reconnect"),
    ("Finding", "Assessment"),
    ("Setback", "PrepareError"),
    ("Begun", "FirstTry"),
    ("Keep", "ManagedParts"),
    ("Keeper", "Shared"),
    ("keeper", "shared"),
    ("Notes", "ConnRecord"),
    ("notes", "record"),
    ("Holding", "LoanRecord"),
    ("Card", "SlotExtra"),
    ("Worker", "Caller"),
    ("is_patient", "waits_forever"),
    ("settle_with_care", "recycle_slow"),
    ("Watch", "Marker"),
    ("survey", "mark_all"),
    ("look_away", "pause_marking"),
    ("Rouse", "WakeMaintenance"),
    ("rouse", "wake_if_asleep"),
    ("tend", "maintain_idle"),
    ("Manage", "Lifecycle"),
    ("Situation", "PoolReport"),
    ("situation", "report"),
    ("Holder", "Loan"),
    ("holder", "loan"),
    ("holders", "loans"),
    ("Maintained", "MaintenanceReport"),
    ("Reason", "DiscardReason"),
    ("Figures", "Metrics"),
    ("figures", "metrics"),
    ("GetAsync", "Get"),
    ("DrainAsync", "Drain"),
    ("SLEEPS", "CAN_SLEEP"),
    ("is_dirty", "needs_check"),
    ("get_timeout_async", "get_async_timeout"),
    ("Warmest", "Packed"),
    ("Rotating", "RoundRobin"),
    ("BlockOn", "BlockingFromAsync"),
    ("conn_pool_figures", "conn_pool_stats"),
    ("CONN_POOL_WAITING", "CONN_POOL_ALREADY_WAITING"),
];

/// Whether a line of code has the identifier: text within quotes is for people, who may be told of a line.
fn has(line: &str, retired: &str) -> bool {
    let outside: String = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    after(&outside, retired).any(|rest| !rest.starts_with(is_word))
}

fn retired(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (line, code) in file.code() {
            let found = RETIRED.iter().filter(|(retired, _)| has(code, retired));
            complaints.extend(found.map(|(retired, now)| file.at(line, &format!("`{retired}` is called `{now}`"))));
        }
    }
    complaints
}

#[test]
fn no_retired_identifier_is_left() {
    assert_fine(&retired(&sources()));
}

#[test]
fn a_retired_identifier_is_seen() {
    assert_seen(
        &retired(&file("engine/a.rs", "fn a() {\n    self.give_back(slot);\n}")),
        "src/engine/a.rs:2: `give_back` is called `release`",
    );
    assert_seen(&retired(&file("tests/a.rs", "use crate::Reason;")), "`Reason` is called `DiscardReason`");
    let fine = "// attend\nlet discard_reason = DiscardReason::Idle;\nprintln!(\"in line\");\nlet pipeline = 1;";
    assert_fine(&retired(&file("a.rs", fine)));
}
