/// The bets that a cancel is about, by when they were accepted. UTC nanoseconds.
///
/// Source: domain rules, bet_cancel of the big suppliers: a start alone means all from then on, an end alone all
/// before, neither all.
@frozen public struct CancelWindow: Hashable, Sendable {
    /// From then on; 0 no start.
    public let from: Int64
    /// Up to but not at; 0 no end.
    public let until: Int64

    /// Nil when it ends before it begins, or a time lies before 1970.
    public init?(from: Int64 = 0, until: Int64 = 0) {
        guard from >= 0, until >= 0, until == 0 || from < until else { return nil }
        self.from = from
        self.until = until
    }

    public static let everything = CancelWindow()!

    public func contains(_ accepted: Int64) -> Bool {
        accepted >= from && (until == 0 || accepted < until)
    }

    public var isEverything: Bool { from == 0 && until == 0 }
}
