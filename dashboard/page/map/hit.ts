import { at, curve, edgeId, type Camera } from './geometry.ts'
import type { ShownGraph } from './fold.ts'
import { NODE_HEIGHT, NODE_WIDTH, type Layout, type Place } from './layout.ts'

const NEAR_PIXELS = 7
const SAMPLES = 24

/** The node at a point of the layout, else the nearest edge within a few pixels, else ''. */
export function hit(
  { nodes, edges }: ShownGraph,
  { places }: Layout,
  point: Place,
  camera: Camera,
): string | undefined {
  const node = nodes.find(({ id }) => {
    const place = places.get(id)
    return (
      place !== undefined &&
      Math.abs(place.x - point.x) <= NODE_WIDTH / 2 &&
      Math.abs(place.y - point.y) <= NODE_HEIGHT / 2
    )
  })
  if (node) return node.id
  let nearest: string | undefined
  let least = NEAR_PIXELS / camera.scale
  for (const edge of edges) {
    const from = places.get(edge.source)
    const to = places.get(edge.target)
    if (!from || !to) continue
    const [a, b, c, d] = curve(from, to)
    for (let i = 0; i <= SAMPLES; i++) {
      const sample = at(a, b, c, d, i / SAMPLES)
      const distance = Math.hypot(sample.x - point.x, sample.y - point.y)
      if (distance < least) {
        least = distance
        nearest = edgeId(edge)
      }
    }
  }
  return nearest
}

/** The next node in a direction: arrow keys go by what one sees. */
export function nextNode(
  { places }: Layout,
  from: string,
  direction: 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown',
): string | undefined {
  const start = places.get(from)
  if (!start) return [...places].sort(([, a], [, b]) => a.x - b.x || a.y - b.y)[0]?.[0]
  const along = direction === 'ArrowLeft' || direction === 'ArrowRight' ? 'x' : 'y'
  const across = along === 'x' ? 'y' : 'x'
  const sign = direction === 'ArrowLeft' || direction === 'ArrowUp' ? -1 : 1
  let best: string | undefined
  let cost = Infinity
  for (const [id, place] of places) {
    const ahead = (place[along] - start[along]) * sign
    if (ahead < 8) continue
    const own = ahead + 2 * Math.abs(place[across] - start[across])
    if (own < cost) {
      cost = own
      best = id
    }
  }
  return best
}

/** All of it, not larger than life. */
export function fitCamera({ width, height }: Layout, pixelsWide: number, pixelsHigh: number): Camera {
  const margin = 28
  const scale = Math.min(
    (pixelsWide - 2 * margin) / Math.max(width, 1),
    (pixelsHigh - 2 * margin) / Math.max(height, 1),
    1.1,
  )
  return { x: width / 2, y: height / 2, scale: Math.max(scale, 0.02) }
}
