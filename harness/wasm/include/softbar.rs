//! What `softbar.h` is for C, for drivers in Rust without std: `#[path = "…/softbar.rs"] mod softbar;`. Debian's rustc 1.63
//! with its package libstd-rust-dev-wasm32 builds them; the flags are in scenarios/drivers/rust/Makefile. Registers and
//! DMA memory are reached by calls, as with -DSB_TRACED in C: the same driver runs and is searched. The functions are
//! those of softbar.h, where each is described.
#![allow(dead_code)]

use core::fmt::{self, Write};

mod import {
    #[link(wasm_import_module = "softbar")]
    extern "C" {
        pub fn bar(index: u32) -> u32;
        pub fn set_bus_master(enabled: u32);
        pub fn read32(at: u32) -> u32;
        pub fn write32(at: u32, value: u32);
        pub fn dma_alloc(byte_length: u32, align: u32, label: *const u8) -> u32;
        pub fn dma_free(memory: u32);
        pub fn load32(at: u32) -> u32;
        pub fn store32(at: u32, value: u32);
        pub fn load_acquire32(at: u32) -> u32;
        pub fn store_release32(at: u32, value: u32);
        pub fn mb();
        pub fn rmb();
        pub fn wmb();
        pub fn dma_rmb();
        pub fn dma_wmb();
        pub fn interrupts(kind: u32, count: u32);
        pub fn wait_interrupt(vector: u32, limit_us: u32) -> u32;
        pub fn poll_interrupt(vector: u32) -> u32;
        pub fn relax();
        pub fn delay_us(duration_us: u32);
        pub fn now_ns() -> f64;
        pub fn option(name: *const u8, otherwise: i32) -> i32;
        pub fn log(format: *const u8, parameters: *const *const u8);
        pub fn panic(format: *const u8, parameters: *const *const u8) -> !;
    }
}

/// A BAR of the function that the driver has.
#[derive(Clone, Copy)]
pub struct Bar(u32);

impl Bar {
    pub fn new(index: u32) -> Bar {
        Bar(unsafe { import::bar(index) })
    }
    pub fn read32(self, offset: u32) -> u32 {
        unsafe { import::read32(self.0 + offset) }
    }
    /// Posted: returns before the device has seen it.
    pub fn write32(self, offset: u32, value: u32) {
        unsafe { import::write32(self.0 + offset, value) }
    }
}

/// Memory that the device reaches; given back when it is dropped.
pub struct Dma {
    at: u32,
    byte_length: u32,
}

impl Dma {
    /// `label` ends in a zero: "ring\0".
    pub fn new(byte_length: u32, label: &str) -> Option<Dma> {
        assert!(label.ends_with('\0'));
        let at = unsafe { import::dma_alloc(byte_length, 4096, label.as_ptr()) };
        if at == 0 { None } else { Some(Dma { at, byte_length }) }
    }
    /// Where the device finds it.
    pub fn address(&self) -> u64 {
        self.at as u64
    }
    pub fn load32(&self, offset: u32) -> u32 {
        unsafe { import::load32(self.place(offset)) }
    }
    pub fn store32(&mut self, offset: u32, value: u32) {
        unsafe { import::store32(self.place(offset), value) }
    }
    pub fn load_acquire32(&self, offset: u32) -> u32 {
        unsafe { import::load_acquire32(self.place(offset)) }
    }
    pub fn store_release32(&mut self, offset: u32, value: u32) {
        unsafe { import::store_release32(self.place(offset), value) }
    }
    fn place(&self, offset: u32) -> u32 {
        assert!(offset % 4 == 0 && offset < self.byte_length);
        self.at + offset
    }
}

impl Drop for Dma {
    fn drop(&mut self) {
        unsafe { import::dma_free(self.at) }
    }
}

#[derive(Clone, Copy)]
pub enum InterruptKind {
    Intx = 0,
    Msi = 1,
    Msix = 2,
}

pub fn set_bus_master(enabled: bool) {
    unsafe { import::set_bus_master(enabled as u32) }
}
pub fn interrupts(kind: InterruptKind, count: u32) {
    unsafe { import::interrupts(kind as u32, count) }
}
pub fn wait_interrupt(vector: u32, limit_us: u32) -> bool {
    unsafe { import::wait_interrupt(vector, limit_us) != 0 }
}
pub fn poll_interrupt(vector: u32) -> bool {
    unsafe { import::poll_interrupt(vector) != 0 }
}
pub fn relax() {
    unsafe { import::relax() }
}
pub fn delay_us(duration_us: u32) {
    unsafe { import::delay_us(duration_us) }
}
pub fn now_ns() -> u64 {
    unsafe { import::now_ns() as u64 }
}
pub fn mb() {
    unsafe { import::mb() }
}
pub fn rmb() {
    unsafe { import::rmb() }
}
pub fn wmb() {
    unsafe { import::wmb() }
}
pub fn dma_rmb() {
    unsafe { import::dma_rmb() }
}
pub fn dma_wmb() {
    unsafe { import::dma_wmb() }
}
/// `name` ends in a zero.
pub fn option(name: &str, otherwise: i32) -> i32 {
    assert!(name.ends_with('\0'));
    unsafe { import::option(name.as_ptr(), otherwise) }
}

/// A line of text with a zero behind it; what does not fit is cut off.
struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes().filter(|byte| *byte != 0) {
            if self.length + 1 < self.bytes.len() {
                self.bytes[self.length] = byte;
                self.length += 1;
            }
        }
        Ok(())
    }
}

fn line(arguments: fmt::Arguments) -> Line {
    let mut line = Line { bytes: [0; 256], length: 0 };
    let _ = line.write_fmt(arguments);
    line
}

/// A line for a person: `softbar::log(format_args!("{} frames", count))`.
pub fn log(arguments: fmt::Arguments) {
    let line = line(arguments);
    unsafe { import::log("%s\0".as_ptr(), &line.bytes.as_ptr()) }
}

/// A panic of the driver ends its run as its failure.
#[panic_handler]
fn panicked(information: &core::panic::PanicInfo) -> ! {
    let line = line(format_args!("{}", information));
    unsafe { import::panic("%s\0".as_ptr(), &line.bytes.as_ptr()) }
}
