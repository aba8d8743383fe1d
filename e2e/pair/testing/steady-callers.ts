import { dial } from './raw-http.ts'

/** What callers ask, each on a connection that it keeps. */
export interface Load {
  readonly method: 'GET' | 'POST'
  readonly count: number
  readonly callers: number
  /** From an answer to the caller's next request, in ms; another time for each, between the two. */
  readonly pauseMs: readonly [number, number]
}

/** Plays `load` on a port of loopback. Resolves to how often each status came. Paths are numbered. */
export async function callSteadily(port: number, load: Load): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {}
  const [least, most] = load.pauseMs
  const fields = load.method === 'POST' ? 'host: a.test\r\ncontent-length: 0\r\n' : 'host: a.test\r\n'
  let next = 0
  const call = async (): Promise<void> => {
    const connection = await dial(port)
    while (next < load.count) {
      connection.write(`${load.method} /${next++} HTTP/1.1\r\n${fields}\r\n`)
      const head = await connection.take(/\r\n\r\n/)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
      await connection.take(new RegExp(`^[^]{${length}}`))
      const status = head.slice(9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      await new Promise((resolve) => setTimeout(resolve, least + Math.random() * (most - least)))
    }
    connection.socket.destroy()
  }
  await Promise.all(Array.from({ length: load.callers }, call))
  return statuses
}
