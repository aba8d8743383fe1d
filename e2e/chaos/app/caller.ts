import { Client, credentials } from '@grpc/grpc-js'
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { Agent } from 'node:http'
import { parseArgs } from 'node:util'
import { Load } from '../../soak/load.ts'
import type { Operation } from '../../soak/operations.ts'
import {
  CutShort,
  exchange,
  grpcStream,
  grpcUnary,
  tcpEcho,
  webSocketEcho,
  WrongAnswer,
} from '../../traffic/uses.ts'
import { bytesOf } from '../content.ts'
import type { Kind, Outcome, Result } from '../outcome.ts'
import { PORTS } from '../ports.ts'

// Uses the application at a rate from inside a pod until its input ends, and says what came of each use: one JSON
// object (Outcome) a line.

const { values } = parseArgs({
  options: { rate: { type: 'string', default: '100' }, first: { type: 'string', default: '0' } },
})
/** Longer than anything may take: it hangs. */
const PATIENCE_MS = 30_000
const LARGE = 512 * 1024

const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const web = { host: 'app', port: PORTS.web, agent }
const client = new Client(`app:${PORTS.grpc}`, credentials.createInsecure())

let next = Number(values.first)

async function whole(method: string, path: string, body: Buffer | undefined, wanted: Buffer): Promise<void> {
  const answer = await exchange({ ...web, method, path, body })
  if (answer.status >= 500)
    throw new Error(`${answer.status} ${String(answer.headers['proxy-status'] ?? answer.body)}`)
  if (answer.status !== 200) throw new WrongAnswer(`status ${answer.status}`)
  if (!answer.body.equals(wanted)) throw new WrongAnswer(`${answer.body.length} other bytes`)
}

function digested(number: number, body: Buffer): Buffer {
  return Buffer.from(`${number} ${createHash('sha256').update(body).digest('hex')}`)
}

const uses: Record<Kind, (number: number) => Promise<void>> = {
  read: (number) => whole('GET', `/bytes/${number}/1024`, undefined, bytesOf(number, 1024)),
  write(number) {
    const body = bytesOf(number, 100 + (number % 5000))
    return whole('POST', `/write/${number}`, body, digested(number, body))
  },
  upload(number) {
    const body = bytesOf(number, LARGE)
    return whole('PUT', `/digest/${number}`, body, digested(number, body))
  },
  download: (number) => whole('GET', `/bytes/${number}/${LARGE}`, undefined, bytesOf(number, LARGE)),
  unary: (number) => grpcUnary(client, bytesOf(number, 2000)),
  stream: (number) => grpcStream(client, bytesOf(number, 500), 10),
  webSocket: (number) => webSocketEcho({ host: 'app', port: PORTS.chat }, `${number}`, 10),
  tcp: (number) => tcpEcho({ host: 'app', port: PORTS.tcp }, bytesOf(number, 64 * 1024)),
}

function resultOf(error: unknown): Result {
  if (error instanceof WrongAnswer) return 'wrong'
  return error instanceof CutShort ? 'cut' : 'failed'
}

function told(kind: Kind): Operation {
  return async () => {
    const number = next++
    const at = Date.now()
    const since = performance.now()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing within ${PATIENCE_MS} ms`)), PATIENCE_MS)
    })
    const tell = (result: Result, why?: string): void => {
      const outcome: Outcome = { kind, number, at, ms: Math.round(performance.now() - since), result }
      writeSync(1, `${JSON.stringify(why === undefined ? outcome : { ...outcome, why })}\n`)
    }
    try {
      await Promise.race([uses[kind](number), late])
      tell('ok')
    } catch (error) {
      tell(resultOf(error), error instanceof Error ? error.message : String(error))
    } finally {
      clearTimeout(timer)
    }
  }
}

// Of fourteen uses, five are reads and three writes.
const TURN: readonly Kind[] = [
  'read',
  'write',
  'read',
  'unary',
  'write',
  'webSocket',
  'read',
  'stream',
  'tcp',
  'read',
  'write',
  'read',
  'upload',
  'download',
]
const stop = new AbortController()
process.stdin.resume().on('end', () => stop.abort())
await new Load(new Map(TURN.map((kind, i) => [`${i} ${kind}`, told(kind)]))).steady(
  Number(values.rate),
  Infinity,
  stop.signal,
)
process.exit(0)
