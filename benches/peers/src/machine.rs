//! What the figures were measured on.

use std::fs;
use std::thread;

/// The processors, how busy they are, and the compiler.
pub(crate) fn summary() -> String {
    let cores = thread::available_parallelism().map_or_else(|_| "? ".into(), |cores| cores.to_string());
    let rustc = env!("PEERS_RUSTC");
    format!("Machine: {cores} cores ({}), load {}, {rustc}", processor(), load())
}

fn processor() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown".into(), |(_, model)| model.trim().into())
}

/// The number of running threads, on average over the last minute.
fn load() -> String {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").into()
}
