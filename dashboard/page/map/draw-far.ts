import { curve, edgeId } from './geometry.ts'
import { NODE_HEIGHT, NODE_WIDTH } from './layout.ts'
import { HEALTH_COLOR, type Scene } from './scene.ts'

/** Of a node, the part at its left that says how it is. */
const STRIPE = 26

/**
 * Nodes and calls where words can't be read: hundreds of them, so what looks the same is one path, and what nobody would see
 * (arrows, rounded corners) is left out.
 */
export function drawFar(
  context: CanvasRenderingContext2D,
  { graph, layout, camera, color, picked, marked }: Scene,
  inSight: (left: number, top: number, right: number, bottom: number) => boolean,
  touching: ReadonlySet<string> | undefined,
): void {
  const paths = new Map<string, Path2D>()
  const pathOf = (name: string): Path2D => {
    const found = paths.get(name) ?? new Path2D()
    paths.set(name, found)
    return found
  }
  for (const edge of graph.edges) {
    const from = layout.places.get(edge.source)
    const to = layout.places.get(edge.target)
    if (!from || !to) continue
    const [start, one, two, end] = curve(from, to)
    if (
      !inSight(
        Math.min(start.x, end.x),
        Math.min(start.y, end.y),
        Math.max(start.x, end.x),
        Math.max(start.y, end.y),
      )
    )
      continue
    const id = edgeId(edge)
    const tone =
      id === picked || touching?.has(id) || marked.has(id)
        ? 'accent'
        : edge.health === 'failing' || edge.deniedRate > 0
          ? 'bad'
          : edge.health === 'degraded'
            ? 'poor'
            : edge.traffic.rate > 0 && touching === undefined
              ? 'edge'
              : 'line'
    const path = pathOf(tone)
    path.moveTo(start.x, start.y)
    path.bezierCurveTo(one.x, one.y, two.x, two.y, end.x, end.y)
  }
  for (const [tone, path] of paths) {
    const quiet = tone === 'edge' || tone === 'line'
    context.strokeStyle = color(tone)
    context.lineWidth = (quiet ? 0.5 : 1.4) / camera.scale
    context.stroke(path)
  }
  const bodies = new Path2D()
  const stripes = new Map<string, Path2D>()
  const failing = new Path2D()
  const ejected = new Path2D()
  const framed = new Path2D()
  for (const { id, health, ejected: out } of graph.nodes) {
    const place = layout.places.get(id)
    if (!place) continue
    const left = place.x - NODE_WIDTH / 2
    const top = place.y - NODE_HEIGHT / 2
    if (!inSight(left, top, left + NODE_WIDTH, top + NODE_HEIGHT)) continue
    bodies.rect(left, top, NODE_WIDTH, NODE_HEIGHT)
    const tone = HEALTH_COLOR[health]
    const stripe = stripes.get(tone) ?? new Path2D()
    stripes.set(tone, stripe)
    stripe.rect(left, top, STRIPE, NODE_HEIGHT)
    if (health === 'failing') failing.rect(left, top, NODE_WIDTH, NODE_HEIGHT)
    if (out > 0) ejected.rect(left + NODE_WIDTH - 2 * STRIPE, top, 2 * STRIPE, NODE_HEIGHT / 2)
    if (id === picked || touching?.has(id) || marked.has(id)) framed.rect(left, top, NODE_WIDTH, NODE_HEIGHT)
  }
  for (const [tone, path] of [
    ['panel', bodies],
    ...stripes,
    ['bad', failing],
    ['outage', ejected],
  ] as const) {
    context.fillStyle = color(tone)
    context.fill(path)
  }
  context.strokeStyle = color('accent')
  context.lineWidth = 2 / camera.scale
  context.stroke(framed)
}
