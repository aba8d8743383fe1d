import { rate, success, milliseconds } from '../words/format.ts'
import { drawFar } from './draw-far.ts'
import { OUTSIDE, type ShownEdge, type ShownNode, type ShownSplit } from './fold.ts'
import { at, curve, edgeId } from './geometry.ts'
import { BOX_TITLE, NODE_HEIGHT, NODE_WIDTH, type Place } from './layout.ts'
import { FONT, HEALTH_COLOR, neighbours, WORDS_FROM, type Scene } from './scene.ts'

const LABELS_FROM = 0.75
const MOST_LABELS = 90

/** Draws all that is in sight. Texts are drawn as they are: a canvas knows no markup. */
export function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { graph, layout, camera, width, height, color, picked } = scene
  context.save()
  context.fillStyle = color('canvas')
  context.fillRect(0, 0, width, height)
  context.translate(width / 2, height / 2)
  context.scale(camera.scale, camera.scale)
  context.translate(-camera.x, -camera.y)
  const halfWidth = width / 2 / camera.scale
  const halfHeight = height / 2 / camera.scale
  const inSight = (left: number, top: number, right: number, bottom: number): boolean =>
    right > camera.x - halfWidth &&
    left < camera.x + halfWidth &&
    bottom > camera.y - halfHeight &&
    top < camera.y + halfHeight

  for (const box of layout.boxes) {
    if (!inSight(box.x, box.y, box.x + box.width, box.y + box.height)) continue
    context.fillStyle = color('box')
    context.strokeStyle = color('line')
    context.lineWidth = 1
    rounded(context, box.x, box.y, box.width, box.height, 8)
    context.fill()
    context.stroke()
    if (camera.scale < WORDS_FROM) continue
    context.fillStyle = color('dim')
    context.font = `600 14px ${FONT}`
    context.textAlign = 'left'
    context.textBaseline = 'middle'
    context.fillText(fit(context, box.namespace, box.width - 24), box.x + 14, box.y + BOX_TITLE / 2 + 2)
  }
  const touching = neighbours(graph, picked)
  if (camera.scale < WORDS_FROM) {
    drawFar(context, scene, inSight, touching)
    drawBoxNames(context, scene, inSight)
    context.restore()
    return
  }
  for (const split of graph.splits) {
    const from = layout.places.get(split.source)
    const to = layout.places.get(split.target)
    if (from && to) drawSplit(context, scene, split, from, to, touching)
  }
  for (const edge of graph.edges) {
    const from = layout.places.get(edge.source)
    const to = layout.places.get(edge.target)
    if (!from || !to) continue
    const left = Math.min(from.x, to.x) - NODE_WIDTH
    const right = Math.max(from.x, to.x) + NODE_WIDTH
    if (!inSight(left, Math.min(from.y, to.y) - 90, right, Math.max(from.y, to.y) + 90)) continue
    drawEdge(context, scene, edge, from, to, touching)
  }
  for (const node of graph.nodes) {
    const place = layout.places.get(node.id)
    if (!place) continue
    const left = place.x - NODE_WIDTH / 2
    const top = place.y - NODE_HEIGHT / 2
    if (inSight(left, top, left + NODE_WIDTH, top + NODE_HEIGHT))
      drawNode(context, scene, node, left, top, touching)
  }
  context.restore()
}

/** Of namespaces, as large as on the screen where those of nodes can't be read. */
function drawBoxNames(
  context: CanvasRenderingContext2D,
  { layout, camera, color }: Scene,
  inSight: (left: number, top: number, right: number, bottom: number) => boolean,
): void {
  context.font = `600 ${12 / camera.scale}px ${FONT}`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.lineJoin = 'round'
  context.lineWidth = 4 / camera.scale
  for (const { namespace, x, y, width, height } of layout.boxes) {
    if (camera.scale * width < 40 || !inSight(x, y, x + width, y + height)) continue
    const text = fit(context, namespace, width)
    context.strokeStyle = color('canvas')
    context.strokeText(text, x + width / 2, y + height / 2)
    context.fillStyle = color('text')
    context.fillText(text, x + width / 2, y + height / 2)
  }
}

/** Dotted, with the configured share. */
function drawSplit(
  context: CanvasRenderingContext2D,
  { camera, color }: Scene,
  split: ShownSplit,
  from: Place,
  to: Place,
  touching: ReadonlySet<string> | undefined,
): void {
  const [start, one, two, end] = curve(from, to)
  context.globalAlpha = touching !== undefined && !touching.has(split.target) ? 0.15 : 1
  context.strokeStyle = color('edge')
  context.lineWidth = 1.5
  context.setLineDash([2, 4])
  context.beginPath()
  context.moveTo(start.x, start.y)
  context.bezierCurveTo(one.x, one.y, two.x, two.y, end.x, end.y)
  context.stroke()
  context.setLineDash([])
  if (camera.scale >= WORDS_FROM)
    label(context, `${Math.round(split.percent)} %`, at(start, one, two, end, 0.6), color, 'dim')
  context.globalAlpha = 1
}

function label(
  context: CanvasRenderingContext2D,
  text: string,
  middle: Place,
  color: (name: string) => string,
  tone: string,
): void {
  context.font = `11px ${FONT}`
  const width = context.measureText(text).width + 10
  context.fillStyle = color('canvas')
  rounded(context, middle.x - width / 2, middle.y - 9, width, 18, 5)
  context.fill()
  context.fillStyle = color(tone)
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillText(text, middle.x, middle.y)
}

function drawEdge(
  context: CanvasRenderingContext2D,
  { graph, camera, color, picked, marked }: Scene,
  edge: ShownEdge,
  from: Place,
  to: Place,
  touching: ReadonlySet<string> | undefined,
): void {
  const { traffic, health } = edge
  const id = edgeId(edge)
  const dim = touching !== undefined && !touching.has(id)
  const [start, one, two, end] = curve(from, to)
  const busy = traffic.rate > 0
  context.globalAlpha = dim ? 0.15 : 1
  context.strokeStyle =
    id === picked
      ? color('accent')
      : health === 'failing' || edge.deniedRate > 0
        ? color('bad')
        : health === 'degraded'
          ? color('poor')
          : busy
            ? color('edge')
            : color('line')
  // Ten times the requests are a pixel more.
  context.lineWidth =
    (busy ? 1.2 + Math.log10(1 + traffic.rate) : 1) + (id === picked || marked.has(id) ? 1.5 : 0)
  context.setLineDash(traffic.transport.plaintext > 0.005 ? [7, 5] : [])
  context.beginPath()
  context.moveTo(start.x, start.y)
  context.bezierCurveTo(one.x, one.y, two.x, two.y, end.x, end.y)
  context.stroke()
  context.setLineDash([])
  context.fillStyle = context.strokeStyle
  context.beginPath()
  context.moveTo(end.x + 1, end.y)
  context.lineTo(end.x - 8, end.y - 4.5)
  context.lineTo(end.x - 8, end.y + 4.5)
  context.fill()
  const named =
    id === picked || marked.has(id) || (camera.scale >= LABELS_FROM && graph.edges.length <= MOST_LABELS)
  if (named && busy && !dim && camera.scale >= WORDS_FROM) {
    const failing = traffic.successRate !== null && traffic.successRate < 0.999
    const text = `${rate(traffic.rate)}/s${failing ? ` · ${success(traffic.successRate)}` : ''}`
    label(context, text, at(start, one, two, end, 0.5), color, failing ? 'bad' : 'dim')
  }
  context.globalAlpha = 1
}

function drawNode(
  context: CanvasRenderingContext2D,
  { camera, color, picked, marked }: Scene,
  node: ShownNode,
  left: number,
  top: number,
  touching: ReadonlySet<string> | undefined,
): void {
  const failing = node.health === 'failing'
  const tone = color(HEALTH_COLOR[node.health])
  context.globalAlpha = touching !== undefined && !touching.has(node.id) ? 0.3 : 1
  if (node.kind === 'namespace') {
    context.fillStyle = color('panel')
    context.strokeStyle = failing ? tone : color('line')
    context.lineWidth = 1
    rounded(context, left + 5, top + 5, NODE_WIDTH, NODE_HEIGHT, 7)
    context.fill()
    context.stroke()
  }
  rounded(context, left, top, NODE_WIDTH, NODE_HEIGHT, 7)
  context.fillStyle = failing ? color('bad-soft') : color('panel')
  context.fill()
  context.lineWidth = node.id === picked ? 3 : failing || marked.has(node.id) ? 2.5 : 1
  context.strokeStyle =
    node.id === picked
      ? color('accent')
      : marked.has(node.id)
        ? color('hue1')
        : failing
          ? tone
          : color('line')
  context.stroke()
  context.fillStyle = tone
  rounded(context, left, top, 6, NODE_HEIGHT, 3)
  context.fill()
  if (node.ejected > 0) drawEjected(context, node.ejected, left + NODE_WIDTH, top, color)
  if (camera.scale >= WORDS_FROM) {
    context.textBaseline = 'middle'
    context.textAlign = 'left'
    context.font = `600 13px ${FONT}`
    context.fillStyle = color('text')
    const name = node.id === OUTSIDE ? 'outside of the mesh' : node.name
    const glyphs = drawGlyphs(context, node, left + NODE_WIDTH - 10, top + 18, color)
    context.fillStyle = color('text')
    context.fillText(fit(context, name, NODE_WIDTH - 30 - glyphs), left + 15, top + 18)
    context.font = `12px ${FONT}`
    context.fillStyle = failing ? color('bad') : color('dim')
    context.fillText(fit(context, figures(node), NODE_WIDTH - 26), left + 15, top + 37)
  }
  context.globalAlpha = 1
}

/** Endpoints that callers leave out: at the upper right corner, over the frame. */
function drawEjected(
  context: CanvasRenderingContext2D,
  count: number,
  right: number,
  top: number,
  color: (name: string) => string,
): void {
  const text = `${count} ejected`
  context.font = `600 11px ${FONT}`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  const width = context.measureText(text).width + 12
  rounded(context, right - width + 6, top - 10, width, 18, 9)
  context.fillStyle = color('outage')
  context.fill()
  context.fillStyle = color('on-outage')
  context.fillText(text, right + 6 - width / 2, top - 0.5)
}

/** `12.3/s · 99.9 % · p95 8 ms` */
function figures(node: ShownNode): string {
  const { rate: perSecond, successRate, p95Ms } = node.traffic
  const members = node.kind === 'namespace' ? [`${node.members} services`] : []
  if (node.failing > 0 && node.kind === 'namespace') members.push(`${node.failing} failing`)
  if (node.kind === 'namespace') return [...members, `${rate(perSecond)}/s`].join(' · ')
  if (perSecond === 0) return node.health === 'failing' ? 'failing' : 'no requests'
  return [
    `${rate(perSecond)}/s`,
    ...(successRate === null ? [] : [success(successRate)]),
    ...(p95Ms === null ? [] : [milliseconds(p95Ms)]),
  ].join(' · ')
}

/** An open lock where plaintext was seen, a shield where policies restrict, a bar in it where they let nobody. Gives the width. */
function drawGlyphs(
  context: CanvasRenderingContext2D,
  { traffic, policy }: ShownNode,
  right: number,
  middle: number,
  color: (name: string) => string,
): number {
  let x = right
  context.lineWidth = 1.5
  if (policy !== 'open') {
    context.strokeStyle = context.fillStyle = color(policy === 'denied' ? 'bad' : 'dim')
    context.beginPath()
    context.moveTo(x - 10, middle - 5)
    context.lineTo(x - 5, middle - 7)
    context.lineTo(x, middle - 5)
    context.quadraticCurveTo(x, middle + 4, x - 5, middle + 7)
    context.quadraticCurveTo(x - 10, middle + 4, x - 10, middle - 5)
    context.stroke()
    if (policy === 'denied') context.fillRect(x - 8, middle - 1, 6, 2)
    x -= 16
  }
  if (traffic.transport.plaintext > 0.005) {
    context.strokeStyle = context.fillStyle = color('poor')
    context.beginPath()
    context.arc(x - 3, middle - 3, 3, Math.PI, Math.PI * 1.9)
    context.stroke()
    context.fillRect(x - 10, middle - 1, 9, 7)
    x -= 16
  }
  return right - x
}

function rounded(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
): void {
  context.beginPath()
  context.roundRect(x, y, width, height, radius)
}

const fitted = new Map<string, string>()
const MOST_FITTED = 4000

/** The text, with its middle left out where it is too wide: of names the end often tells them apart. */
function fit(context: CanvasRenderingContext2D, text: string, width: number): string {
  const key = `${context.font}\n${Math.round(width)}\n${text}`
  const known = fitted.get(key)
  if (known !== undefined) return known
  let result = text.length > 300 ? `${text.slice(0, 150)}…${text.slice(-150)}` : text
  let kept = result.length
  while (kept > 4 && context.measureText(result).width > width) {
    kept -= Math.max(1, Math.floor(kept / 12))
    result = `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(-Math.floor(kept / 2))}`
  }
  if (fitted.size >= MOST_FITTED) fitted.clear()
  fitted.set(key, result)
  return result
}
