import { WeftError } from '../../core/errors.ts'
import { limitedText } from '../../core/limited-body.ts'
import { replicaHeaders, type Replica } from '../canary/evidence/gathered-counts.ts'
import type { QuestionService } from '../serve/questions/service.ts'
import type { ProxyStream } from '../serve/rest/overview.ts'

/** What a proxy answered, and how far its configuration is. */
export interface ProxyAnswer {
  readonly answer: unknown
  readonly took: number
  readonly latest: number
  /** Why it refused what it was sent last, or ''. */
  readonly rejected: string
}

/** Asks the proxy of `namespace/pod`, whichever replica it is connected to. Throws WeftError `questions.*`. */
export type AskProxy = (pod: string, kind: string, question: unknown) => Promise<ProxyAnswer>

export interface OwnProxies {
  readonly questions: Pick<QuestionService, 'ask' | 'has'>
  readonly proxies: () => readonly ProxyStream[]
  /** Of the mesh, as this replica has it. */
  readonly version: () => number
}

// More than the other replica waits for its proxy.
const TIMEOUT_MS = 9000
const LARGEST_ANSWER = 2 * 1024 * 1024

/** Those that are connected to this replica. */
export function ownProxies({ questions, proxies, version }: OwnProxies): AskProxy {
  return async (pod, kind, question) => {
    const answer = await questions.ask(pod, kind, question)
    const stream = proxies().find((one) => `${one.namespace}/${one.pod}` === pod)
    return { answer, took: stream?.version ?? 0, latest: version(), rejected: stream?.rejected ?? '' }
  }
}

/** The same of all replicas: the one that a proxy is connected to answers. */
export function anyProxy(
  own: AskProxy,
  has: (pod: string) => boolean,
  replicas: () => readonly Replica[],
): AskProxy {
  return async (pod, kind, question) => {
    const others = has(pod) ? [] : replicas()
    if (others.length === 0) return own(pod, kind, question)
    const answers = await Promise.allSettled(others.map((one) => askReplica(one, { pod, kind, question })))
    const found = answers.find((one) => one.status === 'fulfilled')
    if (found) return found.value
    const reasons = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
    // Whoever has the proxy says what is wrong with it.
    throw (
      reasons.find((one) => one instanceof WeftError && one.code === 'questions.failed') ??
      new WeftError(
        'questions.no_proxy',
        `the sidecar of ${pod} is connected to no control plane that answers, or is of a release that cannot be asked`,
      )
    )
  }
}

async function askReplica(replica: Replica, body: object): Promise<ProxyAnswer> {
  const answer = await fetch(`${replica.address}/api/questions`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { ...replicaHeaders(replica), 'content-type': 'application/json' },
    redirect: 'error',
  })
  const said = JSON.parse(await limitedText(answer, LARGEST_ANSWER)) as {
    readonly error?: { readonly code?: string; readonly message?: string }
  } & ProxyAnswer
  if (answer.ok) return said
  throw new WeftError(
    said.error?.code ?? 'questions.failed',
    said.error?.message ?? `status ${answer.status}`,
  )
}
