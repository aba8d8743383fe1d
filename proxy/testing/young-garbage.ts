import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options?: { readonly type: 'minor' }) => void

/**
 * By how many bytes the heap has grown after `work` and a collection of its young generation alone, where everything that was there
 * before is old: what is counted is what stays and what old garbage keeps alive.
 */
export function grownBy(work: () => void): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  collect()
  const before = process.memoryUsage().heapUsed
  work()
  collect({ type: 'minor' })
  collect({ type: 'minor' })
  return process.memoryUsage().heapUsed - before
}
