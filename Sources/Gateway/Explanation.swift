import Betting
import JSONText
import Kernel
import ProjectionService

/// Why a bet comes to what it does.
extension Messages {
    /// Lines that are told one by one.
    static let mostLines = 256

    static func write(
        explanation bet: ProjectedBet, _ legs: [LegFacts], _ rounding: Rounding,
        _ terms: HouseTerms, cap: Int64, to json: inout JSONWriter, in view: CatalogueView
    ) {
        let shape = bet.shape
        let sides: Int64 = bet.isEachWay ? 2 : 1
        let count = (shape?.lines ?? 1) * sides
        json.key("bet")
        json.numberText(bet.bet)
        json.key("stake")
        json.number(bet.stake)
        json.key("payout")
        json.number(bet.payout)
        var total = BetReturn(
            stake: bet.stake, free: bet.split?.free ?? 0, shape: shape, isEachWay: bet.isEachWay,
            terms: terms)
        let parts: [LegFacts] = bet.joint.map { [.joint(legs, at: $0)] } ?? legs
        for part in parts { total.multiply(by: part) }
        if let joint = bet.joint {
            json.key("jointOdds")
            write(odds: joint, to: &json)
        }
        json.key("comesTo")
        write(total.outcome(rounding) == .open ? nil : total, decimals: 4, to: &json)
        let isCapped =
            switch total.outcome(rounding) {
            case .settled(let payout): payout > cap
            case .overflow: true
            default: false
            }
        if isCapped {
            json.key("cappedAt")
            json.number(cap)
        }
        write(bet.split, to: &json)
        if bet.split != nil { write(bet.returned, to: &json) }
        if let free = total.notReturned, total.outcome(rounding) != .open {
            json.key("notReturned")
            json.string(free.text(decimals: 4))
        }
        if let bonus = total.bonus {
            json.key("bonus")
            switch bonus {
            case .allWinners(let more):
                json.string("All legs won: \(percent(more)) more.")
            case .onlyWinner(let times):
                json.string("Only one leg won: its winnings count \(hundredths(times)) times.")
            }
        }
        if total.outcome(rounding) != .open, let commission = total.commission {
            json.key("commission")
            json.string(commission.text(decimals: 4))
        }
        json.key("rounding")
        json.string(rounding.word)
        json.key("legs")
        json.array { json in
            for (leg, facts) in zip(bet.legs, legs) {
                json.object { json in
                    writeMembers(of: leg, to: &json, in: view)
                    json.key("win")
                    write(facts.win, to: &json)
                    if bet.isEachWay {
                        json.key("place")
                        write(facts.place, to: &json)
                    }
                    json.key("why")
                    json.array { json in
                        let reasons =
                            bet.isVoidByHand
                            ? ["The house made this bet void: its stake goes back."]
                            : facts.reasons(isEachWay: bet.isEachWay)
                        for reason in reasons { json.string(reason) }
                    }
                }
            }
        }
        json.key("lineCount")
        json.number(count)
        json.key("lines")
        json.array { json in
            let unit = bet.stake / max(1, count)
            var told = 0
            for line in shape?.lineLegs(atMost: mostLines) ?? [Array(legs.indices)] {
                for part in 0..<Int(sides) where told < mostLines {
                    told += 1
                    write(
                        line, of: bet.joint == nil ? line.map { legs[$0] } : parts, unit,
                        isPlace: part == 1, to: &json)
                }
            }
        }
    }

    private static func write(
        _ line: [Int], of parts: [LegFacts], _ stake: Int64, isPlace: Bool,
        to json: inout JSONWriter
    ) {
        var total = BetReturn(stake: stake, shape: nil)
        for part in parts { total.multiply(by: isPlace ? part.place : part.win) }
        json.object { json in
            json.key("legs")
            json.array { json in for leg in line { json.number(leg) } }
            json.key("part")
            json.string(isPlace ? "place" : "win")
            json.key("stake")
            json.number(stake)
            json.key("comesTo")
            write(total.outcome(.down) == .open ? nil : total, decimals: 4, to: &json)
        }
    }

    /// Minor units, cut; null for what is open.
    private static func write(_ total: BetReturn?, decimals: Int, to json: inout JSONWriter) {
        guard let total else { return json.null() }
        if total.outcome(.down) == .settled(payout: 0) { return json.string("0") }
        json.string(total.exact.text(decimals: decimals))
    }

    /// Such as 12.5 %.
    fileprivate static func percent(_ basisPoints: UInt16) -> String {
        hundredths(basisPoints) + " %"
    }

    /// Such as 1.5 of 150.
    private static func hundredths(_ number: UInt16) -> String {
        let (whole, rest) = (number / 100, number % 100)
        guard rest > 0 else { return "\(whole)" }
        return "\(whole).\(rest < 10 ? "0" : "")\(rest % 10 == 0 ? rest / 10 : rest)"
    }

    private static func write(_ factor: LegFactor, to json: inout JSONWriter) {
        switch factor {
        case .undecided: json.null()
        case .lost: json.string("0")
        case .ratio(let above, let below):
            let one = ExactAmount(minorUnits: 1).multiplied(by: above, over: below)
            json.string(one.text(decimals: 6))
        }
    }
}

extension Rounding {
    var word: String {
        switch self {
        case .down: "down"
        case .halfUp: "half_up"
        case .halfEven: "half_even"
        }
    }
}

extension LegFacts {
    /// In words, what was reckoned with.
    func reasons(isEachWay: Bool) -> [String] {
        if isCancelled { return ["Bets of that time are void: the stake of its lines stands."] }
        if isPaidEarly { return ["Paid early, as if it had won: it was far enough ahead."] }
        if isWaiting { return ["The result is not confirmed yet."] }
        var reasons: [String] = []
        switch result {
        case .undecided: return ["There is no result yet."]
        case .won: reasons.append("Won.")
        case .lost: reasons.append("Lost.")
        case .void: reasons.append(isNotRun ? "Did not run: lost, ante-post." : "Void.")
        case .halfWon: reasons.append("Half won: half of the stake at the price, half back.")
        case .halfLost: reasons.append("Half lost: half of the stake is back.")
        case .deadHeat(let winners, let tied):
            reasons.append(
                "Dead heat: \(tied) shared \(winners == 1 ? "a win" : "\(winners) wins").")
        }
        guard result != .void else { return reasons }
        if deduction.basisPoints > 0, result != .lost {
            let off = deduction.isOnPrice ? "the price" : "winnings"
            reasons.append(
                "\(Messages.percent(deduction.basisPoints)) off \(off) for who was withdrawn.")
        }
        if isWaitingForStart {
            reasons.append("Its starting price has not been said.")
        } else if isAtStart, let starting {
            if result != .lost { reasons.append("It started at \(starting.text(as: .decimal)).") }
        } else if paysStarting, let starting {
            reasons.append(
                "The starting price \(starting.text(as: .decimal)) is better than what was taken.")
        }
        guard isEachWay, let places else { return reasons }
        switch finish.position {
        case 0: reasons.append("Where it came in has not been said.")
        case Finish.unplaced: reasons.append("Not placed.")
        default:
            let isPlaced = finish.share(of: places.places) > 0
            let shared = finish.tied > 1 ? ", \(finish.tied) together" : ""
            reasons.append(
                "Came in \(finish.position)\(shared): "
                    + (isPlaced ? "placed" : "not placed")
                    + ", \(places.numerator)/\(places.denominator) of the winnings for the first \(places.places)."
            )
        }
        if placeDeduction.basisPoints > 0, placeDeduction != deduction {
            reasons.append("\(Messages.percent(placeDeduction.basisPoints)) off the place part.")
        }
        return reasons
    }
}
