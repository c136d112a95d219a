import Kernel

/// Systems with groups, and what the house adds to bets and takes of what they win.
extension Judge {
    // MARK: Groups

    private struct Group {
        var legs: ClosedRange<Int>
        var sizes: UInt32
    }

    /// Nil where they are not within or beside each other, in their order, with what they choose from.
    private func groups(of intent: Intent) -> [Group]? {
        let said = intent.groups.prefix { $0 != 0 }
        guard intent.groups.dropFirst(said.count).allSatisfy({ $0 == 0 }) else { return nil }
        var groups: [Group] = []
        for word in said {
            let (first, last) = (Int(word >> 28), Int(word >> 24) & 15)
            guard first < last, last < intent.legCount, last - first + 1 < intent.legCount,
                word & 0xff_0000 == 0, word & 0xffff != 0
            else { return nil }
            groups.append(Group(legs: first...last, sizes: word & 0xffff))
        }
        for (index, one) in groups.enumerated() {
            for other in groups[..<index] {
                let isApart = other.legs.upperBound < one.legs.lowerBound
                let isWithin =
                    one.legs != other.legs && other.legs.contains(one.legs.lowerBound)
                    && other.legs.contains(one.legs.upperBound)
                guard isApart || isWithin else { return nil }
            }
            guard one.sizes >> UInt32(parts(in: one.legs, groups).count) == 0 else { return nil }
        }
        return groups
    }

    /// What is chosen from in some legs: the largest groups that are not all of them, and the legs beside those.
    private func parts(in legs: ClosedRange<Int>, _ groups: [Group]) -> [ClosedRange<Int>] {
        let within = groups.map(\.legs).filter {
            $0 != legs && legs.contains($0.lowerBound) && legs.contains($0.upperBound)
        }
        return legs.compactMap { leg in
            let around = within.filter { $0.contains(leg) }.max { $0.count < $1.count }
            guard let around else { return leg...leg }
            return around.lowerBound == leg ? around : nil
        }
    }

    /// Whether it is a system with groups that can be; its bankers would have to be groups of their own.
    func isNested(_ intent: Intent) -> Bool {
        guard intent.bankers == 0, intent.legCount >= 2, let groups = groups(of: intent) else {
            return false
        }
        return intent.sizes >> UInt32(parts(in: 0...intent.legCount - 1, groups).count) == 0
    }

    /// Whether these legs are a line: as many parts as wanted have some of them, and in each group that has, they are a
    /// line of it.
    func isLine(_ chosen: [Int], of intent: Intent) -> Bool {
        isLine(Set(chosen), in: 0...intent.legCount - 1, intent.sizes, groups(of: intent) ?? [])
    }

    private func isLine(
        _ chosen: Set<Int>, in legs: ClosedRange<Int>, _ sizes: UInt32, _ groups: [Group]
    ) -> Bool {
        let taken = parts(in: legs, groups).filter { !chosen.isDisjoint(with: $0) }
        guard !taken.isEmpty, sizes >> UInt32(taken.count - 1) & 1 == 1 else { return false }
        return taken.allSatisfy { part in
            guard let group = groups.first(where: { $0.legs == part }) else { return true }
            return isLine(chosen.intersection(part), in: part, group.sizes, groups)
        }
    }

    // MARK: What the house adds and takes

    /// Legs and whether single legs are lines of them, as covers are named in the journal.
    private static let covers: [(legs: Int, hasSingles: Bool)] = [
        (3, false), (3, true), (4, false), (4, true), (5, false), (5, true), (6, false), (6, true),
        (7, false), (8, false),
    ]

    /// Which cover lines are: all of two legs and more, and of one where singles are among them.
    ///
    /// What is said with groups is none, though its lines be the same.
    func cover(_ lines: [[Int]], of intent: Intent) -> Int? {
        guard lines.count > 1, intent.groups.allSatisfy({ $0 == 0 }) else { return nil }
        let legs = intent.legCount
        let hasSingles = lines.contains { $0.count == 1 }
        let all = (1 << legs) - 1 - (hasSingles ? 0 : legs)
        guard lines.count == all else { return nil }
        return Self.covers.firstIndex { $0.legs == legs && $0.hasSingles == hasSingles }
    }

    /// What the engine says that was given under a promotion, whose newest version this is.
    public mutating func checkPromotion(
        _ number: UInt64, version: UInt32, bonus: Int64, free: Int64
    ) {
        let versions = promises.filter { $0.number == number }.count
        let ours = given[number] ?? [0, 0]
        if versions != Int(version) || ours != [bonus, free] {
            object(
                "promotion \(number): version \(version) and \(bonus), \(free) given, not \(versions) and \(ours[0]), \(ours[1])"
            )
        }
    }

    mutating func promise(_ said: PromotionSaid, _ outcomes: [Outcome]) {
        guard outcomes.count == 1, case .market(let shown) = outcomes[0] else {
            return object("a promotion without an answer")
        }
        let isBackwards = said.from < 0 || said.until != 0 && said.until <= said.from
        if said.number == 0 || isBackwards || said.name.isEmpty || said.terms.isEmpty {
            return expect(shown.refusal, 4, "half a promotion")
        }
        if said.actor == 0 { return expect(shown.refusal, 17, "nobody's promotion") }
        if !said.hasReason { return expect(shown.refusal, 12, "a promotion for nothing") }
        let versions = promises.filter { $0.number == said.number }
        if said.expected != 0, Int(said.expected) != versions.count + 1 {
            return expect(shown.refusal, 19, "a promotion that changed since")
        }
        if let last = versions.last, last.from == said.from, last.until == said.until,
            last.name == said.name, last.terms == said.terms
        {
            return expect(shown.refusal, 11, "a promotion as it was")
        }
        if versions.isEmpty, Set(promises.map(\.number)).count >= 256 {
            return expect(shown.refusal, 5, "a promotion too many")
        }
        expect(shown.refusal, 0, "a promotion")
        promises.append(said)
        if shown.version != UInt64(versions.count + 1) {
            object(
                "version \(versions.count + 1) of promotion \(said.number) is called \(shown.version)"
            )
        }
    }

    mutating func setHouse(_ said: HouseSaid, _ outcomes: [Outcome]) {
        guard outcomes.count == 1, case .market(let shown) = outcomes[0] else {
            return object("house rules without an answer")
        }
        if said.bonuses.count != Self.covers.count {
            return expect(shown.refusal, 4, "other covers")
        }
        if said.actor == 0 { return expect(shown.refusal, 17, "nobody's house rules") }
        if !said.hasReason { return expect(shown.refusal, 12, "house rules for nothing") }
        if said.expected != 0, Int(said.expected) != houseRules.count + 1 {
            return expect(shown.refusal, 19, "house rules that changed since")
        }
        let isOut = zip(said.bonuses, Self.covers).contains { bonus, cover in
            bonus.onlyWinner < 100 || bonus.onlyWinner > 400 || bonus.allWinners > 10_000
                || !cover.hasSingles && bonus.onlyWinner != 100
        }
        if isOut || said.commission > 5000 {
            return expect(shown.refusal, 7, "house rules out of range")
        }
        let before = houseRules.last?.said
        let isSame =
            said.commission == before?.commission ?? 0
            && said.bonuses.indices.allSatisfy {
                let old = before?.bonuses[$0] ?? (onlyWinner: 100, allWinners: 0)
                return old == said.bonuses[$0]
            }
        if isSame { return expect(shown.refusal, 11, "house rules as they were") }
        if houseRules.count >= 1024 {
            return expect(shown.refusal, 5, "house rules once too often")
        }
        expect(shown.refusal, 0, "house rules")
        houseRules.append((sequence, said))
    }

    /// What of it counts for a bet that was asked for then; nothing where there was nothing.
    private func house(at number: UInt64) -> HouseSaid? {
        houseRules.last { $0.sequence < number }?.said
    }

    /// Adds what the house adds where all legs win: of a cover of cash alone that is not each way.
    func promised(_ product: Product, _ lines: [[Int]], _ intent: Intent) -> Product {
        guard let house = houseRules.last?.said, intent.bonus == 0, intent.free == 0,
            !intent.isEachWay, let cover = cover(lines, of: intent)
        else { return product }
        return product.more(house.bonuses[cover].allWinners)
    }

    /// The same of a bet that was asked for then.
    func promised(_ product: Product, _ bet: Bet, _ number: UInt64) -> Product {
        guard let house = house(at: number), bet.bonus == 0, bet.free == 0, bet.placed == nil,
            let cover = bet.cover
        else { return product }
        return product.more(house.bonuses[cover].allWinners)
    }

    /// The same of a bet by what its legs came to, less the commission on what it wins.
    func settled(_ product: Product, _ bet: Bet, _ number: UInt64) -> Product {
        guard let house = house(at: number), !product.isOpen else { return product }
        var product = product
        if bet.bonus == 0, bet.free == 0, bet.placed == nil, let cover = bet.cover {
            let won = bet.legs.count {
                (markets[$0.market].selections[$0.selection].mark.result == 1
                    || isPaidEarly($0, in: bet)) && !isVoid($0, in: bet)
            }
            let lost = bet.legs.count { worth(of: $0, in: bet) == .lost }
            if won == bet.legs.count { product = product.more(house.bonuses[cover].allWinners) }
            if won == 1, lost == bet.legs.count - 1 {
                product = product.winnings(
                    of: bet.stake / Int64(bet.lines.count),
                    times: UInt64(house.bonuses[cover].onlyWinner), over: 100)
            }
        }
        return product.winnings(
            of: bet.paid, times: UInt64(10_000 - house.commission), over: 10_000)
    }
}

extension Product {
    /// So many hundredths of a percent more.
    fileprivate func more(_ parts: UInt16) -> Product {
        var more = self
        _ = more.numerator.multiplyReportingOverflow(by: 10_000 + UInt64(parts))
        _ = more.denominator.multiplyReportingOverflow(by: 10_000)
        return more
    }

    /// What is beyond a stake counts otherwise; what is not beyond it stays.
    fileprivate func winnings(of stake: Int64, times: UInt64, over: UInt64) -> Product {
        var staked = denominator
        _ = staked.multiplyReportingOverflow(by: UInt64(stake))
        guard staked < numerator else { return self }
        // stake x over + (all - stake) x times, over `over`.
        var other = self
        other.numerator.subtract(staked)
        _ = other.numerator.multiplyReportingOverflow(by: times)
        _ = staked.multiplyReportingOverflow(by: over)
        _ = other.numerator.addReportingOverflow(staked)
        _ = other.denominator.multiplyReportingOverflow(by: over)
        return other
    }
}
