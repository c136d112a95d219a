import Betting
public import Kernel

/// What a bet would be taken at that was refused: our prices now, and as much of its stake as may be.
struct BetOffer {
    var stake: Int64
    /// Nanoseconds of UTC: as long as the intent that it answers.
    var until: Int64
    var odds: [Odds]
}

/// Offers are pictures of the moment of a refusal: whoever takes one asks anew, with a reference to it, and is decided
/// afresh.
extension Engine {
    static func isAnsweredByOffer(_ refusal: Refusal) -> Bool {
        switch refusal {
        case .priceMoved, .stakeAboveMaximum, .returnAboveMaximum, .exposureLimit,
            .customerPayoutCap, .dayPayoutCap:
            true
        default: false
        }
    }

    /// Nil where nothing else could be taken, or nothing would be otherwise than it was asked for.
    @inline(never)
    func offer(_ command: RecordBytes, for refusal: Refusal, _ account: UInt32) -> BetOffer? {
        if stored.isFollowed { return stored.taken.flatMap { $0.offer } }
        var wanted = PlaceRequest(command)
        guard Self.isAnsweredByOffer(refusal), !wanted.isPromotional, !wanted.isSameGame
        else { return nil }
        let asked = wanted.stake
        wanted.rule = .any
        wanted.tolerance = PriceRule.anyTicks
        wanted.fill = .cap
        // Whoever takes the offer has seen its markets as they are now.
        wanted.isOffer = true
        do throws(Refused) {
            let shape = try checkShape(command, wanted)
            let quotes = try quotes(command, wanted)
            // Nobody can offer a price that is not known.
            guard !quotes.contains(where: \.isAtStart) else { return nil }
            for (index, quote) in quotes.enumerated() { scratch[index] = quote }
            if accounts.accounts[account].bars > 0 { try checkBars(wanted, account) }
            try checkPrecision(wanted)
            try checkRelated(wanted)
            wanted.stake = filled(command, wanted, account, quotes)
            let potential = try checkStake(wanted, shape, account).potential
            if rules.hasCaps { try checkCaps(account, potential) }
            let isOther = quotes.indices.contains {
                command.odds(at: PlaceRequest.leg($0) + Layout.Leg.odds) != quotes[$0].odds
            }
            guard isOther || wanted.stake != asked else { return nil }
            return BetOffer(
                stake: wanted.stake, until: wanted.validUntil, odds: quotes.map(\.odds))
        } catch {
            return nil
        }
    }

    /// That an offer which is taken was made to this account, and still stands.
    @inline(never)
    func checkOffer(_ reference: UInt64, _ account: UInt32, at now: Timestamp) throws(Refused) {
        guard let row = accounts.ids.row(of: reference),
            row.account == account || planted(.offerForAnybody), row.refusal != 0,
            row.isOffered == 1 || !ruleSet.knowsOffers, row.validUntil >= now.nanoseconds
        else {
            throw Refused(.offerExpired, value: Int64(truncatingIfNeeded: reference))
        }
    }
}

extension RecordBytes {
    /// What a refused bet is offered instead.
    var offer: BetOffer? {
        guard flags & Layout.Placed.hasOffer != 0 else { return nil }
        let count = min(Limits.legs, Int(field(Layout.Placed.offerLegs, as: UInt64.self)))
        return BetOffer(
            stake: field(Layout.Placed.offerStake, as: Int64.self),
            until: field(Layout.Placed.offerUntil, as: Int64.self),
            odds: (0..<count).compactMap { odds(at: Layout.Placed.offerOdds + $0 * 8) })
    }

    func write(_ offer: BetOffer) {
        flags |= Layout.Placed.hasOffer
        set(Layout.Placed.offerStake, offer.stake)
        set(Layout.Placed.offerUntil, offer.until)
        set(Layout.Placed.offerLegs, UInt64(offer.odds.count))
        for (index, odds) in offer.odds.enumerated() {
            set(Layout.Placed.offerOdds + index * 8, odds)
        }
    }

    /// The same for whoever shows it: minor units, nanoseconds of UTC, and each leg's price.
    public var placedOffer: (stake: Int64, until: Int64, odds: [Odds])? {
        offer.map { ($0.stake, $0.until, $0.odds) }
    }
}
