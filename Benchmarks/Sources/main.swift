let arguments = CommandLine.arguments.dropFirst()
switch arguments.first {
case "echo":
    EchoServer.run(port: arguments.dropFirst().first.flatMap(UInt16.init) ?? 9000)
default:
    print("usage: grandstand-bench echo PORT")
}
