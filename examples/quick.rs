//! q
#![allow(missing_docs)]
use conn_pool::*;
use std::sync::atomic::*;
use std::time::Instant;
use std::hint::black_box;
const R: u64 = 3_000_000;
#[repr(align(128))] pub struct W(AtomicUsize);
#[inline(never)] #[unsafe(no_mangle)] pub fn loop_floor(w: &W, n: u64) { for _ in 0..n { let o = w.0.load(Ordering::Relaxed); let _ = w.0.compare_exchange_weak(o, o&!1, Ordering::Acquire, Ordering::Relaxed); black_box(w.0.fetch_add(1, Ordering::Release)); } }
#[inline(never)] #[unsafe(no_mangle)] pub fn loop_pool1(p: &Pool<u64,1>, n: u64) { for _ in 0..n { drop(p.try_get()); } }
#[inline(never)] #[unsafe(no_mangle)] pub fn loop_pool4(p: &Pool<u64,4>, n: u64) { for _ in 0..n { drop(p.try_get()); } }
#[inline(never)] #[unsafe(no_mangle)] pub fn loop_pool8(p: &Pool<u64,8>, n: u64) { for _ in 0..n { drop(p.try_get()); } }
#[inline(never)] #[unsafe(no_mangle)] pub fn loop_pool8get(p: &Pool<u64,8>, n: u64) { for _ in 0..n { drop(p.get()); } }
#[inline(never)] #[unsafe(no_mangle)] pub fn loop_pool8use(p: &Pool<u64,8>, n: u64) { for _ in 0..n { let mut g = p.try_get().unwrap(); *g += 1; } }
#[inline(never)] #[unsafe(no_mangle)] pub fn loop_pool1024(p: &Pool<u64,1024>, n: u64) { for _ in 0..n { drop(p.try_get()); } }
fn time(name: &str, mut f: impl FnMut()) {
    let mut best = vec![];
    for _ in 0..9 { let t = Instant::now(); f(); best.push(t.elapsed().as_secs_f64()/R as f64*1e9); }
    best.sort_by(f64::total_cmp); println!("{name:20} {:.2} (min {:.2})", best[4], best[0]);
}
fn main() {
    let w = W(AtomicUsize::new(0xff));
    let p1 = Pool::<u64, 1>::from_fn(|i| i as u64);
    let p4 = Pool::<u64, 4>::from_fn(|i| i as u64);
    let p8 = Pool::<u64, 8>::from_fn(|i| i as u64);
    let pk = Pool::<u64, 1024>::from_fn(|i| i as u64);
    for _ in 0..2 {
    time("floor", || loop_floor(&w, R));
    time("pool1", || loop_pool1(&p1, R));
    time("pool4", || loop_pool4(&p4, R));
    time("pool8", || loop_pool8(&p8, R));
    time("pool8get", || loop_pool8get(&p8, R));
    time("pool8use", || loop_pool8use(&p8, R));
    }
    let mut held: Vec<_> = (0..1024).map(|_| pk.try_get().unwrap()).collect();
    for at in [0usize, 511, 1023] { 
        let g = held.remove(at); drop(g);
        time("pool1024", || loop_pool1024(&pk, R));
        held.insert(at, pk.try_get().unwrap());
    }
    let one = { let t = Instant::now(); loop_pool8use(&p8, R*3); 3.0*R as f64 / t.elapsed().as_secs_f64() };
    for _ in 0..3 {
    let t = Instant::now();
    std::thread::scope(|s| { for _ in 0..2 { s.spawn(|| loop_pool8use(&p8, R*3)); } });
    let two = R as f64 * 6.0 / t.elapsed().as_secs_f64();
    println!("one {:.1}M two {:.1}M ratio {:.2}", one/1e6, two/1e6, two/one);
    }
}
