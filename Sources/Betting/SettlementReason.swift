/// Why a bet's payout is what it is now; each is reported apart. Numbers are stable.
public enum SettlementReason: UInt8, CaseIterable, Sendable {
    case settled = 1
    /// Every leg was void: the stake went back.
    case voided = 2
    /// A result was corrected after the bet was settled.
    case resettled = 3
    /// A corrected result left the bet undecided again.
    case reopened = 4
    /// Taken back by the house, before it was decided or after.
    case cancelled = 5
    /// Two of the house's people made this one bet void.
    case voidedByOperators = 6

    /// Whether the customer is told of it beside the bet: it came to something else than before, or not by its result.
    public var isNews: Bool {
        switch self {
        case .settled, .voided: false
        case .resettled, .reopened, .cancelled, .voidedByOperators: true
        }
    }

    public var word: String {
        switch self {
        case .settled: "settled"
        case .voided: "voided"
        case .resettled: "resettled"
        case .reopened: "reopened"
        case .cancelled: "cancelled"
        case .voidedByOperators: "voided_by_operators"
        }
    }
}
