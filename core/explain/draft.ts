import type { Explanation } from '../api/explanation.ts'

/** An explanation while it is found out. */
export type Draft = { -readonly [K in keyof Explanation]: Explanation[K] } & {
  rules: Explanation['rules'][number][]
  steps: Explanation['steps'][number][]
  backends: Explanation['backends'][number][]
  timeouts: Explanation['timeouts'][number][]
  notes: string[]
}

export interface Explained {
  readonly pod: string
  readonly namespace: string
}

/** Before anything is known: whoever ends here says why in a note. */
export function newDraft({ pod, namespace }: Explained, configVersion: string, own: string): Draft {
  return {
    pod,
    namespace,
    configVersion,
    outcome: 'unknown',
    status: 0,
    details: '',
    location: '',
    listener: '',
    virtualHost: '',
    rules: [],
    route: '',
    steps: [],
    sent: null,
    backends: [],
    timeouts: [],
    retries: null,
    policy: null,
    identity: { own, expected: [] },
    notes: [],
  }
}
