public import Kernel

/// A bet that was taken, as whoever looks for dishonest matches sees it.
public struct WatchedBet: Hashable, Sendable {
    public struct Leg: Hashable, Sendable {
        public let market: UInt64
        /// Its place in the market.
        public let selection: Int
        public let odds: Odds

        public init(market: UInt64, selection: Int, odds: Odds) {
            self.market = market
            self.selection = selection
            self.odds = odds
        }
    }

    public let time: Timestamp
    public let account: UInt64
    /// When the account was opened; nil where that is not known.
    public let opened: Timestamp?
    /// Minor units of the cell's currency. Of a multiple each leg has all of it.
    public let stake: Int64
    public let legs: [Leg]

    public init(
        time: Timestamp, account: UInt64, opened: Timestamp?, stake: Int64, legs: [Leg]
    ) {
        self.time = time
        self.account = account
        self.opened = opened
        self.stake = stake
        self.legs = legs
    }
}

/// From what on the money on a selection is worth a person's look.
public struct IntegrityRules: Hashable, Sendable {
    /// Seconds that are looked at together.
    public var window: Int64 = 900
    /// Fewer bets, fewer accounts or less money (minor units) on a selection in a window say nothing.
    public var bets = 8
    public var accounts = 5
    public var stakes: Int64 = 50_000
    /// Thousandths of the money that its price speaks for: by itself, and beside another sign.
    public var oneSided: Int64 = 3_000
    public var leaning: Int64 = 2_000
    /// Hours that an account is new.
    public var newHours: Int64 = 72
    /// Times the mean of what an account staked before, and of how many bets that is known.
    public var unusual: Int64 = 4
    public var habit: Int64 = 5
    /// Thousandths of a selection's money that must come from new accounts, or be unusual.
    public var part: Int64 = 500
    /// Times what came in a window before, and of how many windows that is known.
    public var surge: Int64 = 10
    public var quietWindows: Int64 = 4
    /// Seconds without a bet after which a market is forgotten: what comes then is held against nothing before.
    public var forgotten: Int64 = 7 * 86_400

    public init() {}
}

/// What is seen of a selection's money. Numbers are not kept anywhere.
public struct IntegritySigns: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Much more money than its price speaks for; it is enough by itself.
    public static let oneSided = IntegritySigns(rawValue: 1)
    /// More money than its price speaks for. Of this and those below it takes two.
    public static let leaning = IntegritySigns(rawValue: 2)
    public static let newAccounts = IntegritySigns(rawValue: 4)
    /// Far above what these accounts staked before.
    public static let unusualStakes = IntegritySigns(rawValue: 8)
    /// Far above what came in the same time before.
    public static let surge = IntegritySigns(rawValue: 16)

    public var isEnough: Bool {
        contains(.oneSided) || rawValue.nonzeroBitCount >= 2
    }

    public var words: [String] {
        let all: [(IntegritySigns, String)] = [
            (.oneSided, "one_sided"), (.leaning, "leaning"), (.newAccounts, "new_accounts"),
            (.unusualStakes, "unusual_stakes"), (.surge, "surge"),
        ]
        return all.filter { contains($0.0) }.map(\.1)
    }
}

/// A selection whose money does not look like what its price says. Figures are those of the window in which most
/// money was on it while it did.
public struct IntegrityAlert: Hashable, Sendable {
    public let market: UInt64
    public let selection: Int
    /// When the first bet of its first window and its last bet were taken.
    public let from: Timestamp
    public internal(set) var until: Timestamp
    public internal(set) var signs: IntegritySigns
    public internal(set) var bets: Int
    /// Minor units: on it, on all of its market, from new accounts, and unusual ones.
    public internal(set) var stakes: Int64
    public internal(set) var marketStakes: Int64
    public internal(set) var newStakes: Int64
    public internal(set) var unusualStakes: Int64
    /// Thousandths of the money that its price speaks for.
    public internal(set) var weight: Int64
    /// The prices of the first bet and of the last one.
    public let first: Odds
    public internal(set) var last: Odds
    /// Whose bets were in any of its windows.
    public internal(set) var accounts: Set<UInt64>
}

/// Looks at every bet that is taken for money that knows more than the prices do.
///
/// Bets at fair prices put on a selection its chance's share of the money; staked times price, over all that is
/// staked on the market, is one then, and below one with our margin. So that quotient says how far the money leans,
/// whatever the price. Where several win, each win has its share: it counts as often as the prices of the bets speak
/// for whole winners. Of a favourite it cannot be more than its price, so other signs count beside it.
public struct IntegrityWatch: Sendable {
    private struct Key: Hashable {
        let market: UInt64
        let selection: Int
    }

    private let rules: IntegrityRules
    private var markets: [UInt64: WatchedMarket] = [:]
    private var habits: [UInt64: (bets: Int64, stakes: Int128)] = [:]
    /// The newest alert of a selection, by its place.
    private var newest: [Key: Int] = [:]
    /// In the order in which they were raised; the newest ones, `mostAlerts` at most.
    public private(set) var alerts: [IntegrityAlert] = []
    /// All that were raised.
    public private(set) var alertsRaised = 0
    private var noted = 0

    /// Alerts that are kept: of more than that the oldest quarter goes.
    public static let mostAlerts = 4096
    /// Bets after which it is looked at what can be forgotten.
    private static let round = 65_536

    public init(rules: IntegrityRules = IntegrityRules()) { self.rules = rules }

    /// Takes the next bet; times never go back.
    public mutating func note(_ bet: WatchedBet) {
        let stake = Int128(bet.stake)
        let habit = habits[bet.account] ?? (0, 0)
        let isUnusual =
            habit.bets >= rules.habit
            && stake * Int128(habit.bets) >= Int128(rules.unusual) * habit.stakes
        habits[bet.account] = (habit.bets + 1, habit.stakes + stake)
        let isNew =
            bet.opened.map {
                bet.time.nanoseconds - $0.nanoseconds < rules.newHours * 3_600_000_000_000
            } ?? false
        noted += 1
        if noted % Self.round == 0 { forget(at: bet.time) }
        for leg in bet.legs {
            let entry = WatchedMarket.Entry(
                time: bet.time, account: bet.account, selection: leg.selection, odds: leg.odds,
                stake: stake, isNew: isNew, isUnusual: isUnusual)
            let signs = markets[leg.market, default: WatchedMarket(first: bet.time)]
                .note(entry, rules)
            if signs.isEnough { raise(leg, bet, signs) }
        }
    }

    private mutating func forget(at time: Timestamp) {
        let last = time.nanoseconds - rules.forgotten * 1_000_000_000
        markets = markets.filter { ($0.value.window.last?.time.nanoseconds ?? 0) >= last }
    }

    private mutating func raise(_ leg: WatchedBet.Leg, _ bet: WatchedBet, _ signs: IntegritySigns) {
        guard let market = markets[leg.market] else { return }
        let key = Key(market: leg.market, selection: leg.selection)
        let sums = market.selections[leg.selection] ?? WatchedMarket.Sums()
        if let place = newest[key],
            bet.time.nanoseconds - alerts[place].until.nanoseconds
                < rules.window * 1_000_000_000
        {
            alerts[place].until = bet.time
            alerts[place].signs.formUnion(signs)
            alerts[place].last = leg.odds
            alerts[place].accounts.insert(bet.account)
            guard Int64(clamping: sums.stakes) > alerts[place].stakes else { return }
            describe(&alerts[place], sums, market)
            return
        }
        let first = market.window.first { $0.selection == leg.selection }
        var alert = IntegrityAlert(
            market: leg.market, selection: leg.selection, from: first?.time ?? bet.time,
            until: bet.time, signs: signs, bets: 0, stakes: 0, marketStakes: 0, newStakes: 0,
            unusualStakes: 0, weight: 0, first: first?.odds ?? leg.odds, last: leg.odds,
            accounts: Set(sums.accounts.keys))
        describe(&alert, sums, market)
        if alerts.count == Self.mostAlerts {
            let gone = Self.mostAlerts / 4
            alerts.removeFirst(gone)
            newest = newest.compactMapValues { $0 < gone ? nil : $0 - gone }
        }
        newest[key] = alerts.count
        alerts.append(alert)
        alertsRaised += 1
    }

    private func describe(
        _ alert: inout IntegrityAlert, _ sums: WatchedMarket.Sums, _ market: WatchedMarket
    ) {
        alert.bets = sums.bets
        alert.stakes = Int64(clamping: sums.stakes)
        alert.marketStakes = Int64(clamping: market.stakes)
        alert.newStakes = Int64(clamping: sums.newStakes)
        alert.unusualStakes = Int64(clamping: sums.unusualStakes)
        alert.weight = Int64(clamping: market.weight(of: sums))
    }
}

/// The bets on one market: those of the window, and how much there was before.
struct WatchedMarket: Sendable {
    struct Entry: Sendable {
        let time: Timestamp
        let account: UInt64
        let selection: Int
        let odds: Odds
        let stake: Int128
        let isNew: Bool
        let isUnusual: Bool

        /// What its price says that it wins, millionths, raised.
        var chance: Int128 {
            (1_000_000 * Int128(odds.denominator) - 1) / Int128(odds.numerator) + 1
        }
        /// What it returns if it wins, thousandths of minor units, cut.
        var returns: Int128 { stake * 1000 * Int128(odds.numerator) / Int128(odds.denominator) }
    }

    /// What is on a selection in the window.
    struct Sums: Sendable {
        var bets = 0
        var stakes: Int128 = 0
        var returns: Int128 = 0
        var newStakes: Int128 = 0
        var unusualStakes: Int128 = 0
        /// Bets by account.
        var accounts: [UInt64: Int] = [:]
        /// By the newest bet's price, millionths.
        var chance: Int128 = 0
        /// Stakes that have left the window.
        var before: Int128 = 0

        mutating func add(_ entry: Entry) {
            bets += 1
            stakes += entry.stake
            returns += entry.returns
            chance = entry.chance
            if entry.isNew { newStakes += entry.stake }
            if entry.isUnusual { unusualStakes += entry.stake }
            accounts[entry.account, default: 0] += 1
        }

        mutating func drop(_ entry: Entry) {
            bets -= 1
            stakes -= entry.stake
            returns -= entry.returns
            if entry.isNew { newStakes -= entry.stake }
            if entry.isUnusual { unusualStakes -= entry.stake }
            before += entry.stake
            let left = (accounts[entry.account] ?? 1) - 1
            accounts[entry.account] = left > 0 ? left : nil
        }
    }

    /// When the first bet on the market was taken.
    let first: Timestamp
    private var entries: [Entry] = []
    /// Those before it have left the window, and their room is given back when they are the half.
    private var head = 0
    private(set) var stakes: Int128 = 0
    private(set) var selections: [Int: Sums] = [:]
    /// What the newest prices of all selections with bets say, millionths together; of one winner hardly more than whole.
    private var chances: Int128 = 0

    init(first: Timestamp) { self.first = first }

    var window: ArraySlice<Entry> { entries[head...] }

    /// Thousandths of the money that its price speaks for.
    func weight(of sums: Sums) -> Int128 {
        stakes > 0 ? sums.returns * max(1, chances / 1_000_000) / stakes : 0
    }

    mutating func note(_ entry: Entry, _ rules: IntegrityRules) -> IntegritySigns {
        let length = rules.window * 1_000_000_000
        let start = entry.time.nanoseconds - length
        while head < entries.count, entries[head].time.nanoseconds <= start {
            stakes -= entries[head].stake
            selections[entries[head].selection]?.drop(entries[head])
            head += 1
        }
        if head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
        entries.append(entry)
        stakes += entry.stake
        chances += entry.chance - (selections[entry.selection]?.chance ?? 0)
        selections[entry.selection, default: Sums()].add(entry)
        guard let sums = selections[entry.selection], sums.bets >= rules.bets,
            sums.accounts.count >= rules.accounts, sums.stakes >= Int128(rules.stakes)
        else { return [] }
        return signs(of: sums, quiet: (start - first.nanoseconds) / length, rules)
    }

    /// `quiet` is how many whole windows went by before this one.
    private func signs(of sums: Sums, quiet: Int64, _ rules: IntegrityRules) -> IntegritySigns {
        var signs: IntegritySigns = []
        let weight = weight(of: sums)
        if weight >= Int128(rules.oneSided) {
            signs.insert(.oneSided)
        } else if weight >= Int128(rules.leaning) {
            signs.insert(.leaning)
        }
        let part = sums.stakes * Int128(rules.part)
        if sums.newStakes * 1000 >= part { signs.insert(.newAccounts) }
        if sums.unusualStakes * 1000 >= part { signs.insert(.unusualStakes) }
        if quiet >= rules.quietWindows,
            sums.stakes * Int128(quiet) >= Int128(rules.surge) * sums.before
        {
            signs.insert(.surge)
        }
        return signs
    }
}
