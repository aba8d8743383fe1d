import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePorts } from '../../core/testing/free-ports.ts'
import { callerBootstrap, type Path } from './testing/bootstrap.ts'
import { endProxy } from './testing/pair.ts'
import { ProxyProcess } from './testing/proxy-process.ts'
import { dial } from './testing/raw-http.ts'

// An endpoint that takes no connection, and whose SYNs go unanswered: who comes while it hangs goes to the others.

const MANY = 306
const HANGS = '127.0.0.2'
const GOOD = ['127.0.0.1', '127.0.0.3']

/** A stopped process listens at `HANGS`, and its queue is full: Linux drops the SYNs that come. */
async function hangAt(t: Test, port: number): Promise<void> {
  const listen = `require('net').createServer().listen({port:${port},host:'${HANGS}',backlog:1},()=>console.log('up'))`
  const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'ignore'] })
  const waiting: Socket[] = []
  t.teardown(() => {
    for (const socket of waiting) socket.destroy()
    child.kill('SIGKILL')
  })
  await once(child.stdout, 'data')
  child.kill('SIGSTOP')
  for (;;) {
    const socket = connect({ port, host: HANGS })
    socket.on('error', () => {})
    waiting.push(socket)
    const full = new Promise<'full'>((resolve) => setTimeout(() => resolve('full'), 500))
    if ((await Promise.race([once(socket, 'connect').then(() => 'taken' as const), full])) === 'full') return
  }
}

t.test('a burst, and then one after the other', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-hanging-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [app, front, admin] = (await freePorts(3)) as [number, number, number]
  for (const host of GOOD) {
    const server = createServer((_, response) => void response.end('ok'))
    await once(server.listen(app, host), 'listening')
    t.teardown(() => {
      server.close()
      server.closeAllConnections()
    })
  }
  await hangAt(t, app)
  const path: Path = { name: 'app', kind: 'http', app, appProtocol: 'http1', direct: true }
  const ports = new Map([['app', { front, inner: 0, link: 0, hosts: [HANGS, ...GOOD] }]])
  const proxy = await ProxyProcess.start('caller', folder, callerBootstrap([path], ports), admin)
  t.teardown(() => endProxy(proxy))
  let slowest = 0
  const ask = async (method: string): Promise<string> => {
    const client = await dial(front)
    const since = performance.now()
    client.write(`${method} / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 2\r\n\r\nhi`)
    const head = await client.take(/\r\n\r\n/)
    slowest = Math.max(slowest, performance.now() - since)
    client.socket.destroy()
    return head.slice(9, 12)
  }
  const statuses = await Promise.all(Array.from({ length: MANY }, () => ask('POST')))
  for (const method of ['GET', 'POST', 'GET', 'POST', 'GET', 'POST']) statuses.push(await ask(method))
  t.same(new Set(statuses), new Set(['200']))
  // The connect timeout is 5 s; a second attempt and another endpoint come after 0.4 s.
  t.ok(slowest < 3500, `the slowest took ${slowest.toFixed(0)} ms`)
})
