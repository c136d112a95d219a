import Glibc

let arguments = Array(CommandLine.arguments.dropFirst())

func number(_ index: Int, _ standard: Int) -> Int {
    index < arguments.count ? Int(arguments[index]) ?? standard : standard
}

func text(_ index: Int, _ standard: String) -> String {
    index < arguments.count ? arguments[index] : standard
}

signal(SIGPIPE, SIG_IGN)
switch arguments.first {
case "echo": EchoServer.run(port: UInt16(number(1, 9000)))
case "apply": EngineBench.apply(bets: number(1, 1_000_000))
case "memory": EngineBench.memory()
case "goliath": SettlementBench.goliaths(bets: number(1, 20_000))
case "settle":
    try SettlementBench.million(directory: text(1, "."), bets: number(2, 1_000_000))
case "durable":
    try EngineBench.durable(
        directory: text(1, "."), clients: number(2, 64), seconds: Double(number(3, 2)))
case "recovery": try EngineBench.recovery(directory: text(1, "."), bets: number(2, 1_000_000))
case "settled": KeepingBench.settled(bets: number(1, 10_000_000))
case "snapshot": try KeepingBench.snapshot(directory: text(1, "."), bets: number(2, 2_000_000))
case "overload":
    try KeepingBench.overload(
        directory: text(1, "."), seconds: Double(number(2, 2)), intake: number(3, 16_384))
case "count": Counted.run(text(1, "apply"), number(2, 0))
case "load" where text(1, "") == "fan" || text(1, "") == "fan-market":
    var options = FanOutClient.Options()
    options.port = UInt16(number(2, 8080))
    options.connections = number(3, 1000)
    options.rounds = number(4, 30)
    options.process = Int32(number(5, 0))
    if text(1, "") == "fan" {
        options.path = "/sub"
        options.publishPort = options.port
        options.publications = [FanOutClient.post("/pub", options.port, size: number(6, 200))]
        options.stopped = number(7, 0)
    } else {
        options.publishPort = UInt16(number(6, 8081))
        options.greeting = "{\"op\":\"subscribe\",\"topics\":[\"market/\(text(7, "0"))\"]}"
        options.publications = ["suspend", "resume"].map {
            FanOutClient.desk($0, text(7, "0"), options.publishPort, text(8, ""))
        }
        options.stopped = number(9, 0)
    }
    FanOutClient.run(options)
case "load" where CrowdClient.Profile(rawValue: text(1, "")) != nil:
    var options = CrowdClient.Options()
    options.profile = CrowdClient.Profile(rawValue: text(1, "")) ?? .steady
    options.port = UInt16(number(2, 8080))
    options.users = number(3, 1000)
    options.seconds = Double(number(4, 10))
    options.rate = Double(number(5, 2000))
    options.process = Int32(number(6, 0))
    CrowdClient.run(options)
case "load":
    var options = LoadClient.Options()
    options.isBet = text(1, "bet") == "bet"
    options.port = UInt16(number(2, 8080))
    options.connections = number(3, 64)
    options.seconds = Double(number(4, 3))
    if !options.isBet { options.path = text(5, "/ws") }
    LoadClient.run(options)
default:
    print(
        """
        usage: grandstand-bench echo PORT | apply BETS | memory | durable DIR CLIENTS SECONDS
                                recovery DIR BETS | settled BETS | snapshot DIR BETS | overload DIR SECONDS INTAKE | count apply|durable|replay|frame|request PIECES | load bet|echo PORT CONNECTIONS SECONDS [PATH]
                                load steady|surge|goal|slow|storm|idle PORT USERS SECONDS QUESTIONS_A_SECOND [PID]
                                load fan PORT CONNECTIONS ROUNDS PID SIZE [STOPPED] | load fan-market PORT CONNECTIONS ROUNDS PID DESK_PORT MARKET DESK_COOKIE [STOPPED]
        """)
    exit(2)
}
