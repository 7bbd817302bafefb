/// What libFuzzer calls with each input; its own `main` stands in its library. One target a process:
/// `TALLY_FUZZ_TARGET=frame fuzzdriver [libFuzzer's arguments]`. The target's name stands in the environment, since
/// libFuzzer starts itself again with its own arguments for some of its work. `make fuzz TARGET=frame SECONDS=60` does all
/// of it (`fuzz/run.py`).
@_cdecl("LLVMFuzzerTestOneInput")
public func oneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // libFuzzer owns `size` bytes at `data` for the length of this call, and calls from its main thread alone.
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    MainActor.assumeIsolated { Running.run(bytes) }
    return 0
}
