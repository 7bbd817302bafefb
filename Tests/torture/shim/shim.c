// A preload library that stands between a real program and the kernel: it injects faults into real system calls,
// steps the clock, and writes down, in one order, everything that decides what a power loss would leave.
//
//     make torture-shim                                  builds .build/torture/shim.so
//     LD_PRELOAD=.build/torture/shim.so TORTURE_FOLDER=DIR … tallygate serve --data DIR
//
// It never touches anything outside TORTURE_FOLDER but the clock and, when asked, plaintext of TLS. Without
// TORTURE_FOLDER nothing is watched. Reads, locks and sockets are left alone.
//
// ## Environment
//
// TORTURE_FOLDER=DIR     What is watched: this folder and all below it. It must exist at start. Files whose name ends
//                        in `-shm` are not durable state (SQLite's shared memory) and are not watched.
//
// TORTURE_FAULTS=LIST    Faults in calls on watched files, `name=value` with commas between:
//                          seed=N      draws another sequence (default 1; by the number of the call in this process)
//                          after=N     no fault in the first N watched calls
//                          most=N      no more than N faults in all (default: no bound)
//                          eio=P       a write, truncate, create, rename or unlink fails with EIO
//                          enospc=P    a write that makes its file longer, or a create, fails with ENOSPC
//                          short=P     a write moves fewer bytes than asked (at least one; only if more than one)
//                          eintr=P     an open, write or truncate fails with EINTR
//                          sync=P      fsync, fdatasync and syncfs fail with EIO, as Linux does it: nothing is synced,
//                                      the pages count as clean, the next sync of the same file succeeds
//                          read=P      a read fails with EIO
//                          delay=MS    every sync takes so much longer (no randomness; not counted as a fault)
//                        P is a probability, 0 to 1. Example: TORTURE_FAULTS=seed=7,after=200,short=0.05,sync=0.001
//
// TORTURE_CONTROL=FILE   What the harness changes while the program runs: at least 16 bytes, mapped, little-endian:
//                           0  i64  added to CLOCK_REALTIME, gettimeofday and time, in nanoseconds. Timers are not
//                                   changed: they run on the monotonic clock.
//                           8  u32  switches: 1 no faults by chance for now; 2 the disk is full (a write that makes
//                                   its file longer, and each create, fail with ENOSPC); 4 every sync fails with EIO
//                          12  u32  zero
//
// TORTURE_LOG=FILE       The log, one a process: `%p` in the name becomes the process id. Format below.
// TORTURE_LOG_TLS=1      The log also holds the plaintext of TLS, both ways.
// TORTURE_IGNORE_SYNCS=1 fsync, fdatasync, syncfs and sync return 0 and do nothing; the log does not mention them.
//                        For negative controls: whatever judges a run must then find that promises were broken.
//
// A fault that the shim injected is said on no output; the log holds it. If the log cannot be written or the settings
// make no sense the process ends at once with status 86 and one line on standard error.
//
// ## The log
//
// Little-endian records, 56 bytes and their name and data, in the order in which they were appended:
//
//      0  length of the whole record   u32       24  file                     u64
//      4  kind                         u8        32  a                        i64
//      5  flags                        u8        40  b                        i64
//      6  bytes of name                u16       48  thread                   u32
//      8  order, 1, 2, 3 …             u64       52  zero                     u32
//     16  CLOCK_MONOTONIC, ns          u64       56  name, then data
//
// kind             file     a              b          name                 data
//  1 start         -        process id     version 1  TORTURE_FOLDER       -
//  2 open          inode    1 created, 2 emptied  -   path                 -              (opened for writing)
//  3 write         inode    offset         bytes      -                    the bytes; flags bit 0: all zeros, left out
//  4 size          inode    new size       -          -                    -
//  5 makedir       inode    -              -          path                 -
//  6 rename        inode    1 may replace  -          old path             new path
//  7 unlink        inode    1 a folder     -          path                 -
//  8 link          inode    -              -          old path             new path
//  9 sync begins   inode    1 fsync, 2 fdatasync, 3 whole file system (syncfs, sync)   ticket   -   -
// 10 sync ended    inode    as above       ticket     -                    -              flags bit 0: it failed
// 11 sending       channel  -              bytes      -                    plaintext offered to SSL_write
// 12 sent          channel  result         -          -                    -
// 13 received      channel  -              bytes      -                    plaintext that SSL_read returned
// 14 channel ends  channel  -              -          -                    -
// 15 fault         inode    errno          1 eio … 6 read, 7 switch        call   -
// 16 unmodelled    inode    -              -          call, path           -              a judge must give up
// 17 cut           -        -              -          -                    -              written by harnesses alone
//
// Paths are relative to the folder. A change of a file or a name is logged when the call has returned and before the
// program sees that it has; a sync begins in the log before the call and has ended after it; what is sent is logged
// before the call. So if the log shows a write before a sync's begin, and that sync's end before an ACK, it was so.
// The last record may be torn: the process was killed in it.
