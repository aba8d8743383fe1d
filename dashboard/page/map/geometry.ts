import { shownId } from './fold.ts'
import { NODE_HEIGHT, NODE_WIDTH, type Place } from './layout.ts'

/** What of the layout is seen: `scale` pixels a unit, `x` and `y` the middle. */
export interface Camera {
  readonly x: number
  readonly y: number
  readonly scale: number
}

/** Of a call, as the address names what is picked. */
export function edgeId({ source, target }: { readonly source: string; readonly target: string }): string {
  return `${shownId(source)}>${target}`
}

/** From the right of one to the left of the other; back to where it came from in an arc below. */
export function curve(from: Place, to: Place): readonly [Place, Place, Place, Place] {
  const start = { x: from.x + NODE_WIDTH / 2, y: from.y }
  const end = { x: to.x - NODE_WIDTH / 2, y: to.y }
  const forward = end.x - start.x
  const bend = forward > 20 ? forward / 2 : 70
  const down = forward > 20 ? 0 : Math.abs(from.y - to.y) < NODE_HEIGHT ? 70 : 0
  return [start, { x: start.x + bend, y: start.y + down }, { x: end.x - bend, y: end.y + down }, end]
}

/** A point of a cubic curve. */
export function at(a: Place, b: Place, c: Place, d: Place, t: number): Place {
  const u = 1 - t
  const mix = (p: number, q: number, r: number, s: number): number =>
    u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s
  return { x: mix(a.x, b.x, c.x, d.x), y: mix(a.y, b.y, c.y, d.y) }
}
