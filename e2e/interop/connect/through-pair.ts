import { spawn } from 'node:child_process'
import { framed, Messages, withNumber } from './messages.ts'

// usage: node through-pair.ts server|client PORT PROGRAM [ARG...]
//
// Stands where connectconformance expects the program under test, starts it, and passes on what the two say, but for the
// port: a server under test is said to listen at PORT, a client under test is sent to PORT.

// connectrpc.conformance.v1: ServerCompatResponse.port, ClientCompatRequest.port.
const PORT_FIELDS = { server: 2, client: 7 }

const [role = '', port = '', program = '', ...args] = process.argv.slice(2)
if (role !== 'server' && role !== 'client') throw new Error(`the role is server or client, not ${role}`)
const field = PORT_FIELDS[role]
const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
const messages = new Messages()
const rewrite = (chunk: Buffer): Buffer =>
  Buffer.concat(messages.add(chunk).map((message) => framed(withNumber(message, field, Number(port)))))

if (role === 'server') {
  process.stdin.pipe(child.stdin)
  child.stdout.on('data', (chunk: Buffer) => process.stdout.write(rewrite(chunk)))
} else {
  process.stdin.on('data', (chunk: Buffer) => child.stdin.write(rewrite(chunk)))
  process.stdin.on('end', () => child.stdin.end())
  child.stdout.pipe(process.stdout)
}
// The runner may be done with it, and close what it reads or writes.
child.stdin.on('error', () => {})
process.stdout.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code ?? 1))
