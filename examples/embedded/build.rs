//! Tells the linker the memory of the board that the target stands for.

use std::env::var;
use std::fs::copy;
use std::path::PathBuf;

fn main() {
    let target = var("TARGET").expect("cargo sets it");
    let board = match target.as_str() {
        "thumbv6m-none-eabi" => "microbit",
        "thumbv7m-none-eabi" => "lm3s6965evb",
        "riscv32imac-unknown-none-elf" | "riscv32imc-unknown-none-elf" => "virt",
        _ => panic!("there is no board for {target}"),
    };
    let memory = format!("memory/{board}.x");
    let folder = PathBuf::from(var("OUT_DIR").expect("cargo sets it"));
    copy(&memory, folder.join("memory.x")).expect("the file is there");
    println!("cargo:rerun-if-changed={memory}");
    println!("cargo:rustc-link-search={}", folder.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
