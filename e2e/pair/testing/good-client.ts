import { Agent, get } from 'node:http'

export interface GoodClient {
  /** Ends it; what it saw. */
  stop(): Promise<{ readonly asked: number; readonly slowestMs: number; readonly wrong: readonly string[] }>
}

/** Asks on one connection, again and again, and expects a 200 with `answer`. */
export function goodClient(port: number): GoodClient {
  const agent = new Agent({ keepAlive: true })
  const wrong: string[] = []
  let asked = 0
  let slowestMs = 0
  const stopped = new AbortController()
  const ask = (): Promise<void> =>
    new Promise((resolve) => {
      const startedAt = performance.now()
      const done = (what: string): void => {
        asked++
        slowestMs = Math.max(slowestMs, performance.now() - startedAt)
        if (what !== '200 answer') wrong.push(what)
        resolve()
      }
      get({ port, host: '127.0.0.1', path: '/good', agent }, (response) => {
        let text = `${response.statusCode} `
        response.on('data', (chunk: Buffer) => (text += String(chunk)))
        response.on('end', () => done(text))
      }).on('error', (error) => done(error.message))
    })
  const over = (async () => {
    do {
      await ask()
      await new Promise((resolve) => setImmediate(resolve))
    } while (!stopped.signal.aborted)
    agent.destroy()
  })()
  return {
    async stop() {
      stopped.abort()
      await over
      return { asked, slowestMs, wrong }
    },
  }
}
