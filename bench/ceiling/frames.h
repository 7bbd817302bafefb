// The frames of protocol/SPEC.md section 2, as far as the ceiling speaks: numbers, and where the fields stand.
//
//     | u32 length | u8 type | u8 flags | body, length - 2 bytes |
#ifndef CEILING_FRAMES_H
#define CEILING_FRAMES_H

enum {
    FRAME_HELLO = 1,
    FRAME_WELCOME = 2,
    FRAME_BATCH = 3,
    FRAME_ACK = 4,
    FRAME_PING = 9,
    FRAME_PONG = 10,
    FRAME_CLOSE = 12,
};

enum {
    FRAME_HEADER = 6,
    FRAME_LENGTH_MIN = 2,
    // Offsets from the frame's first byte.
    HELLO_CLOCK = FRAME_HEADER + 96,
    HELLO_FLAGS = FRAME_HEADER + 120,
    HELLO_CREDENTIAL_LENGTH = FRAME_HEADER + 123,
    HELLO_CREDENTIAL = FRAME_HEADER + 124,
    BATCH_FIRST = FRAME_HEADER,
    BATCH_COUNT = FRAME_HEADER + 8,
    BATCH_RAW_BYTES = FRAME_HEADER + 12,
    BATCH_CHAIN_AFTER = FRAME_HEADER + 32,
    BATCH_BODY = FRAME_HEADER + 40,
    BATCH_FLAG_LZ4 = 1,
    ACK_BYTES = FRAME_HEADER + 32,
    PING_BYTES = FRAME_HEADER + 8,
    CLOSE_BYTES = FRAME_HEADER + 8,
    // Without the ids of ignored options.
    WELCOME_BYTES = FRAME_HEADER + 141,
};

#endif
