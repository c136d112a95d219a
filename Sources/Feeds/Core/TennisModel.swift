/// Points, games and sets of a best of three with a tie-break in each, and what follows from where it stands.
///
/// Doubles are fine here, as in `FootballModel`: this is a supplier's model of the world.
struct TennisModel {
    /// The chance that each side wins a point that it serves.
    let home: Double
    let away: Double
    /// By who serves the next point or game, home's points or games, and away's.
    private var tieBreaks: [[[Double]]]
    private var sets: [[[Double]]]

    /// Where a match stands: sets, games of the set, points of the game; who serves.
    struct Stand: Equatable {
        var sets = [0, 0]
        var games = [0, 0]
        var points = [0, 0]
        /// 0 home, 1 away.
        var server = 0
        /// Who served the first point of the tie-break.
        var tieBreakServer = 0

        var isTieBreak: Bool { games == [6, 6] }
        var isOver: Bool { sets[0] == 2 || sets[1] == 2 }

        /// Points that win the game, at the least.
        private var needed: Int { isTieBreak ? 7 : 4 }

        /// Whether the next point may end the game.
        var isGamePoint: Bool {
            [0, 1].contains { side in
                points[side] + 1 >= needed && points[side] + 1 >= points[1 - side] + 2
            }
        }

        /// `side` wins the point. What ended by it.
        mutating func point(to side: Int) -> (game: Bool, set: Bool) {
            points[side] += 1
            guard points[side] >= needed, points[side] >= points[1 - side] + 2 else {
                if isTieBreak, (points[0] + points[1]) % 2 == 1 { server = 1 - server }
                return (false, false)
            }
            let wasTieBreak = isTieBreak
            games[side] += 1
            points = [0, 0]
            server = wasTieBreak ? 1 - tieBreakServer : 1 - server
            if isTieBreak { tieBreakServer = server }
            let isSet = wasTieBreak || games[side] >= 6 && games[side] >= games[1 - side] + 2
            guard isSet else { return (true, false) }
            sets[side] += 1
            games = [0, 0]
            return (true, true)
        }
    }

    func servesWell(_ side: Int) -> Double { side == 0 ? home : away }

    /// That the server wins a game from these points of his and of the other's.
    static func game(_ p: Double, _ own: Int, _ other: Int) -> Double {
        let q = 1 - p
        if own >= 4, own >= other + 2 { return 1 }
        if other >= 4, other >= own + 2 { return 0 }
        if own >= 3, other >= 3 {
            let even = p * p / (p * p + q * q)
            return own == other ? even : own > other ? p + q * even : p * even
        }
        return p * game(p, own + 1, other) + q * game(p, own, other + 1)
    }

    /// That home wins a tie-break from these points; `server` serves the next one.
    func tieBreak(_ one: Int, _ other: Int, server: Int) -> Double {
        guard one >= 6, other >= 6 else { return tieBreaks[server][one][other] }
        let point = server == 0 ? home : 1 - away
        // A point on each serve: who wins both has won.
        let both = home * (1 - away)
        let neither = (1 - home) * away
        let even = both / (both + neither)
        return one == other ? even : one > other ? point + (1 - point) * even : point * even
    }

    /// That home wins a set from these games; `server` serves the next one.
    func set(_ one: Int, _ other: Int, server: Int) -> Double { sets[server][one][other] }

    init(home: Double, away: Double) {
        self.home = home
        self.away = away
        let empty = [[Double]](repeating: [Double](repeating: 0, count: 8), count: 8)
        tieBreaks = [empty, empty]
        sets = [empty, empty]
        for sum in stride(from: 14, through: 0, by: -1) {
            for one in max(0, sum - 7)...min(7, sum) {
                for server in 0...1 {
                    tieBreaks[server][one][sum - one] = nextTieBreak(one, sum - one, server)
                }
            }
        }
        let held = [Self.game(home, 0, 0), Self.game(away, 0, 0)]
        for sum in stride(from: 14, through: 0, by: -1) {
            for one in max(0, sum - 7)...min(7, sum) {
                for server in 0...1 {
                    sets[server][one][sum - one] = nextSet(one, sum - one, server, held)
                }
            }
        }
    }

    private func nextTieBreak(_ one: Int, _ other: Int, _ server: Int) -> Double {
        if one >= 6, other >= 6 { return tieBreak(one, other, server: server) }
        if one == 7 { return 1 }
        if other == 7 { return 0 }
        let point = server == 0 ? home : 1 - away
        let next = (one + other) % 2 == 0 ? 1 - server : server
        return point * tieBreak(one + 1, other, server: next)
            + (1 - point) * tieBreak(one, other + 1, server: next)
    }

    private func nextSet(_ one: Int, _ other: Int, _ server: Int, _ held: [Double]) -> Double {
        if one == 7 || one == 6 && other <= 4 { return 1 }
        if other == 7 || other == 6 && one <= 4 { return 0 }
        if one == 6, other == 6 { return tieBreak(0, 0, server: server) }
        let won = server == 0 ? held[0] : 1 - held[1]
        return won * sets[1 - server][one + 1][other]
            + (1 - won) * sets[1 - server][one][other + 1]
    }

    /// That home wins the set that is played.
    func set(from stand: Stand) -> Double {
        if stand.isTieBreak {
            return tieBreak(stand.points[0], stand.points[1], server: stand.server)
        }
        let server = stand.server
        let held = Self.game(
            servesWell(server), stand.points[server], stand.points[1 - server])
        let won = server == 0 ? held : 1 - held
        return won * set(stand.games[0] + 1, stand.games[1], server: 1 - server)
            + (1 - won) * set(stand.games[0], stand.games[1] + 1, server: 1 - server)
    }

    /// How the match ends, from home's sets and away's: 2-0, 2-1, 1-2, 0-2.
    func ends(from stand: Stand) -> [Double] {
        // Who serves first in a set that is not begun matters little: both alike.
        let fresh = (set(0, 0, server: 0) + set(0, 0, server: 1)) / 2
        var ends = [0.0, 0.0, 0.0, 0.0]
        func go(_ one: Int, _ other: Int, _ chance: Double, _ next: Double) {
            if one == 2 { return ends[other == 0 ? 0 : 1] += chance }
            if other == 2 { return ends[one == 0 ? 3 : 2] += chance }
            go(one + 1, other, chance * next, fresh)
            go(one, other + 1, chance * (1 - next), fresh)
        }
        go(stand.sets[0], stand.sets[1], 1, stand.isOver ? 0 : set(from: stand))
        return ends
    }
}
