//! Memory: the allocator, and what becomes of what it no longer needs.

use std::thread;
use std::time::Duration;

use crate::sys;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what is free may stay. The allocator itself gives back only while other memory is being freed, so that a
/// process would keep what one great list took for as long as it then is idle.
const INTERVAL: Duration = Duration::from_secs(10);
/// The thread calls one function.
const STACK: usize = 64 << 10;

/// Gives memory that is free back to the kernel from time to time, until the process ends.
///
/// # Errors
/// There can be no thread more.
pub(crate) fn give_back_from_time_to_time() -> std::io::Result<()> {
    let run = || {
        loop {
            thread::sleep(INTERVAL);
            sys::give_memory_back();
        }
    };
    thread::Builder::new().name("memory".into()).stack_size(STACK).spawn(run)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    /// In MiB.
    fn resident() -> usize {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
        (pages * rustix::param::page_size()) >> 20
    }

    #[test]
    fn what_is_free_goes_back_to_the_kernel() {
        let held: Vec<Vec<u8>> = (0..256 << 10).map(|n| vec![n as u8; 1024]).collect();
        let with = resident();
        assert!(held.iter().all(|piece| piece.len() == 1024));
        drop(held);
        crate::sys::give_memory_back();
        let without = resident();
        assert!(without + 200 < with, "{with} MiB with 256 MiB, {without} MiB without them");
    }
}
