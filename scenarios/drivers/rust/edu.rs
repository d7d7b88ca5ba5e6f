//! A driver for the edu card in Rust, in the order of its data sheet (devices/edu/DATASHEET.md):
//! `softbar run edu.wasm --device edu`.
#![no_std]

#[path = "../../../harness/wasm/include/softbar.rs"]
mod softbar;

use softbar::{Bar, Dma, InterruptKind};

const IDENTIFICATION: u32 = 0x00;
const LIVENESS: u32 = 0x04;
const FACTORIAL: u32 = 0x08;
const STATUS: u32 = 0x20;
const STATUS_COMPUTING: u32 = 0x01;
const STATUS_INTERRUPT: u32 = 0x80;
const INTERRUPT_STATUS: u32 = 0x24;
const INTERRUPT_ACKNOWLEDGE: u32 = 0x64;
const DMA_SOURCE: u32 = 0x80;
const DMA_DESTINATION: u32 = 0x88;
const DMA_COUNT: u32 = 0x90;
const DMA_COMMAND: u32 = 0x98;
const COMMAND_START: u32 = 0x1;
const COMMAND_TO_HOST: u32 = 0x2;
const COMMAND_INTERRUPT: u32 = 0x4;
const CAUSE_FACTORIAL: u32 = 0x001;
const CAUSE_DMA: u32 = 0x100;
const CARD_BUFFER: u64 = 0x0004_0000;
const WAIT_LIMIT_US: u32 = 1_000_000;
const TRANSFER_BYTES: u32 = 4096;

pub struct Edu {
    bar: Bar,
    buffer: Dma,
}

impl Edu {
    pub fn probe() -> Edu {
        let bar = Bar::new(0);
        assert_eq!(bar.read32(IDENTIFICATION) & 0xffff, 0x00ed, "this is no edu");
        // "PCI": without Bus Master the card can neither copy nor send its MSI.
        softbar::set_bus_master(true);
        let buffer = Dma::new(TRANSFER_BYTES, "edu transfer buffer\0").expect("no memory");
        softbar::interrupts(InterruptKind::Msi, 1);
        Edu { bar, buffer }
    }

    /// Whether the card gives back the complement of a word.
    pub fn is_alive(&self, word: u32) -> bool {
        self.bar.write32(LIVENESS, word);
        self.bar.read32(LIVENESS) == !word
    }

    /// n! modulo 2^32.
    pub fn factorial(&self, n: u32) -> u32 {
        // "Factorial": the card looks at the bit when it is done, so it must be right before n is written.
        self.bar.write32(STATUS, STATUS_INTERRUPT);
        self.bar.write32(FACTORIAL, n);
        self.finish(CAUSE_FACTORIAL);
        assert_eq!(self.bar.read32(STATUS) & STATUS_COMPUTING, 0);
        self.bar.read32(FACTORIAL)
    }

    /// Words into the card's buffer and out of it again.
    pub fn round_trip(&mut self, words: &mut [u32]) {
        let byte_length = words.len() as u32 * 4;
        for (index, word) in words.iter().enumerate() {
            self.buffer.store32(index as u32 * 4, *word);
        }
        self.transfer(self.buffer.address(), CARD_BUFFER, byte_length, COMMAND_START);
        for index in 0..words.len() as u32 {
            self.buffer.store32(index * 4, 0);
        }
        self.transfer(CARD_BUFFER, self.buffer.address(), byte_length, COMMAND_START | COMMAND_TO_HOST);
        for (index, word) in words.iter_mut().enumerate() {
            *word = self.buffer.load32(index as u32 * 4);
        }
    }

    fn transfer(&self, source: u64, destination: u64, byte_length: u32, command: u32) {
        for (register, value) in [(DMA_SOURCE, source), (DMA_DESTINATION, destination), (DMA_COUNT, byte_length as u64)] {
            self.bar.write32(register, value as u32);
            self.bar.write32(register + 4, (value >> 32) as u32);
        }
        // The doorbell. Writes arrive in order, and behind what this CPU stored to memory.
        self.bar.write32(DMA_COMMAND, command | COMMAND_INTERRUPT);
        self.finish(CAUSE_DMA);
    }

    fn finish(&self, cause: u32) {
        let mut taken = 0;
        while taken & cause == 0 {
            assert!(softbar::wait_interrupt(0, WAIT_LIMIT_US), "the edu does not interrupt");
            // Acknowledged until none is left: a cause that came in between would not raise a line again.
            loop {
                let raised = self.bar.read32(INTERRUPT_STATUS);
                if raised == 0 {
                    break;
                }
                self.bar.write32(INTERRUPT_ACKNOWLEDGE, raised);
                taken |= raised;
            }
        }
    }
}

impl Drop for Edu {
    fn drop(&mut self) {
        softbar::set_bus_master(false);
    }
}

/// `--set n=N` (10): the factorial that is computed.
#[no_mangle]
pub extern "C" fn sb_main() -> i32 {
    let mut edu = Edu::probe();
    assert!(edu.is_alive(0x1234_5678));
    let n = softbar::option("n\0", 10) as u32;
    softbar::log(format_args!("{}! = {}", n, edu.factorial(n)));
    let mut words = [0u32; 64];
    for (index, word) in words.iter_mut().enumerate() {
        *word = (index as u32).wrapping_mul(0x9e37_79b9);
    }
    let before = words;
    edu.round_trip(&mut words);
    (words != before) as i32
}
