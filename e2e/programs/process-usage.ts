import { readdirSync, readFileSync } from 'node:fs'

/** A process and everything below it. Processes that have gone are left out. */
export function processTree(pid: number): number[] {
  const found = [pid]
  for (let at = 0; at < found.length; at++) {
    for (const thread of list(`/proc/${found[at]}/task`)) {
      const children = read(`/proc/${found[at]}/task/${thread}/children`)
      for (const child of children.split(' ')) if (child !== '') found.push(Number(child))
    }
  }
  return found
}

/** CPU time that these processes have used, threads that run now together (schedstat, exact to a switch). */
export function cpuMicroseconds(pids: readonly number[]): number {
  let nanoseconds = 0
  for (const pid of pids)
    for (const thread of list(`/proc/${pid}/task`))
      nanoseconds += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0])
  return nanoseconds / 1000
}

export interface Memory {
  readonly rssKib: number
  /** Pages shared with others count by share. */
  readonly pssKib: number
  readonly privateKib: number
}

/** Memory of these processes together, from smaps_rollup. */
export function memoryOf(pids: readonly number[]): Memory {
  let rssKib = 0
  let pssKib = 0
  let privateKib = 0
  for (const pid of pids) {
    const text = read(`/proc/${pid}/smaps_rollup`)
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
    rssKib += field('Rss')
    pssKib += field('Pss')
    privateKib += field('Private_Clean') + field('Private_Dirty')
  }
  return { rssKib, pssKib, privateKib }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
