import { ManualClock } from '../../../core/clock.ts'
import { noTelemetry } from '../../exchange/telemetry-sink.ts'
import type { Fields, RequestHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import type { Answer, StepDependencies, Verdict, WaitingRequest } from '../step.ts'

export const HOP: Hop = {
  direction: 'inbound',
  original: undefined,
  destination: { host: '10.0.0.9', port: 80 },
  downstream: '10.0.0.9:40000',
  sourceIdentity: '',
  localIdentity: '',
  http2: false,
  link: false,
}

export function headOf(path: string, fields: Fields = []): RequestHead {
  return { method: 'GET', scheme: 'http', authority: 'shop', path, fields, upgrade: '' }
}

/** A clock that a test moves and draws that it chooses. */
export function manual(draw = 0): StepDependencies & { clock: ManualClock; draw: number } {
  const deps = { clock: new ManualClock(), draw, random: () => deps.draw, telemetry: noTelemetry }
  return deps
}

/** What a request that waits was told: undefined so far, `pass`, or its answer. */
export class Waited implements WaitingRequest {
  told: Answer | 'pass' | undefined
  readonly cancel: () => void

  constructor(verdict: Verdict) {
    if (verdict?.kind !== 'wait') throw new Error(`a wait was expected, not ${verdict?.kind ?? 'a pass'}`)
    this.cancel = verdict.begin(this)
  }

  resume(answer: Answer | undefined): void {
    if (this.told) throw new Error('resumed twice')
    this.told = answer ?? 'pass'
  }
}
