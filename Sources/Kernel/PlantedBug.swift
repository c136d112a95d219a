/// Known bugs that a build with the flag `PLANTED_BUGS` can have, one at a time: the simulator must find
/// each, or the simulator is the bug. Any other build has none, and the checks below cost nothing.
public enum PlantedBug: String, CaseIterable, Sendable {
    // Money
    case holdNotCounted = "hold-not-counted"
    case voidTwice = "void-twice"
    case depositTwice = "deposit-twice"
    case roundedUp = "rounded-up"
    case debtForgotten = "debt-forgotten"
    case settledTwice = "settled-twice"
    case deadHeatWhole = "dead-heat-whole"
    case staleBalances = "stale-balances"
    // Bets
    case suspensionForgotten = "suspension-forgotten"
    case shorterIsBetter = "shorter-is-better"
    case chainUnrelated = "chain-unrelated"
    case firstLegOnly = "first-leg-only"
    case exposureKept = "exposure-kept"
    case timerLost = "timer-lost"
    case idForgottenEarly = "id-forgotten-early"
    case hashOrder = "hash-order"
    case sameOperator = "same-operator"
    case openAfterRecovery = "open-after-recovery"
    case bankerForgotten = "banker-forgotten"
    case groupsForgotten = "groups-forgotten"
    case jointPriceUnasked = "joint-price-unasked"
    case jointPriceStale = "joint-price-stale"
    case houseRulesOfToday = "house-rules-of-today"
    case systemSettledEarly = "system-settled-early"
    // Corrections
    case oldResultTaken = "old-result-taken"
    case reinstatementForgotten = "reinstatement-forgotten"
    case pastPostingKept = "past-posting-kept"
    case oneOfAll = "one-of-all"
    case withdrawnKept = "withdrawn-kept"
    // Racing
    case deductedAlways = "deducted-always"
    case tableOfToday = "table-of-today"
    case placesForgotten = "places-forgotten"
    case guaranteeForgotten = "guarantee-forgotten"
    case startEstimatePaid = "start-estimate-paid"
    case startDeducted = "start-deducted"
    // Paid before the end
    case earlyForgotten = "early-forgotten"
    case earlyForAll = "early-for-all"
    // Selling back
    case cashOutMarginForgotten = "cash-out-margin-forgotten"
    case cashOutPaidAsOffered = "cash-out-paid-as-offered"
    case cashOutDelayIgnored = "cash-out-delay-ignored"
    case remainderUnreckoned = "remainder-unreckoned"
    case saleRuleForgotten = "sale-rule-forgotten"
    // Stakes of other money than cash
    case freeStakeReturned = "free-stake-returned"
    case bonusPaidAsCash = "bonus-paid-as-cash"
    case voidFreeStakeKept = "void-free-stake-kept"
    case capIgnored = "cap-ignored"
    case offerForAnybody = "offer-for-anybody"
    case exposureUnwatched = "exposure-unwatched"
    case versionIgnored = "version-ignored"
    case moveInDelayIgnored = "move-in-delay-ignored"
    case raisedUnwatched = "raised-unwatched"
    case shareForgotten = "share-forgotten"
    case floorForgotten = "floor-forgotten"
    case paidTodayForgotten = "paid-today-forgotten"
    // Customers and the desk
    case barIgnored = "bar-ignored"
    case locationOutlived = "location-outlived"
    case anyDecisionLocates = "any-decision-locates"
    case abroadTaken = "abroad-taken"
    case promotionOverForgotten = "promotion-over-forgotten"
    case limitLoosenedAtOnce = "limit-loosened-at-once"
    case expectationIgnored = "expectation-ignored"
    // A trader's hand
    case heldPriceKept = "held-price-kept"
    case channelIgnored = "channel-ignored"
    case suspectForgotten = "suspect-forgotten"
    case suspectedTwice = "suspected-twice"
    case voidForgotten = "void-forgotten"
    // The journal
    case acknowledgedBeforeSync = "acknowledged-before-sync"
    case durableMarkEarly = "durable-mark-early"
    case parentUnchecked = "parent-unchecked"
    case bodyUnchecked = "body-unchecked"
    case errorIgnored = "error-ignored"
    case timeGoesBack = "time-goes-back"
    // Snapshots and what leaves
    case snapshotUnpreserved = "snapshot-unpreserved"
    case snapshotTimerLost = "snapshot-timer-lost"
    case releasedEarly = "released-early"
    // Feeds and projections
    case oldQuotesReopen = "old-quotes-reopen"
    case silenceUnnoticed = "silence-unnoticed"
    case projectionGap = "projection-gap"
    case rowsUnsecured = "rows-unsecured"
}

#if PLANTED_BUGS
    /// Set once, before anything runs.
    nonisolated(unsafe) public var chosenBug: PlantedBug?

    public func planted(_ bug: PlantedBug) -> Bool { unsafe chosenBug == bug }
    public let canPlantBugs = true
#else
    @inlinable @inline(__always) public func planted(_ bug: PlantedBug) -> Bool { false }
    public let canPlantBugs = false
#endif
