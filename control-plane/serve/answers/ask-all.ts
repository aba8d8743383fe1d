import type { Coverage } from '../../../core/api/coverage.ts'
import { describeError } from '../../../core/errors.ts'
import { limitedText } from '../../../core/limited-body.ts'
import { replicaHeaders, type Replica } from '../../canary/evidence/gathered-counts.ts'

/** Where one replica asks another. */
export const REPLICA_PATH = '/api/replica'

/** A slower one counts as missing. */
const TIMEOUT_MS = 2000
const LARGEST_ANSWER = 32 * 1024 * 1024

export interface ReplicaQuestion<T> {
  /** As the page of replicas names it (rest/replica-page.ts). */
  readonly method: string
  readonly asked: readonly unknown[]
  /** Of an answer as JSON. Throws where it is none: that replica counts as missing. */
  readonly read: (value: unknown) => T
}

/** What replicas said to a question. */
export interface AllAnswers<T> {
  /** By the replica's name, of this one ''. This one's is the first. */
  readonly answers: readonly { readonly replica: string; readonly value: T }[]
  readonly coverage: Coverage
}

/** What this replica says, and what each of the others does. Rejects as `own` does; others that do not answer are named. */
export async function askAll<T>(
  replicas: readonly Replica[],
  { method, asked, read }: ReplicaQuestion<T>,
  own: Promise<T>,
): Promise<AllAnswers<T>> {
  const told: { replica: string; value: T }[] = []
  const missing: { replica: string; reason: string }[] = []
  const others = replicas.map(async ({ pod: replica, ...at }) => {
    try {
      told.push({ replica, value: read(await ask({ pod: replica, ...at }, method, asked)) })
    } catch (error) {
      missing.push({ replica, reason: reasonOf(error) })
    }
  })
  const [value] = await Promise.all([own, ...others])
  return {
    answers: [{ replica: '', value }, ...told],
    coverage: { answered: 1 + told.length, missing },
  }
}

/** Of an answer that is made of several: who is missing in one is missing. */
export function coverageOf(first: Coverage, second: Coverage): Coverage {
  const missing = [...first.missing]
  for (const one of second.missing)
    if (!missing.some(({ replica }) => replica === one.replica)) missing.push(one)
  const source = first.source ?? second.source
  const answered = first.answered + first.missing.length - missing.length
  return { answered, missing, ...(source && { source }) }
}

async function ask(replica: Replica, method: string, asked: readonly unknown[]): Promise<unknown> {
  const answer = await fetch(`${replica.address}${REPLICA_PATH}`, {
    method: 'POST',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { ...replicaHeaders(replica), 'content-type': 'application/json' },
    body: JSON.stringify({ method, asked }),
    redirect: 'error',
  })
  const text = await limitedText(answer, LARGEST_ANSWER)
  if (!answer.ok) throw new Error(`it answered with ${answer.status}`)
  return (JSON.parse(text) as { readonly value: unknown }).value
}

function reasonOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `it did not answer within ${TIMEOUT_MS / 1000} s`
  return describeError(error)
}
