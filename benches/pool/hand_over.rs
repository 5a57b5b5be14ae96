//! One connection goes from hand to hand along a line of tasks.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use conn_pool::{ConnGuard, Get, Pool};
use criterion::{BenchmarkId, Criterion, Throughput};

use crate::paired::{Figure, Wanted, nanos_per_turn, time};

const CROWDS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Hand-overs of a round of the table.
const TURNS: u32 = 200_000;

/// A held connection and the tasks in line for it.
struct Queue<'a> {
    pool: &'a Pool<u64, 1>,
    held: Option<ConnGuard<'a, u64, 1>>,
    line: VecDeque<Pin<Box<Get<'a, u64, 1>>>>,
}

impl<'a> Queue<'a> {
    fn new(pool: &'a Pool<u64, 1>, waiting: usize) -> Self {
        let held = pool.try_get().ok();
        let mut line: VecDeque<_> = (0..waiting).map(|_| Box::pin(pool.get_async())).collect();
        for task in &mut line {
            assert!(poll(task).is_none(), "the connection is held");
        }
        Self { pool, held, line }
    }

    /// The holder gives the connection back, the head of the line gets it, and a new task joins at the end.
    fn turn(&mut self) {
        self.held = None;
        let Some(mut head) = self.line.pop_front() else { return };
        self.held = poll(&mut head);
        assert!(self.held.is_some(), "the head of the line is served");
        head.as_mut().set(self.pool.get_async());
        assert!(poll(&mut head).is_none(), "the connection is held again");
        self.line.push_back(head);
    }
}

fn poll<'a>(task: &mut Pin<Box<Get<'a, u64, 1>>>) -> Option<ConnGuard<'a, u64, 1>> {
    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(connection) => connection.ok(),
        Poll::Pending => None,
    }
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hand-over with tasks waiting");
    group.throughput(Throughput::Elements(1));
    for waiting in CROWDS {
        let pool = Pool::from([0]);
        let mut queue = Queue::new(&pool, waiting);
        group.bench_function(BenchmarkId::from_parameter(waiting), |bencher| {
            bencher.iter_custom(|turns| time(turns, || queue.turn()));
        });
    }
    group.finish();
}

pub(crate) fn figures() -> Vec<Figure> {
    let (pool, alone) = (Pool::from([0]), Pool::from([0]));
    let mut alone = Queue::new(&alone, 1);
    let figure = |waiting: &usize| {
        let mut crowd = Queue::new(&pool, *waiting);
        Figure::measure(
            format!("6. one hand-over, {waiting} tasks waiting, beside 1"),
            "ns",
            || nanos_per_turn(TURNS, || crowd.turn()),
            || nanos_per_turn(TURNS, || alone.turn()),
            Wanted::AtMost(2.0),
        )
    };
    CROWDS[1..].iter().map(figure).collect()
}
