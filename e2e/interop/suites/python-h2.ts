import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Http2ServerResponse } from 'node:http2'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { portOf, startPair } from '../../pair/testing/pair.ts'
import { killGroup } from '../command.ts'
import type { Run, Suite, Verdict } from '../suite.ts'

const CLIENT = fileURLToPath(new URL('../python/drained.py', import.meta.url))
const DRAIN_S = 30

/** What the client prints at last. */
interface Seen {
  /** Names of the frames after the first GOAWAY. */
  readonly after: readonly string[]
  readonly status: string
  readonly content: string
  readonly ended: boolean
  readonly objection: string
}

/** The proxy before the client is told to end while the client waits for an answer. */
async function drained(suite: Run): Promise<Verdict> {
  const held: Http2ServerResponse[] = []
  const app = createServer((_message, response) => void held.push(response))
  await once(app.listen(0, '127.0.0.1'), 'listening')
  suite.t.teardown(() => app.close())
  const pair = await startPair(
    suite.t,
    [{ name: 'app', kind: 'http', app: portOf(app), appProtocol: 'http2' }],
    {
      program: suite.program,
      flags: ['--drain-seconds', String(DRAIN_S)],
    },
  )
  const client = spawn('python3', [CLIENT, String(pair.port('app')), '/held'], {
    env: { ...process.env, PYTHONPATH: suite.folder('interop-python-h2') },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const end = (): void => killGroup(client)
  suite.t.teardown(end)
  suite.stopped.addEventListener('abort', end)
  let said = ''
  client.stderr.on('data', (text: Buffer) => (said += String(text)))
  for await (const line of createInterface(client.stdout)) {
    if (line === 'open') {
      if (held.length === 0) await once(app, 'request')
      pair.caller.signal('SIGTERM')
    } else if (line === 'goaway') held[0]?.end('answer')
    else {
      // A second signal, that of the end, would cut its drain off.
      await pair.caller.ended
      return judge(JSON.parse(line) as Seen)
    }
  }
  return { passed: false, said: said.trim().split('\n').at(-1) ?? 'the client said nothing' }
}

/** RFC 9113 section 6.8: what was begun is answered; and nothing comes that is of no stream. */
function judge({ after, status, content, ended, objection }: Seen): Verdict {
  const others = after.filter((name) => !['HeadersFrame', 'DataFrame', 'GoAwayFrame'].includes(name))
  const answered = status === '200' && content === 'answer' && ended
  if (answered && others.length === 0 && objection === '') return { passed: true, said: '' }
  return { passed: false, said: `${status} ${content}; after GOAWAY: ${after.join(', ')}; ${objection}` }
}

export const PYTHON_H2: Suite = {
  name: 'python-h2',
  title: 'a client on python-h2 whose proxy drains: its answer, and no PING after the GOAWAY',
  parts: ['interop-python-h2'],
  run: async (suite) => [{ name: 'drained while it waits', pair: await drained(suite) }],
}
