import type { Client, ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { Questions, type AnswerRequest, type QuestionResponse } from '../../core/xds/generated/weft.js'

/** Answers a question of one kind with what becomes JSON. What it throws is told to whoever asks. */
export type Answerer = (question: unknown) => Promise<unknown>

export interface QuestionsOptions {
  /** Name of this pod. */
  readonly pod: string
  readonly kinds: Readonly<Record<string, Answerer>>
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
  const { pod, kinds, longest = 512 * 1024, clock = systemClock } = options
  let stream: ClientDuplexStream<AnswerRequest, QuestionResponse> | undefined
  let cancelRetry = (): void => {}
  let closed = false
  let running = 0

  const open = (): void => {
    const { path, requestSerialize, responseDeserialize } = Questions.answer
    const own = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata)
    stream = own
    let over = false
    const ended = (again: boolean): void => {
      if (over) return
      over = true
      if (closed || !again) return
      cancelRetry = clock.after(RETRY_MS, open)
    }
    own.on('data', (question) => void answer(own, question))
    own.on('error', ({ code }: { readonly code?: number }) => ended(code !== UNIMPLEMENTED))
    own.on('end', () => ended(true))
    own.write({ id: 0, pod })
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
