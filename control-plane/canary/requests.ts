import type { CanaryStatus } from './status.ts'

/** What a person can ask a Canary for. */
export const CANARY_ACTIONS = ['promote', 'promote-full', 'pause', 'resume', 'abort'] as const
export type CanaryAction = (typeof CANARY_ACTIONS)[number]

/** On the Canary object: an action and a time, so that the same may be asked for again: `promote 2026-01-31T12:00:00.000Z`. */
export function formatRequest(action: CanaryAction, now: number): string {
  return `${action} ${new Date(now).toISOString()}`
}

/** Undefined: no action that there is. */
export function parseRequest(text: string): CanaryAction | undefined {
  const [word] = text.split(' ')
  return CANARY_ACTIONS.find((action) => action === word)
}

export type Effect = 'next' | 'finish' | 'hold' | 'go on' | 'again' | 'abort' | 'nothing'

/** What an action does to a Canary in this state. */
export function actOn(action: CanaryAction, { phase }: Pick<CanaryStatus, 'phase'>): Effect {
  const active = phase === 'Progressing' || phase === 'Paused'
  switch (action) {
    case 'promote':
      return active ? 'next' : 'nothing'
    case 'promote-full':
      return active ? 'finish' : 'nothing'
    case 'pause':
      return phase === 'Progressing' ? 'hold' : 'nothing'
    case 'resume':
      if (phase === 'Paused') return 'go on'
      return phase === 'RolledBack' || phase === 'Aborted' || phase === 'HandedOver' ? 'again' : 'nothing'
    case 'abort':
      return active ? 'abort' : 'nothing'
  }
}

/** Where the request stands on the object. */
export const REQUEST_ANNOTATION = 'weft.dev/canary-request'
