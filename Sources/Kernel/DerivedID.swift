extension ExternalID {
    /// The same id for the same text, always: how a supplier's own ids become ours.
    ///
    /// Four lanes of mixing over the bytes; good against accident, not against a supplier who wants
    /// two of its own ids to meet.
    public init(derivedFrom text: String) {
        var first: UInt64 = 0x243f_6a88_85a3_08d3
        var second: UInt64 = 0x1319_8a2e_0370_7344
        var count: UInt64 = 0
        for byte in text.utf8 {
            count &+= 1
            first = mixed(first ^ UInt64(byte) &+ count)
            second = mixed(second &+ first &* 0x9e37_79b9_7f4a_7c15)
        }
        self.init(high: first ^ count, low: second)
    }
}
