import { Deadlines } from '../../../proxy/http1/deadlines.ts'

/** Time that stands still: nothing in a fuzz depends on it, and no timer outlives a connection. */
export class StillDeadlines extends Deadlines {
  /** Connections that still wait for their time. */
  open = 0

  constructor() {
    super({ now: () => 0, after: () => () => {} })
  }

  override add(item: Parameters<Deadlines['add']>[0]): void {
    this.open++
    super.add(item)
  }

  override remove(item: Parameters<Deadlines['remove']>[0]): void {
    this.open--
    super.remove(item)
  }
}
