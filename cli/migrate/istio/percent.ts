import type { Fields } from '../../../control-plane/registry/fields.ts'

/** `percentage: {value}`, or the older `percent`; undefined where neither is there. */
export function readPercentage(owner: Fields, name: string, older: string): number | undefined {
  const whole = owner.number(older, 0, 100)
  const percentage = owner.optionalMap(name)
  if (!percentage) return whole
  const value = percentage.number('value', 0, 100) ?? 0
  percentage.refuseUnknown()
  return value
}
