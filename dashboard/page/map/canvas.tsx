import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { colors, palette } from '../parts/theme.ts'
import { plural } from '../words/format.ts'
import { draw } from './draw.ts'
import type { Camera } from './geometry.ts'
import type { ShownGraph } from './fold.ts'
import { fitCamera, hit, nextNode } from './hit.ts'
import { layout, type Layout } from './layout.ts'

export interface MapCanvasProps {
  readonly graph: ShownGraph
  readonly picked: string
  readonly marked: ReadonlySet<string>
  readonly onPick: (id: string) => void
  /** Of a node that is opened: by a double click or Enter. */
  readonly onOpen: (id: string) => void
}

const ARROWS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'] as const

/**
 * The map. It is drawn when something changed and at most once a frame. Nodes keep their places while figures change; where
 * nodes come or go under the pointer or the focus, whoever looks decides when they are put in order.
 */
export function MapCanvas({ graph, picked, marked, onPick, onOpen }: MapCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [size, setSize] = useState({ width: 0, height: 0 })
  const held = useRef(false)
  const shown = useRef<{ key: string; layout: Layout } | undefined>(undefined)
  const [, arrange] = useState(0)
  const view = useRef<Camera | undefined>(undefined)
  const moved = useRef(false)

  const key = useMemo(
    () =>
      graph.nodes
        .map(({ id }) => id)
        .sort()
        .join('\n'),
    [graph],
  )
  const waiting =
    shown.current !== undefined && shown.current.key !== key && held.current && graph.nodes.length > 0
  if (!waiting && shown.current?.key !== key) {
    shown.current = { key, layout: layout(graph) }
    if (!moved.current) view.current = undefined
  }
  const placed = shown.current?.layout ?? layout(graph)
  const missing = graph.nodes.filter(({ id }) => !placed.places.has(id)).length

  useLayoutEffect(() => {
    const element = canvas.current
    if (!element) return undefined
    const observer = new ResizeObserver(() =>
      setSize({ width: element.clientWidth, height: element.clientHeight }),
    )
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const scene = useRef({ graph, placed, picked, marked, size })
  scene.current = { graph, placed, picked, marked, size }
  const frame = useRef(0)
  const drawn = useRef(0)
  const paint = useRef(() => {
    if (frame.current !== 0) return
    frame.current = requestAnimationFrame(() => {
      frame.current = 0
      const element = canvas.current
      const context = element?.getContext('2d')
      const { size: now, placed: where, ...rest } = scene.current
      if (!element || !context || now.width === 0) return
      const ratio = devicePixelRatio
      if (
        element.width !== Math.round(now.width * ratio) ||
        element.height !== Math.round(now.height * ratio)
      ) {
        element.width = Math.round(now.width * ratio)
        element.height = Math.round(now.height * ratio)
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0)
      view.current ??= fitCamera(where, now.width, now.height)
      draw(context, { ...rest, layout: where, camera: view.current, ...now, color: colors() })
      // For tests and for whoever asks why the page is busy.
      element.dataset['frames'] = String(++drawn.current)
    })
  }).current
  const shade = palette.value
  useEffect(paint, [graph, placed, picked, marked, size, shade])
  useEffect(() => () => cancelAnimationFrame(frame.current), [])

  const zoom = (factor: number, around?: { x: number; y: number }): void => {
    const camera = view.current
    if (!camera) return
    const scale = Math.min(3, Math.max(0.02, camera.scale * factor))
    const point = around ?? { x: camera.x, y: camera.y }
    const share = camera.scale / scale
    moved.current = true
    view.current = {
      scale,
      x: point.x + (camera.x - point.x) * share,
      y: point.y + (camera.y - point.y) * share,
    }
    paint()
  }
  const pan = (dx: number, dy: number): void => {
    const camera = view.current
    if (!camera) return
    moved.current = true
    view.current = { ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale }
    paint()
  }
  const pointOf = (event: MouseEvent): { x: number; y: number } => {
    const camera = view.current ?? { x: 0, y: 0, scale: 1 }
    const box = canvas.current?.getBoundingClientRect() ?? { left: 0, top: 0 }
    return {
      x: camera.x + (event.clientX - box.left - size.width / 2) / camera.scale,
      y: camera.y + (event.clientY - box.top - size.height / 2) / camera.scale,
    }
  }
  const under = (event: MouseEvent): string | undefined =>
    view.current && hit(graph, placed, pointOf(event), view.current)
  const fitAll = (): void => {
    moved.current = false
    view.current = undefined
    paint()
  }
  const pointers = useRef(new Map<number, { x: number; y: number }>())
  const dragged = useRef(0)

  const onPointerDown = (event: PointerEvent): void => {
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY })
    canvas.current?.setPointerCapture(event.pointerId)
    if (pointers.current.size === 1) dragged.current = 0
  }
  const onPointerMove = (event: PointerEvent): void => {
    const before = pointers.current.get(event.pointerId)
    if (!before) {
      if (canvas.current) canvas.current.style.cursor = under(event) === undefined ? 'grab' : 'pointer'
      return
    }
    const now = { x: event.clientX, y: event.clientY }
    pointers.current.set(event.pointerId, now)
    const others = [...pointers.current].filter(([id]) => id !== event.pointerId)
    const other = others[0]?.[1]
    if (other) {
      const spread = Math.hypot(now.x - other.x, now.y - other.y)
      const was = Math.hypot(before.x - other.x, before.y - other.y)
      if (was > 0) zoom(spread / was)
    }
    dragged.current += Math.abs(now.x - before.x) + Math.abs(now.y - before.y)
    if (dragged.current > 4) pan((now.x - before.x) / (other ? 2 : 1), (now.y - before.y) / (other ? 2 : 1))
  }
  const onPointerUp = (event: PointerEvent): void => {
    if (pointers.current.delete(event.pointerId) && event.type === 'pointerup' && dragged.current <= 4)
      onPick(under(event) ?? '')
  }
  // Not the page's own wheel: a map that takes the wheel can't be scrolled past.
  useEffect(() => {
    const element = canvas.current
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      zoom(Math.exp(-event.deltaY / 300), pointOf(event))
    }
    element?.addEventListener('wheel', onWheel, { passive: false })
    return () => element?.removeEventListener('wheel', onWheel)
  })
  const onKeyDown = (event: KeyboardEvent): void => {
    const arrow = ARROWS.find((one) => one === event.key)
    if (arrow && event.shiftKey) {
      const [dx, dy] = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] }[
        arrow
      ]
      pan(dx ?? 0, dy ?? 0)
    } else if (arrow) {
      const next = nextNode(placed, picked, arrow)
      if (next !== undefined) onPick(next)
    } else if (event.key === 'Enter' && picked !== '') onOpen(picked)
    else if (event.key === 'Escape') onPick('')
    else if (event.key === '+' || event.key === '=') zoom(1.25)
    else if (event.key === '-') zoom(0.8)
    else if (event.key === '0') fitAll()
    else return
    event.preventDefault()
  }
  const hold = (holding: boolean) => (): void => {
    held.current = holding
    if (!holding && shown.current?.key !== key) arrange((count) => count + 1)
  }
  return (
    <div class="map-canvas">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-roledescription="map"
        aria-label={`Map of ${plural(graph.nodes.length, 'service')} and ${plural(graph.edges.length, 'call')}. Arrow keys choose a service, Enter opens it, plus, minus and 0 zoom, Shift with arrows moves; the table below tells the same.`}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={onPointerUp}
        onDblClick={(event) => onOpen(under(event) ?? '')}
        onKeyDown={onKeyDown}
        onPointerEnter={hold(true)}
        onPointerLeave={hold(false)}
        onFocus={hold(true)}
        onBlur={hold(false)}
      />
      <div class="map-buttons">
        <button type="button" aria-label="Zoom in" onClick={() => zoom(1.25)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => zoom(0.8)}>
          −
        </button>
        <button type="button" onClick={fitAll}>
          Fit
        </button>
      </div>
      {waiting && (
        <button
          type="button"
          class="map-waiting"
          onClick={() => {
            shown.current = undefined
            arrange((count) => count + 1)
          }}
        >
          {missing > 0 ? `${plural(missing, 'new node')}: arrange anew` : 'Some nodes are gone: arrange anew'}
        </button>
      )}
    </div>
  )
}
