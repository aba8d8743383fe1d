import { createServer } from 'node:net'

// Below the ports that a kernel gives out by itself (ip_local_port_range, by default from 32768 on): one of those
// may be some connection's own before its server listens. And outside of Weft's and of NodePorts.
const FIRST = 16_384
const COUNT = 6_500
// Of two test files that run at the same time each has a half: a port is taken a moment after it was found free.
const LANE = Number(process.env['TAP_JOB_ID'] ?? 0) % 2

/** Ports of loopback that nothing listens on now, and that no connection will take by chance: all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = FIRST + LANE * COUNT + Math.floor(Math.random() * COUNT)
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) =>
    server
      .once('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(true))),
  )
}

/** One of them. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number
}
