/// Looks for less with which a seed still fails.
public enum Shrinker {
    /// Leaves features out one by one, then halves the commands, for as long as something still fails.
    public static func shrink(_ plan: SimulationPlan) -> SimulationPlan {
        var best = plan
        var isSmaller = true
        while isSmaller {
            isSmaller = false
            for feature in best.features.sorted(by: { $0.rawValue < $1.rawValue }) {
                var less = best
                less.features.remove(feature)
                if fails(less) {
                    best = less
                    isSmaller = true
                }
            }
            while best.commands > 1 {
                var less = best
                less.commands /= 2
                guard fails(less) else { break }
                best = less
                isSmaller = true
            }
        }
        return best
    }

    private static func fails(_ plan: SimulationPlan) -> Bool {
        !Simulation(plan).run().problems.isEmpty
    }
}
