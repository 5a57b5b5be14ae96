//! Interrupt sweeps: a call of the main program is interrupted before each of its instructions in turn, and the handler
//! makes a call of its own. Afterwards all that was lent has to be back, each waiter served, and each use counted.

mod conn;
mod side;
mod wait;

use core::pin::Pin;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering::Relaxed};

pub use conn::Conn;
use conn::{fault, take_fault};
pub use side::{Side, Subject};
pub use wait::{Wait, Waits};

use crate::board;
use crate::report::Report;

/// A call that is made by the main program, or by the handler that interrupts it.
pub struct Call<S: Subject> {
    pub name: &'static str,
    pub needs: Needs,
    pub run: fn(&mut Side<'_, S>),
}

/// What there has to be before a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// A connection of its own.
    Held,
    /// A place in the queue.
    Waiting,
    /// A slot without a connection.
    Vacancy,
    /// No slot with one that is idle.
    Empty,
    /// A pool below its size.
    Shrunk,
}

/// Who joins the queue, one after the other.
#[derive(Clone, Copy)]
struct Scene {
    is_waited_for: bool,
    order: [usize; 3],
    /// The head of the queue is granted a connection, and has not looked yet.
    is_granted: bool,
}

const MAIN: usize = 0;
const HANDLER: usize = 1;
const BYSTANDER: usize = 2;

impl Scene {
    const IDLE: Self = Self { is_waited_for: false, order: [MAIN, HANDLER, BYSTANDER], is_granted: false };
    /// The caller waits as the head, in the middle, and at the end.
    const ORDERS: [[usize; 3]; 3] =
        [[MAIN, HANDLER, BYSTANDER], [HANDLER, MAIN, BYSTANDER], [HANDLER, BYSTANDER, MAIN]];

    fn all(main: Needs, handler: Needs) -> impl Iterator<Item = Self> {
        let can_wait = [main, handler].contains(&Needs::Waiting);
        let can_be_idle = !can_wait;
        let orders = if can_wait { &Self::ORDERS[..] } else { &Self::ORDERS[..1] };
        let waited = orders.iter().flat_map(move |order| {
            let grants = if can_wait { &[false, true][..] } else { &[false][..] };
            grants.iter().map(|is_granted| Self { is_waited_for: true, order: *order, is_granted: *is_granted })
        });
        can_be_idle.then_some(Self::IDLE).into_iter().chain(waited)
    }
}

/// The places in the queue: of the main program, of the handler, and of one that does nothing but wait.
pub type Queue<'a, S> = [Pin<&'a mut dyn Waits<<S as Subject>::Guard>>; 3];

/// Interrupts each call of a pool that is new by each call. The report has a line for each call of the main program.
pub fn sweep<S: Subject>(report: &mut Report, calls: &[Call<S>], handler_calls: &[Call<S>], queue: &mut Queue<'_, S>) {
    conn::forget_uses();
    for main in calls {
        report.check(main.name, sweep_one(main, handler_calls, queue));
    }
}

/// Interrupts one call by each call, and answers how often.
pub fn sweep_one<S: Subject>(
    main: &Call<S>,
    handler_calls: &[Call<S>],
    queue: &mut Queue<'_, S>,
) -> Result<u32, &'static str> {
    let mut strikes = 0;
    for handler in handler_calls {
        for scene in Scene::all(main.needs, handler.needs) {
            strikes += interrupt_everywhere(main, handler, scene, queue).inspect_err(|_| {
                semihosting::println!(
                    "        {} interrupted by {}, order {:?}, waited for {}, granted {}",
                    main.name,
                    handler.name,
                    scene.order,
                    scene.is_waited_for,
                    scene.is_granted
                );
            })?;
        }
    }
    Ok(strikes)
}

/// So many strikes in a row have to come too late before all instructions are known to have been interrupted, in case a
/// call takes a few instructions more or less from one time to the next.
const LATE: u32 = 4;

/// No call takes so many strikes.
const LONGEST: usize = 50_000;

static IS_RUNNING: AtomicBool = AtomicBool::new(false);
static HAS_STRUCK: AtomicBool = AtomicBool::new(false);
static INTERRUPTER: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// What the handler does, and for whom.
struct Interrupter<'a, 'q, S: Subject> {
    call: &'a Call<S>,
    side: Side<'q, S>,
}

fn interrupt_everywhere<S: Subject>(
    main: &Call<S>,
    handler: &Call<S>,
    scene: Scene,
    queue: &mut Queue<'_, S>,
) -> Result<u32, &'static str> {
    board::on_strike(run_interrupter::<S>);
    let (mut strikes, mut late) = (0, 0);
    for ticks in board::sweep_of_ticks().take(LONGEST) {
        let has_struck = interrupt_once(main, handler, scene, queue, ticks);
        if let Some(fault) = take_fault() {
            return Err(fault);
        }
        strikes += u32::from(has_struck);
        late = if has_struck { 0 } else { late + 1 };
        if late == LATE {
            break;
        }
    }
    match (late, strikes) {
        (LATE, 1..) => Ok(strikes),
        (LATE, 0) => Err("the timer has never struck"),
        _ => Err("the call has not ended before the timer struck"),
    }
}

fn run_interrupter<S: Subject>(_interrupted: usize) {
    if !IS_RUNNING.load(Relaxed) {
        return;
    }
    HAS_STRUCK.store(true, Relaxed);
    let interrupter = INTERRUPTER.load(Relaxed).cast::<Interrupter<'_, '_, S>>();
    // SAFETY: set before the timer was armed; the main program does not use it while the call runs.
    let interrupter = unsafe { &mut *interrupter };
    (interrupter.call.run)(&mut interrupter.side);
}

/// Makes the call and has it interrupted so many ticks later. Answers whether it was.
fn interrupt_once<S: Subject>(
    main: &Call<S>,
    handler: &Call<S>,
    scene: Scene,
    queue: &mut Queue<'_, S>,
    ticks: u32,
) -> bool {
    let [mine, theirs, bystander] = queue;
    let mut side = Side::new(mine.as_mut(), MAIN);
    let mut interrupter = Interrupter { call: handler, side: Side::new(theirs.as_mut(), HANDLER) };
    let mut bystander = Side::new(bystander.as_mut(), BYSTANDER);
    let mut rest = [const { None }; 3];

    S::refill();
    let needs = [main.needs, handler.needs];
    side.prepare(main.needs);
    interrupter.side.prepare(handler.needs);
    if needs.contains(&Needs::Vacancy) {
        S::vacate_one();
    }
    if needs.contains(&Needs::Empty) {
        S::vacate_all();
    }
    if needs.contains(&Needs::Shrunk) {
        S::shrink();
    }
    if scene.is_waited_for {
        rest = core::array::from_fn(|_| S::try_get());
        for who in scene.order {
            match who {
                MAIN if main.needs == Needs::Waiting => side.wait(),
                HANDLER if handler.needs == Needs::Waiting => interrupter.side.wait(),
                BYSTANDER => bystander.wait(),
                _ => {}
            }
        }
    }
    if scene.is_granted {
        rest[0] = None;
    }

    HAS_STRUCK.store(false, Relaxed);
    INTERRUPTER.store((&raw mut interrupter).cast(), Relaxed);
    IS_RUNNING.store(true, Relaxed);
    board::strike_after(ticks);
    (main.run)(&mut side);
    IS_RUNNING.store(false, Relaxed);
    board::disarm();
    let has_struck = HAS_STRUCK.load(Relaxed);

    drop(rest);
    settle(&mut [&mut side, &mut interrupter.side, &mut bystander]);
    has_struck
}

/// Everything comes back, each waiter is served, and the counts are right.
fn settle<S: Subject>(sides: &mut [&mut Side<'_, S>; 3]) {
    for side in sides.iter_mut() {
        side.give_back();
    }
    S::refill();
    // Each that is served makes room for the next.
    for _ in 0..sides.len() {
        let Some(side) = sides.iter_mut().find(|side| side.is_waiting() && side.was_woken()) else { break };
        side.wait();
        if side.is_waiting() {
            fault("a waiter was woken, and not served");
        }
        side.give_back();
    }
    for side in sides.iter_mut() {
        if side.is_waiting() {
            fault("a waiter was never woken");
            side.leave();
        }
    }
    if let Err(found) = S::at_rest() {
        fault(found);
    }
    conn::check_uses(|visit| {
        let mut all = [const { None }; 3];
        all.fill_with(S::try_get);
        all.iter_mut().flatten().for_each(|guard| visit(guard));
    });
}
