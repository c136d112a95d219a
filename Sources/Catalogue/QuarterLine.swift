/// Lines in quarters of a goal, run or point. What stands on a quarter stands half on each of the two lines beside
/// it, so it may be half won or half lost; on a whole line nobody may win.
public enum QuarterLine {
    /// How a side fares whose lead, its line added, is `quarters`: -3 for a line of -0.75 that wins by none.
    public static func result(lead quarters: Int) -> SelectionResult {
        guard quarters % 2 != 0 else {
            return quarters > 0 ? .won : quarters < 0 ? .lost : .void
        }
        switch quarters {
        case 1: return .halfWon
        case -1: return .halfLost
        default: return quarters > 0 ? .won : .lost
        }
    }

    /// Of both sides: what one wins the other loses.
    public static func results(lead quarters: Int) -> [SelectionResult] {
        [result(lead: quarters), result(lead: -quarters)]
    }

    /// Such as `2.5` and `2.25`; with its sign where `isSigned`, such as `+0.25`, `-0.75` and `0`.
    public static func text(_ quarters: Int, isSigned: Bool = false) -> String {
        let size = quarters.magnitude
        let fraction = ["", ".25", ".5", ".75"][Int(size % 4)]
        let sign = quarters < 0 ? "-" : isSigned && quarters > 0 ? "+" : ""
        return "\(sign)\(size / 4)\(fraction)"
    }
}
