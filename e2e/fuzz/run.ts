import fc from 'fast-check'
import { checkWithProxy } from './check/proxies.ts'
import { checkRandomBytes } from './check/random-bytes.ts'
import { type CheckedRequests, checkRequestStream } from './check/requests.ts'
import { checkResponseStream } from './check/responses.ts'
import { requestStream } from './grammar/requests.ts'
import { responseStream } from './grammar/responses.ts'
import type { RunningProxy } from './peers/proxies.ts'
import type { FuzzResult } from './result.ts'

const REQUEST_STREAMS = 200
const RESPONSE_STREAMS = 70
const RANDOM_STREAMS = 30
/** Connections at once to each proxy. */
const CONNECTIONS = 48

/** One batch: `seed` alone decides what is in it. Adds to `result`. */
export async function runBatch(
  seed: number,
  proxies: readonly RunningProxy[],
  result: FuzzResult,
): Promise<void> {
  const toProxies: CheckedRequests[] = []
  for (const { bytes, messages } of fc.sample(requestStream, { numRuns: REQUEST_STREAMS, seed })) {
    const checked = attempt(seed, bytes, result, () => checkRequestStream(bytes, seed))
    result.messages += messages
    result.requestStreams++
    if (checked === undefined) continue
    result.requestsAccepted += checked.accepted.length
    result.cuts += checked.cuts
    if (checked.refusal !== undefined) result.requestStreamsRefused++
    if (checked.nodeRefused) result.nodeStricter++
    if (checked.accepted.length > 0 || checked.partial !== undefined) toProxies.push(checked)
    report(seed, bytes, checked.differences, result)
  }
  for (const { bytes, method, messages } of fc.sample(responseStream, { numRuns: RESPONSE_STREAMS, seed })) {
    const checked = attempt(seed, bytes, result, () => checkResponseStream(bytes, method, seed))
    result.messages += messages
    result.responseStreams++
    if (checked === undefined) continue
    if (checked.accepted) result.responsesAccepted++
    result.cuts += checked.cuts
    if (checked.nodeRefused) result.nodeStricter++
    report(
      seed,
      bytes,
      checked.differences.map((one) => `${method}: ${one}`),
      result,
    )
  }
  const random = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 400 }), { numRuns: RANDOM_STREAMS, seed })
  for (const [i, list] of random.entries()) {
    const bytes = Buffer.from(list)
    result.randomStreams++
    report(seed, bytes, attempt(seed, bytes, result, () => checkRandomBytes(bytes, seed + i)) ?? [], result)
  }
  await Promise.all(proxies.map((proxy) => askProxy(seed, proxy, toProxies, result)))
}

async function askProxy(
  seed: number,
  proxy: RunningProxy,
  streams: readonly CheckedRequests[],
  result: FuzzResult,
): Promise<void> {
  const count = result.proxy(proxy.name)
  let next = 0
  const lane = async () => {
    for (let checked = streams[next++]; checked !== undefined; checked = streams[next++]) {
      const verdict = await checkWithProxy(proxy, checked)
      count.connections += verdict.connections
      count.agreed += verdict.agreed
      count.forwarded += verdict.forwarded
      count.excused += verdict.excused
      if (verdict.refused) count.stricter++
      report(seed, checked.asReceived, verdict.differences, result)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, lane))
  const oddities = proxy.oddities().map((one) => `${proxy.name}, at the origin: ${one}`)
  report(seed, Buffer.alloc(0), oddities, result)
}

/** What is thrown is a crash of the codec: a failure like any other. */
function attempt<T>(seed: number, bytes: Buffer, result: FuzzResult, check: () => T): T | undefined {
  try {
    return check()
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    report(seed, bytes, [`thrown: ${what}`], result)
    return undefined
  }
}

function report(seed: number, bytes: Buffer, differences: readonly string[], result: FuzzResult): void {
  for (const what of differences) result.fail({ seed, what, stream: bytes.toString('latin1') })
}
