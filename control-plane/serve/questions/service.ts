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
  /**
   * The same where answers follow until somebody ends it, which is what the function that is returned does. Whoever follows asks again
   * every `renewMs`, to which the sidecar has to say something; where it says nothing, or too much, it is left.
   */
  follow(pod: string, question: Followed, follower: Follower): () => void
  /** `namespace/pod` of those that are connected here. */
  pods(): Iterable<string>
  /** Hears which one came or went; returns what ends that. */
  watch(changed: (pod: string) => void): () => void
  close(): Promise<void>
}

export interface Followed {
  readonly kind: string
  readonly question: unknown
  readonly renewMs: number
}

export interface Follower {
  /** JSON that was read. What it throws ends it. */
  told(answer: unknown): void
  /** No more will come, and why. Not called where whoever follows has ended it. */
  over(reason: string): void
}

/** Questions to one sidecar that wait for their answer. */
const MOST_OPEN = 16
/** A proxy may wait for configuration before it answers. */
const PATIENCE_MS = 8000
/** Questions to one sidecar that are followed. */
const MOST_FOLLOWED = 16
/** Characters of one answer to these. A sidecar sends half of that (core/tap). */
const LONGEST_FOLLOWED = 256 * 1024
/** Of these answers a sidecar sends five in a second, and some more after a time when they did not get through. */
const ANSWERS = { aSecond: 20, most: 60 }
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
  readonly followed: Map<number, Waiting>
}

/** The gRPC service `weft.v1.Questions`: sidecars that can be asked, each on a stream of its own. */
export function questionService(clock: Clock = systemClock): QuestionService {
  const proxies = new Map<string, Proxy>()
  const watchers = new Set<(pod: string) => void>()
  let lastId = 0
  const newId = (): number => (lastId = (lastId % 0xffff_fffe) + 1)
  const changed = (pod: string): void => {
    for (const watcher of [...watchers]) watcher(pod)
  }

  const answer = (call: Call): void => {
    const { namespace, pod } = callerOf(call.metadata)
    const own: Proxy = { call, waiting: new Map(), followed: new Map() }
    let key: string | undefined
    const over = (): void => {
      if (key !== undefined && proxies.get(key) === own) proxies.delete(key)
      for (const one of [...own.waiting.values(), ...own.followed.values()]) one.gone()
      // One that came back before this was known is asked anew.
      if (key !== undefined) changed(key)
    }
    call.on('data', (message: AnswerRequest) => {
      if (key === undefined) {
        // A token that is bound to a pod speaks for that alone.
        key = `${namespace}/${pod?.name ?? message.pod ?? ''}`
        proxies.set(key, own)
        changed(key)
        return
      }
      const id = message.id ?? 0
      const asked = own.waiting.get(id) ?? own.followed.get(id)
      asked?.answered(message)
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
      const id = newId()
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
    follow(pod, { kind, question, renewMs }, follower) {
      const proxy = proxies.get(pod)
      if (!proxy) {
        follower.over('is connected to no control plane that was asked')
        return () => undefined
      }
      const { call, followed } = proxy
      if (followed.size >= MOST_FOLLOWED) {
        follower.over('is followed by too many already')
        return () => undefined
      }
      const id = newId()
      const json = JSON.stringify(question)
      let room = ANSWERS.most
      let filledAt = clock.now()
      let heard = false
      let cancel = (): void => {}
      const leave = (): void => {
        cancel()
        followed.delete(id)
      }
      const over = (reason: string): void => {
        if (!followed.has(id)) return
        leave()
        follower.over(reason)
      }
      const end = (): void => {
        if (!followed.has(id)) return
        leave()
        call.write({ id, end: true })
      }
      const left = (reason: string): void => {
        end()
        follower.over(reason)
      }
      const renew = (): void => {
        cancel = clock.after(heard ? renewMs : PATIENCE_MS, () => {
          if (!heard) return left(`did not answer within ${PATIENCE_MS / 1000} s`)
          heard = false
          renew()
          call.write({ id, kind, json })
        })
      }
      followed.set(id, {
        answered({ json: text = '', error = '', more = false }) {
          if (error !== '' || !more) return over(`says: ${error.slice(0, 200)}`)
          if (!heard) {
            heard = true
            cancel()
            renew()
          }
          const now = clock.now()
          room = Math.min(ANSWERS.most, room + (Math.max(0, now - filledAt) * ANSWERS.aSecond) / 1000)
          filledAt = now
          if (--room < 0 || text.length > LONGEST_FOLLOWED) return left('tells more than it was asked for')
          try {
            follower.told(JSON.parse(text))
          } catch {
            left('tells what cannot be read')
          }
        },
        gone: () => over('has gone'),
      })
      renew()
      call.write({ id, kind, json })
      return end
    },
    pods: () => proxies.keys(),
    watch(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    async close() {
      for (const { call } of [...proxies.values()]) call.end()
    },
  }
}

function failed(message: string): WeftError {
  return new WeftError('questions.failed', message)
}
