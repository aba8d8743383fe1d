/** How important a request is, by its caller's word. */
export type Priority = 'high' | 'normal' | 'low'

const LONGEST_VALUE = 64

/** Of the places of a server that is at its limit: what a request of this priority may fill them up to. */
export const SHARES: Readonly<Record<Priority, number>> = { high: 1, normal: 0.9, low: 0.6 }

/**
 * `high`, `normal` or `low`, or an urgency of RFC 9218 (section 4.1), alone or as `u=`: 0 to 2 is high, 3 normal, 4 to 7
 * low. Whatever else stands there, or nothing, is normal.
 */
export function priorityOf(value: string | undefined): Priority {
  if (value === undefined) return 'normal'
  if (value === 'high' || value === 'low') return value
  if (value.length > LONGEST_VALUE) return 'normal'
  const [, urgency] = /^(?:.*,)?[ \t]*(?:u=)?([0-7])[ \t]*(?:,.*)?$/.exec(value) ?? []
  if (urgency === undefined || urgency === '3') return 'normal'
  return urgency < '3' ? 'high' : 'low'
}
