import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { WeftError } from '../../core/errors.ts'
import { followExec } from './exec-client.ts'
import type { ExecStreams } from './exec-client.ts'
import type { ExecRequest } from './exec-frames.ts'
import { serveExec } from './exec-session.ts'
import type { ResolveExec } from './exec-session.ts'

const asItIs: ResolveExec = ({ argv }) => ({ argv, env: { PATH: process.env['PATH'] ?? '' } })

async function connected(t: Test, resolve = asItIs): Promise<Socket> {
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    serveExec(socket, Buffer.alloc(0), resolve),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  await once(socket, 'connect')
  return socket
}

/** What a command says, and `until` that it has said something. */
function run(
  socket: Socket,
  request: Omit<ExecRequest, 'pod'>,
  stdin?: PassThrough,
  resized?: ExecStreams['resized'],
) {
  const said = { stdout: '', stderr: '' }
  let wake = () => {}
  const collect = (name: keyof typeof said) => (chunk: Buffer) => {
    said[name] += chunk.toString()
    wake()
    return true
  }
  const ended = followExec(
    socket,
    { pod: 'any', ...request },
    {
      ...(stdin ? { stdin } : {}),
      stdout: collect('stdout'),
      stderr: collect('stderr'),
      ...(resized ? { resized } : {}),
    },
  )
  const until = async (text: string) => {
    while (!said.stdout.includes(text)) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { said, ended, until }
}

t.test('output comes while the command runs, input goes in, the exit code is its own', async (t) => {
  const stdin = new PassThrough()
  const argv = ['sh', '-c', 'echo ready; read line; echo "got $line"; echo wrong >&2; cat; exit 7']
  const { said, ended, until } = run(await connected(t), { argv }, stdin)
  // It would wait for its input for ever: so this came before its end.
  await until('ready')
  stdin.write('one\n')
  await until('got one')
  stdin.end('two\nthree')
  t.strictSame(await ended, { code: 7, timedOut: false })
  t.strictSame(said, { stdout: 'ready\ngot one\ntwo\nthree', stderr: 'wrong\n' })
})

t.test('without input the command meets its end at once', async (t) => {
  const { said, ended } = run(await connected(t), { argv: ['cat'] })
  t.strictSame(await ended, { code: 0, timedOut: false })
  t.equal(said.stdout, '')
})

t.test('much of it, both ways, for a command that is slow to take it', async (t) => {
  const stdin = new PassThrough()
  const { said, ended } = run(await connected(t), { argv: ['sh', '-c', 'sleep 0.2; cat'] }, stdin)
  const text = 'x'.repeat(1 << 20)
  for (let count = 0; count < 8; count++) stdin.write(text)
  stdin.end()
  t.equal((await ended).code, 0)
  t.equal(said.stdout.length, 8 << 20)
})

t.test('an input that the command does not want', async (t) => {
  const stdin = new PassThrough()
  stdin.write(Buffer.alloc(4 << 20))
  const { ended } = run(await connected(t), { argv: ['sh', '-c', 'exec <&-; exit 3'] }, stdin)
  t.equal((await ended).code, 3)
})

t.test('a signal is a code, too', async (t) => {
  const { ended } = run(await connected(t), { argv: ['sh', '-c', 'kill -HUP $$'] })
  t.equal((await ended).code, 129)
})

t.test('a time limit, only where one is given; what it said until then is not lost', async (t) => {
  const argv = ['sh', '-c', 'echo begun; trap "" TERM; sleep 600 & wait']
  const { said, ended } = run(await connected(t), { argv, timeoutMs: 300 })
  t.strictSame(await ended, { code: 124, timedOut: true })
  t.equal(said.stdout, 'begun\n')
})

t.test('a caller that leaves takes its command along', async (t) => {
  const socket = await connected(t)
  const { said, ended, until } = run(socket, { argv: ['sh', '-c', 'echo "pid $$ "; sleep 600 & wait'] })
  await until(' \n')
  const pid = Number(/pid (\d+)/.exec(said.stdout)?.[1])
  const rejected = t.rejects(ended, { code: 'local.ended' })
  socket.end()
  const alive = () => {
    try {
      return process.kill(-pid, 0)
    } catch {
      return false
    }
  }
  while (alive()) await new Promise((resolve) => setTimeout(resolve, 10))
  await rejected
})

t.test('what cannot be started says why', async (t) => {
  await t.rejects(run(await connected(t), { argv: ['/nowhere/program'] }).ended, { message: /ENOENT/ })
  const refuse: ResolveExec = () => {
    throw new WeftError('local.no_pod', 'no pod is named `any`')
  }
  const { ended } = run(await connected(t, refuse), { argv: ['true'] })
  await t.rejects(ended, { code: 'local.no_pod', message: 'no pod is named `any`' })
})

const terminal = { rows: 40, columns: 100, type: 'xterm' }

t.test('in a terminal: its size and each new one, its type, the exit code', async (t) => {
  const stdin = new PassThrough()
  const script =
    'trap "stty size; exit 5" WINCH; test -t 0 -a -t 1 -a -t 2 && stty size; echo "$TERM."; while :; do sleep 0.05; done'
  const { promise: resized, resolve: resize } = Promise.withResolvers<void>()
  const { said, ended, until } = run(
    await connected(t),
    { argv: ['sh', '-c', script], terminal },
    stdin,
    (tell) => {
      void resized.then(() => tell({ rows: 50, columns: 120 }))
      return () => {}
    },
  )
  await until('xterm.')
  t.match(said.stdout, '40 100')
  resize()
  await until('50 120')
  t.strictSame(await ended, { code: 5, timedOut: false })
})

t.test('Ctrl-C goes to what runs in the terminal, not to the session', async (t) => {
  const stdin = new PassThrough()
  const script = 'trap "echo caught; exit 4" INT; echo ready; while :; do sleep 0.05; done'
  const { ended, until } = run(await connected(t), { argv: ['sh', '-c', script], terminal }, stdin)
  await until('ready')
  stdin.write('\x03')
  await until('caught')
  t.equal((await ended).code, 4)
})

t.test('words with spaces and quotes reach a command in a terminal as they are', async (t) => {
  const argv = ['printf', '%s|', "it's", 'a b', '$HOME', '"x"']
  const { said, ended } = run(await connected(t), { argv, terminal })
  t.equal((await ended).code, 0)
  t.match(said.stdout, `it's|a b|$HOME|"x"|`)
})
