import CSystem
import Foundation
import Kernel
import Simulation
import Synchronization

/// `grandstand sim`: the platform below its sockets against a naive judge, with faults, in virtual time.
enum SimCommands {
    static let help = """
        grandstand sim: simulate the platform with faults, and judge everything it decides

        USAGE
          grandstand sim --seed N              Play one seed and tell its story
          grandstand sim --seeds FROM..TO      Play many, print progress and what fails
          grandstand sim --permutations N      N orders of what suppliers say of bets: each set must come to the same
          grandstand sim --systematic N        Every history of at most N acts, every block length, every flipped bit

        OPTIONS
          --commands N      Commands before the faults are switched off (1000)
          --without A,B     Leave features out: \(Feature.allCases.map(\.word).joined(separator: ", "))
          --jobs N          Threads for --seeds and --permutations (as many as there are cores)
          --first N         The first seed of --permutations (1)
          --minutes N       Stop --seeds after so many minutes
          --quiet           Do not tell the story
          --bug NAME        Only in a build with planted bugs: have this one
          --shrink          Look for fewer features and commands with which the seed still fails

        A seed that fails prints what was found and the command that plays it again; the exit status is 1.
        The same seed does the same on every machine: the last line of a story is its trace.
        """

    static func run(_ raw: [String]) throws -> Int32 {
        let arguments = try Arguments(
            raw, of: "sim", words: 0,
            values: [
                "seed", "seeds", "commands", "without", "jobs", "minutes", "bug", "systematic",
                "permutations", "first",
            ],
            switches: ["quiet", "shrink"])
        guard !arguments.wantsHelp, arguments.words.isEmpty, !arguments.flags.isEmpty else {
            print(help)
            return arguments.wantsHelp ? 0 : 2
        }
        let commands = try number(arguments, "commands", 1000, 1...1_000_000)
        var without: Set<Feature> = []
        for word in (arguments.flags["without"] ?? "").split(separator: ",") {
            guard let feature = Feature(word: String(word)) else {
                throw UsageError(
                    text: "There is no feature \"\(word)\"; `grandstand sim --help` lists them.")
            }
            without.insert(feature)
        }
        guard
            ["seed", "seeds", "systematic", "permutations"]
                .filter({ arguments.flags[$0] != nil }).count == 1
        else {
            throw UsageError(
                text: "Say one of --seed, --seeds, --permutations and --systematic.")
        }
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let jobs = try number(arguments, "jobs", cores, 1...256)
        if let bug = arguments.flags["bug"] { try plant(bug) }
        if let text = arguments.flags["seed"] {
            guard let seed = UInt64(text) else {
                throw UsageError(
                    text: "--seed is a whole number from 0 to \(UInt64.max), not \"\(text)\".")
            }
            return one(
                seed, commands, without, isQuiet: arguments.flags["quiet"] != nil,
                shrinks: arguments.flags["shrink"] != nil)
        }
        if arguments.flags["permutations"] != nil {
            return permutations(
                try number(arguments, "permutations", 10_000, 1...1_000_000_000),
                from: UInt64(try number(arguments, "first", 1, 0...Int.max / 2)), jobs: jobs)
        }
        if arguments.flags["systematic"] != nil {
            return systematic(try number(arguments, "systematic", 4, 1...8))
        }
        let text = arguments.flags["seeds"] ?? ""
        let bounds = text.components(separatedBy: "..").map { UInt64($0) }
        guard bounds.count == 2, let from = bounds[0], let to = bounds[1], from <= to else {
            throw UsageError(text: "--seeds is a range such as 1..1000.")
        }
        return many(
            from...to, commands, without, jobs: jobs,
            minutes: try number(arguments, "minutes", 0, 0...100_000))
    }

    private static func number(
        _ arguments: Arguments, _ key: String, _ standard: Int, _ range: ClosedRange<Int>
    ) throws(UsageError) -> Int {
        guard let text = arguments.flags[key] else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw UsageError(
                text: "--\(key) is a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    private static func plant(_ name: String) throws(UsageError) {
        #if PLANTED_BUGS
            guard let bug = PlantedBug(rawValue: name) else {
                let all = PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")
                throw UsageError(text: "There is no bug \"\(name)\". There are: \(all).")
            }
            chosenBug = bug
        #else
            throw UsageError(
                text: "This build has no planted bugs; `make mutants` builds one that has.")
        #endif
    }

    // MARK: One seed

    private static func one(
        _ seed: UInt64, _ commands: Int, _ without: Set<Feature>, isQuiet: Bool, shrinks: Bool
    ) -> Int32 {
        let plan = SimulationPlan(seed: seed, commands: commands, without: without)
        let simulation = Simulation(plan)
        if !isQuiet { simulation.story = { print($0) } }
        let result = simulation.run()
        print(summary(result))
        guard !result.problems.isEmpty else {
            if shrinks { print("It holds: there is nothing to shrink.") }
            return 0
        }
        for problem in result.problems { print("PROBLEM: \(problem)") }
        if shrinks {
            let small = Shrinker.shrink(plan)
            print("SMALLER: \(command(small))")
        }
        return 1
    }

    private static func summary(_ result: SimulationResult) -> String {
        "seed \(result.seed): \(result.commands) commands, \(result.bets) bets, \(result.settled) settlements, "
            + "\(result.crashes) crashes, \(result.repeats) repeats"
            + (result.isRefused ? ", recovery refused a lying disk" : "")
            + ", trace \(result.trace)"
    }

    static func command(_ plan: SimulationPlan) -> String {
        let off = Set(SimulationPlan(seed: plan.seed).features).subtracting(plan.features)
        let without =
            off.isEmpty ? "" : " --without " + off.map(\.word).sorted().joined(separator: ",")
        return "grandstand sim --seed \(plan.seed) --commands \(plan.commands)\(without)"
    }

    private static func systematic(_ length: Int) -> Int32 {
        var run = Systematic()
        run.flippedBits()
        print("flipped bits, up to case \(run.cases)")
        run.blockLengths()
        print("block lengths, up to case \(run.cases)")
        run.splices()
        print("spliced histories, up to case \(run.cases)")
        run.histories(upTo: length)
        print("short histories, up to case \(run.cases)")
        for problem in run.problems { print("PROBLEM: \(problem)") }
        return run.problems.isEmpty ? 0 : 1
    }

    // MARK: Many

    /// Orders of one set of words.
    private static let ordersOfSet = 10

    private static func permutations(_ wanted: Int, from first: UInt64, jobs: Int) -> Int32 {
        let sets = UInt64((wanted + ordersOfSet - 1) / ordersOfSet)
        let progress = Mutex((next: first, failed: 0))
        let began = gs_boot_nanoseconds()
        DispatchQueue.concurrentPerform(iterations: jobs) { _ in
            while true {
                let seed: UInt64? = progress.withLock { progress in
                    guard progress.next < first + sets, progress.failed < 10 else { return nil }
                    progress.next += 1
                    return progress.next - 1
                }
                guard let seed else { return }
                let problems = Permutations(seed: seed).check(orders: ordersOfSet)
                guard !problems.isEmpty else { continue }
                progress.withLock { $0.failed += 1 }
                print("FAILED set \(seed)\n  " + problems.joined(separator: "\n  "))
                print("  grandstand sim --permutations \(ordersOfSet) --first \(seed)")
            }
        }
        let end = progress.withLock { $0 }
        let histories = Int(end.next - first) * ordersOfSet
        let seconds = max(0.001, Double(gs_boot_nanoseconds() - began) / 1e9)
        print(
            "\(histories) orders of \(end.next - first) sets in \(Int(seconds)) s "
                + "(\(Int(Double(histories) * 60 / seconds)) a minute), \(end.failed) sets differ")
        return end.failed == 0 ? 0 : 1
    }

    private struct Progress {
        var next: UInt64
        var done = 0
        var commands = 0
        var bets = 0
        var crashes = 0
        var refused = 0
        var snapshots = 0
        var restored = 0
        var failed: [SimulationResult] = []
        var shownAt: Int64 = 0
    }

    private static func many(
        _ seeds: ClosedRange<UInt64>, _ commands: Int, _ without: Set<Feature>, jobs: Int,
        minutes: Int
    ) -> Int32 {
        let progress = Mutex(Progress(next: seeds.lowerBound))
        let began = gs_boot_nanoseconds()
        let ends = minutes > 0 ? began + Int64(minutes) * 60_000_000_000 : .max
        DispatchQueue.concurrentPerform(iterations: jobs) { _ in
            while true {
                let seed: UInt64? = progress.withLock { progress in
                    guard progress.next <= seeds.upperBound, gs_boot_nanoseconds() < ends,
                        progress.failed.count < 10
                    else { return nil }
                    progress.next += 1
                    return progress.next - 1
                }
                guard let seed else { return }
                let plan = SimulationPlan(seed: seed, commands: commands, without: without)
                let result = Simulation(plan).run()
                progress.withLock { note(result, plan, &$0, began) }
            }
        }
        let end = progress.withLock { $0 }
        show(end, began)
        if end.failed.isEmpty, end.done < seeds.count {
            print("stopped by --minutes; the next seed is \(end.next)")
        }
        return end.failed.isEmpty ? 0 : 1
    }

    private static func note(
        _ result: SimulationResult, _ plan: SimulationPlan, _ progress: inout Progress,
        _ began: Int64
    ) {
        progress.done += 1
        progress.commands += result.commands
        progress.bets += result.bets
        progress.crashes += result.crashes
        progress.snapshots += result.snapshots
        progress.restored += result.restored
        if result.isRefused { progress.refused += 1 }
        if !result.problems.isEmpty {
            progress.failed.append(result)
            print("FAILED seed \(result.seed): \(result.problems[0])")
            print("  " + command(plan))
        }
        let now = gs_boot_nanoseconds()
        if now - progress.shownAt > 5_000_000_000 {
            progress.shownAt = now
            show(progress, began)
        }
    }

    private static func show(_ progress: Progress, _ began: Int64) {
        let seconds = max(0.001, Double(gs_boot_nanoseconds() - began) / 1e9)
        let rate = Int(Double(progress.commands) / seconds)
        print(
            "\(progress.done) seeds, \(progress.commands) commands (\(rate) a second), \(progress.bets) bets, "
                + "\(progress.crashes) crashes, \(progress.snapshots) snapshots, \(progress.restored) starts from one, \(progress.refused) refused to start, \(progress.failed.count) failed"
        )
        fflush(nil)
    }
}
