import Betting
import Catalogue
import Kernel
import Ledger

extension Engine {
    // MARK: Accounts

    mutating func openAccount(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let id = command.clientID
        if let known = accounts.account(external: id) {
            return refuse(command, account: known, .alreadyDefined, &outcomes)
        }
        guard
            let money = MoneyKind(
                rawValue: command.field(Layout.OpenAccount.money, as: UInt8.self)),
            command.field(Layout.OpenAccount.currency, as: UInt16.self) == rules.currency
        else { return refuse(command, account: nil, .malformed, &outcomes) }
        guard !refuses(command, .otherMoney, when: money != rules.money) else {
            return refuse(command, account: nil, .otherMoney, &outcomes)
        }
        let row = AccountRow(
            externalHigh: id.high, externalLow: id.low,
            stakeLimit: command.field(Layout.OpenAccount.stakeLimit, as: Int64.self),
            currency: rules.currency, money: money.rawValue)
        guard !refuses(command, .full, when: accounts.isFull), let number = accounts.open(row)
        else {
            return refuse(command, account: nil, .full, &outcomes)
        }
        answer(command, account: number, nil, &outcomes)
    }

    /// The depositor's id makes it happen once; a repeat within the id window changes nothing.
    mutating func deposit(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = accounts.account(command.account) else {
            return refuse(command, account: nil, .accountUnknown, &outcomes)
        }
        if accounts.known(command.clientID, account: number) != nil, !planted(.depositTwice) {
            return refuse(command, account: number, .alreadyDefined, &outcomes)
        }
        let amount = command.field(Layout.Deposit.amount, as: Int64.self)
        let row = accounts.accounts[number]
        let isInRange =
            amount > 0 && amount <= ruleSet.stake && row.cash <= Limits.minorUnits - amount
        guard !refuses(command, .amountOutOfRange, when: !isInRange), amount > 0,
            row.cash <= Limits.minorUnits - amount
        else { return refuse(command, account: number, .amountOutOfRange, &outcomes) }
        guard !refuses(command, .full, when: accounts.isIDWindowFull), !accounts.isIDWindowFull
        else { return refuse(command, account: number, .full, &outcomes) }
        accounts.remember(IDRow(command, account: number, validUntil: time.nanoseconds))
        accounts.post(.deposit(amount), to: number)
        let record = answer(command, account: number, nil, &outcomes)
        record.set(Layout.AccountChanged.entry, EntryReason.deposit.rawValue)
        record.set(Layout.AccountChanged.amount, amount)
    }

    /// Bonus money, or what may be staked for nothing, is given or taken back; the desk's id makes it happen once,
    /// and the same request again is answered without moving anything.
    ///
    /// Of what is taken back only as much moves as is there.
    mutating func grant(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = accounts.account(command.account) else {
            return refuse(command, account: nil, .accountUnknown, &outcomes)
        }
        if let known = accounts.known(command.clientID, account: number) {
            let hash = command.requestHash
            let isSame = known.hashHigh == hash.high && known.hashLow == hash.low
            answer(command, account: number, isSame ? nil : .idReused, &outcomes)
            return
        }
        // A key that the window may have let go says nothing any more of whether it was carried out.
        let isOld = !isInWindow(command.clientID)
        guard !refuses(command, .idOutsideWindow, when: isOld) else {
            return refuse(command, account: number, .idOutsideWindow, &outcomes)
        }
        guard
            let kind = GrantKind(rawValue: command.field(Layout.Grant.kind, as: UInt8.self))
        else { return refuse(command, account: number, .malformed, &outcomes) }
        let wanted = command.field(Layout.Grant.amount, as: Int64.self)
        let row = accounts.accounts[number]
        let balance = kind == .bonus ? row.bonus : row.free
        let isPossible =
            wanted != 0 && wanted >= -Limits.minorUnits
            && wanted <= Limits.minorUnits - max(0, balance)
        let isInRange = isPossible && wanted >= -ruleSet.stake && wanted <= ruleSet.stake
        guard !refuses(command, .amountOutOfRange, when: !isInRange), isPossible else {
            return refuse(command, account: number, .amountOutOfRange, &outcomes)
        }
        guard command.field(Layout.Grant.actor, as: UInt64.self) != 0 else {
            return refuse(command, account: number, .operatorMissing, &outcomes)
        }
        guard command.field(Layout.Grant.reason, as: UInt8.self) != 0 else {
            return refuse(command, account: number, .reasonMissing, &outcomes)
        }
        if let refusal = promotionRefusal(command) {
            return refuse(command, account: number, refusal, &outcomes)
        }
        let amount = max(wanted, -balance)
        guard amount != 0 else {
            return refuse(command, account: number, .noChange, &outcomes)
        }
        guard !refuses(command, .full, when: accounts.isIDWindowFull), !accounts.isIDWindowFull
        else { return refuse(command, account: number, .full, &outcomes) }
        accounts.remember(IDRow(command, account: number, validUntil: time.nanoseconds))
        switch kind {
        case .bonus: accounts.post(.grant(bonus: amount), to: number)
        case .free: accounts.change(account: number) { $0.free += amount }
        }
        countGiven(amount, kind, command)
        let record = answer(command, account: number, nil, &outcomes)
        record.set(Layout.AccountChanged.entry, EntryReason.grant.rawValue)
        record.set(Layout.AccountChanged.grant, kind.rawValue)
        record.set(Layout.AccountChanged.amount, amount)
    }

    /// How far an account is trusted, by whom and why.
    mutating func setRisk(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = accounts.account(command.account) else {
            return refuse(command, account: nil, .accountUnknown, &outcomes)
        }
        let factor = command.field(Layout.SetRisk.stakeFactor, as: UInt16.self)
        let delay = command.field(Layout.SetRisk.delay, as: UInt32.self)
        let said = command.field(Layout.SetRisk.shut, as: UInt8.self)
        let isInRange = factor <= Limits.stakeFactor && delay <= Limits.betDelay
        guard isInRange, said <= 2 else {
            return refuse(command, account: number, .amountOutOfRange, &outcomes)
        }
        guard command.field(Layout.SetRisk.actor, as: UInt64.self) != 0 else {
            return refuse(command, account: number, .operatorMissing, &outcomes)
        }
        guard command.field(Layout.SetRisk.reason, as: UInt8.self) != 0 else {
            return refuse(command, account: number, .reasonMissing, &outcomes)
        }
        let row = accounts.accounts[number]
        let shut = said == 0 ? row.isClosed : said & 1
        guard row.stakeFactor != factor || row.delay != delay || row.isClosed != shut else {
            return refuse(command, account: number, .noChange, &outcomes)
        }
        // Who is only trusted more need not be told why.
        let isLimited = factor < row.stakeFactor || delay > row.delay || shut > row.isClosed
        let isUntold =
            isLimited && ruleSet.looksAgain
            && command.field(Layout.SetRisk.notice, as: UInt8.self) == 0
        if refuses(command, .noticeMissing, when: isUntold) {
            return refuse(command, account: number, .noticeMissing, &outcomes)
        }
        accounts.change(account: number) {
            $0.stakeFactor = factor
            $0.delay = delay
            $0.isClosed = shut
        }
        let record = answer(command, account: number, nil, &outcomes)
        record.set(Layout.AccountChanged.stakeFactor, factor)
        record.set(Layout.AccountChanged.isShut, shut)
        record.set(Layout.AccountChanged.delay, delay)
    }

    func refuse(
        _ command: RecordBytes, account: UInt32?, _ refusal: OperationRefusal,
        _ outcomes: inout RecordWriter
    ) {
        answer(command, account: account, refusal, &outcomes)
    }

    @discardableResult
    func answer(
        _ command: RecordBytes, account: UInt32?, _ refusal: OperationRefusal?,
        _ outcomes: inout RecordWriter
    ) -> RecordBytes {
        let record = outcomes.append(
            .accountChanged, body: Layout.AccountChanged.size, after: command)
        record.clientID = command.clientID
        record.set(Layout.AccountChanged.refusal, refusal?.rawValue ?? 0)
        record.set(Layout.AccountChanged.currency, rules.currency)
        if let account {
            record.account = AccountID(partition: rules.partition, row: account)
            record.set(Layout.AccountChanged.money, accounts.accounts[account].money)
            accounts.accounts[account].write(to: record, at: Layout.AccountChanged.balances)
        }
        return record
    }

    // MARK: Fixtures

    mutating func defineFixture(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let id = command.clientID
        if let known = markets.fixture(external: id) {
            return answer(command, fixture: known, .alreadyDefined, &outcomes)
        }
        let byHand = Layout.Fixture.byHandSize - Layout.Fixture.actor
        if command.flags & Layout.Fixture.isByHand != 0,
            let refusal = refusal(byHand: command, at: Layout.Fixture.actor, byHand)
        {
            return answer(command, fixture: nil, refusal, &outcomes)
        }
        let isInPlay = command.field(Layout.Fixture.isInPlay, as: UInt8.self)
        let row = FixtureRow(
            externalHigh: id.high, externalLow: id.low,
            competitorChain: command.field(Layout.Fixture.competitorChain, as: UInt64.self),
            scheduled: command.field(Layout.Fixture.scheduled, as: Int64.self),
            actualStart: isInPlay == 1 ? time.nanoseconds : 0,
            score: command.field(Layout.Fixture.score, as: UInt32.self),
            clock: command.field(Layout.Fixture.clock, as: UInt32.self),
            status: command.field(Layout.Fixture.status, as: UInt8.self),
            isInPlay: isInPlay, sport: command.field(Layout.Fixture.sport, as: UInt8.self))
        guard !refuses(command, .full, when: markets.isFixturesFull), let number = markets.add(row)
        else {
            return answer(command, fixture: nil, .full, &outcomes)
        }
        answer(command, fixture: number, nil, &outcomes)
    }

    mutating func updateFixture(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.fixture(external: command.clientID) else {
            return answer(command, fixture: nil, .fixtureUnknown, &outcomes)
        }
        let row = markets.fixtures[number]
        guard
            let status = FixtureStatus(
                rawValue: command.field(Layout.Fixture.status, as: UInt8.self)),
            let before = FixtureStatus(rawValue: row.status),
            let incident = Incident(
                rawValue: command.field(Layout.Fixture.incident, as: UInt8.self))
        else { return answer(command, fixture: number, .malformed, &outcomes) }
        let now = FixtureState(
            status: before, isInPlay: row.isInPlay == 1, score: row.score, clockSeconds: row.clock)
        let next = FixtureState(
            status: status, isInPlay: command.field(Layout.Fixture.isInPlay, as: UInt8.self) == 1,
            score: command.field(Layout.Fixture.score, as: UInt32.self),
            clockSeconds: command.field(Layout.Fixture.clock, as: UInt32.self))
        // Zero says nothing of it.
        let scheduled = command.field(Layout.Fixture.scheduled, as: Int64.self)
        markets.change(fixture: number) {
            $0.version += 1
            if scheduled != 0 { $0.scheduled = scheduled }
            if now.isMaterial(next, incident: incident) {
                $0.material += 1
                $0.materialAt = time.nanoseconds
            }
            if next.isInPlay, $0.actualStart == 0 { $0.actualStart = time.nanoseconds }
            $0.status = next.status.rawValue
            $0.isInPlay = next.isInPlay ? 1 : 0
            $0.score = next.score
            $0.clock = next.clockSeconds
        }
        let isPastPosted = takeStart(command, of: number)
        answer(command, fixture: number, nil, &outcomes)
        if isPastPosted { voidPastPosted(number, command, &outcomes) }
    }

    private func answer(
        _ command: RecordBytes, fixture: UInt32?, _ refusal: OperationRefusal?,
        _ outcomes: inout RecordWriter
    ) {
        let record = outcomes.append(
            .fixtureChanged, body: Layout.FixtureChanged.size, after: command)
        record.clientID = command.clientID
        record.set(Layout.FixtureChanged.refusal, refusal?.rawValue ?? 0)
        guard let fixture else { return }
        let row = markets.fixtures[fixture]
        record.set(
            Layout.FixtureChanged.fixture,
            FixtureID(partition: rules.partition, row: fixture).rawValue)
        record.set(Layout.FixtureChanged.version, row.version)
        record.set(Layout.FixtureChanged.material, row.material)
        record.set(Layout.FixtureChanged.actualStart, row.actualStart)
    }

    /// What is wrong with who made something, and why: an operator's id and a text at `offset`.
    private func refusal(byHand command: RecordBytes, at offset: Int, _ size: Int)
        -> OperationRefusal?
    {
        guard command.slots >= SlotSize.slots(forBody: offset + size) else { return .malformed }
        guard command.field(offset, as: UInt64.self) != 0 else { return .operatorMissing }
        return command.field(offset + 8, as: UInt8.self) == 0 ? .reasonMissing : nil
    }

    // MARK: Markets

    /// A new market is shut by `feed` until its first price; one that a person made, until a person opens it.
    mutating func defineMarket(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let id = command.clientID
        if let known = markets.market(external: id) {
            return answer(command, market: known, .alreadyDefined, &outcomes)
        }
        let fixtureID = ExternalID(
            high: command.field(Layout.Market.fixtureHigh, as: UInt64.self),
            low: command.field(Layout.Market.fixtureLow, as: UInt64.self))
        guard let fixture = markets.fixture(external: fixtureID) else {
            return answer(command, market: nil, .fixtureUnknown, &outcomes)
        }
        let count = command.field(Layout.Market.selectionCount, as: UInt8.self)
        let winners = command.field(Layout.Market.winners, as: UInt8.self)
        let body = Layout.Market.selections + Int(count) * Layout.Market.selectionSize
        let isEachAlone = winners == 0
        guard count >= 2, Int(count) <= Limits.selections, winners < count,
            !isEachAlone || ruleSet.takesEachAlone, command.slots >= SlotSize.slots(forBody: body)
        else { return answer(command, market: nil, .malformed, &outcomes) }
        let places = command.places(at: Layout.Market.places)
        let racing = command.field(Layout.Market.racing, as: UInt8.self)
        let paysEarly = command.flags & Layout.Market.paysEarly != 0
        // What a race pays depends on more than who is ahead, and nobody is ahead of whoever wins by itself.
        let isRace = places != nil || racing & 0x7f != 0
        guard !paysEarly || !isRace, !isEachAlone || !isRace && !paysEarly else {
            return answer(command, market: nil, .malformed, &outcomes)
        }
        let isByHand = command.flags & Layout.Market.isByHand != 0
        if isByHand, let refusal = refusal(byHand: command, at: body, Layout.Market.byHandSize) {
            return answer(command, market: nil, refusal, &outcomes)
        }
        var row = MarketRow(
            externalHigh: id.high, externalLow: id.low,
            relationGroup: command.field(Layout.Market.relationGroup, as: UInt64.self),
            liabilityLimit: command.field(Layout.Market.liabilityLimit, as: Int64.self),
            maximumStake: command.field(Layout.Market.maximumStake, as: Int64.self),
            fixture: fixture, firstSelection: 0, nextOfFixture: .max,
            betDelay: betDelay(
                command, command.field(Layout.Market.betDelay, as: UInt32.self),
                market: UInt32(markets.markets.count)),
            selectionCount: count, winners: winners, reasons: ShutReasons.feed.rawValue,
            scoutedReturn: max(-1, command.field(Layout.Market.scoutedReturn, as: Int64.self)),
            places: places?.packed ?? 0, mostPlaces: places?.places ?? 0,
            racing: racing, mayPush: command.mayPush(selections: Int(count)) ? 1 : 0,
            mostPaid: paysEarly || isEachAlone && !planted(.oneOfAll) ? count : max(1, winners))
        if isByHand {
            row.isByHand = 1
            row.reasons = ShutReasons([.feed, .trader]).rawValue
        }
        let isFull = markets.isFull(for: count)
        let isFixtureFull = markets.count(ofFixture: fixture) >= Limits.marketsPerFixture
        guard !refuses(command, .full, when: isFull || isFixtureFull),
            let number = markets.add(row)
        else {
            return answer(command, market: nil, .full, &outcomes)
        }
        answer(command, market: number, nil, &outcomes)
    }

    /// New prices of every selection, in the market's order; a price of 0/0 is not offered.
    ///
    /// Prices change no reason: who shut a market opens it.
    mutating func price(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, market: nil, .marketUnknown, &outcomes)
        }
        let row = markets.markets[number]
        guard let entries = command.priceEntries(of: row.selectionCount) else {
            return answer(command, market: number, .malformed, &outcomes)
        }
        guard row.isResulted == 0 else {
            return answer(command, market: number, .noChange, &outcomes)
        }
        var selection = row.firstSelection
        var isLeap = false
        var isSuspect = false
        let hasBets = row.lastStanding != .max
        for offset in entries {
            let odds = command.odds(at: offset + Layout.Price.entryOdds)
            let reference = command.field(offset + Layout.Price.entryReference, as: UInt32.self)
            let delay = command.field(offset + Layout.Price.entryDelay, as: UInt32.self)
            let chance = command.chance(at: offset, of: row.selectionCount)
            if row.mostMove > 0, markets.selections[selection].isWithdrawn == 0 {
                let before = markets.selections[selection].reference
                isLeap = isLeap || self.isLeap(row, from: before, to: reference)
            }
            if hasBets, markets.selections[selection].isSuspect(by: reference) { isSuspect = true }
            markets.change(selection: selection) {
                guard $0.isWithdrawn == 0 else { return }
                $0.numerator = odds?.numerator ?? 0
                $0.denominator = odds?.denominator ?? 0
                $0.reference = reference
                $0.delay = delay
                $0.chance = chance
                // Where a trader's hand is on them, what is offered is still to be seen.
                if row.hand == .max, let odds { $0.lastOffered = odds }
            }
            selection += 1
        }
        markets.change(market: number) {
            $0.version += 1
            $0.priceVersion += 1
            guard isLeap else { return }
            $0.reasons = ShutReasons(rawValue: $0.reasons).union(.exposure).rawValue
            $0.changeMaterially()
        }
        if isSuspect { suspect(number) }
        guard row.hand == .max else { return priceByHand(number, command, &outcomes) }
        answer(command, market: number, nil, &outcomes)
    }

    /// A runner that does not run: not offered from here on, and whoever waits for a delay is refused. Our last
    /// price before it is kept in the outcome, which a later deduction follows.
    mutating func withdraw(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, market: nil, .marketUnknown, &outcomes)
        }
        let row = markets.markets[number]
        let place = command.field(Layout.Withdrawal.selection, as: UInt32.self)
        guard place < UInt32(row.selectionCount) else {
            return answer(command, market: number, .malformed, &outcomes)
        }
        let selection = row.firstSelection + place
        let before = markets.selections[selection]
        // Where prices are reduced a withdrawal counts whenever it is heard of; elsewhere it comes too late.
        let isDeducted = row.deductions != .none
        if before.isWithdrawn == 1, says(deduction: command), ruleSet.hearsLateDeductions,
            let open = markets.openDeduction(of: UInt8(place), in: number)
        {
            return deductLate(open, command, number, &outcomes)
        }
        guard before.isWithdrawn == 0, row.isResulted == 0 || isDeducted else {
            return answer(command, market: number, .noChange, &outcomes)
        }
        guard !isDeducted || row.isReleased == 0 else {
            return answer(command, market: number, .betsReleased, &outcomes)
        }
        let lastOdds = before.odds ?? (isDeducted ? before.lastOffered : nil)
        markets.change(selection: selection) {
            $0.isWithdrawn = 1
            $0.numerator = 0
            $0.denominator = 0
        }
        let taken = deduction(command, row, UInt8(place), last: lastOdds)
        // What is not known yet stands there, too, with its moment, until somebody says it.
        let mayTake =
            taken.win > 0 || taken.place > 0 || taken.numerator > 0 || ruleSet.hearsLateDeductions
        if isDeducted, !row.isAntePost, mayTake {
            markets.deduct(taken, from: number)
        }
        let places = command.places(at: Layout.Withdrawal.places)
        if isDeducted {
            // Its prices are those of another race: it is shut until its supplier has formed it anew.
            if row.hand != .max { dropPrices(of: number) }
            for other in row.firstSelection..<row.firstSelection + UInt32(row.selectionCount) {
                markets.change(selection: other) {
                    $0.numerator = 0
                    $0.denominator = 0
                }
            }
        }
        markets.change(market: number) {
            $0.version += 1
            $0.changeMaterially()
            if isDeducted {
                $0.reasons = ShutReasons(rawValue: $0.reasons).union(.feed).rawValue
                if $0.isResulted == 1 {
                    $0.settlementVersion += 1
                    $0.name(ResultOrigin(command, source: ResultSource.feed.rawValue))
                }
            }
            guard let places, $0.places != 0 else { return }
            $0.places = places.packed
            $0.mostPlaces = max($0.mostPlaces, places.places)
        }
        // What stood on it comes off the books, bet by bet.
        if isDeducted && row.isResulted == 1 || ridsOfWithdrawn { markets.enqueue(number) }
        tellWithdrawn(
            command, number, UInt8(place), before.reference, lastOdds, taken, row.priceVersion,
            &outcomes)
    }

    /// What a withdrawal takes from win and from place parts: as it says, or by the rule's table of today, which bets
    /// of before are not under.
    private func deduction(
        _ command: RecordBytes, _ row: MarketRow, _ place: UInt8, last: Odds?
    ) -> DeductionRow {
        let said = command.field(Layout.Withdrawal.deduction, as: UInt16.self)
        let placeSaid = command.field(Layout.Withdrawal.placeDeduction, as: UInt16.self)
        let selections = row.firstSelection..<row.firstSelection + UInt32(row.selectionCount)
        // The row of who is withdrawn says so already.
        let runners = 1 + selections.count { markets.selections[$0].isWithdrawn == 0 }
        let isByTable = row.deductions == .ruleFour || row.deductions == .faceValue
        let known = isByTable ? last : nil
        var taken: (win: UInt16, place: UInt16) = (0, 0)
        if let known {
            taken = deductionTable(row.deductions).taken(at: known, of: UInt8(runners))
        }
        if row.deductions != .none {
            if said > 0 { taken = (said - 1, said - 1) }
            if placeSaid > 0 { taken.place = placeSaid - 1 }
        }
        return DeductionRow(
            at: time.nanoseconds, win: taken.win, place: taken.place, next: .max,
            numerator: known?.numerator ?? 0, denominator: known?.denominator ?? 0,
            runners: UInt8(runners), isWinSaid: said > 0 ? 1 : 0,
            isPlaceSaid: placeSaid > 0 ? 1 : 0, selection: place)
    }

    private func says(deduction command: RecordBytes) -> Bool {
        command.field(Layout.Withdrawal.deduction, as: UInt16.self) > 0
            || command.field(Layout.Withdrawal.placeDeduction, as: UInt16.self) > 0
    }

    /// Says what a runner takes that had no price of ours when it was withdrawn: of bets from before that moment.
    private mutating func deductLate(
        _ open: UInt32, _ command: RecordBytes, _ number: UInt32, _ outcomes: inout RecordWriter
    ) {
        let row = markets.markets[number]
        guard row.isReleased == 0 else {
            return answer(command, market: number, .betsReleased, &outcomes)
        }
        let place = markets.deductions[open].selection
        let said = deduction(command, row, place, last: nil)
        markets.change(deduction: open) {
            $0.win = said.win
            $0.place = said.place
            $0.isWinSaid = said.isWinSaid
            $0.isPlaceSaid = said.isPlaceSaid
        }
        markets.change(market: number) {
            $0.version += 1
            guard $0.isResulted == 1 else { return }
            $0.settlementVersion += 1
            $0.name(ResultOrigin(command, source: ResultSource.feed.rawValue))
        }
        if row.isResulted == 1 { markets.enqueue(number) }
        let selection = markets.selections[row.firstSelection + UInt32(place)]
        tellWithdrawn(
            command, number, place, selection.reference, nil, said, row.priceVersion, &outcomes)
    }

    private mutating func tellWithdrawn(
        _ command: RecordBytes, _ number: UInt32, _ place: UInt8, _ reference: UInt32,
        _ lastOdds: Odds?, _ taken: DeductionRow, _ priceVersion: UInt64,
        _ outcomes: inout RecordWriter
    ) {
        let record = outcomes.append(
            .selectionWithdrawn, body: Layout.SelectionWithdrawn.size, after: command)
        record.clientID = command.clientID
        record.set(
            Layout.SelectionWithdrawn.market,
            MarketID(partition: rules.partition, row: number).rawValue)
        record.set(Layout.SelectionWithdrawn.version, markets.markets[number].version)
        record.set(Layout.SelectionWithdrawn.selection, UInt32(place))
        record.set(Layout.SelectionWithdrawn.lastReference, reference)
        record.set(Layout.SelectionWithdrawn.lastOdds, lastOdds)
        record.set(Layout.SelectionWithdrawn.priceVersion, priceVersion)
        record.set(Layout.SelectionWithdrawn.deduction, taken.win)
        record.set(Layout.SelectionWithdrawn.placeDeduction, taken.place)
        answer(command, market: number, nil, &outcomes)
    }

    /// Shuts or opens one market, a fixture's or all, for reasons that `owner` may touch.
    mutating func changeState(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard
            let owner = MarketOwner(
                rawValue: command.field(Layout.MarketState.owner, as: UInt8.self))
        else { return answer(command, market: nil, .malformed, &outcomes) }
        switch command.field(Layout.MarketState.scope, as: UInt8.self) {
        case let scope where scope == 3 || scope == 4:
            // One record stands for all: readers fold it over the markets they know.
            for number in 0..<UInt32(markets.markets.count) {
                let isInPlay = markets.fixtures[markets.markets[number].fixture].isInPlay == 1
                guard scope == 3 || isInPlay else { continue }
                changeState(of: number, by: owner, command)
                accounts.sales.lookAtRules(of: number)
            }
            answer(command, market: nil, nil, &outcomes)
        case 2:
            guard let fixture = markets.fixture(external: command.clientID) else {
                return answer(command, market: nil, .fixtureUnknown, &outcomes)
            }
            var number = markets.fixtures[fixture].firstMarket
            var answered = 0
            while number != .max, answered < Limits.marketsPerFixture {
                changeState(of: number, by: owner, command)
                answer(command, market: number, nil, &outcomes)
                number = markets.markets[number].nextOfFixture
                answered += 1
            }
        default:
            guard let number = markets.market(external: command.clientID) else {
                return answer(command, market: nil, .marketUnknown, &outcomes)
            }
            let expected = command.field(Layout.MarketState.expected, as: UInt64.self)
            let isOther = expected != 0 && expected != UInt64(markets.markets[number].material)
            guard !isOther || planted(.expectationIgnored) else {
                return answer(command, market: number, .changedSince, &outcomes)
            }
            changeState(of: number, by: owner, command, isOne: true)
            answer(command, market: number, nil, &outcomes)
        }
    }

    /// `isOne`: it is named by itself, not as one of many.
    private mutating func changeState(
        of number: UInt32, by owner: MarketOwner, _ command: RecordBytes, isOne: Bool = false
    ) {
        let before = ShutReasons(rawValue: markets.markets[number].reasons)
        let after = before.changed(
            setting: ShutReasons(
                rawValue: command.field(Layout.MarketState.setting, as: UInt8.self)),
            lifting: ShutReasons(
                rawValue: command.field(Layout.MarketState.lifting, as: UInt8.self)), by: owner,
            isByHand: isOne && markets.markets[number].isByHand == 1)
        let isMaterial = command.field(Layout.MarketState.isMaterial, as: UInt8.self) == 1
        let delay = command.field(Layout.MarketState.betDelay, as: UInt32.self)
        let allowed = delay == .max ? 0 : betDelay(command, delay, market: number)
        markets.change(market: number) {
            $0.reasons = after.rawValue
            if delay != .max { $0.betDelay = allowed }
            $0.version += 1
            if after != before || isMaterial { $0.changeMaterially() }
        }
    }

    /// The delay that is asked for, as far as the rules let it be; in replay what is stored.
    private mutating func betDelay(_ command: RecordBytes, _ asked: UInt32, market: UInt32)
        -> UInt32
    {
        let ours = min(ruleSet.betDelay, asked)
        let id = MarketID(partition: rules.partition, row: market)
        guard stored.isFollowed, let fact = stored.betDelay(of: id) else { return ours }
        note(command, bet: 0, fact: Decision(delay: fact), ours: Decision(delay: ours))
        return fact
    }

    mutating func answer(
        _ command: RecordBytes, market: UInt32?, _ refusal: OperationRefusal?,
        _ outcomes: inout RecordWriter
    ) {
        _ = marketChanged(command, market, refusal, &outcomes)
    }

    /// Whatever is to be sold by rule is looked at again when a market has changed. So many `prices` of ours stand
    /// behind it.
    mutating func marketChanged(
        _ command: RecordBytes, _ market: UInt32?, _ refusal: OperationRefusal?,
        _ outcomes: inout RecordWriter, prices: Int = 0
    ) -> RecordBytes {
        if let market, refusal == nil { accounts.sales.lookAtRules(of: market) }
        let record = outcomes.append(
            .marketChanged,
            body: prices == 0
                ? Layout.MarketChanged.size
                : Layout.MarketChanged.prices + prices * Layout.MarketChanged.priceSize,
            after: command)
        record.clientID = command.clientID
        record.set(Layout.MarketChanged.refusal, refusal?.rawValue ?? 0)
        guard let market else {
            record.set(Layout.MarketChanged.market, UInt64.max)
            return record
        }
        let row = markets.markets[market]
        record.clientID = ExternalID(high: row.externalHigh, low: row.externalLow)
        record.set(
            Layout.MarketChanged.market, MarketID(partition: rules.partition, row: market).rawValue)
        record.set(
            Layout.MarketChanged.fixture,
            FixtureID(partition: rules.partition, row: row.fixture).rawValue)
        record.set(Layout.MarketChanged.version, row.version)
        record.set(Layout.MarketChanged.priceVersion, row.priceVersion)
        record.set(Layout.MarketChanged.material, UInt64(row.material))
        record.set(Layout.MarketChanged.reasons, row.reasons)
        record.set(Layout.MarketChanged.isResulted, row.isResulted)
        record.set(Layout.MarketChanged.openLegs, row.openLegs)
        record.set(Layout.MarketChanged.worstLoss, markets.worstLoss(market))
        record.set(Layout.MarketChanged.staked, row.staked)
        record.set(Layout.MarketChanged.liabilityLimit, row.liabilityLimit)
        record.set(Layout.MarketChanged.settlementVersion, row.settlementVersion)
        record.set(Layout.MarketChanged.betDelay, row.betDelay)
        record.set(Layout.MarketChanged.maximumStake, row.maximumStake)
        record.set(Layout.MarketChanged.suspendAt, row.suspendAt)
        record.set(Layout.MarketChanged.floor, row.floor)
        record.set(Layout.MarketChanged.mostMove, UInt32(row.mostMove))
        return record
    }
}
