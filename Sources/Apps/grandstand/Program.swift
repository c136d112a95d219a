import Glibc

/// Picks the subcommand, says what is wrong, and how to go on.
enum Program {
    static let version = "0.1.0"

    static let help = """
        grandstand: live betting in one program

        USAGE
          grandstand <command> [options]

        COMMANDS
          serve     Run the whole platform: feed, engine, journal, pages
          feed      play, inspect or simulate a feed
          journal   verify, dump or count a journal; rebuild its projections
          replay    tell what happened to a bet, with every rule and entry, and prove it
          snapshot  list or verify the snapshots beside a journal
          bet       place a bet on a running server, or list one's bets
          sim       Simulate the platform with faults, and judge all it decides
          config    Show the effective settings, where each comes from, and its unit

        `grandstand <command> --help` tells more. Version \(version).
        """

    /// The process's exit code: 0 fine, 1 failed, 2 not understood.
    static func run(_ arguments: [String]) -> Int32 {
        guard let command = arguments.first else {
            print(help)
            return 2
        }
        let rest = Array(arguments.dropFirst())
        do {
            switch command {
            case "serve": return try Serve.run(rest)
            case "feed": return try FeedCommands.run(rest)
            case "journal": return try JournalCommands.run(rest)
            case "replay": return try ReplayCommands.run(rest)
            case "snapshot": return try SnapshotCommands.run(rest)
            case "bet": return try BetCommands.run(rest)
            case "sim": return try SimCommands.run(rest)
            case "config": return try ConfigCommand.run(rest)
            case "--help", "-h", "help":
                print(help)
                return 0
            case "--version":
                print("grandstand \(version)")
                return 0
            default:
                let near = Arguments.nearest(
                    command,
                    in: ["serve", "feed", "journal", "snapshot", "replay", "bet", "sim", "config"])
                throw UsageError(
                    text: "There is no command \"\(command)\"."
                        + (near.map { " Did you mean `grandstand \($0)`?" } ?? "")
                        + " `grandstand --help` lists them.")
            }
        } catch let error as UsageError {
            complain("grandstand: " + error.text)
            return 2
        } catch {
            complain("grandstand: \(error)")
            return 1
        }
    }
}

enum ConfigCommand {
    static let help = """
        grandstand config: the effective settings

        USAGE
          grandstand config [--config FILE] [--KEY VALUE ...]

        A setting comes from the command line, else from the environment (GRANDSTAND_KEY), else from
        the file (lines of `key = value`, named by --config or GRANDSTAND_CONFIG), else it has its
        default. The output is such a file.
        """

    static func run(_ raw: [String]) throws -> Int32 {
        let keys = Set(Setting.all.map(\.key)).union(["config"])
        let arguments = try Arguments(raw, of: "config", words: 0, values: keys)
        if arguments.wantsHelp {
            print(help)
            return 0
        }
        let configuration = try Configuration(flags: arguments.flags, environment: environment())
        for setting in Setting.all {
            print("# \(setting.help)")
            print(
                "# Unit: \(setting.unit). Default: \(setting.standard.isEmpty ? "none" : setting.standard). Now from: \(configuration.source(setting.key))."
            )
            let shown = setting.isSecret ? "(secret)" : configuration.text(setting.key)
            print("\(setting.key) = \(shown)\n")
        }
        return 0
    }
}
