import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { Questions, type AnswerRequest, type QuestionResponse } from '../../../core/xds/generated/weft.js'
import { callerOf } from '../admission/admitted.ts'

export interface QuestionService {
  readonly title: string
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
  readonly longestMessage: number
  /** The sidecar of `namespace/pod` is connected here. */
  has(pod: string): boolean
  /**
   * Asks it, and resolves with its answer as JSON. Throws WeftError `questions.no_proxy`: it is not connected here, or of a release
   * that is not asked; `questions.failed`: it says so, or nothing in time.
   */
  ask(pod: string, kind: string, question: unknown): Promise<unknown>
  close(): Promise<void>
}

/** Questions to one sidecar that wait for their answer. */
const MOST_OPEN = 16
/** A proxy may wait for configuration before it answers. */
const PATIENCE_MS = 8000
/** 512 Ki characters, of which each may take three bytes. */
const LONGEST_ANSWER = 1536 * 1024

type Call = ServerDuplexStream<AnswerRequest, QuestionResponse>

interface Waiting {
  answered(message: AnswerRequest): void
  gone(): void
}

interface Proxy {
  readonly call: Call
  readonly waiting: Map<number, Waiting>
}

/** The gRPC service `weft.v1.Questions`: sidecars that can be asked, each on a stream of its own. */
export function questionService(clock: Clock = systemClock): QuestionService {
  const proxies = new Map<string, Proxy>()
  let lastId = 0

  const answer = (call: Call): void => {
    const { namespace, pod } = callerOf(call.metadata)
    const own: Proxy = { call, waiting: new Map() }
    let key: string | undefined
    const over = (): void => {
      if (key !== undefined && proxies.get(key) === own) proxies.delete(key)
      for (const one of [...own.waiting.values()]) one.gone()
    }
    call.on('data', (message: AnswerRequest) => {
      if (key === undefined) {
        // A token that is bound to a pod speaks for that alone.
        key = `${namespace}/${pod?.name ?? message.pod ?? ''}`
        proxies.set(key, own)
        return
      }
      own.waiting.get(message.id ?? 0)?.answered(message)
    })
    call.on('error', over)
    call.on('cancelled', over)
    call.on('end', () => {
      over()
      call.end()
    })
  }

  return {
    title: 'stream for questions',
    definition: Questions,
    implementation: { answer },
    longestMessage: LONGEST_ANSWER,
    has: (pod) => proxies.has(pod),
    async ask(pod, kind, question) {
      const proxy = proxies.get(pod)
      if (!proxy)
        throw new WeftError(
          'questions.no_proxy',
          `the sidecar of ${pod} is connected to no control plane, or is of a release that cannot be asked`,
        )
      const { call, waiting } = proxy
      if (waiting.size >= MOST_OPEN)
        throw failed(`the sidecar of ${pod} has ${MOST_OPEN} questions to answer: ask again`)
      const id = (lastId = (lastId % 0xffff_fffe) + 1)
      const json = await new Promise<string>((resolve, reject) => {
        const settle = (): void => {
          cancel()
          waiting.delete(id)
        }
        const cancel = clock.after(PATIENCE_MS, () => {
          settle()
          reject(failed(`the sidecar of ${pod} did not answer within ${PATIENCE_MS / 1000} s`))
        })
        waiting.set(id, {
          answered({ json: text = '', error = '' }) {
            settle()
            if (error === '') resolve(text)
            else reject(failed(`the sidecar of ${pod} says: ${error.slice(0, 1000)}`))
          },
          gone() {
            settle()
            reject(failed(`the sidecar of ${pod} has gone`))
          },
        })
        call.write({ id, kind, json: JSON.stringify(question) })
      })
      try {
        return JSON.parse(json) as unknown
      } catch {
        throw failed(`the sidecar of ${pod} answered with what is no JSON`)
      }
    },
    async close() {
      for (const { call } of [...proxies.values()]) call.end()
    },
  }
}

function failed(message: string): WeftError {
  return new WeftError('questions.failed', message)
}
