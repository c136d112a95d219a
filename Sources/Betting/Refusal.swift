/// Why a bet is not taken. Closed, in the order in which it is checked; numbers and codes are stable.
public enum Refusal: UInt16, CaseIterable, Error, Sendable {
    // The request itself
    case accountUnknown = 1
    case idReused = 2
    case idOutsideWindow = 3
    case deadlinePassed = 4
    case deadlineTooFar = 5
    case tooManyRefused = 6
    case accountClosed = 7
    case structureUnsupported = 8
    case legCountOutOfRange = 9
    case currencyMismatch = 10
    case stakeKindUnsupported = 11
    case systemMalformed = 12
    case tooManyLines = 13
    case stakeNotDivisible = 14
    case offerExpired = 15
    case channelShut = 16
    case locationUnknown = 17
    case locationRefused = 18
    // Each leg, in slip order
    case marketUnknown = 20
    case selectionUnknown = 21
    case marketSuspended = 22
    case selectionNotOffered = 23
    case scoreChanged = 24
    case priceMoved = 25
    case related = 26
    case placeTermsChanged = 27
    case startingPriceNotTaken = 28
    case marketChanged = 29
    case barred = 30
    // The whole slip
    case stakeBelowMinimum = 40
    case stakeAboveMaximum = 41
    case returnAboveMaximum = 42
    case insufficientFunds = 43
    case exposureLimit = 44
    case tooManyPending = 45
    case tooManyOpenBets = 46
    case tooManyTimers = 47
    case tooManyIDs = 48
    case tooManyBetsOfAccount = 49
    case customerPayoutCap = 50
    case dayPayoutCap = 51
    // While an accepted-in-principle bet waits for its delay
    case suspendedDuringDelay = 60
    case changedDuringDelay = 61
    case interrupted = 62
    case priceMovedDuringDelay = 63
    // Selling a bet back
    case betUnknown = 80
    case betNotOpen = 81
    case cashOutPending = 82
    case partNotDivisible = 83
    case cashOutNotOffered = 84
    case cashOutChanged = 85

    /// The public name, which never changes once published.
    public var code: String {
        switch self {
        case .idReused: "id_reused"
        case .idOutsideWindow: "id_outside_window"
        case .deadlinePassed: "deadline_passed"
        case .deadlineTooFar: "deadline_too_far"
        case .tooManyRefused: "too_many_refused"
        case .accountUnknown: "account_unknown"
        case .accountClosed: "account_closed"
        case .structureUnsupported: "structure_unsupported"
        case .legCountOutOfRange: "leg_count_out_of_range"
        case .currencyMismatch: "currency_mismatch"
        case .stakeKindUnsupported: "stake_kind_unsupported"
        case .systemMalformed: "system_malformed"
        case .tooManyLines: "too_many_lines"
        case .stakeNotDivisible: "stake_not_divisible"
        case .channelShut: "channel_shut"
        case .locationUnknown: "location_unknown"
        case .locationRefused: "location_refused"
        case .offerExpired: "offer_expired"
        case .marketUnknown: "market_unknown"
        case .selectionUnknown: "selection_unknown"
        case .marketSuspended: "market_suspended"
        case .selectionNotOffered: "selection_not_offered"
        case .scoreChanged: "score_changed"
        case .priceMoved: "price_moved"
        case .related: "related"
        case .placeTermsChanged: "place_terms_changed"
        case .startingPriceNotTaken: "starting_price_not_taken"
        case .marketChanged: "market_changed"
        case .barred: "barred"
        case .stakeBelowMinimum: "stake_below_minimum"
        case .stakeAboveMaximum: "stake_above_maximum"
        case .returnAboveMaximum: "return_above_maximum"
        case .insufficientFunds: "insufficient_funds"
        case .exposureLimit: "exposure_limit"
        case .tooManyPending: "too_many_pending"
        case .tooManyOpenBets: "too_many_open_bets"
        case .tooManyTimers: "too_many_timers"
        case .tooManyIDs: "too_many_ids"
        case .tooManyBetsOfAccount: "too_many_bets_of_account"
        case .customerPayoutCap: "customer_payout_cap"
        case .dayPayoutCap: "day_payout_cap"
        case .suspendedDuringDelay: "suspended_during_delay"
        case .changedDuringDelay: "changed_during_delay"
        case .interrupted: "interrupted"
        case .priceMovedDuringDelay: "price_moved_during_delay"
        case .betUnknown: "bet_unknown"
        case .betNotOpen: "bet_not_open"
        case .cashOutPending: "cash_out_pending"
        case .partNotDivisible: "part_not_divisible"
        case .cashOutNotOffered: "cash_out_not_offered"
        case .cashOutChanged: "cash_out_changed"
        }
    }

    /// One sentence for the customer.
    public var text: String {
        switch self {
        case .idReused: "This id was already used for something else."
        case .idOutsideWindow: "This id was not made in the last minutes. Nothing was done."
        case .deadlinePassed: "This arrived after its deadline. Nothing was done."
        case .deadlineTooFar: "The deadline is too far in the future."
        case .tooManyRefused: "Too much of what you asked was refused lately. Wait a few minutes."
        case .accountUnknown: "There is no such account."
        case .accountClosed: "This account cannot place bets."
        case .structureUnsupported: "This kind of bet is not offered."
        case .legCountOutOfRange: "The slip has too few or too many selections."
        case .currencyMismatch: "The stake is not in your account's currency."
        case .stakeKindUnsupported: "You have none of this money to stake."
        case .systemMalformed: "These selections make no system of this kind."
        case .tooManyLines: "The system has more lines than we take."
        case .stakeNotDivisible: "The stake does not divide into equal stakes for all lines."
        case .channelShut: "No bets are taken this way at the moment."
        case .locationUnknown: "We do not know where you are at the moment. Nothing was taken."
        case .locationRefused: "We cannot take bets from where you seem to be."
        case .offerExpired: "That offer does not stand any more. Ask again."
        case .marketUnknown: "There is no such market."
        case .selectionUnknown: "There is no such selection."
        case .marketSuspended: "The market is suspended at the moment."
        case .selectionNotOffered: "The selection has no price at the moment."
        case .scoreChanged: "The score changed since you saw this price."
        case .priceMoved: "The price changed since you saw it."
        case .related: "Two selections depend on each other and cannot be combined."
        case .placeTermsChanged: "The each-way terms are not those you saw."
        case .startingPriceNotTaken: "Bets at starting price are not taken on this selection now."
        case .marketChanged: "The market changed since you saw it. Look at it again."
        case .barred: "You may not bet on this. Your notices say why."
        case .stakeBelowMinimum: "The stake is below the minimum."
        case .stakeAboveMaximum: "The stake is above the maximum for this bet."
        case .returnAboveMaximum: "The bet could return more than the highest payout we offer."
        case .insufficientFunds: "Your balance does not cover the stake."
        case .exposureLimit: "We cannot take this stake on the selection right now."
        case .tooManyPending: "Wait for your pending bets to be decided."
        case .tooManyOpenBets, .tooManyTimers, .tooManyIDs:
            "No further bets can be taken at the moment."
        case .customerPayoutCap:
            "Your open bets together could return more than the highest payout we offer a customer."
        case .dayPayoutCap:
            "You could be paid more today than the highest payout we offer a customer a day."
        case .tooManyBetsOfAccount: "You have as many open bets as an account may have."
        case .suspendedDuringDelay: "The market was suspended while this waited. Nothing was taken."
        case .changedDuringDelay: "The match changed while this waited. Nothing was taken."
        case .interrupted: "The service restarted while this waited. Nothing was taken."
        case .priceMovedDuringDelay: "The price changed while this waited. Nothing was taken."
        case .betUnknown: "There is no such bet."
        case .betNotOpen: "The bet is not open any more, or not yet."
        case .cashOutPending: "A cash-out of this bet is on its way already."
        case .partNotDivisible: "The part is not one that the bet's lines can give up equally."
        case .cashOutNotOffered: "This bet cannot be cashed out at the moment."
        case .cashOutChanged:
            "The bet is worth less now than you were offered. Nothing was changed."
        }
    }

    /// Whether what was asked under an id is decided with it: else nothing was, and the id is as it was.
    public var usesUpID: Bool {
        switch self {
        case .idOutsideWindow, .deadlinePassed, .deadlineTooFar, .tooManyRefused,
            .tooManyOpenBets, .tooManyTimers, .tooManyIDs:
            false
        default: true
        }
    }

    /// Whether it speaks of the room that a cell has, not of a rule: another machine may have more.
    public var isCapacity: Bool {
        switch self {
        case .tooManyOpenBets, .tooManyTimers, .tooManyIDs: true
        default: false
        }
    }

    /// What the threshold and the value beside a refusal mean.
    public var facts: FactMeaning {
        switch self {
        case .idReused, .accountUnknown, .accountClosed, .interrupted, .barred, .betNotOpen,
            .cashOutPending, .cashOutNotOffered:
            .none
        case .idOutsideWindow, .deadlinePassed, .deadlineTooFar: .nanoseconds
        case .legCountOutOfRange, .tooManyPending, .tooManyRefused, .tooManyOpenBets,
            .tooManyTimers, .tooManyIDs, .tooManyBetsOfAccount, .tooManyLines, .stakeNotDivisible:
            .count
        case .currencyMismatch: .currency
        case .structureUnsupported, .systemMalformed, .marketUnknown, .selectionUnknown,
            .selectionNotOffered,
            .related, .placeTermsChanged, .startingPriceNotTaken, .betUnknown, .offerExpired,
            .channelShut, .locationUnknown, .locationRefused:
            .identifier
        case .marketSuspended, .suspendedDuringDelay: .reasons
        case .scoreChanged: .score
        case .changedDuringDelay, .marketChanged: .version
        case .priceMoved, .priceMovedDuringDelay: .odds
        case .stakeBelowMinimum, .stakeAboveMaximum, .returnAboveMaximum, .insufficientFunds,
            .exposureLimit, .stakeKindUnsupported, .partNotDivisible, .cashOutChanged,
            .customerPayoutCap, .dayPayoutCap:
            .minorUnits
        }
    }
}

/// The unit of a refusal's value and threshold.
public enum FactMeaning: Sendable {
    case none
    case nanoseconds
    case count
    case currency
    case identifier
    case reasons
    case score
    case version
    /// Numerator in the upper, denominator in the lower 32 bits.
    case odds
    case minorUnits
}

/// The facts that led to a refusal: which leg, what was found, what would have passed.
@frozen public struct RefusalFacts: Hashable, Sendable {
    /// The leg's place in the slip, or `UInt32.max` for the whole slip.
    public var leg: UInt32
    public var value: Int64
    public var threshold: Int64

    public init(leg: UInt32 = .max, value: Int64 = 0, threshold: Int64 = 0) {
        self.leg = leg
        self.value = value
        self.threshold = threshold
    }
}
