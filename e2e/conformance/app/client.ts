// Makes the calls of its one argument, a JSON list, each on a connection of its own, and prints the answers as JSON.
import { setTimeout } from 'node:timers/promises'
import { callConnection, callWebSocket } from './call-connection.ts'
import { callHttp, callHttp2 } from './call-http.ts'
import type { Answer, Call } from './call.ts'

/** How long a call with `until` is made again. */
const WAIT_MS = 20_000
/** How long a call may take. */
const CALL_MS = 10_000

const BY_PROTOCOL = {
  http1: callHttp,
  http2: callHttp2,
  grpc: callHttp2,
  websocket: callWebSocket,
  tcp: callConnection,
  tls: callConnection,
}

async function once(call: Call): Promise<Answer> {
  const late = setTimeout(CALL_MS, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${CALL_MS} ms`)
  })
  try {
    return await Promise.race([BY_PROTOCOL[call.over ?? 'http1'](call), late])
  } catch (error) {
    return { status: 0, headers: {}, body: String(error) }
  }
}

async function patient(call: Call): Promise<Answer> {
  const end = Date.now() + WAIT_MS
  for (;;) {
    const answer = await once(call)
    if (isAwaited(call, answer) || Date.now() > end) return answer
    await setTimeout(20)
  }
}

function isAwaited({ until, untilAtLeast = -Infinity }: Call, { body }: Answer): boolean {
  return (
    (until === undefined || body === until) && (untilAtLeast === -Infinity || Number(body) >= untilAtLeast)
  )
}

async function all(call: Call): Promise<Answer[]> {
  const answers: Answer[] = []
  let { headers = {} } = call
  for (let i = 0; i < (call.count ?? 1); i++) {
    const answer = await patient({ ...call, headers })
    answers.push(answer)
    const [cookie] = answer.headers['set-cookie'] ?? []
    if (call.session && cookie !== undefined) headers = { ...headers, cookie: cookie.split(';')[0] ?? '' }
  }
  return answers
}

const calls = JSON.parse(process.argv[2] ?? '[]') as readonly Call[]
const answers: Answer[][] = []
for (const one of calls) answers.push(await all(one))
process.stdout.write(JSON.stringify(answers), () => process.exit())
