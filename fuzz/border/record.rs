//! What is known of one pool without asking it: its resources, its slots' leases, and what it must have counted.

use std::collections::BTreeMap;
use std::ptr;

use ::conn_pool::ffi::conn_pool_status::{
    self, CONN_POOL_CLOSED, CONN_POOL_CREATE_FAILED, CONN_POOL_FORGED, CONN_POOL_NOT_HELD, CONN_POOL_OK,
    CONN_POOL_STALE, CONN_POOL_WRONG_POOL,
};
use ::conn_pool::ffi::{conn_pool, conn_pool_lease, conn_pool_stats};

/// Which callbacks a pool has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Has {
    pub(crate) create: bool,
    /// Instead of `create`.
    pub(crate) begin_create: bool,
    pub(crate) validate: bool,
    pub(crate) reset: bool,
    pub(crate) destroy: bool,
    pub(crate) on_event: bool,
}

/// Where a resource is. It is a number, and never looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The pool's, idle or set aside or on its way to somebody.
    Pool,
    /// Found fit, so it may be lent.
    Fit,
    /// Just created.
    Fresh,
    Held,
    /// Given back, and to be reset next.
    Returning,
    /// A callback has it in hand.
    Checking,
    /// To be destroyed next; the code is its check's.
    Doomed(i32),
    /// Its end was told, and `destroy` is called next.
    Ending,
    Gone,
}

/// A slot, as far as its leases show it.
#[derive(Debug, Clone, Copy, Default)]
struct SlotRecord {
    /// Odd while it is out.
    generation: u32,
    resource: usize,
}

/// What callbacks have answered since the last act began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answers {
    pub(crate) calls: u32,
    pub(crate) unfit: usize,
    pub(crate) not_created: usize,
    pub(crate) destroyed: usize,
    /// The call may have no time left to create anything.
    pub(crate) may_be_late: bool,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) has: Has,
    pub(crate) capacity: usize,
    pub(crate) max_size: usize,
    pub(crate) max_overtakes: u32,
    pub(crate) name: Vec<u8>,
    pub(crate) closed: bool,
    /// Its connects may take too long.
    pub(crate) connects_end: bool,
    /// How many resources may be made at once.
    pub(crate) max_connecting: usize,
    /// How many idle ones `maintain` keeps.
    pub(crate) min_idle: usize,
    /// Its resources end when they are too old, or were idle for too long.
    pub(crate) ages: bool,
    /// It is recorded who holds what.
    pub(crate) tracks: bool,
    pub(crate) suspended: bool,
    /// Resources were evicted, or not retained: they end for no other reason.
    pub(crate) was_evicted: bool,
    /// A resource is checked only some time after its last use.
    pub(crate) validates_later: bool,
    /// Its maximum was below its capacity once, so that resources may be set aside.
    pub(crate) was_shrunk: bool,
    slots: Vec<SlotRecord>,
    pub(crate) resources: BTreeMap<usize, Place>,
    /// What the program was asked for, and has not ended.
    pub(crate) tickets: Vec<u64>,
    /// The codes of failed creates that were not told yet.
    pub(crate) failures_to_tell: Vec<i32>,
    pub(crate) answers: Answers,
    /// As it was found when nobody called it.
    pub(crate) idle: usize,
    pub(crate) vacant: usize,

    pub(crate) added: usize,
    pub(crate) created: usize,
    pub(crate) create_failed: usize,
    pub(crate) invalid: usize,
    pub(crate) reset_failed: usize,
    pub(crate) destroyed: usize,
    pub(crate) misused: usize,
    pub(crate) timed_out: usize,
    pub(crate) exhausted: usize,
    pub(crate) leases: usize,
}

impl Has {
    pub(crate) const fn connects(self) -> bool {
        self.create || self.begin_create
    }
}

impl Record {
    pub(crate) fn new(has: Has, capacity: usize, max_size: usize, max_overtakes: u32, name: Vec<u8>) -> Self {
        Self {
            has,
            capacity,
            max_size,
            max_overtakes,
            name,
            closed: false,
            connects_end: false,
            max_connecting: capacity,
            min_idle: 0,
            ages: false,
            tracks: false,
            suspended: false,
            was_evicted: false,
            validates_later: false,
            was_shrunk: max_size < capacity,
            slots: vec![SlotRecord::default(); capacity],
            resources: BTreeMap::new(),
            tickets: Vec::new(),
            failures_to_tell: Vec::new(),
            answers: Answers::default(),
            idle: 0,
            vacant: max_size,
            added: 0,
            created: 0,
            create_failed: 0,
            invalid: 0,
            reset_failed: 0,
            destroyed: 0,
            misused: 0,
            timed_out: 0,
            exhausted: 0,
            leases: 0,
        }
    }

    /// Whether the pool says when a resource ends.
    pub(crate) const fn tells_ends(&self) -> bool {
        self.has.destroy || self.has.on_event
    }

    pub(crate) fn held(&self) -> usize {
        self.slots.iter().filter(|slot| slot.generation % 2 == 1).count()
    }

    pub(crate) fn place(&mut self, resource: usize) -> &mut Place {
        self.resources.get_mut(&resource).unwrap_or_else(|| panic!("resource {resource} is none of this pool's"))
    }

    /// A place that the resource must not be in at the same time for anybody else.
    #[track_caller]
    pub(crate) fn moves(&mut self, resource: usize, from: &[Place], to: Place) {
        let place = self.place(resource);
        assert!(from.contains(place), "resource {resource} is {place:?}, not one of {from:?}, and becomes {to:?}");
        *place = to;
    }

    pub(crate) fn lend(&mut self, pool: *mut conn_pool, lease: &conn_pool_lease) {
        let resource = lease.resource.addr();
        assert!(ptr::eq(lease.pool, pool), "the lease names its pool");
        let from: &[Place] = match (self.has.validate, self.validates_later) {
            (false, _) => &[Place::Pool, Place::Fresh],
            (true, false) => &[Place::Fit, Place::Fresh],
            (true, true) => &[Place::Pool, Place::Fit, Place::Fresh],
        };
        self.moves(resource, from, Place::Held);
        let slot = &mut self.slots[lease.slot as usize];
        assert_eq!(slot.generation % 2, 0, "slot {} is lent twice", lease.slot);
        assert_eq!(lease.generation, slot.generation.wrapping_add(1), "each lease has its generation");
        *slot = SlotRecord { generation: lease.generation, resource };
        self.leases += 1;
    }

    /// What giving this lease back must answer.
    pub(crate) fn judge(&self, pool: *mut conn_pool, lease: &conn_pool_lease) -> conn_pool_status {
        if lease.pool.is_null() {
            return CONN_POOL_NOT_HELD;
        }
        if !ptr::eq(lease.pool, pool) {
            return CONN_POOL_WRONG_POOL;
        }
        let Some(slot) = self.slots.get(lease.slot as usize) else { return CONN_POOL_FORGED };
        let given_out = lease.generation % 2 == 1;
        match slot.generation.wrapping_sub(lease.generation) {
            0 if given_out && slot.resource == lease.resource.addr() => CONN_POOL_OK,
            1 if given_out => CONN_POOL_NOT_HELD,
            2..=0x7fff_ffff if given_out => CONN_POOL_STALE,
            _ => CONN_POOL_FORGED,
        }
    }

    /// A lease that is in order is being given back.
    pub(crate) fn redeem(&mut self, lease: &conn_pool_lease, to: Place) {
        let slot = &mut self.slots[lease.slot as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.moves(lease.resource.addr(), &[Place::Held], to);
    }

    /// The pool is abandoned or destroyed, or says nothing of its ends: what it had is not asked for any more.
    pub(crate) fn forget_ended(&mut self) {
        let (tells, closed, refills) = (self.tells_ends(), self.closed, self.has.connects());
        for place in self.resources.values_mut() {
            match place {
                // `maintain` has found it fit, and put it back.
                Place::Fit if !closed || tells => *place = Place::Pool,
                // `maintain` has created it, or it was brought for a waiter that has gone.
                Place::Fresh if refills && (!closed || tells) => *place = Place::Pool,
                Place::Doomed(_) if !tells => *place = Place::Gone,
                Place::Pool | Place::Fit | Place::Fresh if !tells && closed => *place = Place::Gone,
                _ => {}
            }
        }
    }

    /// What an attempt may answer that finds nothing with `refusal`. Exact if no callback called a pool meanwhile.
    pub(crate) fn attempt(&self, refusal: conn_pool_status, was_closed: bool, meddled: bool) -> Vec<conn_pool_status> {
        if was_closed {
            return vec![CONN_POOL_CLOSED];
        }
        if self.suspended && !meddled {
            return vec![refusal];
        }
        if self.has.begin_create {
            let mut any = vec![CONN_POOL_OK, refusal];
            any.extend((self.closed && meddled).then_some(CONN_POOL_CLOSED));
            any.extend((self.answers.not_created > 0).then_some(CONN_POOL_CREATE_FAILED));
            return any;
        }
        let Answers { unfit, not_created, may_be_late, .. } = self.answers;
        if meddled {
            let mut any = vec![CONN_POOL_OK, refusal];
            any.extend(self.closed.then_some(CONN_POOL_CLOSED));
            any.extend((not_created > 0).then_some(CONN_POOL_CREATE_FAILED));
            return any;
        }
        let is_filled = self.idle > 0;
        let mut right = vec![if self.has.create && (is_filled || self.vacant > 0) {
            if not_created > 0 { CONN_POOL_CREATE_FAILED } else { CONN_POOL_OK }
        } else if is_filled && unfit < self.idle {
            CONN_POOL_OK
        } else {
            refusal
        }];
        right.extend((may_be_late && self.has.create).then_some(refusal));
        right
    }

    /// Compares it with what the pool says while nobody calls it.
    pub(crate) fn compare(&mut self, stats: &conn_pool_stats, waiting: usize) {
        self.forget_ended();
        let held = self.held();
        if self.tells_ends() {
            assert_eq!(stats.destroyed, self.destroyed, "destroyed; {self:?}");
            let alive = self.resources.values().filter(|place| **place != Place::Gone).count();
            assert_eq!(alive, self.added + self.created - self.destroyed, "alive; {self:?}");
            for (resource, place) in &self.resources {
                let settled = matches!(place, Place::Pool | Place::Held | Place::Gone);
                assert!(settled, "resource {resource} was left {place:?}; {self:?}");
            }
        } else {
            let known = self.resources.values().filter(|place| **place == Place::Gone).count();
            assert!(stats.destroyed >= known, "destroyed: {stats:?}; {self:?}");
            self.destroyed = stats.destroyed;
        }
        assert_eq!(self.resources.values().filter(|place| **place == Place::Held).count(), held, "{self:?}");
        assert!(self.failures_to_tell.is_empty() || !self.has.on_event, "a failed create was not told: {self:?}");

        let in_use = held + self.tickets.len();
        assert!(stats.connecting <= self.tickets.len(), "connecting; {stats:?} {self:?}");
        assert_eq!(
            (stats.capacity, stats.max_size, stats.in_use, stats.waiting, stats.closed, stats.suspended),
            (self.capacity, self.max_size, in_use, waiting, usize::from(self.closed), usize::from(self.suspended),),
            "capacity, max_size, in_use, waiting, closed, suspended; {stats:?} {self:?}"
        );
        assert_eq!(
            (stats.created, stats.create_failed, stats.invalid, stats.reset_failed),
            (self.created, self.create_failed, self.invalid, self.reset_failed),
            "created, create_failed, invalid, reset_failed; {stats:?} {self:?}"
        );
        assert_eq!(
            (stats.misused, stats.timed_out, stats.exhausted),
            (self.misused, self.timed_out, self.exhausted),
            "misused, timed_out, exhausted; {stats:?} {self:?}"
        );
        self.compare_room(stats, held, waiting);
        assert!((in_use..=self.capacity).contains(&stats.peak_in_use), "{stats:?} {self:?}");
        assert!(stats.peak_waiting >= waiting && stats.reused <= stats.acquired, "{stats:?} {self:?}");
        assert!(stats.acquired >= self.leases, "{stats:?} {self:?}");
        assert!(self.max_overtakes > 0 || stats.overtakes == 0, "{stats:?} {self:?}");
        (self.idle, self.vacant) = (stats.idle, stats.vacant);
    }

    fn compare_room(&self, stats: &conn_pool_stats, held: usize, waiting: usize) {
        let room = self.max_size.saturating_sub(held + self.tickets.len());
        assert_eq!(stats.idle + stats.vacant, room, "idle and vacant; {stats:?} {self:?}");
        let alive = self.added + self.created - self.destroyed;
        let set_aside = alive.checked_sub(held + stats.idle);
        let set_aside = set_aside.unwrap_or_else(|| panic!("more than there are: {stats:?} {self:?}"));
        let may_set_aside = self.was_shrunk && !self.has.connects() && !self.closed;
        assert!(set_aside == 0 || may_set_aside, "{set_aside} set aside; {stats:?} {self:?}");
        assert!(stats.idle == 0 || !self.closed, "{stats:?} {self:?}");
        if stats.waiting > 0 && !self.suspended {
            assert_eq!(stats.idle, 0, "somebody waits beside an idle resource; {self:?}");
            let is_asked = !self.has.begin_create || stats.vacant == 0 || stats.connecting >= self.max_connecting.min(waiting);
            assert!(is_asked, "somebody waits, and nothing was asked for; {stats:?} {self:?}");
        }
    }
}
