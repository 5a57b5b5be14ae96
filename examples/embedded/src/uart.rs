//! A driver for a serial port: what the pools of the examples lend.

use embassy_time::{Duration, Timer};

use crate::board;

/// A serial port. Under QEMU both are one: each sends a line at a time, and says which it is.
#[derive(Debug)]
pub struct Uart {
    number: u8,
    lines: u32,
    is_sending: bool,
}

impl Uart {
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self { number, lines: 0, is_sending: false }
    }

    /// How many lines it has sent.
    #[must_use]
    pub const fn lines(&self) -> u32 {
        self.lines
    }

    /// Sends a line. Others run meanwhile, as while a transfer by DMA is under way.
    ///
    /// # Panics
    ///
    /// If another line is being sent: the driver was lent twice.
    pub async fn send(&mut self, line: &str) {
        assert!(!self.is_sending, "two lines at once");
        self.is_sending = true;
        Timer::after(Duration::from_millis(2)).await;
        self.is_sending = false;
        self.send_now(line);
    }

    /// Sends a line at once, from an interrupt handler.
    ///
    /// # Panics
    ///
    /// If another line is being sent: the driver was lent twice.
    pub fn send_now(&mut self, line: &str) {
        assert!(!self.is_sending, "two lines at once");
        self.lines += 1;
        // Both ports are one.
        critical_section::with(|_| {
            let prefix = [b'u', b'a', b'r', b't', b'0' + self.number, b':', b' '];
            prefix.into_iter().chain(line.bytes()).chain(*b"\n").for_each(board::transmit);
        });
    }
}
