/// Customers' own limits, as a list of wishes: the engine keeps only what holds and what waits.
extension Judge {
    mutating func setLimit(
        _ account: UInt64, _ name: LimitName, _ amount: Int64, _ expected: UInt64,
        _ outcomes: [Outcome]
    ) {
        guard case .limit(let shown)? = outcomes.first, outcomes.count == 1 else {
            return object("a limit without an answer")
        }
        guard account < UInt64(accounts.count) else {
            return expect(shown.refusal, 6, "a limit of nobody")
        }
        guard (1...4).contains(name.kind), (1...3).contains(name.period) else {
            return expect(shown.refusal, 4, "a limit of no kind")
        }
        let minutes: [Int64] = [1440, 7 * 1440, 31 * 1440]
        let most =
            name.kind == 4 ? minutes[Int(name.period) - 1] : 9_007_199_254_740_991
        if amount < -1 || amount > most {
            return expect(shown.refusal, 7, "a limit out of range")
        }
        var wishes = accounts[Int(account)].limits[name] ?? []
        let version = wishes.last?.version ?? 0
        if expected != .max, expected != version {
            return expect(shown.refusal, 19, "a limit that changed since")
        }
        expect(shown.refusal, 0, "a limit that can be set")
        add(amount, to: &wishes)
        accounts[Int(account)].limits[name] = wishes
        compare(shown, name, wishes)
    }

    private mutating func add(_ amount: Int64, to wishes: inout [LimitWish]) {
        let holding = Self.holding(wishes, at: time)
        let waiting = wishes.last.flatMap { $0.from > time ? $0 : nil }
        let hasMatured = wishes.count > 1 && waiting == nil
        let isLooser = holding != -1 && (amount == -1 || amount > holding)
        guard isLooser else {
            // The same again, with nothing that waited: nothing is written anew.
            if amount == holding, waiting == nil, !hasMatured { return }
            wishes = [LimitWish(amount: amount, from: time, version: sequence)]
            return
        }
        let present = LimitWish(amount: holding, from: time, version: sequence)
        guard let waiting else {
            let from = time + rules.limitCoolingOff * 1_000_000
            wishes = [present, LimitWish(amount: amount, from: from, version: sequence)]
            return
        }
        if waiting.amount == amount { return }
        let asksLess = waiting.amount == -1 || amount != -1 && amount < waiting.amount
        let from = asksLess ? waiting.from : time + rules.limitCoolingOff * 1_000_000
        wishes = [present, LimitWish(amount: amount, from: from, version: sequence)]
    }

    /// The last wish whose moment has come; none ever made bounds nothing.
    private static func holding(_ wishes: [LimitWish], at time: Int64) -> Int64 {
        wishes.last { $0.from <= time }?.amount ?? -1
    }

    private mutating func compare(_ shown: LimitShown, _ name: LimitName, _ wishes: [LimitWish]) {
        let waiting = wishes.count > 1 ? wishes[1] : nil
        if shown.amount != wishes.first?.amount ?? -1 {
            object("limit \(name) should be \(wishes.first?.amount ?? -1), not \(shown.amount)")
        }
        if shown.nextFrom != waiting?.from ?? 0 || waiting != nil && shown.next != waiting?.amount {
            object("limit \(name) should become \(String(describing: waiting)), not \(shown)")
        }
        if shown.version != wishes.last?.version ?? 0 {
            object("limit \(name) should have version \(wishes.last?.version ?? 0)")
        }
    }
}
