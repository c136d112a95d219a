import Betting
import Catalogue
import Kernel

/// What a market takes, when it is shut by itself, and what it takes from anybody.
extension Engine {
    /// The desk, or a feed's configuration, moves what a market may take. What is not said stays as it was.
    mutating func setMarketLimits(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, market: nil, .marketUnknown, &outcomes)
        }
        let owner = MarketOwner(rawValue: command.field(Layout.MarketLimits.owner, as: UInt8.self))
        guard owner == .feed || owner == .trader else {
            return answer(command, market: number, .malformed, &outcomes)
        }
        guard owner == .feed || command.field(Layout.MarketLimits.actor, as: UInt64.self) != 0
        else {
            return answer(command, market: number, .operatorMissing, &outcomes)
        }
        guard owner == .feed || command.field(Layout.MarketLimits.reason, as: UInt8.self) != 0
        else {
            return answer(command, market: number, .reasonMissing, &outcomes)
        }
        let expected = command.field(Layout.MarketLimits.expected, as: UInt32.self)
        guard expected == 0 || expected - 1 == markets.markets[number].limitsVersion else {
            return answer(command, market: number, .changedSince, &outcomes)
        }
        let before = markets.markets[number]
        var row = before
        let isInRange =
            command.read(Layout.MarketLimits.maximumStake, into: &row.maximumStake, Limits.stake)
            && command.read(
                Layout.MarketLimits.liabilityLimit, into: &row.liabilityLimit,
                Limits.potentialReturn)
            && command.read(
                Layout.MarketLimits.suspendAt, into: &row.suspendAt, Limits.potentialReturn)
            && command.read(Layout.MarketLimits.floor, into: &row.floor, Limits.stake)
        let move = command.field(Layout.MarketLimits.mostMove, as: UInt32.self)
        if move != .max { row.mostMove = UInt16(truncatingIfNeeded: move) }
        guard isInRange, move == .max || move <= UInt32(MarketRow.wholeMove) else {
            return answer(command, market: number, .amountOutOfRange, &outcomes)
        }
        let isSame =
            row.maximumStake == before.maximumStake && row.liabilityLimit == before.liabilityLimit
            && row.suspendAt == before.suspendAt && row.floor == before.floor
            && row.mostMove == before.mostMove
        let isExposed = row.suspendAt > 0 && markets.worstLoss(number) >= row.suspendAt
        let isShut = ShutReasons(rawValue: before.reasons).contains(.exposure)
        guard !isSame || isShut && !isExposed else {
            return answer(command, market: number, .noChange, &outcomes)
        }
        markets.change(market: number) {
            $0.maximumStake = row.maximumStake
            $0.liabilityLimit = row.liabilityLimit
            $0.suspendAt = row.suspendAt
            $0.floor = row.floor
            $0.mostMove = row.mostMove
            $0.limitsVersion += 1
            $0.version += 1
            // Whoever moves the limits has looked: what shut the market by itself holds only if it still would.
            let reasons = ShutReasons(rawValue: $0.reasons)
            let now = isExposed ? reasons.union(.exposure) : reasons.subtracting(.exposure)
            guard now != reasons else { return }
            $0.reasons = now.rawValue
            $0.changeMaterially()
        }
        markets.watch(number, before: before.suspendAt)
        answer(command, market: number, nil, &outcomes)
    }

    /// Shuts a market whose worst result has reached what it may cost before somebody looks.
    @inline(never)
    mutating func shutIfExposed(
        _ number: UInt32, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        let row = markets.markets[number]
        guard row.suspendAt > 0, row.isResulted == 0,
            !ShutReasons(rawValue: row.reasons).contains(.exposure),
            !planted(.exposureUnwatched), markets.worstLoss(number) >= row.suspendAt
        else { return }
        markets.change(market: number) {
            $0.reasons = ShutReasons(rawValue: $0.reasons).union(.exposure).rawValue
            $0.version += 1
            $0.changeMaterially()
        }
        answer(command, market: number, nil, &outcomes)
    }

    /// Whether a selection's chance has moved further than a market lets pass, from one price to the next.
    func isLeap(_ market: MarketRow, from before: UInt32, to now: UInt32) -> Bool {
        guard market.mostMove > 0, market.reasons == 0, before > 0, now > 0 else { return false }
        // 1000/before and 1000/now, compared in hundredths of a percent.
        let moved = UInt64(before > now ? before - now : now - before) * 1000
        let (high, low) = moved.multipliedFullWidth(by: UInt64(MarketRow.wholeMove))
        let over = UInt64(before) * UInt64(now)
        return (high, low) > over.multipliedFullWidth(by: UInt64(market.mostMove))
    }

    // MARK: What is taken from anybody

    /// Whether a single wins its customer no more than the market takes from anybody, with all that the customer
    /// stands to win there already: how far it is trusted, and what the market may lose, do not count then.
    @inline(never)
    func isUnderFloor(
        market number: UInt32, selection: UInt32, account: UInt32?, potential: Int64?, paid: Int64
    ) -> Bool {
        guard let potential else { return false }
        return max(0, potential - paid)
            <= leftOfFloor(market: number, selection: selection, account: account)
    }

    /// What an account may still win on a selection without being held against trust and liability; below zero where
    /// that is nothing, or the market takes nothing from anybody.
    func leftOfFloor(market number: UInt32, selection: UInt32, account: UInt32?) -> Int64 {
        let floor = markets.markets[number].floor
        guard floor > 0, let account, !planted(.floorForgotten) else { return -1 }
        return floor - standingWinnings(of: account, market: number, selection: selection)
    }

    /// What an account's singles on a selection win, among the newest legs of its market.
    private func standingWinnings(of account: UInt32, market: UInt32, selection: UInt32) -> Int64 {
        var sum: Int64 = 0
        var cursor = markets.markets[market].lastStanding
        var looked = 0
        while cursor != .max {
            // Who bets among so many is not sure to have less: nothing is taken unasked then.
            guard looked < Limits.floorWalk else { return Limits.potentialReturn }
            looked += 1
            let standing = markets.standings[cursor]
            cursor = standing.previous
            let bet = accounts.bets[standing.bet]
            guard bet.account == account, bet.legCount == 1, bet.isStanding,
                accounts.legs[bet.firstLeg].selection == selection
            else { continue }
            sum += max(0, bet.potentialReturn - accounts.split(of: bet).paid)
        }
        return sum
    }
}

extension RecordBytes {
    /// An amount from 0 to `most`, or -1 where it stays as it was; false for another.
    fileprivate func read(_ offset: Int, into amount: inout Int64, _ most: Int64) -> Bool {
        let said = field(offset, as: Int64.self)
        if said == -1 { return true }
        guard (0...most).contains(said) else { return false }
        amount = said
        return true
    }
}
