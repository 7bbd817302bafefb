import TallyModel

/// The factors of the chain (SPEC.md TG-5-1): each is XXH3-64 of the text beside it, made odd. A test makes them
/// again from their texts.
package enum ChainTable {
    /// Of the sum of an event with the value before it.
    package static let step: UInt64 = 0x06a0_560e_6c65_34b5  // "tallygate/1 chain"

    /// Of the encoded value of a number, the hash of a label, the first half of an identifier. By column id; the
    /// text is "tallygate/1 chain ", the id and ".0".
    package static let first: [UInt64] = [
        0,
        0xc0c6_eab7_47a1_b827, 0x59db_8cbd_8076_0ec7, 0xd7d1_c975_144d_b827, 0x39e6_1aa2_4c0b_c14b,
        0x883c_ae61_1c9b_84e3, 0x5619_03c8_2fed_3c4d, 0x3a84_b201_f91e_8757, 0x26d1_0065_1a9e_7855,
        0xb33d_7842_c21f_1559, 0x341e_201e_b771_a311, 0xce79_b5e4_0340_c04f, 0xf736_60ff_997f_9d87,
        0x3965_d064_75fa_7c15, 0x77cc_7810_af19_92fd, 0x33ac_8f2a_b35e_caf1, 0x5e7f_c603_96a9_860d,
        0x8f3e_7429_2b6f_89b3, 0x843d_12a1_0ca0_970d, 0x42c9_b0e4_23fb_c9a1, 0xacdd_605e_aae5_c6bd,
        0xb516_aae8_8445_a7bb, 0xbf3d_5135_a95a_f4f9, 0x7ae6_fcf9_8883_3609, 0x23fe_fb91_44a2_9801,
        0x86c9_27b9_024d_c1ab,
    ]

    /// Of the second half of an identifier; the text ends in ".1".
    package static let secondOfSession: UInt64 = 0xc738_6ddc_f978_07cd
    package static let secondOfProject: UInt64 = 0xb539_3b96_ea04_0147

    @inline(__always)
    static func term(_ session: Bytes16) -> UInt64 {
        session.high &* first[3] &+ session.low &* secondOfSession
    }

    @inline(__always)
    static func term(project: Bytes16) -> UInt64 {
        project.high &* first[4] &+ project.low &* secondOfProject
    }
}
