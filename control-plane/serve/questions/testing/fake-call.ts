import { EventEmitter } from 'node:events'
import { Metadata } from '@grpc/grpc-js'
import { ManualClock } from '../../../../core/clock.ts'
import type { AnswerRequest, QuestionResponse } from '../../../../core/xds/generated/weft.js'
import { admit } from '../../admission/admitted.ts'
import type { Caller } from '../../tokens/claims.ts'
import { questionService } from '../service.ts'

/** A sidecar's stream in memory, as the service has it. */
export class FakeCall extends EventEmitter {
  readonly metadata = new Metadata()
  readonly asked: QuestionResponse[] = []
  ended = false

  constructor(caller: Caller) {
    super()
    admit(this.metadata, caller)
  }

  write(question: QuestionResponse): void {
    this.asked.push(question)
  }

  end(): void {
    this.ended = true
  }

  say(message: AnswerRequest): void {
    this.emit('data', message)
  }
}

export const CALLER: Caller = { namespace: 'shop', serviceAccount: 'web', pod: { name: 'web-1', uid: 'u' } }

export function fakeSidecars() {
  const clock = new ManualClock()
  const service = questionService(clock)
  const connect = (caller: Caller = CALLER, hello: AnswerRequest = { id: 0, pod: 'web-1' }): FakeCall => {
    const call = new FakeCall(caller)
    const { answer } = service.implementation as unknown as { readonly answer: (call: FakeCall) => void }
    answer(call)
    call.say(hello)
    return call
  }
  return { clock, service, connect }
}
