// A pod to run commands in.
process.on('SIGTERM', () => process.exit(0))
setInterval(() => {}, 60_000)
