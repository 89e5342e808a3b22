//! What Rust cannot promise by itself: the one module with `unsafe` code.
#![allow(unsafe_code)]

/// Gives the kernel back what the allocator holds and nobody uses: that of this thread, and that which no thread has.
pub(crate) fn give_memory_back() {
    // SAFETY: the function takes no pointer and may be called at any time from any thread; it frees nothing that is in
    // use. It is that of the allocator of this program, which is linked in the same version.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
