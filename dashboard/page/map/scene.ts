import type { ShownGraph } from './fold.ts'
import { edgeId, type Camera } from './geometry.ts'
import type { Layout } from './layout.ts'

export interface Scene {
  readonly graph: ShownGraph
  readonly layout: Layout
  readonly camera: Camera
  /** CSS pixels. */
  readonly width: number
  readonly height: number
  /** A node's id, or `edgeId`. */
  readonly picked: string
  /** What changed, by id. */
  readonly marked: ReadonlySet<string>
  readonly color: (name: string) => string
}

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif'
/** Below that, words can't be read and are left out. */
export const WORDS_FROM = 0.42
export const HEALTH_COLOR = { ok: 'good', degraded: 'poor', failing: 'bad', idle: 'configured' } as const

/** The picked one and what it touches; undefined where nothing is picked. */
export function neighbours({ edges, splits }: ShownGraph, picked: string): ReadonlySet<string> | undefined {
  if (picked === '') return undefined
  const found = new Set([picked])
  for (const edge of edges) {
    const id = edgeId(edge)
    if (id === picked || edge.source === picked || edge.target === picked) {
      found.add(id)
      found.add(edge.source)
      found.add(edge.target)
    }
  }
  for (const { source, target } of splits)
    if (source === picked || target === picked) found.add(source).add(target)
  return found
}
