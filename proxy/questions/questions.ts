import type { Client, ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { Questions, type AnswerRequest, type QuestionResponse } from '../../core/xds/generated/weft.js'

/** Answers a question of one kind with what becomes JSON. What it throws is told to whoever asks. */
export type Answerer = (question: unknown) => Promise<unknown>

/** Of a question that is told of until somebody ends it. */
export interface Telling {
  /** `json`: one answer. `sent` is called once it is on its way, and never where the stream is over. */
  tell(json: string, sent: () => void): void
  /** There will be no more; `reason` is told to whoever asks. */
  over(reason: string): void
}

export interface Following {
  /** It was asked again: it goes on. */
  renew(): void
  /** Nobody listens any more. */
  end(): void
}

/** Begins to tell. What it throws is told to whoever asks. */
export type Follower = (question: unknown, telling: Telling) => Following

export interface QuestionsOptions {
  /** Name of this pod. */
  readonly pod: string
  readonly kinds: Readonly<Record<string, Answerer>>
  readonly followed?: Readonly<Record<string, Follower>>
  /** Characters of an answer; default 512 Ki. */
  readonly longest?: number
  readonly clock?: Clock
}

/** More at once are turned away. */
const MOST_AT_ONCE = 8
const RETRY_MS = 30_000
/** Longer than whoever asks waits: what has no answer by then takes no place of another. */
const PATIENCE_MS = 10_000
/** grpc.status.UNIMPLEMENTED; the package itself is loaded by whoever connects. */
const UNIMPLEMENTED = 12

/**
 * Answers what the control plane asks of this proxy, on a connection that somebody else has opened and will close; the returned
 * function ends it before. A control plane of an earlier release asks nothing.
 */
export function answerQuestions(client: Client, metadata: Metadata, options: QuestionsOptions): () => void {
  const { pod, kinds, followed = {}, longest = 512 * 1024, clock = systemClock } = options
  let stream: ClientDuplexStream<AnswerRequest, QuestionResponse> | undefined
  let cancelRetry = (): void => {}
  let closed = false
  let running = 0

  const open = (): void => {
    const { path, requestSerialize, responseDeserialize } = Questions.answer
    const own = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata)
    stream = own
    let over = false
    const following = new Map<number, Following>()
    const ended = (again: boolean): void => {
      if (over) return
      over = true
      for (const one of following.values()) one.end()
      following.clear()
      if (closed || !again) return
      cancelRetry = clock.after(RETRY_MS, open)
    }
    own.on('data', (question) => {
      if (!follow(own, following, question)) void answer(own, question)
    })
    own.on('error', ({ code }: { readonly code?: number }) => ended(code !== UNIMPLEMENTED))
    own.on('end', () => ended(true))
    own.write({ id: 0, pod })
  }

  /** Whether the question is one that is followed, or ends one. */
  const follow = (
    own: ClientDuplexStream<AnswerRequest, QuestionResponse>,
    following: Map<number, Following>,
    { id = 0, kind = '', json = '', end = false }: QuestionResponse,
  ): boolean => {
    const known = following.get(id)
    if (known) {
      if (!end) known.renew()
      else if (following.delete(id)) known.end()
      return true
    }
    if (end) return true
    const follower = Object.hasOwn(followed, kind) ? followed[kind] : undefined
    if (!follower) return false
    try {
      const telling: Telling = {
        tell: (text, sent) => {
          if (!closed && own.writable) own.write({ id, json: text, more: true }, sent)
        },
        over: (reason) => {
          following.delete(id)
          if (!closed && own.writable) own.write({ id, error: reason })
        },
      }
      following.set(id, follower(JSON.parse(json), telling))
    } catch (error) {
      if (!closed && own.writable) own.write({ id, error: describeError(error) })
    }
    return true
  }

  const withinPatience = async (work: () => Promise<unknown>): Promise<unknown> => {
    const late = Promise.withResolvers<never>()
    const cancel = clock.after(PATIENCE_MS, () =>
      late.reject(new WeftError('questions.late', `there was no answer within ${PATIENCE_MS / 1000} s`)),
    )
    try {
      return await Promise.race([work(), late.promise])
    } finally {
      cancel()
    }
  }

  const answer = async (
    own: ClientDuplexStream<AnswerRequest, QuestionResponse>,
    { id = 0, kind = '', json = '' }: QuestionResponse,
  ): Promise<void> => {
    const say = (message: AnswerRequest): void => {
      if (!closed && own.writable) own.write(message)
    }
    const answerer = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
    if (!answerer) return say({ id, error: `this sidecar knows no question "${kind.slice(0, 40)}"` })
    if (running >= MOST_AT_ONCE) return say({ id, error: 'too many questions at once: ask again' })
    running++
    try {
      const text = JSON.stringify((await withinPatience(() => answerer(JSON.parse(json)))) ?? null)
      if (text.length > longest) say({ id, error: `the answer is longer than ${longest} characters` })
      else say({ id, json: text })
    } catch (error) {
      say({ id, error: describeError(error) })
    } finally {
      running--
    }
  }

  open()
  return () => {
    closed = true
    cancelRetry()
    stream?.cancel()
  }
}
