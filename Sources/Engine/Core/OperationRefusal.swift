/// Why the engine does not carry out a command that is not a bet. Numbers and codes are stable.
public enum OperationRefusal: UInt16, CaseIterable, Sendable {
    case fixtureUnknown = 1
    case marketUnknown = 2
    case alreadyDefined = 3
    case malformed = 4
    case full = 5
    case accountUnknown = 6
    case amountOutOfRange = 7
    case proposalUnknown = 8
    case sameOperator = 9
    case marketChangedSince = 10
    case noChange = 11
    case reasonMissing = 12
    case tooManyWinners = 14
    case decidedByOperators = 15
    case otherMoney = 16
    case operatorMissing = 17
    case betsReleased = 18
    case changedSince = 19
    case superseded = 20
    case idReused = 22
    case idOutsideWindow = 23
    case palpable = 24
    case betUnknown = 25
    case betNotOpen = 26
    case noticeMissing = 27
    case promotionUnknown = 28
    case promotionNotOffered = 29

    public var code: String {
        switch self {
        case .fixtureUnknown: "fixture_unknown"
        case .marketUnknown: "market_unknown"
        case .alreadyDefined: "already_defined"
        case .malformed: "malformed"
        case .full: "full"
        case .accountUnknown: "account_unknown"
        case .amountOutOfRange: "amount_out_of_range"
        case .proposalUnknown: "proposal_unknown"
        case .sameOperator: "same_operator"
        case .marketChangedSince: "market_changed_since"
        case .noChange: "no_change"
        case .reasonMissing: "reason_missing"
        case .tooManyWinners: "too_many_winners"
        case .decidedByOperators: "decided_by_operators"
        case .otherMoney: "other_money"
        case .operatorMissing: "operator_missing"
        case .betsReleased: "bets_released"
        case .changedSince: "changed_since"
        case .superseded: "superseded"
        case .idReused: "id_reused"
        case .idOutsideWindow: "id_outside_window"
        case .palpable: "palpable"
        case .betUnknown: "bet_unknown"
        case .betNotOpen: "bet_not_open"
        case .noticeMissing: "notice_missing"
        case .promotionUnknown: "promotion_unknown"
        case .promotionNotOffered: "promotion_not_offered"
        }
    }

    public var text: String {
        switch self {
        case .fixtureUnknown: "There is no such fixture."
        case .marketUnknown: "There is no such market."
        case .alreadyDefined: "That id is already in use."
        case .malformed: "The command is not complete or contradicts itself."
        case .full: "The engine holds as much as it may; nothing was changed."
        case .accountUnknown: "There is no such account."
        case .amountOutOfRange: "The amount is not in the allowed range."
        case .proposalUnknown: "There is no such proposal; it may have been approved already."
        case .sameOperator: "Who proposed a result cannot approve it. A second person must."
        case .marketChangedSince: "The market was settled since this result was proposed."
        case .noChange: "The market already has this result."
        case .tooManyWinners: "More selections win than the market has winners."
        case .decidedByOperators:
            "Two operators set the market's result; the supplier's other one changes nothing. Propose it by hand if it is right."
        case .otherMoney: "This cell keeps accounts of another kind of money."
        case .operatorMissing: "A result by hand needs the operator who proposes it."
        case .betsReleased:
            "The market's bets have left the engine: its result is older than corrections may be."
        case .changedSince: "It was changed since you looked; nothing was done. Look again."
        case .superseded: "The supplier has said something newer about this; nothing was changed."
        case .idOutsideWindow: "This key was not made in the last minutes. Nothing was done."
        case .palpable:
            "That price is far above what the reference says. Look again, or say that it is meant."
        case .betUnknown: "There is no such bet here; it may have left with its market."
        case .betNotOpen:
            "The bet waits, was refused or was sold back: there is nothing to be void."
        case .promotionUnknown: "There is no such promotion: say what it promises first."
        case .promotionNotOffered: "The promotion is not offered at this time."
        case .noticeMissing: "Say what the customer is told: who is limited is told why."
        case .idReused: "That id was used for something else. Nothing was done."
        case .reasonMissing: "Say why: a result by hand needs a reason."
        }
    }
}
