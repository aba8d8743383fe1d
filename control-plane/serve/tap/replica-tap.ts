import { createParser } from 'eventsource-parser'
import { describeError } from '../../../core/errors.ts'
import { readTappedRequest } from '../../../core/tap/tap-protocol.ts'
import { replicaHeaders, type Replica } from '../../canary/evidence/gathered-counts.ts'
import type { OwnSource, TapAsked, TapHearer } from './own-tap.ts'

/** Where one replica hears what the sidecars of another tell. */
export const REPLICA_TAP_PATH = '/api/replica/tap'

/** A slower one counts as missing. */
const TIMEOUT_MS = 2000
/** Characters of an event: the names of 500 sidecars are the longest. */
const LONGEST_EVENT = 512 * 1024
const MOST_PODS = 2000

/** Follows another replica until it is ended; `over` says why it ended by itself. */
export function replicaTap(
  replica: Replica,
  asked: TapAsked,
  hearer: TapHearer,
  over: (reason: string) => void,
): () => void {
  const stop = new AbortController()
  const follow = async (): Promise<string> => {
    const late = setTimeout(
      () => stop.abort(new Error(`it did not answer within ${TIMEOUT_MS / 1000} s`)),
      TIMEOUT_MS,
    )
    const url = `${replica.address}${REPLICA_TAP_PATH}?${queryOf(asked).toString()}`
    try {
      const answer = await fetch(url, {
        headers: replicaHeaders(replica),
        redirect: 'error',
        signal: stop.signal,
      })
      clearTimeout(late)
      if (!answer.ok || !answer.body) {
        await answer.body?.cancel()
        return answer.status === 404
          ? 'it is of a release that is not asked for taps'
          : `it answered with ${answer.status}`
      }
      const parser = createParser({
        maxBufferSize: LONGEST_EVENT,
        onEvent: ({ event, data }) => hearEvent(event, JSON.parse(data), hearer),
        onError: (error) => {
          throw error
        },
      })
      for await (const text of answer.body.pipeThrough(new TextDecoderStream())) parser.feed(text)
      return 'its stream has ended'
    } finally {
      clearTimeout(late)
    }
  }
  let ended = false
  void follow()
    .catch((error: unknown) => reasonOf(error))
    .then((reason) => {
      stop.abort()
      if (!ended) over(reason)
    })
  return () => {
    ended = true
    stop.abort()
  }
}

/** Of fetch the cause says more than "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof TypeError ? error.cause : undefined
  return describeError(cause ?? error)
}

/** Of the page, or of REPLICA_TAP_PATH. */
export function queryOf({ namespace, workload, filter, rate, headers }: TapAsked): URLSearchParams {
  const given = Object.entries({ namespace, workload, ...filter, rate, headers })
  return new URLSearchParams(
    given.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
}

function hearEvent(event: string | undefined, data: unknown, hearer: TapHearer): void {
  if (event === 'request' || event === 'traced') hearer.request(readTappedRequest(data), event === 'traced')
  else if (event === 'skipped') hearer.skipped(countOf(data))
  else if (event === 'source') {
    const { settled, ...source } = data as OwnSource & { readonly settled: boolean }
    const { live, refused } = source
    if (!Array.isArray(live) || !Array.isArray(refused) || live.length + refused.length > MOST_PODS)
      throw new TypeError('it tells what is no source')
    hearer.source(source, settled)
  }
}

function countOf(data: unknown): number {
  const { requests } = data as { readonly requests: unknown }
  const isCount = typeof requests === 'number' && requests >= 0 && requests < Number.MAX_SAFE_INTEGER
  if (!isCount) throw new TypeError('it tells what is no count')
  return requests
}
