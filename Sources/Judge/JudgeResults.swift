import Kernel

/// What suppliers and two people say of markets and their bets. Everything that was said is kept, and what holds is
/// looked for among all of it.
extension Judge {
    // MARK: Results

    private func problem(with marks: [Mark], _ number: Int) -> UInt16? {
        guard marks.count == markets[number].selections.count else { return 4 }
        for mark in marks {
            if mark.result > 6 { return 4 }
            if mark.result == 6, mark.tied < 2 || mark.winners < 1 || mark.winners >= mark.tied {
                return 4
            }
        }
        if markets[number].isReleased { return 18 }
        let whole = marks.count { $0.result == 1 || $0.result == 4 }
        let ties = Dictionary(grouping: marks.filter { $0.result == 6 }) { [$0.winners, $0.tied] }
        let shared = ties.keys.reduce(0) { $0 + Int($1[0]) }
        let isCrowded = ties.contains { $1.count > Int($0[1]) }
        let isAlone = markets[number].winners == 0
        if !isAlone, isCrowded || whole + shared > markets[number].winners { return 14 }
        return markets[number].mostPlaces > 0 && !isFinish(marks) ? 14 : nil
    }

    /// Whether runners can have come in like that: nobody where others did, and no more together than are said to be.
    private func isFinish(_ marks: [Mark]) -> Bool {
        // By place, who came in at it, the first of those who share several standing for all of them.
        var takers: [Int: (first: Int, tied: Int, count: Int)] = [:]
        for mark in marks {
            var (position, tied) = (Int(mark.position), Int(max(1, mark.tied)))
            if position == 0, mark.result == 1 { (position, tied) = (1, 1) }
            if position == 0, mark.result == 6 { position = 1 }
            if position == 0 || position == 255 { continue }
            for place in position..<position + tied {
                let known = takers[place]
                if let known, known.first != position || known.tied != tied { return false }
                takers[place] = (position, tied, (known?.count ?? 0) + 1)
            }
            if takers[position]!.count > tied { return false }
        }
        return true
    }

    private func same(_ one: [Mark], _ other: [Mark]) -> Bool {
        numbers(one) == numbers(other)
    }

    private func numbers(_ marks: [Mark]) -> [UInt8] {
        marks.flatMap { [$0.result, $0.winners, max(1, $0.tied), $0.position] }
    }

    /// Whether `one` holds against `other`: what was said later, and at the same moment what says more.
    private func holds(_ one: ResultSaid, against other: ResultSaid, _ number: Int) -> Bool {
        if one.said != other.said { return one.said > other.said }
        let (ours, theirs) = (numbers(one.marks), numbers(other.marks))
        if ours != theirs { return theirs.lexicographicallyPrecedes(ours) }
        return markets[number].scoutedReturn == 0 || one.certainty >= other.certainty
    }

    mutating func result(_ id: ExternalID, _ heard: ResultSaid, _ outcomes: [Outcome]) {
        guard case .result(let refusal, _, _)? = outcomes.first else {
            return object("a result without an answer")
        }
        guard let number = marketNumbers[id] else {
            return expect(refusal, 2, "a result of no market")
        }
        if let wanted = problem(with: heard.marks, number) {
            return expect(refusal, wanted, "a result")
        }
        if markets[number].isByOperators {
            let isNews = !same(heard.marks, markets[number].selections.map(\.mark))
            return expect(refusal, isNews ? 15 : 11, "a supplier's result after two operators'")
        }
        var word = heard
        if heard.said > 0, heard.marks.allSatisfy({ $0.result == 0 }) { word.isRollback = true }
        if word.said <= 0 { word.said = time }
        guard markets[number].words.allSatisfy({ holds(word, against: $0, number) }) else {
            return expect(refusal, 20, "a result that is older than another")
        }
        markets[number].words.append(word)
        apply(word, number, refusal, byOperators: false, outcomes)
    }

    private mutating func apply(
        _ word: ResultSaid, _ number: Int, _ refusal: UInt16, byOperators: Bool,
        _ outcomes: [Outcome]
    ) {
        let market = markets[number]
        var isNews = !same(word.marks, market.selections.map(\.mark))
        if !market.isResulted, word.marks.contains(where: { $0.result != 0 }) { isNews = true }
        if market.isResulted, word.isRollback { isNews = true }
        if market.isResulted, market.scoutedReturn != 0, market.certainty != word.certainty {
            isNews = true
        }
        guard isNews else { return expect(refusal, 11, "a result that is no news") }
        expect(refusal, 0, "a result")
        for index in word.marks.indices {
            markets[number].selections[index].mark = word.marks[index]
            markets[number].selections[index].mark.tied = max(1, word.marks[index].tied)
        }
        markets[number].isResulted = !word.isRollback
        markets[number].certainty = word.certainty
        markets[number].isByOperators = byOperators
        if word.isRollback {
            markets[number].reasons &= ~(1 << 5)
            markets[number].reasons |= 1
        } else {
            markets[number].reasons |= 1 << 5
        }
        settleAnew(number)
        guard outcomes.count == 2, case .market(let shown) = outcomes[1] else {
            return object("a result is not followed by its market")
        }
        compare(shown, number)
    }

    /// All bets of the market are looked at again.
    private mutating func settleAnew(_ number: Int) {
        markets[number].resultedAt = time
        markets[number].settlements += 1
        markets[number].version += 1
        change(market: number)
        walk(number)
    }

    /// Whether the result of a market is not sure enough for a bet.
    func waits(_ number: Int, _ bet: Bet) -> Bool {
        let market = markets[number]
        if market.scoutedReturn == 0 || market.certainty != 1 || market.isByOperators {
            return false
        }
        return market.scoutedReturn < 0 || bet.potentialReturn > market.scoutedReturn
            || bet.legs.contains { $0.isAtStart || markets[$0.market].said.isGuaranteed }
    }

    // MARK: Cancels

    /// The windows of which anything was said, each with whether it is in force.
    private func windows(_ number: Int) -> [(word: CancelSaid, isInForce: Bool)] {
        var windows: [(word: CancelSaid, isInForce: Bool)] = []
        for word in markets[number].cancels
        where !windows.contains(where: { isSame($0.word, word) }) {
            let about = markets[number].cancels.filter { isSame($0, word) }
            let last = about.map(\.said).max()
            let isInForce = about.allSatisfy { $0.said != last || !$0.isTakenBack }
            windows.append((word, isInForce))
        }
        return windows
    }

    private func isSame(_ one: CancelSaid, _ other: CancelSaid) -> Bool {
        one.isByOperators == other.isByOperators && one.from == other.from
            && one.until == other.until
    }

    /// Whether a bet that was accepted then is void on the market.
    func isVoid(_ number: Int, _ accepted: Int64) -> Bool {
        if !markets[number].cancels.isEmpty {
            for window in windows(number) where window.isInForce {
                let isBefore = window.word.until != 0 && accepted >= window.word.until
                if accepted >= window.word.from, !isBefore { return true }
            }
        }
        let fixture = fixtures[markets[number].fixture]
        guard let heard = fixture.heardAt, let start = markets[number].trueStart else {
            return false
        }
        return accepted >= start && accepted < heard
    }

    func isCancelledWhole(_ number: Int) -> Bool {
        windows(number).contains { $0.isInForce && $0.word.from == 0 && $0.word.until == 0 }
    }

    mutating func cancel(_ id: ExternalID, _ heard: CancelSaid, _ outcomes: [Outcome]) {
        guard case .result(let refusal, _, _)? = outcomes.first else {
            return object("a cancel without an answer")
        }
        guard let number = marketNumbers[id] else {
            return expect(refusal, 2, "a cancel in no market")
        }
        if !isWindow(heard) { return expect(refusal, 4, "a cancel of no window") }
        if markets[number].isReleased { return expect(refusal, 18, "a cancel of what has left") }
        var word = heard
        if word.said <= 0 { word.said = time }
        apply(word, number, refusal, outcomes)
    }

    private func isWindow(_ word: CancelSaid) -> Bool {
        word.from >= 0 && word.until >= 0 && (word.until == 0 || word.from < word.until)
            && word.from <= time && word.until <= time
    }

    private mutating func apply(
        _ word: CancelSaid, _ number: Int, _ refusal: UInt16, _ outcomes: [Outcome]
    ) {
        let before = windows(number)
        let known = before.first { isSame($0.word, word) }
        let last = markets[number].cancels.filter { isSame($0, word) }.map(\.said).max()
        if let last, word.said < last { return expect(refusal, 20, "a cancel of long ago") }
        if known == nil, before.count >= Limits.cancelWindows {
            return expect(refusal, 5, "a window too many")
        }
        // A full cell is a fact of the machine.
        if known == nil, refusal == 5 { return }
        markets[number].cancels.append(word)
        let after = windows(number)
        let isInForce = after.first { isSame($0.word, word) }?.isInForce
        if isInForce == known?.isInForce ?? false {
            return expect(refusal, 11, "a cancel that is no news")
        }
        expect(refusal, 0, "a cancel")
        if after.contains(where: { $0.isInForce && $0.word.until == 0 }) {
            markets[number].reasons |= 1 << 6
        } else {
            markets[number].reasons &= ~(1 << 6)
        }
        settleAnew(number)
        guard outcomes.count == 2, case .market(let shown) = outcomes[1] else {
            return object("a cancel is not followed by its market")
        }
        compare(shown, number)
    }

    // MARK: True starts

    /// When it truly began, by the newest word.
    private func trueStart(_ fixture: Fixture) -> Int64? {
        fixture.starts.max { ($0.said, $0.start) < ($1.said, $1.start) }?.start
    }

    /// What bets were taken between the start and when we heard of it are void on every market.
    mutating func takeStart(_ said: FixtureSaid, _ number: Int, _ outcomes: [Outcome]) {
        let told = outcomes.dropFirst()
        guard said.startedAt > 0, said.startedAt <= time else {
            if !told.isEmpty { object("markets change with a fixture that says nothing of them") }
            return
        }
        let before = trueStart(fixtures[number])
        fixtures[number].starts.append(
            (said: said.said > 0 ? said.said : time, start: said.startedAt))
        let after = trueStart(fixtures[number])
        let heard = fixtures[number].heardAt ?? time
        fixtures[number].heardAt = heard
        let isNews =
            after != before && ((before ?? .max) < heard || (after ?? .max) < heard)
        let walked =
            isNews
            ? fixtures[number].markets.reversed().filter { !markets[$0].isReleased } : []
        guard told.count == walked.count else {
            return object("\(walked.count) markets are settled anew, \(told.count) are told")
        }
        for (market, outcome) in zip(walked, told) {
            if !fixtures[number].said.isInPlay { markets[market].reasons |= 1 }
            markets[market].trueStart = after
            settleAnew(market)
            guard case .market(let shown) = outcome else { return object("no market is told") }
            compare(shown, market)
        }
    }

    // MARK: Two people

    mutating func propose(_ said: ProposalSaid, _ outcomes: [Outcome]) {
        guard case .result(let refusal, _, let proposal)? = outcomes.first else {
            return object("a proposal without an answer")
        }
        if let bet = said.bet {
            return propose(said, for: bet, refusal, proposal)
        }
        guard let number = marketNumbers[said.market] else {
            return expect(refusal, 2, "a proposal for no market")
        }
        if let cancel = said.cancel {
            if !isWindow(cancel) { return expect(refusal, 4, "a proposal of no window") }
            if markets[number].isReleased { return expect(refusal, 18, "a proposal too late") }
        } else if let wanted = problem(with: said.marks, number) {
            return expect(refusal, wanted, "a proposal")
        }
        if !said.hasReason { return expect(refusal, 12, "a proposal without a reason") }
        if said.actor == 0 { return expect(refusal, 17, "a proposal of nobody") }
        if said.expected != 0, Int(said.expected) != markets[number].settlements + 1 {
            return expect(refusal, 19, "a proposal for what was settled since")
        }
        if refusal == 5 { return }
        expect(refusal, 0, "a proposal")
        if proposal != sequence { object("a proposal's number is not its sequence") }
        proposals[sequence] = Proposal(
            market: number, marks: said.marks, cancel: said.cancel, actor: said.actor,
            settlements: markets[number].settlements, time: time)
    }

    mutating func approve(_ wanted: UInt64, _ actor: UInt64, _ outcomes: [Outcome]) {
        guard case .result(let refusal, _, _)? = outcomes.first else {
            return object("an approval without an answer")
        }
        guard let proposal = proposals[wanted],
            proposal.time >= time - Limits.proposalAge * 1_000_000
        else { return expect(refusal, 8, "an approval of nothing") }
        if actor == proposal.actor || actor == 0 {
            return expect(refusal, 9, "an approval by who proposed it")
        }
        proposals[wanted] = nil
        if let bet = proposal.bet { return carryOut(proposal, bet, refusal, outcomes) }
        if proposal.settlements != markets[proposal.market].settlements
            || markets[proposal.market].isReleased
        {
            return expect(refusal, 10, "an approval of what is settled since")
        }
        if var cancel = proposal.cancel {
            cancel.said = time
            return apply(cancel, proposal.market, refusal, outcomes)
        }
        // Where runners came in stays as it is known where the two say nothing of it.
        let marks = zip(proposal.marks, markets[proposal.market].selections.map(\.mark)).map {
            $0.position == 0 && $0.result == $1.result ? $1 : $0
        }
        apply(
            ResultSaid(said: time, marks: marks, certainty: 0, isRollback: false),
            proposal.market, refusal, byOperators: true, outcomes)
    }
}
