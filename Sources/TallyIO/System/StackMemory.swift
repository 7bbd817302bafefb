#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What calls that have returned left on this thread's stack.
package enum StackMemory {
    /// Overwrites what stands there below the caller. To be called where something was refused: what was read of it
    /// would stay until other calls happen to reach as deep, and be copied with values that do not use all of their
    /// bytes (docs/PRIVACY.md).
    @inline(never)
    package static func overwrite() {
        var block = InlineArray<2_048, UInt64>(repeating: 0)
        unsafe withUnsafeMutableBytes(of: &block) { block in
            guard let start = block.baseAddress else { return }
            #if canImport(Glibc)
            unsafe explicit_bzero(start, block.count)
            #else
            unsafe memset_s(start, block.count, 0, block.count)
            #endif
        }
    }
}
