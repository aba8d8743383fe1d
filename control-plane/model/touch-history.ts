import type { Mesh } from './mesh.ts'
import { touchedBetween } from './touched.ts'

interface Step {
  readonly from: number
  readonly touched: ReadonlySet<string>
}

/** Who is further behind is compared in full. */
const KEPT = 64

/** What the last versions of the mesh touched, so that a stream looks only at what may differ for it. */
export class TouchHistory {
  readonly #steps: readonly Step[]
  readonly #mesh: Mesh
  #last: { readonly from: number; readonly touched: ReadonlySet<string> | undefined } | undefined

  private constructor(mesh: Mesh, steps: readonly Step[]) {
    this.#mesh = mesh
    this.#steps = steps
  }

  static of(mesh: Mesh): TouchHistory {
    return new TouchHistory(mesh, [])
  }

  next(mesh: Mesh): TouchHistory {
    const step = { from: this.#mesh.version, touched: touchedBetween(this.#mesh, mesh) }
    return new TouchHistory(mesh, [...this.#steps.slice(1 - KEPT), step])
  }

  /** What may differ since that version; undefined when that is too long ago to tell. */
  since(version: number): ReadonlySet<string> | undefined {
    // Most streams ask for the same.
    if (this.#last?.from === version) return this.#last.touched
    const touched = this.#work(version)
    this.#last = { from: version, touched }
    return touched
  }

  #work(version: number): ReadonlySet<string> | undefined {
    if (version >= this.#mesh.version) return new Set()
    const at = this.#steps.findIndex(({ from }) => from === version)
    if (at < 0) return undefined
    return new Set(this.#steps.slice(at).flatMap(({ touched }) => [...touched]))
  }
}
