@preconcurrency import Glibc

// Output goes to pipes too: lines leave at once, and a closed pipe ends nobody.
setvbuf(stdout, nil, _IOLBF, 0)
signal(SIGPIPE, SIG_IGN)
exit(Program.run(Array(CommandLine.arguments.dropFirst())))
