import { Graph, layout as dagre } from '@dagrejs/dagre'
import type { ShownGraph, ShownNode } from './fold.ts'

export const NODE_WIDTH = 208
export const NODE_HEIGHT = 54
const BOX_PADDING = 14
export const BOX_TITLE = 32
/** Beyond that dagre takes seconds: nodes then stand in columns by their distance from who calls first. */
const MOST_FOR_DAGRE = 80
const COLUMN_HEIGHT = 12
/** What is so much wider than high goes on in rows, which are together about as wide as a screen. */
const LONGEST = 4
const MOST_COLUMNS = 5
const ASPECT = 2.2
const ROW_GAP = 22

/** Middle of a node. */
export interface Place {
  readonly x: number
  readonly y: number
}

export interface Box {
  readonly namespace: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Layout {
  readonly places: ReadonlyMap<string, Place>
  readonly boxes: readonly Box[]
  readonly width: number
  readonly height: number
}

interface Item {
  readonly id: string
  readonly width: number
  readonly height: number
}

interface Arranged {
  readonly places: Map<string, Place>
  readonly width: number
  readonly height: number
}

/**
 * Callers left, callees right. Each open namespace is arranged by itself, then the namespaces among each other: 500 Services
 * take some tens of milliseconds, where dagre takes seconds for all at once.
 */
export function layout({ nodes, edges: calls, splits }: ShownGraph): Layout {
  const edges = [...calls, ...splits]
  const groups = Map.groupBy(nodes, groupOf)
  const inner = new Map<string, Arranged>()
  const group = new Map(nodes.map((node) => [node.id, groupOf(node)]))
  for (const [name, members] of groups) {
    const own = edges.filter(({ source, target }) => group.get(source) === name && group.get(target) === name)
    const items = members.map(({ id }) => ({ id, width: NODE_WIDTH, height: NODE_HEIGHT }))
    inner.set(name, arrange(items, own, 104))
  }
  const outerEdges = edges
    .map(({ source, target }) => ({ source: group.get(source) ?? '', target: group.get(target) ?? '' }))
    .filter(({ source, target }) => source !== target)
  const items = [...inner].map(([id, { width, height }]) => {
    const boxed = isBox(id)
    return {
      id,
      width: width + (boxed ? 2 * BOX_PADDING : 0),
      height: height + (boxed ? BOX_PADDING + BOX_TITLE : 0),
    }
  })
  const outer = arrange(items, outerEdges, 110)
  const places = new Map<string, Place>()
  const boxes: Box[] = []
  for (const item of items) {
    const middle = outer.places.get(item.id) ?? { x: 0, y: 0 }
    const left = middle.x - item.width / 2
    const top = middle.y - item.height / 2
    const boxed = isBox(item.id)
    if (boxed)
      boxes.push({ namespace: item.id.slice(4), x: left, y: top, width: item.width, height: item.height })
    const dx = left + (boxed ? BOX_PADDING : 0)
    const dy = top + (boxed ? BOX_TITLE : 0)
    for (const [id, { x, y }] of inner.get(item.id)?.places ?? []) places.set(id, { x: x + dx, y: y + dy })
  }
  return { places, boxes, width: outer.width, height: outer.height }
}

/** Open namespaces are boxes; what is outside and what is folded stands for itself. */
function groupOf(node: ShownNode): string {
  return node.kind === 'namespace' || node.namespace === '' ? `own ${node.id}` : `box ${node.namespace}`
}

function isBox(group: string): boolean {
  return group.startsWith('box ')
}

/** From the left, places from 0 on. Deterministic: the same graph looks the same. */
function arrange(
  items: readonly Item[],
  edges: readonly { readonly source: string; readonly target: string }[],
  gap: number,
): Arranged {
  const sorted = [...items].sort((a, b) => (a.id < b.id ? -1 : 1))
  const linked = new Set(edges.flatMap(({ source, target }) => [source, target]))
  const some = sorted.filter(({ id }) => linked.has(id))
  // Without calls, one column of hundreds would be all that one sees.
  const alone = sorted.filter(({ id }) => !linked.has(id))
  const main = some.length > MOST_FOR_DAGRE ? inColumns(some, edges, gap) : byDagre(some, edges, gap)
  if (alone.length === 0) return main
  const rest = inGrid(alone)
  const below = some.length > 0 ? main.height + 24 : 0
  for (const [id, { x, y }] of rest.places) main.places.set(id, { x, y: y + below })
  return {
    places: main.places,
    width: Math.max(main.width, rest.width),
    height: below + rest.height,
  }
}

function byDagre(
  items: readonly Item[],
  edges: readonly { readonly source: string; readonly target: string }[],
  gap: number,
): Arranged {
  const graph = new Graph()
  graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: gap })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const { id, width, height } of items) graph.setNode(id, { width, height })
  const sorted = edges.toSorted((a, b) => (`${a.source}\n${a.target}` < `${b.source}\n${b.target}` ? -1 : 1))
  for (const { source, target } of sorted) if (source !== target) graph.setEdge(source, target)
  if (items.length === 0) return { places: new Map(), width: 0, height: 0 }
  dagre(graph)
  const places = new Map<string, Place>()
  for (const { id } of items) {
    const { x = 0, y = 0 } = graph.node(id) as { x?: number; y?: number }
    places.set(id, { x, y })
  }
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number }
  const columns = new Set([...places.values()].map(({ x }) => Math.round(x))).size
  const strip = columns > MOST_COLUMNS && width > LONGEST * height
  return strip ? inRows(items, places, gap) : { places, width, height }
}

/** A long chain is a strip that nobody can read: its columns go on in the next row, as words do. */
function inRows(items: readonly Item[], places: ReadonlyMap<string, Place>, gap: number): Arranged {
  const columns = [...Map.groupBy(items, ({ id }) => Math.round(places.get(id)?.x ?? 0))]
    .sort(([a], [b]) => a - b)
    .map(([, members]) => ({
      members: members.toSorted((a, b) => (places.get(a.id)?.y ?? 0) - (places.get(b.id)?.y ?? 0)),
      width: Math.max(...members.map((item) => item.width)),
      height: members.reduce((sum, item) => sum + item.height + ROW_GAP, -ROW_GAP),
    }))
  const area = columns.reduce((sum, column) => sum + (column.width + gap) * (column.height + 2 * ROW_GAP), 0)
  const most = Math.max(Math.sqrt(area * ASPECT), ...columns.map((column) => column.width))
  const placed = new Map<string, Place>()
  let [left, top, rowHeight, width] = [0, 0, 0, 0]
  for (const column of columns) {
    if (left > 0 && left + column.width > most) {
      top += rowHeight + 2 * ROW_GAP
      left = 0
      rowHeight = 0
    }
    let y = top
    for (const item of column.members) {
      placed.set(item.id, { x: left + column.width / 2, y: y + item.height / 2 })
      y += item.height + ROW_GAP
    }
    rowHeight = Math.max(rowHeight, column.height)
    width = Math.max(width, left + column.width)
    left += column.width + gap
  }
  return { places: placed, width, height: top + rowHeight }
}

/** By the number of calls from whoever nobody calls; a long column is broken in several. */
function inColumns(
  items: readonly Item[],
  edges: readonly { readonly source: string; readonly target: string }[],
  gap: number,
): Arranged {
  const callees = Map.groupBy(edges, ({ source }) => source)
  const called = new Set(edges.filter(({ source, target }) => source !== target).map(({ target }) => target))
  const depth = new Map<string, number>()
  const first = items.filter(({ id }) => !called.has(id)).map(({ id }) => id)
  let wave = first.length > 0 ? first : items.slice(0, 1).map(({ id }) => id)
  for (let level = 0; wave.length > 0; level++) {
    for (const id of wave) depth.set(id, level)
    wave = [...new Set(wave.flatMap((id) => (callees.get(id) ?? []).map(({ target }) => target)))].filter(
      (id) => !depth.has(id),
    )
  }
  const columns = [...Map.groupBy(items, ({ id }) => depth.get(id) ?? 0)].sort(([a], [b]) => a - b)
  const places = new Map<string, Place>()
  let left = 0
  let height = 0
  for (const [, members] of columns) {
    const part = inGrid(members)
    for (const [id, { x, y }] of part.places) places.set(id, { x: x + left, y })
    left += part.width + gap
    height = Math.max(height, part.height)
  }
  return { places, width: Math.max(0, left - gap), height }
}

function inGrid(items: readonly Item[]): Arranged {
  const places = new Map<string, Place>()
  const rows = Math.max(1, Math.min(COLUMN_HEIGHT, Math.ceil(Math.sqrt(items.length))))
  let left = 0
  let height = 0
  for (let at = 0; at < items.length; at += rows) {
    const column = items.slice(at, at + rows)
    const width = Math.max(...column.map((item) => item.width))
    let top = 0
    for (const item of column) {
      places.set(item.id, { x: left + item.width / 2, y: top + item.height / 2 })
      top += item.height + 14
    }
    height = Math.max(height, top - 14)
    left += width + 20
  }
  return { places, width: Math.max(0, left - 20), height }
}
