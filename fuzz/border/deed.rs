//! What can be done, and how six bytes say it.

/// An index is taken modulo the number of things there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Makes a pool where there is none.
    Make,
    Add,
    TryAcquire,
    AcquireNow,
    /// Waits for a millisecond, if the input has not waited too often yet.
    AcquireBriefly,
    AcquireUntil,
    AcquireAsync,
    Cancel,
    Release,
    Discard,
    /// Releases a copy of a lease that is damaged, used before, or of another pool; by `discard` if the argument is
    /// odd.
    Misuse,
    Resize,
    Maintain,
    /// Brings what a pool was to be brought, or says that it cannot be; or uses a ticket that is not out.
    EndConnect,
    Suspend,
    Resume,
    EvictAll,
    /// Keeps those that the fate does not end.
    Retain,
    /// Who holds what, and why the last create failed.
    Ask,
    Stats,
    ResetPeaks,
    Close,
    Drain,
    /// Closes the pool before if the argument is odd.
    Destroy,
    Abandon,
    /// NULL where none may be.
    Nulls,
    /// The functions that only tell something.
    Words,
}

/// How the callbacks of an act answer.
///
/// The numbers come from the bytes of the act alone, so that changing one act leaves the others as they were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    /// Of four results, so many are failures.
    fails: u32,
    /// Of eight callbacks, so many call a pool.
    meddles: u32,
    state: u32,
}

impl Fate {
    pub(crate) const KIND: Self = Self { fails: 0, meddles: 0, state: 1 };

    fn decode(fate: u16) -> Self {
        let fate = u32::from(fate);
        Self { fails: fate & 3, meddles: fate >> 2 & 7, state: fate.wrapping_mul(0x9E37_79B1) | 1 }
    }

    /// A number below `bound`.
    pub(crate) fn draw(&mut self, bound: u32) -> u32 {
        // Xorshift, of which the upper half is the better one.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        (self.state >> 16) % bound
    }

    pub(crate) fn fails(&mut self) -> bool {
        self.draw(4) < self.fails
    }

    /// Whether a callback forgets to tell what it has made: only where callbacks fail.
    pub(crate) fn forgets(&mut self) -> bool {
        self.fails > 0 && self.draw(8) == 0
    }

    pub(crate) fn meddles(&mut self) -> bool {
        self.draw(8) < self.meddles
    }
}

/// One thing that is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act {
    pub(crate) deed: Deed,
    /// Which pool.
    pub(crate) at: u8,
    pub(crate) argument: u8,
    pub(crate) more: u8,
    pub(crate) fate: Fate,
}

impl Act {
    pub(crate) const BYTES: usize = 6;

    pub(crate) fn decode([deed, at, argument, more, low, high]: [u8; Self::BYTES]) -> Self {
        Self { deed: Deed::decode(deed), at, argument, more, fate: Fate::decode(u16::from_le_bytes([low, high])) }
    }

    /// What a callback does. It may end a pool that is not in use meanwhile, and should not sleep.
    pub(crate) fn of_callback(fate: &mut Fate) -> Self {
        let deed = match fate.draw(64) {
            0..12 => Deed::TryAcquire,
            12..24 => Deed::Release,
            24..34 => Deed::AcquireAsync,
            34..40 => Deed::Cancel,
            40..44 => Deed::Discard,
            44..48 => Deed::Misuse,
            48..52 => Deed::Resize,
            52 => Deed::Maintain,
            53 => Deed::EvictAll,
            56 => Deed::EndConnect,
            54 => Deed::Retain,
            55 => Deed::Stats,
            57..59 => Deed::Add,
            59..61 => Deed::Destroy,
            61 => Deed::AcquireUntil,
            62 => Deed::Drain,
            _ => Deed::Close,
        };
        let [at, argument, more] = [(); 3].map(|()| fate.draw(256).to_le_bytes()[0]);
        Self { deed, at, argument, more, fate: *fate }
    }
}

impl Deed {
    fn decode(code: u8) -> Self {
        match code {
            0..24 => Self::Make,
            24..48 => Self::Add,
            48..78 => Self::TryAcquire,
            78..84 => Self::AcquireNow,
            84..86 => Self::AcquireBriefly,
            86..92 => Self::AcquireUntil,
            92..124 => Self::AcquireAsync,
            124..136 => Self::Cancel,
            136..164 => Self::Release,
            164..176 => Self::Discard,
            176..196 => Self::Misuse,
            196..202 => Self::Resize,
            202..210 => Self::EndConnect,
            210..214 => Self::Maintain,
            214 => Self::EvictAll,
            215 => Self::Retain,
            216 => Self::Suspend,
            217..219 => Self::Resume,
            219 => Self::Ask,
            220..224 => Self::Stats,
            224..226 => Self::ResetPeaks,
            226..230 => Self::Close,
            230..234 => Self::Drain,
            234..242 => Self::Destroy,
            242..245 => Self::Abandon,
            245..252 => Self::Nulls,
            252..=255 => Self::Words,
        }
    }
}
